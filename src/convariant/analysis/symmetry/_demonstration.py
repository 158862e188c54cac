"""The lecture's demonstration: one image in motion, the feature maps of every layer, the scores."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from convariant.analysis._source import Network
from convariant.analysis.symmetry._observe import OUTPUT, Observer, observe
from convariant.analysis.symmetry._plot import new_figure
from convariant.analysis.symmetry._transforms import Transform, transform_named
from convariant.errors import DataError, MissingDependencyError, StorageError

SWEEPS = ("shift", "scale", "rotation", "squeeze", "noise")

_FRAMES = 13
_PLANES = 6  # of a layer are shown
_LAYERS = 8


def demonstrate(
    model: Network,
    image: Tensor,
    folder: str | Path,
    transforms: Sequence[str | Transform] = SWEEPS,
    *,
    classes: Sequence[str] | None = None,
    seconds: float = 0.25,
) -> Path:
    """Write one GIF for each transform, and index.html that shows them all; returns the page.

    Each frame has the changed image, some planes of the feature maps of the layers, and the
    probabilities of the classes.

    Shape: image `(1, c, h, w)`.
    Raises: DataError, GraphError, UnknownNameError, StorageError, MissingDependencyError.
    """
    if image.dim() != 4 or len(image) != 1:
        raise DataError(
            f"demonstrate takes one image (1, c, h, w), but got input of size {list(image.shape)}"
        )
    observer = observe(model, image, per_layer=True)
    place = Path(folder)
    pictures: dict[str, bytes] = {}
    for entry in transforms:
        transform = transform_named(entry)
        frames = [_frame(observer, image, transform, a, classes) for a in _sweep(transform)]
        pictures[transform.name] = _gif(frames, seconds)
    try:
        place.mkdir(parents=True, exist_ok=True)
        for name, content in pictures.items():
            (place / f"{name}.gif").write_bytes(content)
        page = place / "index.html"
        page.write_text(_page(pictures), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write into {place}: {error.strerror or error}") from error
    return page


def _sweep(transform: Transform) -> list[float]:
    """From the least amount to the greatest and back, evenly."""
    low, high = min(transform.amounts), max(transform.amounts)
    if all(a == int(a) for a in transform.amounts) and transform.neutral == 1:
        there = list(transform.amounts)  # whole windows
    elif transform.name in ("flip", "quarter_turn"):
        there = list(transform.amounts)
    else:
        there = np.linspace(low, high, _FRAMES).tolist()
    return there + there[-2:0:-1]


def _frame(
    observer: Observer,
    image: Tensor,
    transform: Transform,
    amount: float,
    classes: Sequence[str] | None,
) -> np.ndarray:
    """One picture as `(h, w, 3)` bytes."""
    changed = transform.apply(image, amount)
    values = dict(observer.run(changed))
    maps = {
        name: value[0].flatten(0, -3)
        for name, value in values.items()
        if value.dim() >= 4 and value.shape[-1] > 1 and name != OUTPUT
    }
    step = max(-(-len(maps) // _LAYERS), 1)
    shown = dict(list(maps.items())[::step])
    figure = new_figure(9, 1.15 * len(shown) + 0.6)
    left, middle, right = figure.subfigures(1, 3, width_ratios=(1.6, 4.6, 2.2))
    axes = left.subplots()
    axes.imshow(changed[0].mean(0).numpy(), cmap="gray")
    axes.set_title(f"{transform.name} {transform.label(amount)}", fontsize=10)
    axes.set_axis_off()
    grid = middle.subplots(max(len(shown), 1), _PLANES, squeeze=False)
    for row, (name, planes) in zip(grid, shown.items(), strict=False):
        row[0].set_title(name, fontsize=8, loc="left")
        for axes, plane in zip(row, planes, strict=False):
            axes.imshow(plane.detach().numpy(), cmap="viridis")
    for axes in grid.flat:
        axes.set_axis_off()
    scores = values[OUTPUT][0].detach().flatten().softmax(0).numpy()
    bars = right.subplots()
    names = [str(i) for i in range(len(scores))] if classes is None else list(classes)
    bars.barh(range(len(scores)), scores, color="tab:blue")
    bars.set_yticks(range(len(scores)), names, fontsize=8)
    bars.set_xlim(0, 1)
    bars.invert_yaxis()
    bars.set_title("probability", fontsize=9)
    return _pixels(figure)


def _pixels(figure: Any) -> np.ndarray:
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


def _page(pictures: dict[str, bytes]) -> str:
    """One page without outside parts."""
    figures = "\n".join(
        f"<h2>{html.escape(name)}</h2>"
        f'<img alt="{html.escape(name)}: image, feature maps and probabilities in motion" '
        f'src="data:image/gif;base64,{base64.b64encode(content).decode()}">'
        for name, content in pictures.items()
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<title>What a network keeps when its input moves</title>"
        "<style>body{font:16px/1.5 sans-serif;max-width:960px;margin:auto;padding:16px}"
        "img{max-width:100%}</style></head>\n"
        f"<body><h1>What a network keeps when its input moves</h1>\n{figures}\n</body></html>\n"
    )
