"""Which input sizes a network takes without leaving rows unread."""

from __future__ import annotations

import contextlib
import itertools
import math
import warnings
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch._subclasses import FakeTensorMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from convariant.analysis._source import Network, as_graph, example_tensors
from convariant.analysis._windows import unread_rows
from convariant.errors import ConvariantError, GraphError
from convariant.geometry import Geometry
from convariant.graph import Graph, receptive_fields
from convariant.graph._export import FAILURES, evaluating
from convariant.graph.ops import Conv, Pool

# a multiple that code asks for although its windows would not
_CUSTOMARY = 32


@dataclass(frozen=True)
class InputSizes:
    """The sizes (equal on all axes) at which a network runs and reads every row.

    From `start` to `maximum` (None: without end) a size is valid where its remainder by `period` is
    one of `remainders`; those of `single` are valid as well. With `period` 0 nothing repeats, and
    `single` has all valid sizes up to `searched`.

    >>> sizes = InputSizes(188, 16, (12,), searched=236)
    >>> print(sizes, 572 in sizes, sizes.nearest(512), sep="; ")
    n = 12 mod 16, n >= 188; True; 508
    """

    start: int
    period: int
    remainders: tuple[int, ...]
    maximum: int | None = None
    single: tuple[int, ...] = ()
    searched: int = 0

    @property
    def minimum(self) -> int:
        """The smallest valid size."""
        return min((*self.single, self.start)) if self.period else min(self.single)

    def __contains__(self, size: object) -> bool:
        if not isinstance(size, int):
            return False
        if size in self.single or not self.period or size < self.start:
            return size in self.single
        within = self.maximum is None or size <= self.maximum
        return within and size % self.period in self.remainders

    def __iter__(self) -> Iterator[int]:
        """The sizes from the smallest on; endless unless there is a largest."""
        yield from (n for n in self.single if not self.period or n < self.start)
        if self.period:
            sizes = (
                itertools.count(self.start)
                if self.maximum is None
                else range(self.start, self.maximum + 1)
            )
            yield from (n for n in sizes if n in self)

    def nearest(self, size: int) -> int:
        """The valid size closest to a wish; of two the larger."""
        if not self.period:
            return min(self.single, key=lambda n: (abs(n - size), -n))
        size = max(size, self.minimum)
        if self.maximum is not None:
            size = min(size, self.maximum)
        reach = max(self.period, self.start - self.minimum) + 1
        return next(n for d in range(reach) for n in (size + d, size - d) if n in self)

    def __str__(self) -> str:
        if not self.period:
            return f"n = {_ranges(self.single)}, of all up to {self.searched}"
        if self.maximum is None:
            text = f"n >= {self.start}"
        else:
            text = f"{self.start} <= n <= {self.maximum}"
        if self.period > 1:
            text = f"n = {_ranges(self.remainders)} mod {self.period}, {text}"
        return f"n = {_ranges(self.single)}; or {text}" if self.single else text


def valid_input_sizes(network: Network, *, limit: int = 1024) -> InputSizes:
    """Sizes at which the network runs and no window leaves rows at the end of its input unread.

    A U-Net without padding has to pool even sizes at every level, which few inputs allow. Sizes are
    tried one after another, up to `limit`, without computing anything; what repeats over three
    periods and holds at the limit is taken to hold for ever.

    Raises GraphError where no size up to the limit is valid.

    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.MaxPool2d(2))
    >>> print(valid_input_sizes(net))
    n = 0 mod 2, n >= 4
    """
    probe = _probe(network)
    first = next((n for n in range(1, limit + 1) if probe.complete_at(n)), None)
    if first is None:
        raise GraphError(
            f"{probe.name} reads every row at no square input size up to {limit}; raise limit=, or "
            "see what it leaves unread with convariant.lint(network, input_size)"
        )
    jump = _largest_jump(as_graph(network, first))
    stop, valid, found = first, set[int](), None
    for longest in (jump, max(jump, _CUSTOMARY)):
        if found is None:
            begin, stop = stop, first + 4 * longest
            valid |= {n for n in range(begin, stop) if probe.complete_at(n)}
            found = _pattern(first, stop, valid, longest)
    if found is None:
        return InputSizes(first, 0, (), None, tuple(sorted(valid)), stop - 1)
    start, period = found
    remainders = tuple(sorted({n % period for n in valid if n >= start}))
    single = tuple(sorted(n for n in valid if n < start))
    further = [n for n in range(start, max(limit, stop)) if n % period in remainders]
    maximum = None
    if not probe.complete_at(further[-1]):
        count = bisect_left(further, True, key=lambda n: not probe.complete_at(n))
        maximum = further[count - 1]
    return InputSizes(further[0], period, remainders, maximum, single, stop - 1)


