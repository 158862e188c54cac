"""The arithmetic of operators that PyTorch runs as they are, as far as somebody has counted it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convariant.graph.ops._base import Cost, Types

# operators that move, compare or make numbers, and compute none
_FREE_NAMES = """
    arange argmax argmin argsort as_strided bernoulli copy diagonal embedding empty empty_like eye
    fill flip gather im2col index index_copy index_fill index_put index_select linspace masked_fill
    masked_scatter masked_select max_unpool2d max_unpool3d meshgrid nonzero one_hot rand rand_like
    randint randn randn_like repeat repeat_interleave roll rot90 scatter scatter_reduce
    select_scatter slice_scatter sort tile topk tril triu unfold unsafe_chunk unsafe_split
"""
_FREE = frozenset(_FREE_NAMES.split())
# a fixed number of operations for each element of the first operand
_PER_INPUT = {
    "adaptive_max_pool1d": 1, "adaptive_max_pool2d": 1, "adaptive_max_pool3d": 1, "aminmax": 2,
    "all": 1, "any": 1, "col2im": 1, "cummax": 1, "cumprod": 1, "cumsum": 1, "max": 1, "median": 1,
    "min": 1, "norm": 2, "linalg_vector_norm": 2, "std": 4, "std_mean": 4, "var": 4, "var_mean": 4,
}  # fmt: skip


def torch_cost(name: str, args: tuple[Any, ...], operands: Types, outputs: Types) -> Cost:
    """The cost of an ATen operator, by its name without overload; unknown unless listed here."""
    if name in _FREE:
        return Cost()
    if name in _PER_INPUT and operands:
        return Cost(other=_PER_INPUT[name] * operands[0].numel)
    counter = _COUNTERS.get(name)
    return counter(args, operands, outputs) if counter else Cost(known=False)


def _attention(args: tuple[Any, ...], operands: Types, outputs: Types) -> Cost:  # noqa: ARG001
    """`softmax(q k^T) v`: two products for each pair of positions, a softmax over the pairs."""
    query, key, value = operands[:3]
    pairs = query.numel // query.sizes[-1] * key.sizes[-2]
    return Cost(macs=pairs * (query.sizes[-1] + value.sizes[-1]), other=5 * pairs)


def _recurrent(args: tuple[Any, ...], operands: Types, outputs: Types) -> Cost:  # noqa: ARG001
    """Every weight matrix meets every step of every sequence."""
    x, *others = operands
    steps = x.sizes[0] * x.sizes[1]
    return Cost(
        macs=steps * sum(t.numel for t in others if t.rank == 2),
        bias=steps * sum(t.numel for t in others if t.rank == 1),
    )


def _einsum(args: tuple[Any, ...], operands: Types, outputs: Types) -> Cost:  # noqa: ARG001
    """Two factors: one product for each value of all the letters together."""
    terms = str(args[0]).replace(" ", "").split("->")[0].split(",")
    if len(terms) != 2 or "." in terms[0] + terms[1]:
        return Cost(known=False)
    sizes: dict[str, int] = {}
    for term, value in zip(terms, operands, strict=False):
        sizes |= dict(zip(term, value.sizes, strict=True))
    total = 1
    for size in sizes.values():
        total *= size
    return Cost(macs=total)


def _grid_sample(args: tuple[Any, ...], operands: Types, outputs: Types) -> Cost:  # noqa: ARG001
    """A product and an addition for each of the 2^axes neighbours."""
    return Cost(other=outputs[0].numel * 2 ** (outputs[0].rank - 1))


_COUNTERS: dict[str, Callable[[tuple[Any, ...], Types, Types], Cost]] = {
    "scaled_dot_product_attention": _attention,
    "lstm": _recurrent,
    "gru": _recurrent,
    "rnn_tanh": _recurrent,
    "rnn_relu": _recurrent,
    "einsum": _einsum,
    "grid_sampler": _grid_sample,
    "grid_sampler_2d": _grid_sample,
}
