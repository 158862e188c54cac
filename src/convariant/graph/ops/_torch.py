"""Anything else: an operator that PyTorch runs as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from convariant.errors import GraphError
from convariant.graph._types import Dim, Shape, Size, TensorType, at_batch
from convariant.graph.ops._base import Cost, Op, Reach, Types
from convariant.graph.ops._torch_cost import torch_cost


@dataclass(frozen=True)
class Slot:
    """In the arguments of a Torch operation: its input of this number."""

    index: int


@dataclass(frozen=True)
class Torch(Op):
    """A callable of PyTorch and its arguments, in which Slot(i) stands for input i.

    `reason` says why no other kind describes it; reports repeat it. A tuple or list of results
    becomes several outputs. `captured` are the input and output types it was found with; for other
    inputs PyTorch is asked.
    """

    target: Callable[..., Any]
    args: tuple[Any, ...] = field(default=(), compare=False)
    kwargs: dict[str, Any] = field(default_factory=dict, compare=False)
    reason: str = ""
    captured: tuple[Types, Types] | None = None

    def infer(self, *inputs: TensorType) -> Types:
        """What PyTorch answers for tensors without data; an open batch is tried at two sizes."""
        if self.captured is not None and inputs == self.captured[0]:
            return self.captured[1]
        if not any(isinstance(d, Dim) for i in inputs for d in i.shape):
            return self._types_at(inputs, 0)
        small, large = (self._types_at(inputs, batch) for batch in (5, 7))
        return tuple(_joined(a, b) for a, b in zip(small, large, strict=True))

    def _types_at(self, inputs: Types, batch: int) -> Types:
        shapes = [(at_batch(i.shape, batch), i.dtype) for i in inputs]
        tensors = tuple(torch.empty(s, dtype=d, device="meta") for s, d in shapes)
        try:
            return tuple(TensorType.of(t) for t in self._call(tensors, batch))
        except (RuntimeError, NotImplementedError) as error:
            shown = ", ".join(str(i) for i in inputs)
            raise GraphError(
                f"{self.text()} does not tell its output shape for inputs ({shown}): "
                f"{str(error).splitlines()[0]}; run it at the input size it was captured with"
            ) from error

    def run(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The callable itself."""
        return self._call(inputs, None)

    def _call(self, inputs: tuple[Tensor, ...], batch: int | None) -> tuple[Tensor, ...]:
        def filled(leaf: Any) -> Any:
            if isinstance(leaf, Slot):
                return inputs[leaf.index]
            if isinstance(leaf, Dim):
                if batch is None:
                    raise GraphError(f"{self.text()} needs the batch; use graph.at_batch(1) first")
                return leaf.at(batch)
            return leaf

        args, kwargs = pytree.tree_map(
            filled, (self.args, self.kwargs), is_leaf=lambda x: isinstance(x, Slot)
        )
        result = self.target(*args, **kwargs)
        return tuple(t for t in pytree.tree_leaves(result) if isinstance(t, Tensor))

    def at_batch(self, batch: int) -> Torch:
        """The same call with a batch of this many in its arguments."""
        args, kwargs = pytree.tree_map(
            lambda leaf: leaf.at(batch) if isinstance(leaf, Dim) else leaf,
            (self.args, self.kwargs),
        )
        captured = self.captured
        if captured is not None:
            before, after = (tuple(t.at(batch) for t in types) for types in captured)
            captured = before, after
        return Torch(self.target, args, kwargs, self.reason, captured)

    def text(self) -> str:
        """The operator's name."""
        return str(getattr(self.target, "__name__", self.target)).removeprefix("aten.")

    def cost(self, inputs: Types, outputs: Types) -> Cost:
        """What is known of the operator; for most nothing."""
        aten = isinstance(self.target, torch._ops.OpOverload) and self.target.namespace == "aten"
        if not aten and self.target is not torch.einsum:
            return Cost(known=False)
        operands = tuple(
            inputs[leaf.index] for leaf in pytree.tree_leaves(self.args) if isinstance(leaf, Slot)
        )
        name = self.text().partition(".")[0]
        return torch_cost(name, self.args, operands, outputs)

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:
        """Unknown, so everything."""
        return tuple((None,) * outputs[0].rank for _ in inputs)


def _joined(small: TensorType, large: TensorType) -> TensorType:
    """One type from those at batch 5 and 7."""
    sizes: Shape = tuple(_open(a, b) for a, b in zip(small.sizes, large.sizes, strict=True))
    return small.with_shape(sizes)


def _open(at_five: int, at_seven: int) -> Size:
    if at_five == at_seven:
        return at_five
    factor, rest = divmod(at_seven - at_five, 2)
    if rest or at_five != 5 * factor:
        raise GraphError(
            f"an output size of {at_five} at batch 5 and {at_seven} at batch 7 is no multiple of "
            "the batch; capture with dynamic_batch=False"
        )
    return Dim(factor)
