"""All that is known of a network on one offline page: `cv.report(model, images)`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from convariant.analysis._source import Network, as_graph
from convariant.analysis.inspection import Inspection, inspect
from convariant.analysis.separable import separability
from convariant.analysis.separable._report import FormReport
from convariant.analysis.symmetry import certify, measure
from convariant.compiler import compile as compile_network
from convariant.drawing._architecture import architecture
from convariant.drawing._costs import costs
from convariant.drawing._curves import symmetry_curves
from convariant.drawing._fields import receptive_field
from convariant.drawing._picture import Picture, write_file
from convariant.errors import ConvariantError, ShapeError
from convariant.nn import GroupConv2d, GroupConvTranspose2d, GroupLift2d, to_plain

Rows = tuple[tuple[str, ...], ...]
SWEEPS: dict[str, tuple[float, ...]] = {
    "shift": (-4, -2, -1, -0.5, 0, 0.5, 1, 2, 4),
    "rotation": tuple(range(-180, 181, 30)),
    "scale": (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0),
}
# of networks that take too long for all of these
FEWER_SWEEPS: dict[str, tuple[float, ...]] = {
    "shift": (0, 1, 4),
    "rotation": (0, 30, 90),
    "scale": (0.5, 1.0, 2.0),
}
GROUPS = ("circular_shift", "flip", "p4")
_TURNING = (GroupLift2d, GroupConv2d, GroupConvTranspose2d)
MOST_IMAGES = 32  # that symmetry is measured on
MOST_MACS = 2e12  # spent on that where one image at few amounts does not need more


@dataclass(frozen=True)
class Table:
    """Rows of text; a share from 0 to 1 in `bars`, one a row, is drawn behind the last column."""

    columns: tuple[str, ...]
    rows: Rows
    bars: tuple[float, ...] = ()


@dataclass(frozen=True)
class Section:
    """One part of the page, with `data` to download; `problem` where it could not be made."""

    heading: str
    words: str = ""
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    data: dict[str, str] = field(default_factory=dict)  # file name -> content
    problem: str = ""


@dataclass(frozen=True)
class NetworkReport:
    """A network's report; `html()` is the page, `save` writes it."""

    network: str
    subtitle: str
    sections: tuple[Section, ...]

    def section(self, heading: str) -> Section:
        """The section of this heading; raises KeyError where there is none."""
        return {section.heading: section for section in self.sections}[heading]

    def html(self) -> str:
        """One page without scripts, fonts or pictures from elsewhere."""
        from convariant.drawing._report_page import page

        return page(self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page and return its path. Raises StorageError where it cannot be written."""
        return write_file(Path(path), self.html().encode())


def report(
    model: Network,
    images: Tensor | np.ndarray,
    *,
    progress: Callable[[str], None] | None = None,
) -> NetworkReport:
    """Architecture, cost, receptive field, symmetry, separability and compiled speed of a network.

    `model` is a module, a graph or the path of an ONNX file; `images` what it is looked at with, as
    it takes them: their size is that of every figure, the first is drawn, up to 32 are moved about,
    fewer of a network that needs long for one; the page says so.
    A part that cannot be made says why, and the others follow. `progress` is told each heading.

    Shape: images `(n, c, h, w)`; `(n, c, l)` and `(n, c, d, h, w)` for networks on one or three
    axes, whose report has neither receptive field nor symmetry.
    Raises: ShapeError where images are no such batch; GraphError, ModelFileError where the network
    cannot be captured.

    >>> import torch, convariant as cv
    >>> found = report(cv.models.create("lenet5").eval(), torch.rand(2, 1, 28, 28))
    >>> [section.heading for section in found.sections][:3]
    ['Architecture', 'Cost', 'Receptive field']
    """
    batch = torch.as_tensor(images)
    size = (1, *batch.shape[1:])
    good = 3 <= batch.dim() <= 5 and len(batch) > 0 and batch.is_floating_point()
    # what cannot be captured at all is no report; a grey image without its channels is no batch
    if not good or as_graph(model, size).input_types[0].sizes != size:
        raise ShapeError(
            f"report takes images (n, c, h, w) of floating point, or what a network on one or "
            f"three axes takes, but got {tuple(batch.shape)} of {batch.dtype}; give for example "
            "torch.rand(8, 3, 224, 224)"
        )
    result = inspect(model, size)
    makers: dict[str, Callable[[], Section]] = {
        "Architecture": lambda: _architecture(model, size),
        "Cost": lambda: _cost(result),
        "Receptive field": lambda: _field(model, batch),
        "Symmetry": lambda: _symmetry(model, batch[:MOST_IMAGES], result.macs),
        "Separability": lambda: _separability(model),
        "Compiled speed": lambda: _speed(model, batch[:1]),
    }
    sections = []
    for heading, make in makers.items():
        if progress is not None:
            progress(heading)
        try:
            sections.append(make())
        except ConvariantError as error:
            sections.append(Section(heading, problem=str(error)))
    ends = (" and ".join(map(_by, sizes)) for sizes in (result.input_sizes, result.output_sizes))
    subtitle = f"{' → '.join(ends)}; {result.params:,} parameters, {result.macs:,} multiply-adds"
    name = os.path.basename(model) if isinstance(model, (str, os.PathLike)) else result.name
    return NetworkReport(name, subtitle, tuple(sections))


def _architecture(model: Network, size: tuple[int, ...]) -> Section:
    words = "What follows what, with shapes in between; the bar is the share of the multiply-adds."
    return Section("Architecture", words, (architecture(model, size),))


def _cost(result: Inspection) -> Section:
    columns = ("layer", "kind", "output", "parameters", "multiply-adds", "receptive field")
    rows = tuple(
        (
            layer.name,
            f"{layer.kind} {layer.attributes}".strip(),
            _by(layer.output_size[1:]),
            f"{layer.params:,}" if layer.params else "",
            f"{layer.macs:,}" if layer.macs else "",
            str(layer.receptive_field or ""),
        )
        for layer in result.layers
        if layer.flops or layer.params
    )
    words = (
        f"Activations need {result.memory.peak / 2**20:.2f} MiB at once, weights "
        f"{result.memory.weights / 2**20:.2f} MiB; {result.intensity:.1f} operations for each byte "
        "moved."
    )
    return Section(
        "Cost",
        words,
        (costs(result), costs(result, measure="params")),
        (Table(columns, rows),),
        {"cost.csv": result.to_csv(), "cost.json": result.to_json()},
    )


def _check_images(batch: Tensor, what: str) -> None:
    if batch.dim() != 4:
        raise ShapeError(
            f"{what} that of images (n, c, h, w), but this network takes {_by(batch.shape)}"
        )


def _field(model: Network, images: Tensor) -> Section:
    _check_images(images, "the receptive field drawn here is")
    photo = images[0].double()
    low, high = photo.amin(), photo.amax()
    pixels = ((photo - low) / (high - low).clamp(min=1e-12)).numpy()  # (c, h, w) from 0 to 1
    if len(pixels) not in (1, 3):
        raise ShapeError(
            f"an image has 1 or 3 channels, but this network takes {len(pixels)}; its receptive "
            "field is in the table of cost"
        )
    picture = receptive_field(model, pixels[0] if len(pixels) == 1 else pixels)
    notes = [step.note for track in picture.tracks for step in track.steps]
    words = "What one unit in the middle of each layer sees of the first image."
    return Section("Receptive field", words, (picture,), data={"fields.txt": "\n".join(notes)})


def affordable(macs: int, images: int) -> tuple[int, dict[str, tuple[float, ...]]]:
    """How many images symmetry is measured on, and by what they move, within `MOST_MACS`.

    Images go first, then amounts; one image at few amounts is always measured.
    """
    for sweeps in (SWEEPS, FEWER_SWEEPS):
        # each sweep also looks at the images as they are
        passes = sum(len(amounts) + 1 for amounts in sweeps.values())
        count = min(images, int(MOST_MACS / (max(macs, 1) * passes)))
        if count:
            return count, sweeps
    return 1, FEWER_SWEEPS


def _symmetry(model: Network, images: Tensor, macs: int) -> Section:
    """Verdicts by algebra, and curves by measurement; `macs` is what one image costs."""
    _check_images(images, "the symmetry measured here is")
    size = (1, *images.shape[1:])
    rows = []
    data = {}
    for group in GROUPS:
        try:
            found = certify(model, size, group, search=False)  # type: ignore[arg-type]
        except ConvariantError as error:
            rows.append((group, f"not certified: {error}"))
            continue
        rows.append((group, str(found.output)))
        data[f"certificate-{group}.json"] = json.dumps(found.to_json())
    count, sweeps = affordable(macs, len(images))
    measured = [
        measure(model, images[:count], sweep, False, amounts=amounts)
        for sweep, amounts in sweeps.items()
    ]
    for curve in measured:
        data[f"{curve.transform.name}.json"] = json.dumps(curve.to_json())
    words = "Above: how far answers stay when images move. Below: what holds exactly, by algebra."
    if count < len(images) or sweeps is not SWEEPS:
        amounts = "all amounts" if sweeps is SWEEPS else "few amounts"
        words += (
            f" Measured on {count} of {len(images)} images at {amounts}, as one image takes "
            f"{macs / 1e9:.0f} billion multiply-adds; convariant.symmetry.measure takes any number."
        )
    table = Table(("group", "verdict on the output"), tuple(rows))
    return Section("Symmetry", words, (symmetry_curves(measured),), (table,), data)


def _separability(model: Network) -> Section:
    if not isinstance(model, nn.Module):
        raise ShapeError(
            "separability reads the weights of torch modules; give the module itself instead of "
            "a graph or an ONNX file"
        )
    found = separability(to_plain(model))
    rows = tuple(
        (
            layer.path,
            _by(layer.weight_shape),
            "" if layer.spatial_rank is None else str(layer.spatial_rank),
            *_cheapest(layer.forms),
        )
        for layer in found.layers
    )
    columns = ("convolution", "weight", "rank in space", "cheapest form", "part of the weights")
    words = (
        f"Ranks that lose at most {found.error:.0%} of a weight, and the cheapest product of "
        "smaller convolutions that does."
    )
    if any(isinstance(module, _TURNING) for module in model.modules()):
        words += " Group convolutions are read as the plain ones that compute the same."
    tables = (Table(columns, rows),)
    return Section("Separability", words, (), tables, {"separability.json": found.to_json()})


def _cheapest(forms: Sequence[FormReport]) -> Iterator[str]:
    """The form with the fewest weights, and how many it leaves."""
    cheapest = min(forms, key=lambda form: form.cost, default=None)
    yield "" if cheapest is None else cheapest.form
    yield "" if cheapest is None else f"{cheapest.cost:.2f}"


def _speed(model: Network, image: Tensor) -> Section:
    found = compile_network(model, image).report
    shown = [row for row in found.rows if row not in found.halos]
    rows = tuple(
        (
            row.path,
            row.algorithm,
            row.tile,
            ": ".join(filter(None, (row.step, row.why))),
            "" if row.error is None else f"{row.error:.0e}",
            f"{row.milliseconds:.3f}",
            row.share_text.replace(" ", "\N{NO-BREAK SPACE}"),
        )
        for row in shown
    )
    bars = tuple(min(row.share or 0.0, 1.0) for row in shown)
    threads = "one thread" if found.threads == 1 else f"{found.threads} threads"
    ms = found.milliseconds
    time = f"{ms:,.0f}" if ms >= 1000 else f"{ms:.3g}"
    words = (
        f"{time} ms an image on {threads} of {found.machine}: "
        f"{found.gflops:.1f} of {found.peak_gflops:.0f} GFLOP/s measured; error {found.error:.1e} "
        "of the largest output. Other work on the machine shows in these figures. A step is shown "
        "against what holds it up: fma, the multiply-adds measured, counted as the definition has "
        "them, or mem, a copy of as many bytes. Its error is its own, from the inputs it has."
    )
    columns = ("layer", "algorithm", "tile", "what and why", "error", "ms", "of its limit")
    table = Table(columns, rows, bars)
    return Section("Compiled speed", words, (), (table,), {"speed.json": found.to_json()})


def _by(size: tuple[int, ...]) -> str:
    return "×".join(map(str, size))
