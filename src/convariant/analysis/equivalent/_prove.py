"""Whether two modules compute the same function: on random inputs, in float64, to rounding."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from convariant.errors import OptionError, ShapeError
from convariant.reference.tolerance import SEQUENTIAL_ERROR, tolerance


@dataclass(frozen=True)
class Proof:
    """How far two modules lie apart on random inputs.

    `error` is the largest difference and `allowed` what rounding alone may cause, both as a part
    of the largest output.
    """

    equal: bool
    error: float
    allowed: float
    trials: int
    output_shape: tuple[int, ...]

    def __str__(self) -> str:
        sign = "equal" if self.equal else "NOT equal"
        return (
            f"{sign}: largest difference {self.error:.1e} of the largest output, "
            f"allowed {self.allowed:.1e}, {self.trials} random inputs in float64"
        )


def prove(
    before: nn.Module,
    after: nn.Module | Callable[[Any], nn.Module],
    input_shape: Sequence[int],
    *,
    trials: int = 3,
    seed: int = 0,
) -> Proof:
    """Run both modules, in evaluation mode and float64, on the same random inputs, and compare.

    The difference allowed comes from the table of tolerances, by the number of products behind one
    output of the longer of the two. `after` is a module, or a rewrite that makes it of `before`;
    a rewrite that computes weights has to be given so, for it then computes them in float64 too,
    and may round as much in computing them as the modules in using them.
    The modules themselves are not changed.

    Raises ShapeError where the outputs do not even have the same shape, or a module does not take
    the input's; OptionError for what is no module.

    >>> from convariant.analysis.equivalent import densify, prove
    >>> conv = nn.Conv2d(4, 6, 3, groups=2)
    >>> prove(conv, densify, (1, 4, 8, 8)).equal
    True
    >>> prove(conv, nn.Conv2d(4, 6, 3), (1, 4, 8, 8)).equal
    False
    """
    if not isinstance(before, nn.Module) or not callable(after):
        raise OptionError(
            f"prove takes a module, and a module or a rewrite, but got {type(before).__name__} and "
            f"{type(after).__name__}; give for example prove(conv, densify, (1, 4, 8, 8))"
        )
    first = copy.deepcopy(before).double().cpu().eval()
    second = copy.deepcopy(after) if isinstance(after, nn.Module) else after(copy.deepcopy(first))
    second = second.double().cpu().eval()
    generator = torch.Generator().manual_seed(seed)
    allowed = tolerance("float64", min(max(_products(first), _products(second)), _LONGEST))
    if not isinstance(after, nn.Module):
        allowed *= 2
    shape_of_input = _shape(input_shape)
    worst, equal = 0.0, True
    shape: tuple[int, ...] = ()
    with torch.no_grad():
        for _ in range(trials):
            x = torch.randn(shape_of_input, generator=generator, dtype=torch.float64)
            a, b = _run(first, x), _run(second, x.clone())  # a module may work in place
            error = _relative_error(a, b)
            equal = equal and error <= allowed  # False for NaN
            worst, shape = max(worst, error), tuple(a.shape)
    return Proof(equal, worst, allowed, trials, shape)


def _shape(input_shape: Sequence[int]) -> tuple[int, ...]:
    try:
        shape = tuple(operator.index(n) for n in input_shape)
    except TypeError:
        shape = (-1,)
    if any(n < 0 for n in shape):
        raise ShapeError(
            f"prove: input_shape={input_shape!r} is no shape; write it with its batch, such as "
            "(1, 4, 8, 8)"
        )
    return shape


def _run(module: nn.Module, x: Tensor) -> Tensor:
    try:
        y: Tensor = module(x)
    except RuntimeError as error:
        raise ShapeError(
            f"prove: {type(module).__name__} does not take an input of shape {tuple(x.shape)}: "
            f"{error}; give an input_shape that it takes"
        ) from error
    return y


_LONGEST = max(SEQUENTIAL_ERROR)


def _products(module: nn.Module) -> int:
    """The products behind one output, every layer in its turn, and one more for each bias."""
    weights = (p for p in module.parameters() if p.dim() > 1)
    return 1 + sum(1 + max(w[0].numel(), w[:, 0].numel()) for w in weights)


def _relative_error(a: Tensor, b: Tensor) -> float:
    if a.shape != b.shape:
        raise ShapeError(
            f"prove: the outputs have shapes {tuple(a.shape)} and {tuple(b.shape)}; two modules "
            "that are equal give the same shape, so look at their strides and paddings"
        )
    if a.numel() == 0:
        return 0.0
    largest = float(a.abs().max())
    difference = float((a - b).abs().max())
    return difference / largest if largest else difference
