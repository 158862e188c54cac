"""The lecture's demonstration: one image in motion, the feature maps of every layer, the scores."""

from __future__ import annotations

import base64
import html
import io
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from convariant.analysis._source import Network
from convariant.analysis.symmetry._measure import tracked
from convariant.analysis.symmetry._observe import OUTPUT, Observer, observe
from convariant.analysis.symmetry._plot import new_figure
from convariant.analysis.symmetry._transforms import Transform, transform_named
from convariant.errors import DataError, MissingDependencyError, StorageError

SWEEPS = ("shift", "scale", "rotation", "squeeze", "noise")

_FRAMES = 13
_PLANES = 6  # of a layer are shown
_LAYERS = 10
_MAP, _STRIP = 0.7, 0.28  # inches, the height of a layer's row


def demonstrate(
    model: Network,
    image: Tensor,
    folder: str | Path,
    transforms: Sequence[str | Transform] = SWEEPS,
    *,
    classes: Sequence[str] | None = None,
    seconds: float = 0.25,
    progress: bool = False,
) -> Path:
    """Write one GIF for each transform, and index.html that shows them all; returns the page.

    Each frame has the changed image, some planes of the feature maps of the layers, the numbers of
    linear layers as a strip, and the probabilities of the classes. The colours of a layer mean the
    same in all frames.

    Shape: image `(1, c, h, w)`.
    Raises: DataError, GraphError, UnknownNameError, StorageError, MissingDependencyError.
    """
    if image.dim() != 4 or len(image) != 1:
        raise DataError(
            f"demonstrate takes one image (1, c, h, w), but got input of size {list(image.shape)}"
        )
    observer = observe(model, image, per_layer=True)
    place = Path(folder)
    chosen = [transform_named(entry) for entry in transforms]
    steps = tracked([(t, a) for t in chosen for a in _amounts(t)], progress, "drawing")
    sweeps = {t.name: _Sweep(observer, image, t, classes) for t in chosen}
    for transform, amount in steps:
        sweeps[transform.name].add(amount)
    try:
        place.mkdir(parents=True, exist_ok=True)
        for name, sweep in sweeps.items():
            (place / f"{name}.gif").write_bytes(sweep.gif(seconds))
        page = place / "index.html"
        page.write_text(_page(sweeps, seconds), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write into {place}: {error.strerror or error}") from error
    return page


def _amounts(transform: Transform) -> list[float]:
    """From the least amount to the greatest, evenly where broken amounts make sense."""
    low, high = min(transform.amounts), max(transform.amounts)
    whole_windows = transform.neutral == 1 and all(a == int(a) for a in transform.amounts)
    if whole_windows or transform.name in ("flip", "quarter_turn"):
        return list(transform.amounts)
    return np.linspace(low, high, _FRAMES).tolist()


class _Sweep:
    """One figure whose parts are exchanged from frame to frame."""

    def __init__(
        self,
        observer: Observer,
        image: Tensor,
        transform: Transform,
        classes: Sequence[str] | None,
    ) -> None:
        self.observer, self.image, self.transform = observer, image, transform
        values = dict(observer.run(image))
        scores = _scores(values)
        self.names = [str(i) for i in range(len(scores))] if classes is None else list(classes)
        self.usual = int(scores.argmax())
        shown = {n: p for n, v in values.items() if n != OUTPUT and len(p := _planes(v))}
        step = max(-(-len(shown) // _LAYERS), 1)
        self.shown = dict(list(shown.items())[::step])
        self.frames: list[np.ndarray] = []
        self.answers: list[tuple[str, str]] = []  # (amount, class)
        self._draw()

    def _draw(self) -> None:
        heights = [_MAP if planes.ndim == 3 else _STRIP for planes in self.shown.values()]
        self.figure = new_figure(9, max(sum(heights) + 0.24 * len(heights), 3) + 0.3)
        left, middle, right = self.figure.subfigures(1, 3, width_ratios=(1.6, 4.6, 2.2))
        axes = left.subplots()
        axes.set_axis_off()
        self.title = axes.set_title("", fontsize=11)
        pixels = _pixels(self.image)
        limits = {"vmin": float(pixels.min()), "vmax": float(pixels.max())}
        self.picture = axes.imshow(pixels, cmap="gray", **limits)
        grid = middle.add_gridspec(max(len(heights), 1), _PLANES, height_ratios=heights or [1])
        self.parts: dict[str, list[Any]] = {}
        for row, (name, planes) in enumerate(self.shown.items()):
            maps = planes if planes.ndim == 3 else planes[None, None]
            columns = range(len(maps)) if planes.ndim == 3 else [slice(None)]
            places = [middle.add_subplot(grid[row, column]) for column in columns]
            for place in places:
                place.set_axis_off()
            places[0].set_title(name, fontsize=8, loc="left")
            self.parts[name] = [
                place.imshow(plane, cmap="viridis", aspect="equal" if planes.ndim == 3 else "auto")
                for place, plane in zip(places, maps, strict=True)
            ]
        bars = right.subplots()
        colours = ["tab:orange" if i == self.usual else "tab:blue" for i in range(len(self.names))]
        self.bars = bars.barh(range(len(self.names)), [0] * len(self.names), color=colours)
        bars.set_yticks(range(len(self.names)), self.names, fontsize=8)
        bars.set_xlim(0, 1)
        bars.invert_yaxis()
        bars.set_xlabel("probability", fontsize=9)
        self.answer = bars.set_title("", fontsize=11)

    def add(self, amount: float) -> None:
        """Draw the frame of one amount."""
        changed = self.transform.apply(self.image, amount)
        values = dict(self.observer.run(changed))
        label = self.transform.label(round(amount, 2))
        self.title.set_text(f"{self.transform.name} {label}")
        self.picture.set_data(_pixels(changed))
        for name, parts in self.parts.items():
            planes = _planes(values[name])
            for part, plane in zip(
                parts, planes if planes.ndim == 3 else planes[None, None], strict=True
            ):
                part.set_data(plane)
        scores = _scores(values)
        for bar, score in zip(self.bars, scores, strict=True):
            bar.set_width(score)
        answer = self.names[int(scores.argmax())]
        self.answers.append((label, answer))
        usual = self.names[self.usual]
        self.answer.set_text(f"answer {answer}" + ("" if answer == usual else f", was {usual}"))
        self.frames.append(_bytes(self.figure))

    def gif(self, seconds: float) -> bytes:
        """There and back."""
        return _gif([*self.frames, *self.frames[-2:0:-1]], seconds)

    def text(self) -> str:
        """Which answer was given where: `0 from -4 px to 2 px, 7 at 3 px`."""
        parts = []
        for answer, run in itertools.groupby(self.answers, key=lambda pair: pair[1]):
            labels = [label for label, _ in run]
            where = f"at {labels[0]}" if len(labels) == 1 else f"from {labels[0]} to {labels[-1]}"
            parts.append(f"{answer} {where}")
        return ", ".join(parts)


def _scores(values: Mapping[str, Tensor]) -> np.ndarray:
    return values[OUTPUT][0].detach().float().cpu().flatten().softmax(0).numpy()


def _pixels(image: Tensor) -> np.ndarray:
    return image[0].float().mean(0).cpu().numpy()


def _planes(value: Tensor) -> np.ndarray:
    """The first planes `(planes, h, w)` of a feature map, or the numbers of a layer without."""
    first = value[0].detach().float().cpu()
    if value.dim() >= 4 and value.shape[-1] > 1:
        return first.flatten(0, -3)[:_PLANES].numpy()
    return first.flatten().numpy()


def _bytes(figure: Any) -> np.ndarray:
    """One picture as `(h, w, 3)` bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _gif(frames: list[np.ndarray], seconds: float) -> bytes:
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise MissingDependencyError("pillow", "writing GIF files", extra="draw") from None
    pictures = [Image.fromarray(frame).quantize(96) for frame in frames]
    content = io.BytesIO()
    pictures[0].save(
        content,
        "GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=int(1000 * seconds),
        loop=0,
    )
    return content.getvalue()


def _page(sweeps: Mapping[str, _Sweep], seconds: float) -> str:
    """One page without outside parts."""
    figures = "\n".join(
        f"<h2>{html.escape(name)}</h2>\n<p>Answer: {html.escape(sweep.text())}.</p>\n"
        f'<img alt="{html.escape(name)}: image, feature maps and probabilities in motion" '
        f'src="data:image/gif;base64,{base64.b64encode(sweep.gif(seconds)).decode()}">'
        for name, sweep in sweeps.items()
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<title>What a network keeps when its input moves</title>"
        "<style>body{font:16px/1.5 sans-serif;max-width:960px;margin:auto;padding:16px}"
        "img{max-width:100%}</style></head>\n"
        "<body><h1>What a network keeps when its input moves</h1>\n"
        "<p>Left the image as it changes; in the middle the first planes of the layers, in order, "
        "and the numbers of layers without planes as strips, in colours that mean the same in all "
        "frames; right the probabilities, orange the answer for the unchanged image.</p>\n"
        f"{figures}\n</body></html>\n"
    )
