"""What a rewriting against shifts gives and what it costs, beside the network as it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn

from convariant.analysis._table import table
from convariant.analysis._timing import module_milliseconds
from convariant.analysis.inspection import inspect
from convariant.analysis.symmetry._measure import measure
from convariant.analysis.symmetry._observe import like_weights
from convariant.analysis.symmetry._rewrite import Method, rewritten
from convariant.analysis.symmetry._transforms import CircularShift, Shift

# enough to pass every phase of strides up to 8, to both sides
_AMOUNTS = (-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 7)


@dataclass(frozen=True)
class ShiftRow:
    """One form of the network: what shifts change in its answers, and what it costs.

    `circular` and `background` are the parts of answers that stay under diagonal shifts, closed to
    a circle or over an empty background; `error` the mean relative change of the output under
    circular ones. `milliseconds` is one evaluation of all images, `left_alone` how many strided
    layers could not be rewritten.
    """

    form: str
    circular: float
    background: float
    error: float
    accuracy: float | None
    params: int
    macs: int
    milliseconds: float
    left_alone: int


@dataclass(frozen=True)
class ShiftReport:
    """Rows for the network as it was and for each method."""

    network: str
    rows: tuple[ShiftRow, ...]

    def __str__(self) -> str:
        headings = [
            *("form", "same, circular", "same, background", "error", "accuracy"),
            *("parameters", "MACs", "ms", "left alone"),
        ]
        rows = [
            [
                row.form,
                f"{row.circular:.2%}",
                f"{row.background:.2%}",
                f"{row.error:.2g}",
                "-" if row.accuracy is None else f"{row.accuracy:.2%}",
                row.params,
                row.macs,
                round(row.milliseconds, 1),
                row.left_alone,
            ]
            for row in self.rows
        ]
        return f"{self.network}: answers that stay under shifts, and their cost\n" + table(
            headings, rows
        )

    def to_json(self) -> dict[str, Any]:
        """All figures."""
        return {"network": self.network, "rows": [asdict(row) for row in self.rows]}


def shift_report(
    model: nn.Module,
    images: Tensor,
    methods: Sequence[Method] = ("polyphase", "blur"),
    *,
    labels: Tensor | None = None,
    amounts: Sequence[float] = _AMOUNTS,
) -> ShiftReport:
    """Consistency and cost of a network before and after `make_shift_invariant`.

    Raises: as `measure` and `make_shift_invariant`; ShapeError where the strides of a polyphase
    network do not divide the images.

    >>> import convariant as cv, torch
    >>> model = cv.models.create("resnet", depths=(1, 1), width=4, small_input=True, num_classes=3)
    >>> report = shift_report(model, torch.rand(4, 3, 16, 16), ["polyphase"])
    >>> report.rows[1].circular, report.rows[1].params == report.rows[0].params
    (1.0, True)
    """
    forms: dict[str, tuple[nn.Module, int]] = {"as it was": (model, 0)}
    for method in methods:
        made, changes = rewritten(model, method)
        forms[method] = (made, sum(change.layer is None for change in changes))
    rows = []
    for form, (network, left) in forms.items():
        circular = measure(
            network, images, CircularShift(axis="both"), False, amounts=amounts, labels=labels
        )
        background = measure(network, images, Shift(axis="both"), False, amounts=amounts)
        cost = inspect(network, example_inputs=like_weights(network, images[:1]))
        rows.append(
            ShiftRow(
                form,
                _mean(circular.consistency.mean),
                _mean(background.consistency.mean),
                _mean(circular.output.mean),
                None if circular.accuracy is None else _mean(circular.accuracy.mean),
                cost.params,
                cost.macs,
                module_milliseconds(network, like_weights(network, images)),
                left,
            )
        )
    return ShiftReport(type(model).__name__, tuple(rows))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