def _pattern(first: int, stop: int, valid: set[int], longest: int) -> tuple[int, int] | None:
    """Where validity begins to repeat, and after how many sizes; None where it does not.

    The smallest sizes may be exceptions: windows larger than what is left of the image.
    """
    for start in (first, *range(first + 1, first + longest + 1)):
        for period in range(1, longest + 1):
            pairs = ((n in valid, n + period in valid) for n in range(start, stop - period))
            if all(now == later for now, later in pairs):
                return (start, period) if any(n >= start for n in valid) else None
    return None


def _probe(network: Network) -> _ModuleProbe | _GraphProbe:
    """The module itself, or its graph where the graph is the same at every size: faster."""
    if isinstance(network, Graph):
        return _GraphProbe(network)
    if not isinstance(network, nn.Module):
        return _GraphProbe(next(_captures(network), None) or as_graph(network))
    graphs = list(itertools.islice(_captures(network), 2))
    if len(graphs) == 2 and graphs[0].nodes == graphs[1].nodes:
        probe = _GraphProbe(graphs[0].with_nodes(graphs[0].nodes))
        module = _ModuleProbe(network)
        # sizes that the module's own code refuses show in no graph
        if all(probe.complete_at(n) == module.complete_at(n) for n in (1, 7, 32, 33, 100)):
            return probe
    return _ModuleProbe(network)


def _captures(network: Network) -> Iterator[Graph]:
    """The network at usual sizes, those that it takes."""
    for size in (224, 256, 64, 32, 572, 128, 28):
        with contextlib.suppress(GraphError):
            yield as_graph(network, size)


class _ModuleProbe:
    """Runs a module on tensors without data and watches its windows."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.name = type(module).__name__
        self.mode = FakeTensorMode(allow_non_fake_inputs=True)  # one for all sizes: it remembers

    def complete_at(self, size: int) -> bool:
        watch = _Watch()
        try:
            with (
                self.mode,
                evaluating(self.module),
                torch.no_grad(),
                warnings.catch_warnings(),
            ):
                warnings.simplefilter("ignore")
                inputs = [self.mode.from_tensor(x) for x in example_tensors(self.module, size)]
                with watch:
                    self.module(*inputs)
        except FAILURES:
            return False
        return watch.complete


class _GraphProbe:
    """Infers a graph anew at each size."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.name = graph.name

    def complete_at(self, size: int) -> bool:
        try:
            graph = as_graph(self.graph, size)
        except ConvariantError:
            return False
        return all(
            not unread_rows(node.op.geometry, axis, i, o)
            for node in graph.nodes
            if isinstance(node.op, (Conv, Pool)) and not node.op.geometry.transposed
            for axis, (i, o) in enumerate(
                zip(
                    graph.types[node.inputs[0]].spatial,
                    graph.types[node.name].spatial,
                    strict=True,
                )
            )
        )


def _largest_jump(graph: Graph) -> int:
    """The coarsest grid inside the network, in input positions."""
    fields = receptive_fields(graph).fields.values()
    return max((math.ceil(f.jump) for axes in fields for f in axes if f is not None), default=1)


class _Watch(TorchDispatchMode):
    """Sees every ATen call and checks what convolutions and poolings leave unread."""

    def __init__(self) -> None:
        super().__init__()
        self.complete = True

    def __torch_dispatch__(
        self,
        function: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        bound = {a.name: a.default_value for a in function._schema.arguments}
        bound |= {a.name: v for a, v in zip(function._schema.arguments, args, strict=False)}
        bound |= kwargs or {}
        name = function._schema.name.removeprefix("aten::")
        if name == "convolution" and not bound["transposed"]:
            self._check(bound["input"], result, tuple(bound["weight"].shape[2:]), bound)
        elif name.startswith(("max_pool", "avg_pool")) and "kernel_size" in bound:
            outputs = pytree.tree_leaves(result)
            self._check(bound["self"], outputs[0], bound["kernel_size"], bound)
        return result

    def _check(self, x: torch.Tensor, y: torch.Tensor, kernel: Any, bound: dict[str, Any]) -> None:
        axes = len(kernel)
        geometry = Geometry.of(
            axes,
            tuple(kernel),
            tuple(bound["stride"] or kernel),
            tuple(bound["padding"]),
            tuple(bound.get("dilation", (1,))),
        )
        sizes = zip(x.shape[-axes:], y.shape[-axes:], strict=True)
        if any(unread_rows(geometry, axis, i, o) for axis, (i, o) in enumerate(sizes)):
            self.complete = False


def _ranges(numbers: tuple[int, ...]) -> str:
    """`(1, 2, 3, 7) -> '1..3, 7'`."""
    parts: list[list[int]] = []
    for n in numbers:
        if parts and parts[-1][-1] == n - 1:
            parts[-1].append(n)
        else:
            parts.append([n])
    return ", ".join(str(p[0]) if len(p) == 1 else f"{p[0]}..{p[-1]}" for p in parts)
