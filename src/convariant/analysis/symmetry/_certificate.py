"""What `certify` found: a verdict for every layer, the proof of it in numbers, a counterexample."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from torch import Tensor

from convariant.analysis._table import table

Verdict: TypeAlias = Literal["exact", "exact modulo", "broken", "unknown"]


@dataclass(frozen=True)
class LayerVerdict:
    """Whether one layer follows the group.

    `modulus` (rows, columns) is the least shift that it follows exactly; `stride` how many input
    places one place of it stands for; `where` the rows and columns in which that holds, as
    half-open ranges, where it is not everywhere. `reason` names what broke it, `cause` the layer.
    """

    name: str
    kind: str
    verdict: Verdict
    modulus: tuple[int, int] | None = None
    stride: tuple[float, float] | None = None
    where: tuple[range, range] | None = None
    reason: str = ""
    cause: str = ""

    def __str__(self) -> str:
        return f"{self._text()}: {self.reason}" if self.reason else self._text()

    def briefly(self) -> str:
        """Without the reason, which stands elsewhere, but with the layer that it belongs to."""
        elsewhere = self.cause and self.cause != self.name
        return self._text() + (f" since {self.cause}" if elsewhere else "")

    def _text(self) -> str:
        text: str = self.verdict
        if self.verdict == "exact modulo" and self.modulus:
            m = self.modulus
            text += f" {m[0]}" if m[0] == m[1] else f" {m[0]}x{m[1]}"
        if self.where is not None and self.verdict != "broken":
            rows, columns = self.where
            text += f" in rows {_span(rows)}, columns {_span(columns)}"
        return text

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        where = None if self.where is None else [[r.start, r.stop] for r in self.where]
        return {
            "name": self.name,
            "kind": self.kind,
            "verdict": self.verdict,
            "modulus": self.modulus,
            "stride": self.stride,
            "where": where,
            "reason": self.reason,
            "cause": self.cause,
        }


@dataclass(frozen=True)
class NumericCheck:
    """The verdict tried in numbers: the largest deviation over all generators, relative.

    `integer`: weights and images were small whole numbers and every value stayed one, or a half of
    a half of one, so that float64 rounds nothing and the error must be zero. `float64`: the
    network's own weights, since means or activations turn whole numbers into others.
    """

    precision: Literal["integer", "float64"]
    error: float
    cases: int

    def __str__(self) -> str:
        return f"error {self.error:.1e} in {self.precision} arithmetic over {self.cases} cases"


@dataclass(frozen=True)
class Counterexample:
    """An image that shows that the output does not follow, with as few pixels as were found.

    `image` and `moved` are the two inputs, `difference` the relative difference of the outputs
    after the first has been moved as well as it can be.
    """

    transformation: str
    image: Tensor = field(repr=False)
    moved: Tensor = field(repr=False)
    difference: float = 0.0

    @property
    def pixels(self) -> int:
        """The pixels that are not zero."""
        return int((self.image != 0).sum())

    def __str__(self) -> str:
        pixels = "pixel that is" if self.pixels == 1 else "pixels that are"
        return (
            f"an image with {self.pixels} {pixels} not zero, {self.transformation}: the "
            f"outputs differ by {self.difference:.2g} of their size"
        )


@dataclass(frozen=True)
class Certificate:
    """The result of `certify`; `layers` are those of the graph, the last of them the output."""

    network: str
    group: str
    input_size: tuple[int, ...]
    layers: tuple[LayerVerdict, ...]
    check: NumericCheck | None
    counterexample: Counterexample | None

    @property
    def output(self) -> LayerVerdict:
        """The verdict on the whole network."""
        return self.layers[-1]

    @property
    def verdict(self) -> Verdict:
        """`exact`, `exact modulo`, `broken` or `unknown`."""
        return self.output.verdict

    def __str__(self) -> str:
        rows = [
            [
                layer.name,
                layer.kind,
                "-" if layer.stride is None else "x".join(f"{s:g}" for s in layer.stride),
                layer.briefly(),
            ]
            for layer in self.layers
        ]
        reasons = {layer.cause or layer.name: layer.reason for layer in self.layers if layer.reason}
        size = "x".join(map(str, self.input_size))
        lines = [
            f"{self.network} on {size} under {self.group}: {self.output}",
            table(["layer", "kind", "stride", "verdict"], rows),
            *(f"{cause}: {reason}" for cause, reason in reasons.items()),
        ]
        if self.check is not None:
            lines.append(f"numeric check: {self.check}")
        if self.counterexample is not None:
            lines.append(f"counterexample: {self.counterexample}")
        return "\n".join(_fitted(line) for line in lines)

    def to_json(self) -> dict[str, Any]:
        """All but the counterexample's images."""
        check, example = self.check, self.counterexample
        return {
            "network": self.network,
            "group": self.group,
            "input_size": list(self.input_size),
            "verdict": self.verdict,
            "layers": [layer.to_json() for layer in self.layers],
            "check": check
            and {"precision": check.precision, "error": check.error, "cases": check.cases},
            "counterexample": example
            and {
                "transformation": example.transformation,
                "pixels": example.pixels,
                "difference": example.difference,
            },
        }


def _fitted(text: str) -> str:
    """A sentence on lines of 80 characters; a table stays as it is."""
    return text if "\n" in text else textwrap.fill(text, 80, subsequent_indent="  ")


def _span(r: range) -> str:
    return "none" if len(r) == 0 else f"{r.start}..{r.stop - 1}"
