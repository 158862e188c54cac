"""Least squares on activations: the weights of a chain that best repeat what a layer did."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.func import functional_call

from convariant.analysis._layers import Calls

SOLVED = 1e-10  # the gradient has fallen to this part: what remains is rounding


def refine(chain: nn.Sequential, calls: Calls, *, sweeps: int = 1, steps: int = 20) -> None:
    """Improve the weights of a chain of convolutions in place: `min sum |chain(x) - y|^2`.

    The chain is linear in each of its weights when the others are held, so each in its turn is a
    linear least-squares problem, solved by conjugate gradients on the convolution and its gradient
    (CGLS: no matrix is formed), in float64. The error never grows. The bias is solved for with the
    last weight.

    Source: Björck 1996, Numerical methods for least squares problems, section 7.4 (CGLS).
    """
    exact = copy.deepcopy(chain).double()
    seen = Calls([x.double() for x in calls.inputs], [y.double() for y in calls.outputs])
    names = [name for name, parameter in exact.named_parameters() if parameter.dim() > 1]
    for _ in range(sweeps):
        for name in reversed(names):
            solved = [name]
            if name == names[-1]:
                solved += [n for n, p in exact.named_parameters() if p.dim() == 1]
            _solve(exact, solved, seen, steps)
    with torch.no_grad():
        for parameter, value in zip(chain.parameters(), exact.parameters(), strict=True):
            parameter.copy_(value)


def _solve(chain: nn.Sequential, names: list[str], calls: Calls, steps: int) -> None:
    """Conjugate gradients on these parameters, from the values that they have."""
    held = {n: p.detach() for n, p in chain.named_parameters()}
    start = [held[n] for n in names]
    residual = [y - _run(chain, held, x) for x, y in _pairs(calls)]
    gradient = _adjoint(chain, held, names, calls, residual)
    solution, direction = [s.clone() for s in start], [g.clone() for g in gradient]
    gamma = _dot(gradient, gradient)
    enough = gamma * SOLVED**2
    for _ in range(steps):
        if gamma <= enough:
            break
        moved = [_along(chain, held, names, direction, x) for x, _ in _pairs(calls)]
        length = _dot(moved, moved)
        if length == 0:
            break
        alpha = gamma / length
        if not math.isfinite(alpha):
            break
        solution = [s + alpha * d for s, d in zip(solution, direction, strict=True)]
        residual = [r - alpha * m for r, m in zip(residual, moved, strict=True)]
        gradient = _adjoint(chain, held, names, calls, residual)
        before, gamma = gamma, _dot(gradient, gradient)
        direction = [g + gamma / before * d for g, d in zip(gradient, direction, strict=True)]
    with torch.no_grad():
        for name, value in zip(names, solution, strict=True):
            chain.get_parameter(name).copy_(value)


def _run(chain: nn.Sequential, values: dict[str, Tensor], x: Tensor) -> Tensor:
    with torch.no_grad():
        return functional_call(chain, values, (x,))


def _along(
    chain: nn.Sequential,
    held: dict[str, Tensor],
    names: list[str],
    direction: list[Tensor],
    x: Tensor,
) -> Tensor:
    """J d: the outputs for this direction alone; what else would add a constant is left out."""
    biases = {n: torch.zeros_like(v) for n, v in held.items() if v.dim() == 1}
    return _run(chain, held | biases | dict(zip(names, direction, strict=True)), x)


def _adjoint(
    chain: nn.Sequential,
    held: dict[str, Tensor],
    names: list[str],
    calls: Calls,
    residual: list[Tensor],
) -> list[Tensor]:
    """J^T r: the gradient of `<chain(x), r>` in the parameters solved for."""
    total = [torch.zeros_like(held[n]) for n in names]
    for (x, _), r in zip(_pairs(calls), residual, strict=True):
        inner = {n: held[n].clone().requires_grad_() for n in names}
        with torch.enable_grad():
            y = functional_call(chain, held | inner, (x,))
            parts = torch.autograd.grad(y, [inner[n] for n in names], r)
        total = [t + p for t, p in zip(total, parts, strict=True)]
    return total


def _dot(a: list[Tensor], b: list[Tensor]) -> float:
    return sum(float((x * y).sum()) for x, y in zip(a, b, strict=True))


def _pairs(calls: Calls) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(calls.inputs, calls.outputs, strict=True)
