"""A network with convolutions replaced, and the table of what that changed."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from convariant.analysis._table import percent, table, table_within
from convariant.analysis.separable._candidates import Candidate, Site
from convariant.analysis.separable._steps import Operation


@dataclass(frozen=True)
class LayerChange:
    """One convolution, before and after; `form` is None where it stayed, and `note` says why.

    Errors are relative: of the weight (Frobenius norm); of the layer's outputs on the images given,
    before and after the least-squares refinement. Milliseconds are of one image, if measured.
    """

    path: str
    form: Operation | None
    ranks: tuple[int, ...]
    params_before: int
    params_after: int
    macs_before: int
    macs_after: int
    weight_error: float
    output_error: float | None = None
    refined_error: float | None = None
    ms_before: float | None = None
    ms_after: float | None = None
    note: str = ""

    @classmethod
    def of(cls, site: Site, candidate: Candidate) -> LayerChange:
        """What this candidate changes at this site."""
        form = candidate.decomposition.form if candidate.decomposition else None
        return cls(
            site.layer.path or "model",
            form,
            candidate.ranks,
            site.kept.params,
            candidate.params,
            site.kept.macs,
            candidate.macs,
            candidate.decomposition.error(candidate.ranks) if candidate.decomposition else 0.0,
            note=site.note,
        )


@dataclass(frozen=True)
class Surgery:
    """A new network with convolutions replaced, and a table of what that changed.

    The counts are of convolution weights and their multiply-adds for one image; `ms_before` and
    `ms_after` are the measured times of the whole network for one image.
    """

    model: nn.Module
    layers: tuple[LayerChange, ...]
    ms_before: float | None = None
    ms_after: float | None = None

    @property
    def params(self) -> tuple[int, int]:
        """Weights of all convolutions, before and after."""
        return (
            sum(layer.params_before for layer in self.layers),
            sum(layer.params_after for layer in self.layers),
        )

    @property
    def macs(self) -> tuple[int, int]:
        """Multiply-adds of all convolutions, before and after."""
        return (
            sum(layer.macs_before for layer in self.layers),
            sum(layer.macs_after for layer in self.layers),
        )

    def __str__(self) -> str:
        changed = [layer for layer in self.layers if layer.form]
        lines = [_changes(changed, self.ms_before is not None)] if changed else []
        lines += _kept([layer for layer in self.layers if not layer.form])
        totals = [
            ["convolution weights", *map(_count, self.params), _ratio(*self.params)],
            ["their multiply-adds", *map(_count, self.macs), _ratio(*self.macs)],
        ]
        if self.ms_before is not None and self.ms_after is not None:
            times = (self.ms_before, self.ms_after)
            totals.append(["ms, 1 image, 1 thread", *map(_ms, times), _ratio(*times)])
        return "\n".join([*lines, "", table(["all", "before", "after", "left"], totals)])

    def to_json(self) -> str:
        """The table, for programs."""
        return json.dumps(
            {
                "layers": [dataclasses.asdict(layer) for layer in self.layers],
                "params": self.params,
                "macs": self.macs,
                "ms": (self.ms_before, self.ms_after),
            }
        )


def _changes(layers: Sequence[LayerChange], timed: bool) -> str:
    """What became of each layer; weights and multiply-adds are those left of it."""
    refined = any(layer.refined_error is not None for layer in layers)
    headings = ["layer", "becomes", "lost", *(["of outputs"] * refined), "weights", "MACs"]
    rows = []
    for layer in layers:
        ranks = "" if layer.form == "mobile" else ",".join(map(str, layer.ranks))
        cells: list[object] = [layer.path, f"{layer.form} {ranks}", percent(layer.weight_error)]
        if layer.output_error is not None and layer.refined_error is not None:
            cells.append(f"{percent(layer.output_error)} > {percent(layer.refined_error)}")
        cells.append(_ratio(layer.params_before, layer.params_after))
        cells.append(_ratio(layer.macs_before, layer.macs_after))
        if timed:
            cells.append(f"{_ms(layer.ms_before)} > {_ms(layer.ms_after)}")
        rows.append(cells)
    return table_within(80, [*headings, *(["ms"] * timed)], rows)


def _kept(layers: Sequence[LayerChange]) -> list[str]:
    """The layers that stayed, by the reason for it."""
    reasons: dict[str, list[str]] = {}
    for layer in layers:
        reasons.setdefault(layer.note or "the best as it is", []).append(layer.path)
    return [
        line
        for reason, paths in reasons.items()
        for line in textwrap.wrap(f"kept, {reason}: {', '.join(paths)}", 80, subsequent_indent="  ")
    ]


def _ms(value: float | None) -> str:
    """Two digits or more: `0.018`, `4.2`, `250`."""
    return "-" if value is None else f"{value:.2g}" if value < 10 else f"{value:.0f}"


def _count(value: int) -> str:
    return f"{value:,}"


def _ratio(before: float, after: float) -> str:
    return percent(after / before) if before else ""
