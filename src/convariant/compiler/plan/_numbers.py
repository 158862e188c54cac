"""Element-wise functions as kernel calls."""

from __future__ import annotations

from convariant.compiler.kernels import FUNCTIONS, Elementwise, Map, Step
from convariant.compiler.layout import SINGLE_NUMBER
from convariant.compiler.plan._job import Job, placed, stand_in, with_layouts
from convariant.compiler.plan._model import KernelCall, Located, Lowering, Need
from convariant.compiler.plan._moves import contiguous
from convariant.graph import ops

__all__ = ["broadcast_strides", "lower_elementwise"]


def lower_elementwise(job: Job) -> Lowering | str:
    """One pass over the inputs: in blocks if one of full shape lies so, else as PyTorch has it."""
    op, inputs = job.node.op, job.node.inputs
    assert isinstance(op, ops.Elementwise)
    if op.function not in FUNCTIONS[len(inputs)]:
        return f"no kernel for the function {op.function}"
    whole = [i for i, name in enumerate(inputs) if _fills(job, name)]
    blocked = (
        name
        for name in (*inputs, *job.operands)
        if _fills(job, name) and job.context.forms.get(name) == "blocked"
    )
    main = whole[0] if whole else 0
    others = tuple(name for i, name in enumerate(inputs) if i != main)
    own = stand_in(job.context, job.sizes)
    step = Step(op.function, tuple(op.params), (own,) * len(others), main)
    lower = _in_blocks if whole and any(blocked) else _in_lines
    return lower(job, inputs[main], others, step)


def _fills(job: Job, name: str) -> bool:
    """Whether a value is computed, and as large as the result."""
    return not job.is_constant(name) and job.context.sizes(name) == job.sizes


def _in_blocks(job: Job, main: str, others: tuple[str, ...], step: Step) -> Lowering:
    def build(inputs: tuple[Located, ...], out: Located) -> list[KernelCall]:
        x, *rest = inputs
        kernel = Elementwise(x.layout, out.layout, placed((step, *job.epilogue), rest))
        return [KernelCall(kernel, (x.address, out.address, *(o.address for o in rest)))]

    return Lowering((Need(main),), build, "element-wise", operands=(*others, *job.operands))


def _in_lines(job: Job, main: str, others: tuple[str, ...], step: Step) -> Lowering:
    values = (main, *others, *job.operands)
    strides = [contiguous(job.sizes), *(broadcast_strides(job, name) for name in values)]
    epilogue = (step, *job.epilogue)
    epilogue = with_layouts(epilogue, [SINGLE_NUMBER] * (len(values) - 1))
    kernel = Map.of(job.sizes, strides, epilogue)

    def build(inputs: tuple[Located, ...], out: Located) -> list[KernelCall]:
        x, *rest = inputs
        return [KernelCall(kernel, (x.address, out.address, *(o.address for o in rest)))]

    needs = tuple(Need(name, "torch") for name in values)
    return Lowering(needs, build, "element-wise", "torch")


def broadcast_strides(job: Job, name: str) -> tuple[int, ...]:
    """The strides of a value as it broadcasts to the result."""
    sizes, rank = job.context.sizes(name), len(job.sizes)
    still = tuple(0 if n == 1 else s for n, s in zip(sizes, contiguous(sizes), strict=True))
    return (0,) * (rank - len(sizes)) + still
