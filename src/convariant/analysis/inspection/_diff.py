"""Two networks side by side: which layers changed, and what that costs or saves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import SequenceMatcher

from convariant.analysis._source import InputSize, Network
from convariant.analysis.inspection._inspect import inspect
from convariant.analysis.inspection._result import Inspection, Layer
from convariant.analysis.inspection._units import cut, fit, short

_WIDTH = 80
_FIGURES = ("params", "macs", "flops", "peak_bytes", "weight_bytes")


@dataclass(frozen=True)
class Change:
    """A layer of the first network and its counterpart in the second; None where there is none."""

    before: Layer | None
    after: Layer | None

    @property
    def params(self) -> int:
        """Parameters gained, negative where lost."""
        return (self.after.params if self.after else 0) - (self.before.params if self.before else 0)

    @property
    def macs(self) -> int:
        """Multiply-adds gained, negative where saved."""
        return (self.after.macs if self.after else 0) - (self.before.macs if self.before else 0)


@dataclass(frozen=True)
class Comparison:
    """Two inspections and the layers in which they differ; prints itself in 80 columns."""

    before: Inspection
    after: Inspection
    changes: tuple[Change, ...]

    def totals(self) -> dict[str, tuple[int, int]]:
        """Each figure of both networks."""
        return {name: (_figure(self.before, name), _figure(self.after, name)) for name in _FIGURES}

    def __str__(self) -> str:
        lines = [cut(f"{self.before.name} -> {self.after.name}", _WIDTH), "-" * _WIDTH]
        for name, (a, b) in self.totals().items():
            ratio = f"{b / a:7.3f} x" if a else ""
            lines.append(f"{name:<12} {a:>18,} {b:>18,} {b - a:>+18,} {ratio:>10}".rstrip())
        lines.append("-" * _WIDTH)
        costly = [c for c in self.changes if c.params or c.macs]
        lines += [_change_text(change) for change in costly]
        if not self.changes:
            lines.append("every layer is the same")
        elif len(costly) < len(self.changes):
            rest = len(self.changes) - len(costly)
            lines.append(f"{rest} more layers differ, without change in parameters or MACs")
        return "\n".join(lines)

    def to_json(self) -> str:
        """Totals and changed layers as JSON text."""
        return json.dumps(
            {
                "before": self.before.name,
                "after": self.after.name,
                "totals": {n: {"before": a, "after": b} for n, (a, b) in self.totals().items()},
                "changes": [
                    {
                        "before": _short_layer(change.before),
                        "after": _short_layer(change.after),
                        "params": change.params,
                        "macs": change.macs,
                    }
                    for change in self.changes
                ],
            },
            indent=2,
        )


def diff(
    before: Network | Inspection, after: Network | Inspection, input_size: InputSize | None = None
) -> Comparison:
    """What changed in cost from one network to another, layer by layer.

    Layers are matched by name where the two share names, else by kind and order.

    >>> import torch
    >>> dense = torch.nn.Sequential(torch.nn.Conv2d(8, 8, 3))
    >>> grouped = torch.nn.Sequential(torch.nn.Conv2d(8, 8, 3, groups=2))
    >>> diff(dense, grouped, (8, 10, 10)).totals()["macs"]
    (36864, 18432)
    """
    a = before if isinstance(before, Inspection) else inspect(before, input_size)
    b = after if isinstance(after, Inspection) else inspect(after, input_size)
    return Comparison(a, b, tuple(_changes(a, b)))


def _changes(a: Inspection, b: Inspection) -> list[Change]:
    names = {layer.name for layer in a.layers} & {layer.name for layer in b.layers}
    by_name = 2 * len(names) >= min(len(a.layers), len(b.layers))

    def key(layer: Layer) -> object:
        return layer.name if by_name else layer.kind

    matcher = SequenceMatcher(None, [key(x) for x in a.layers], [key(x) for x in b.layers], False)
    changes = []
    for tag, a0, a1, b0, b1 in matcher.get_opcodes():
        old, new = list(a.layers[a0:a1]), list(b.layers[b0:b1])
        if tag == "equal":
            pairs = zip(old, new, strict=True)
            changes += [Change(x, y) for x, y in pairs if _costs(x) != _costs(y)]
        else:
            changes += [Change(x, None) for x in old] + [Change(None, y) for y in new]
    return [c for c in changes if any(x is not None and (x.flops or x.params) for x in _sides(c))]


def _sides(change: Change) -> tuple[Layer | None, Layer | None]:
    return change.before, change.after


def _costs(layer: Layer) -> tuple[object, ...]:
    return layer.kind, layer.attributes, layer.output_size, layer.params, layer.macs


def _figure(result: Inspection, name: str) -> int:
    memory = {"peak_bytes": result.memory.peak, "weight_bytes": result.memory.weights}
    return memory[name] if name in memory else int(getattr(result, name))


def _change_text(change: Change) -> str:
    before, after = change.before, change.after
    if before is not None and after is not None:
        mark, name = "~", after.name
        old, new = (f"{x.kind} {x.attributes}".strip() for x in (before, after))
        words = old if old == new else f"{old} -> {new}"
    else:
        layer = after or before
        mark, name = ("+" if after else "-"), layer.name if layer else ""
        words = f"{layer.kind} {layer.attributes}".strip() if layer else ""
    costs = f"{_signed(change.params):>9} {_signed(change.macs):>9}"
    return f"{mark} {fit(name, 22):<22} {cut(words, 34):<34} {costs}".rstrip()


def _signed(number: int) -> str:
    text = short(abs(number)).replace(" ", "")
    return text if not number else ("+" if number > 0 else "-") + text


def _short_layer(layer: Layer | None) -> dict[str, object] | None:
    if layer is None:
        return None
    return {
        "name": layer.name,
        "kind": layer.kind,
        "attributes": layer.attributes,
        "output_size": layer.output_size,
        "params": layer.params,
        "macs": layer.macs,
    }
