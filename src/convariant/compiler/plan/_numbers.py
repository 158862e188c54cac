"""Element-wise functions as kernel calls."""

from __future__ import annotations

from convariant.compiler.kernels import BINARY, UNARY, Elementwise, Step
from convariant.compiler.plan._job import Job, placed, stand_in
from convariant.compiler.plan._model import KernelCall, Located, Lowering, Need
from convariant.graph import ops

__all__ = ["lower_elementwise"]


def lower_elementwise(job: Job) -> Lowering | str:
    """One pass over the input of full shape; the other input is an operand of the first step."""
    op, inputs = job.node.op, job.node.inputs
    assert isinstance(op, ops.Elementwise)
    if op.function not in (UNARY if len(inputs) == 1 else BINARY):
        return f"no kernel for the function {op.function}"
    shape = job.context.sizes(job.node.name)
    whole = [
        i
        for i, name in enumerate(inputs)
        if not job.is_constant(name) and job.context.sizes(name) == shape
    ]
    if not whole:
        return "no operand has the full shape"
    first = whole[0]
    others = tuple(name for i, name in enumerate(inputs) if i != first)
    for name in others:
        own = job.context.sizes(name)
        if not job.is_constant(name) and (len(own) != len(shape) or own[1] not in (1, shape[1])):
            return "an operand with fewer axes than the result"
    place = stand_in(job.context, job.sizes) if others else None
    step = Step(op.function, tuple(op.params), place, reverse=first > 0)

    def build(inputs: tuple[Located, ...], out: Located) -> list[KernelCall]:
        x, *rest = inputs
        kernel = Elementwise(x.layout, out.layout, placed((step, *job.epilogue), rest))
        return [KernelCall(kernel, (x.address, out.address, *(o.address for o in rest)))]

    return Lowering(
        (Need(inputs[first]),), build, "element-wise", operands=(*others, *job.operands)
    )
