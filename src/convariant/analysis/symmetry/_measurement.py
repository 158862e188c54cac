"""What `measure` found: curves with confidence bands, the images whose answer changed."""

from __future__ import annotations

import json
import math
import os
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from convariant.analysis._table import table
from convariant.analysis.symmetry._transforms import Transform

# of the normal distribution: both bands hold 95 %
_Z = 1.959964

# of what is printed: characters of a line, amounts of a table
_WIDTH, _COLUMNS = 80, 7


@dataclass(frozen=True)
class Curve:
    """A mean for each amount with its 95 % confidence band."""

    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def of_errors(cls, errors: Sequence[Sequence[float]]) -> Curve:
        """From one error for each image, by amount: mean and its standard error.

        >>> Curve.of_errors([[0.0, 1.0]]).mean
        (0.5,)
        """
        points = []
        for values in errors:
            n = len(values)
            mean = sum(values) / n
            spread = sum((v - mean) ** 2 for v in values) / max(n - 1, 1)
            half = _Z * math.sqrt(spread / n)
            points.append((mean, max(mean - half, 0.0), mean + half))
        return cls(*(tuple(column) for column in zip(*points, strict=True)))

    @classmethod
    def of_shares(cls, shares: Sequence[Sequence[float]]) -> Curve:
        """From parts between 0 and 1, one for each image: Wilson's interval.

        >>> curve = Curve.of_shares([[1, 1, 1, 1]])
        >>> curve.mean, round(curve.low[0], 2), curve.high
        ((1.0,), 0.51, (1.0,))
        """
        points = []
        for values in shares:
            n, p = len(values), sum(values) / len(values)
            middle = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
            half = _Z / (1 + _Z**2 / n) * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n * n))
            points.append((p, min(max(middle - half, 0.0), p), max(min(middle + half, 1.0), p)))
        return cls(*(tuple(column) for column in zip(*points, strict=True)))

    def to_json(self) -> dict[str, list[float]]:
        """Three lists."""
        return {"mean": list(self.mean), "low": list(self.low), "high": list(self.high)}


@dataclass(frozen=True)
class LayerCurve:
    """The error of equivariance of one layer.

    `representations` says for each amount how the channels moved: `plain`, or `p4`, `p4m` where
    the planes of a group feature map also permute.
    """

    name: str
    kind: str
    error: Curve
    representations: tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """An image whose predicted class changed, and the least amount tried that changed it."""

    index: int
    amount: float
    before: int
    after: int
    image: Tensor = field(repr=False)  # (c, h, w)
    changed: Tensor = field(repr=False)


@dataclass(frozen=True)
class Measurement:
    """The result of `measure`; prints as a table, `to_json`, `save` draws it.

    `layers` has |f(T x) - T f(x)| of every layer over the larger of both, `output` the same of the
    output, `consistency` the part of the predictions that stay, `accuracy` that of correct ones
    where labels were given. `changes` are the images whose answer changed, the least change first.
    """

    transform: Transform
    amounts: tuple[float, ...]
    images: int
    layers: tuple[LayerCurve, ...]
    output: Curve
    consistency: Curve
    accuracy: Curve | None
    changes: tuple[Change, ...]

    @property
    def first_change(self) -> Change | None:
        """The least amount that changed a predicted class, with its image; None if nothing did."""
        return self.changes[0] if self.changes else None

    def __str__(self) -> str:
        head = f"{self.transform.name} on {self.images} images: error of equivariance by layer"
        for count in range(_COLUMNS, 1, -1):  # as many amounts as the line has place for
            rows = self._table(count)
            if max(map(len, rows.splitlines())) <= _WIDTH:
                break
        return f"{head}\n{rows}\n{self._first_line()}"

    def _table(self, count: int) -> str:
        shown = self._shown(count)
        headings = ["layer", "kind", *(self.transform.label(self.amounts[i]) for i in shown)]
        rows = [
            [layer.name, layer.kind, *(f"{layer.error.mean[i]:.2g}" for i in shown)]
            for layer in self.layers
        ]
        rows.append(["output", "error", *(f"{self.output.mean[i]:.2g}" for i in shown)])
        rows.append(["", "same class", *(f"{self.consistency.mean[i]:.1%}" for i in shown)])
        if self.accuracy is not None:
            rows.append(["", "right class", *(f"{self.accuracy.mean[i]:.1%}" for i in shown)])
        return table(headings, rows)

    def to_json(self) -> dict[str, Any]:
        """Everything but the images."""
        return {
            "transform": self.transform.name,
            "amounts": list(self.amounts),
            "images": self.images,
            "layers": [
                {
                    "name": layer.name,
                    "kind": layer.kind,
                    "error": layer.error.to_json(),
                    "representations": list(layer.representations),
                }
                for layer in self.layers
            ],
            "output": self.output.to_json(),
            "consistency": self.consistency.to_json(),
            "accuracy": None if self.accuracy is None else self.accuracy.to_json(),
            "changes": [
                {"index": c.index, "amount": c.amount, "before": c.before, "after": c.after}
                for c in self.changes
            ],
        }

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write `.json`, or a picture in the format of the ending (`.png`, `.svg`, `.pdf`).

        Raises: OptionError for another ending; MissingDependencyError without matplotlib;
        StorageError.
        """
        from convariant.analysis.symmetry._plot import save_measurement

        return save_measurement(self, Path(path), json.dumps(self.to_json(), indent=2))

    def _shown(self, columns: int) -> list[int]:
        """At most so many amounts, spread evenly."""
        count = len(self.amounts)
        if count <= columns:
            return list(range(count))
        return sorted({round(i * (count - 1) / (columns - 1)) for i in range(columns)})

    def _first_line(self) -> str:
        change = self.first_change
        if change is None:
            return "no image changed its class"
        text = (
            f"first change: image {change.index} at {self.transform.label(change.amount)} from "
            f"class {change.before} to {change.after}; {len(self.changes)} of {self.images} images "
            "changed somewhere"
        )
        return textwrap.fill(text, _WIDTH, subsequent_indent="  ")
