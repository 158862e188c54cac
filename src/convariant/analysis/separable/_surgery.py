"""A network with convolutions replaced, and the table of what that changed."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from torch import nn

from convariant.analysis._table import share, table
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
        timed = self.ms_before is not None
        headings = ["layer", "form", "ranks", "weight lost", "output lost", "refined"]
        headings += ["params", "after", "MACs", "after", *(["ms", "after"] if timed else [])]
        rows = [_cells(layer, timed) for layer in self.layers]
        total: list[object] = ["all", "", "", "", "", "", *self.params, *self.macs]
        rows.append([*total, *([self.ms_before, self.ms_after] if timed else [])])
        return table(headings, rows)

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


def _cells(layer: LayerChange, timed: bool) -> list[object]:
    errors = (layer.weight_error if layer.form else None, layer.output_error, layer.refined_error)
    cells: list[object] = [layer.path, layer.form or f"kept{': ' * bool(layer.note)}{layer.note}"]
    cells.append(", ".join(map(str, layer.ranks)))
    cells += ["" if error is None else share(error) for error in errors]
    cells += [layer.params_before, layer.params_after, layer.macs_before, layer.macs_after]
    return [*cells, layer.ms_before, layer.ms_after] if timed else cells
