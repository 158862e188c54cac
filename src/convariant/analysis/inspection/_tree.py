"""The modules of a network as a tree, each with the sum of what is inside."""

from __future__ import annotations

from dataclasses import dataclass, field

from convariant.analysis.inspection._result import Inspection, Layer
from convariant.analysis.inspection._text import WIDTH, totals
from convariant.analysis.inspection._units import cut, shape, short

_NAME = 50


@dataclass
class _Branch:
    """A module: its class, its layers, the modules inside."""

    path: str
    kind: str
    layers: list[Layer] = field(default_factory=list)
    inside: dict[str, _Branch] = field(default_factory=dict)

    def every_layer(self) -> list[Layer]:
        """Its own layers and those of the modules inside."""
        return [*self.layers, *(x for b in self.inside.values() for x in b.every_layer())]


def tree(result: Inspection, depth: int | None) -> str:
    """One line for each module, indented as the modules are nested."""
    root = _Branch("", result.name)
    for layer in result.layers:
        branch = root
        parts = layer.path.split(".") if layer.path else []
        for level in range(len(parts)):
            path = ".".join(parts[: level + 1])
            kind = result.modules.get(path, "").rpartition(".")[2]
            branch = branch.inside.setdefault(parts[level], _Branch(path, kind))
        branch.layers.append(layer)
    header = f"{'module':<{_NAME}} {'output':>13} {'params':>7} {'MACs':>7}".rstrip()
    lines = [header, "-" * WIDTH, *_lines(root, result.name, "", "", depth), "-" * WIDTH]
    return "\n".join(lines + totals(result))


def _lines(branch: _Branch, label: str, lead: str, below: str, depth: int | None) -> list[str]:
    layers = branch.every_layer()
    output = shape(layers[-1].output_size) if layers else ""
    params = short(sum(x.params for x in layers)).replace(" ", "")
    macs = short(sum(x.macs for x in layers)).replace(" ", "")
    name = cut(lead + label, _NAME)
    lines = [f"{name:<{_NAME}} {cut(output, 13):>13} {params:>7} {macs:>7}"]
    if depth == 0:
        return lines
    rest = None if depth is None else depth - 1
    children = list(branch.inside.items())
    for position, (key, child) in enumerate(children):
        last = position == len(children) - 1
        corner, bar = ("└─ ", "   ") if last else ("├─ ", "│  ")
        text = f"{key} {_words(child)}".strip()
        lines += _lines(child, text, below + corner, below + bar, rest)
    return lines


def _words(branch: _Branch) -> str:
    """A module without modules inside is called by what it computes."""
    if branch.inside or len(branch.layers) != 1:
        return branch.kind
    layer = branch.layers[0]
    return f"{layer.kind} {layer.attributes}".strip()
