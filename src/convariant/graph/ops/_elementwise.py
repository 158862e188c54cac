"""Functions of one, two or three numbers, element by element, with broadcasting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from convariant.errors import GraphError
from convariant.graph._types import Shape, Size, TensorType, shape_text
from convariant.graph.ops._base import Cost, Op, Types, expect


class Function(NamedTuple):
    """A row of the table: how many inputs, how to run it, the names of its parameters."""

    arity: int
    run: Callable[..., Tensor]
    params: tuple[str, ...] = ()
    result: Literal["same", "float", "bool"] = "same"


FUNCTIONS: dict[str, Function] = {
    # two inputs
    "add": Function(2, torch.add),
    "sub": Function(2, torch.sub),
    "mul": Function(2, torch.mul),
    "div": Function(2, torch.div, result="float"),
    "floor_div": Function(2, torch.floor_divide),
    "trunc_div": Function(2, lambda a, b: torch.div(a, b, rounding_mode="trunc")),
    "remainder": Function(2, torch.remainder),
    "fmod": Function(2, torch.fmod),
    "pow": Function(2, torch.pow),
    "maximum": Function(2, torch.maximum),
    "minimum": Function(2, torch.minimum),
    "prelu": Function(2, lambda x, slope: torch.where(x >= 0, x, slope * x)),
    "equal": Function(2, torch.eq, result="bool"),
    "not_equal": Function(2, torch.ne, result="bool"),
    "less": Function(2, torch.lt, result="bool"),
    "less_equal": Function(2, torch.le, result="bool"),
    "greater": Function(2, torch.gt, result="bool"),
    "greater_equal": Function(2, torch.ge, result="bool"),
    "and": Function(2, torch.logical_and, result="bool"),
    "or": Function(2, torch.logical_or, result="bool"),
    "xor": Function(2, torch.logical_xor, result="bool"),
    # three inputs: condition, value where it holds, value where not
    "where": Function(3, torch.where),
    # activations
    "relu": Function(1, torch.relu),
    "clip": Function(1, lambda x, low, high: torch.clamp(x, low, high), ("low", "high")),
    "leaky_relu": Function(1, F.leaky_relu, ("slope",)),
    "elu": Function(
        1,
        lambda x, alpha, scale: torch.where(x > 0, x, alpha * torch.expm1(x)) * scale,
        ("alpha", "scale"),
    ),
    "celu": Function(1, F.celu, ("alpha",)),
    "sigmoid": Function(1, torch.sigmoid, result="float"),
    "hard_sigmoid": Function(
        1, lambda x, slope, shift: torch.clamp(x * slope + shift, 0, 1), ("slope", "shift")
    ),
    "log_sigmoid": Function(1, F.logsigmoid, result="float"),
    "tanh": Function(1, torch.tanh, result="float"),
    "silu": Function(1, F.silu),
    "hard_swish": Function(1, F.hardswish),
    "mish": Function(1, F.mish),
    "gelu": Function(1, F.gelu),
    "gelu_tanh": Function(1, lambda x: F.gelu(x, approximate="tanh")),
    "softplus": Function(1, F.softplus, ("beta", "threshold")),
    "softsign": Function(1, F.softsign),
    "hard_shrink": Function(1, F.hardshrink, ("threshold",)),
    "soft_shrink": Function(1, F.softshrink, ("threshold",)),
    "shrink": Function(
        1,
        lambda x, threshold, bias: torch.where(
            x.abs() > threshold, x - torch.sign(x) * bias, torch.zeros_like(x)
        ),
        ("threshold", "bias"),
    ),
    "threshold": Function(1, F.threshold, ("threshold", "value")),
    # other functions of one number
    "neg": Function(1, torch.neg),
    "abs": Function(1, torch.abs),
    "sign": Function(1, torch.sign),
    "reciprocal": Function(1, torch.reciprocal, result="float"),
    "sqrt": Function(1, torch.sqrt, result="float"),
    "rsqrt": Function(1, torch.rsqrt, result="float"),
    "exp": Function(1, torch.exp, result="float"),
    "expm1": Function(1, torch.expm1, result="float"),
    "log": Function(1, torch.log, result="float"),
    "log1p": Function(1, torch.log1p, result="float"),
    "log2": Function(1, torch.log2, result="float"),
    "erf": Function(1, torch.erf, result="float"),
    "sin": Function(1, torch.sin, result="float"),
    "cos": Function(1, torch.cos, result="float"),
    "tan": Function(1, torch.tan, result="float"),
    "asin": Function(1, torch.asin, result="float"),
    "acos": Function(1, torch.acos, result="float"),
    "atan": Function(1, torch.atan, result="float"),
    "sinh": Function(1, torch.sinh, result="float"),
    "cosh": Function(1, torch.cosh, result="float"),
    "asinh": Function(1, torch.asinh, result="float"),
    "acosh": Function(1, torch.acosh, result="float"),
    "atanh": Function(1, torch.atanh, result="float"),
    "floor": Function(1, torch.floor),
    "ceil": Function(1, torch.ceil),
    "round": Function(1, torch.round),  # half to even, as ONNX
    "trunc": Function(1, torch.trunc),
    "not": Function(1, torch.logical_not, result="bool"),
    "is_nan": Function(1, torch.isnan, result="bool"),
    "is_inf": Function(1, torch.isinf, result="bool"),
}


@dataclass(frozen=True)
class Elementwise(Op):
    """A named function of one, two or three values; shapes broadcast as in NumPy.

    >>> print(Elementwise("clip", (0.0, 6.0)).text())
    clip low=0 high=6
    """

    function: str
    params: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.function not in FUNCTIONS:
            raise GraphError(
                f"no element-wise function is named {self.function!r}; add it to the table "
                "FUNCTIONS or use a Torch node"
            )
        names = FUNCTIONS[self.function].params
        if len(names) != len(self.params):
            raise GraphError(
                f"{self.function} takes the parameters ({', '.join(names)}), but got "
                f"{self.params}; give each of them"
            )

    def infer(self, *inputs: TensorType) -> Types:
        """The broadcast shape, and torch's promoted number format."""
        row = FUNCTIONS[self.function]
        expect(
            len(inputs) == row.arity,
            f"{self.function} takes {row.arity} inputs, but got {len(inputs)}; give {row.arity}",
        )
        shape = broadcast(*(i.shape for i in inputs))
        if row.result == "bool":
            return (TensorType(shape, torch.bool),)
        dtype = promote(*(inputs[1:] if self.function == "where" else inputs))
        if row.result == "float" and not (dtype.is_floating_point or dtype.is_complex):
            dtype = torch.get_default_dtype()
        return (TensorType(shape, dtype),)

    def run(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The function of the table."""
        return (FUNCTIONS[self.function].run(*inputs, *self.params),)

    def text(self) -> str:
        """The function and its parameters."""
        names = FUNCTIONS[self.function].params
        shown = (f" {n}={p:g}" for n, p in zip(names, self.params, strict=True))
        return self.function + "".join(shown)

    def cost(self, inputs: Types, outputs: Types) -> Cost:  # noqa: ARG002
        """One operation for each output element, whatever the function."""
        return Cost(other=outputs[0].numel)


@dataclass(frozen=True)
class Cast(Op):
    """The same numbers in another number format."""

    dtype: torch.dtype

    def infer(self, x: TensorType) -> Types:
        """The same shape."""
        return (TensorType(x.shape, self.dtype),)

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        """Tensor.to."""
        return (x.to(self.dtype),)

    def text(self) -> str:
        """`to float16`."""
        return "to " + str(self.dtype).removeprefix("torch.")


def broadcast(*shapes: Shape) -> Shape:
    """The common shape: axes aligned at the end, 1 stretches."""
    if len(set(shapes)) == 1:
        return shapes[0]
    rank = max(len(s) for s in shapes)
    return tuple(_common(axis, shapes) for axis in range(-rank, 0))


def _common(axis: int, shapes: tuple[Shape, ...]) -> Size:
    sizes = {s[axis] for s in shapes if len(s) >= -axis} - {1}
    expect(
        len(sizes) < 2,
        f"The shapes {' and '.join(map(shape_text, shapes))} do not broadcast: on axis {axis} they "
        f"have {' and '.join(sorted(map(str, sizes)))}; give equal sizes or 1",
    )
    return sizes.pop() if sizes else 1


def promote(*inputs: TensorType) -> torch.dtype:
    """Torch's result type: tensors without axes do not widen tensors that have some."""
    dtypes = {i.dtype for i in inputs}
    if len(dtypes) == 1:
        return dtypes.pop()
    first, second = (torch.empty((1,) * bool(i.rank), dtype=i.dtype) for i in inputs)
    return torch.result_type(first, second)
