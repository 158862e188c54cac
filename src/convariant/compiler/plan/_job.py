"""A node on its way to kernels: what every rule may read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import torch

from convariant.compiler.kernels import Epilogue, Step
from convariant.compiler.layout import SINGLE_NUMBER, Floats, Layout, lay_out
from convariant.compiler.llvm import Target
from convariant.compiler.passes import Fused
from convariant.compiler.plan._choice import Choice, Way
from convariant.compiler.plan._model import Constants, Form, Located, Lowering
from convariant.geometry import Geometry
from convariant.graph import Graph, Node, ops

__all__ = [
    "Context",
    "Job",
    "Option",
    "as_image",
    "on_volume",
    "operand",
    "operand_form",
    "placed",
    "stand_in",
    "with_layouts",
]

Names: TypeAlias = tuple[str, ...]
Sizes: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Option:
    """One way to compute a node, and what makes it so."""

    way: Way
    make: Callable[[], Lowering]


@dataclass(frozen=True)
class Context:
    """What a lowering may know beside its node.

    `budget` is the error, relative to the largest output, that the algorithm of one node may add.
    `ranks` says for a node which of its options to take, in the order of their estimates; `choices`
    notes what there was to choose from. `forms` notes in which form values are computed.
    """

    graph: Graph
    target: Target
    threads: int
    budget: float
    constants: Constants
    ranks: Mapping[str, int] = field(default_factory=dict)
    choices: dict[str, Choice] = field(default_factory=dict)
    forms: dict[str, Form] = field(default_factory=dict)

    def pick(self, node: Node, options: Sequence[Option], declined: Sequence[Way] = ()) -> Lowering:
        """The option with the least estimate, unless `ranks` names another; those without estimates
        are given in the order of preference.
        """
        ranked = sorted(options, key=lambda option: option.way.cycles or 0.0)
        taken = min(self.ranks.get(node.name, 0), len(ranked) - 1)
        ways = tuple(option.way for option in ranked)
        self.choices[node.name] = Choice(ways, taken, tuple(declined))
        return ranked[taken].make()

    def sizes(self, name: str) -> tuple[int, ...]:
        """The shape of a value."""
        return self.graph.types[name].sizes

    def constant(self, name: str) -> Floats:
        """A constant as a float32 array."""
        tensor = self.graph.constants[name].detach()
        return np.ascontiguousarray(tensor.to(torch.float32).cpu().numpy())


@dataclass(frozen=True)
class Job:
    """One node, the functions fused behind it, the names of their operands in order, and the
    sizes of the result.
    """

    context: Context
    node: Node
    epilogue: Epilogue
    operands: tuple[str, ...]
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, context: Context, node: Node, op: ops.Op, inputs: Names, sizes: Sizes) -> Job:
        """The job of an operation that is `node`'s, or a part of it."""
        fused = op if isinstance(op, Fused) else Fused(op, len(inputs), ())
        epilogue = tuple(
            Step(
                link.op.function,
                tuple(link.op.params),
                (stand_in(context, sizes),) * link.operands,
                link.place,
            )
            for link in fused.links
        )
        main = replace(node, op=fused.op, inputs=inputs[: fused.arity])
        return cls(context, main, epilogue, inputs[fused.arity :], sizes)

    @property
    def x(self) -> str:
        """The first input."""
        return self.node.inputs[0]

    @property
    def x_image(self) -> tuple[int, int, int, int, int]:
        """The shape of the first input as (n, c, d, h, w)."""
        return as_image(self.context.sizes(self.x))

    @property
    def y_image(self) -> tuple[int, int, int, int, int]:
        """The shape of the result as (n, c, d, h, w)."""
        return as_image(self.sizes)

    def is_constant(self, *names: str) -> bool:
        """Whether all of these are known before the network runs."""
        return all(name in self.context.graph.constants for name in names)


def as_image(shape: tuple[int, ...]) -> tuple[int, int, int, int, int]:
    """A shape as (n, c, d, h, w): what is missing is 1.

    >>> as_image((8, 10)), as_image((8, 10, 99))
    ((8, 10, 1, 1, 1), (8, 10, 1, 1, 99))
    """
    n, c, d, h, w = (*shape[:2], *(1,) * (5 - len(shape)), *shape[2:])
    return n, c, d, h, w


def stand_in(context: Context, sizes: Sizes) -> Layout:
    """The layout of an operand before it is known where it lies: that of the result, if it has one
    in blocks.
    """
    if len(sizes) > 5:
        return SINGLE_NUMBER
    return Layout.dense(as_image(sizes), context.target.lanes)


def operand(context: Context, node: Node, located: Located | None, name: str) -> Located:
    """An operand where it lies, repeated along the axes where it has one element."""
    image = as_image(context.sizes(node.name))
    lanes = context.target.lanes
    if located is not None:
        return Located(_repeated(located.layout, image), located.address)
    array = context.constant(name)
    array = array.reshape((1,) * (len(context.sizes(node.name)) - array.ndim) + array.shape)
    array = array.reshape(as_image(array.shape))
    array = np.broadcast_to(array, (array.shape[0], image[1], *array.shape[2:]))
    own = Layout.dense(array.shape, lanes)
    address = context.constants.add(lay_out(array, own))
    return Located(_repeated(own, image), address)


def operand_form(context: Context, node: Node, name: str) -> Form:
    """Blocked, but for a single channel that all channels of the result read."""
    own, result = (as_image(context.sizes(value)) for value in (name, node.name))
    return "torch" if own[1] < result[1] else "blocked"


def _repeated(layout: Layout, image: tuple[int, int, int, int, int]) -> Layout:
    n, _, d, h, w = image
    return replace(
        layout,
        batch=n,
        depth=d,
        height=h,
        width=w,
        image=0 if layout.batch == 1 and n > 1 else layout.image,
        block=0 if layout.lanes == 1 else layout.block,
        plane=0 if layout.depth == 1 and d > 1 else layout.plane,
        row=0 if layout.height == 1 and h > 1 else layout.row,
        column=0 if layout.width == 1 and w > 1 else layout.column,
    )


def placed(epilogue: Epilogue, operands: Sequence[Located]) -> Epilogue:
    """The epilogue, its operands where they turned out to lie."""
    return with_layouts(epilogue, [operand.layout for operand in operands])


def with_layouts(epilogue: Epilogue, layouts: Sequence[Layout]) -> Epilogue:
    """The epilogue with other layouts for its operands."""
    following = iter(layouts)
    return tuple(
        replace(step, operands=tuple(next(following) for _ in step.operands)) for step in epilogue
    )


def on_volume(g: Geometry) -> Geometry:
    """An explicit geometry on three axes, those that are missing in front of size 1."""
    ones = (1,) * (3 - g.axes)
    return Geometry(
        (*ones, *g.kernel_size),
        stride=(*ones, *g.stride),
        padding=(*((0, 0) for _ in ones), *g.padding),
        dilation=(*ones, *g.dilation),
        output_padding=(*(0 for _ in ones), *g.output_padding),
        transposed=g.transposed,
        ceil_mode=g.ceil_mode,
    )
