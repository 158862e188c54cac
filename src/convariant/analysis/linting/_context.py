"""What every rule looks at: a graph, names for its nodes, and the way back from a value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from convariant.analysis.inspection._inspect import layer_names
from convariant.geometry import Geometry
from convariant.graph import Graph, Node
from convariant.graph.ops import Conv, Pad, Pool


@dataclass(frozen=True)
class Window:
    """One axis of a node that slides a window: its numbers and the sizes on both sides."""

    node: Node
    module: str
    geometry: Geometry
    axis: int
    size: int
    output: int

    @property
    def extent(self) -> int:
        """The length that the dilated kernel covers."""
        return self.geometry.extent[self.axis]

    @property
    def stride(self) -> int:
        """The step from one window to the next."""
        return self.geometry.stride[self.axis]

    @property
    def pads(self) -> tuple[int, int]:
        """Padding before and after, in numbers."""
        return self.geometry.pads((self.size,) * self.geometry.axes)[self.axis]


@dataclass(frozen=True)
class Context:
    """A graph under examination; `object_size` is how large the things in the images are."""

    graph: Graph
    object_size: int | None = None

    @cached_property
    def names(self) -> dict[str, str]:
        """The name that a report gives each node."""
        return layer_names(self.graph, list(self.graph.nodes))

    @cached_property
    def producers(self) -> dict[str, Node]:
        """The node that computes each value."""
        return self.graph.producers()

    @cached_property
    def users(self) -> dict[str, list[Node]]:
        """The nodes that read each value."""
        return self.graph.users()

    def windows(self, transposed: bool = False) -> Iterator[Window]:
        """Every axis of every convolution and pooling."""
        for node in self.graph.nodes:
            op = node.op
            if not isinstance(op, (Conv, Pool)) or op.geometry.transposed != transposed:
                continue
            sizes = self.graph.types[node.inputs[0]].spatial
            outputs = self.graph.types[node.name].spatial
            name = self.names[node.name]
            for axis, (i, o) in enumerate(zip(sizes, outputs, strict=True)):
                yield Window(node, name, op.geometry, axis, i, o)

    def all_pads(self, window: Window) -> tuple[int, int]:
        """A window's padding and that of a zero-padding layer right before it."""
        begin, end = window.pads
        producer = self.producers.get(window.node.inputs[0])
        if producer is not None and isinstance(producer.op, Pad):
            before, after = producer.op.pads[window.axis + 2]
            return begin + before, end + after
        return begin, end

    def distinct(self, transposed: bool = False) -> Iterator[Window]:
        """Those windows, one for each node where its axes are alike."""
        seen: set[tuple[object, ...]] = set()
        for w in self.windows(transposed):
            g, a = w.geometry, w.axis
            numbers = (g.kernel_size[a], g.stride[a], g.dilation[a], w.pads, w.size, w.output)
            if (w.node.name, *numbers) not in seen:
                seen.add((w.node.name, *numbers))
                yield w
