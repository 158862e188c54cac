"""What the operators ask of their tensors; where torch has words for a fault, ours begin so."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

from convariant.errors import GeometryError, ShapeError
from convariant.geometry import Geometry, PaddingLike

Ints: TypeAlias = int | Sequence[int]


def check_input(operator: str, axes: int, x: Tensor) -> None:
    """Channels and `axes` sizes, with or without a batch in front."""
    if not isinstance(x, Tensor):
        raise ShapeError(
            f"{operator} takes a torch.Tensor, but got {type(x).__name__}; convert it with "
            "torch.as_tensor"
        )
    if x.dim() not in (axes + 1, axes + 2):
        raise ShapeError(
            f"Expected {axes + 1}D (unbatched) or {axes + 2}D (batched) input to {operator}, but "
            f"got input of size: {list(x.shape)}; reshape it to (n, channels, "
            f"{', '.join('dhw'[-axes:])})"
        )
    if 0 in x.shape[-axes:]:
        raise ShapeError(
            "Only zero batch or zero channel inputs are supported, but got input shape: "
            f"{list(x.shape)}; {operator} needs at least one element on every axis"
        )


def check_real(operator: str, x: Tensor) -> None:
    if x.dtype == torch.bool or x.is_complex():
        raise ShapeError(
            f'"{operator}" not implemented for {x.dtype}: it compares or averages real numbers; '
            f"convert the input with {'.abs()' if x.is_complex() else '.float()'}"
        )


def check_operands(
    operator: str, axes: int, x: Tensor, weight: Tensor, bias: Tensor | None, groups: int
) -> None:
    """Weight `(co, ci / g, kh, kw)`, or `(ci, co / g, kh, kw)` where transposed."""
    check_input(operator, axes, x)
    transposed = "transpose" in operator
    shape = list(weight.shape)
    if weight.dim() != axes + 2:
        layout = "(ci, co / groups, " if transposed else "(co, ci / groups, "
        raise ShapeError(
            f"{operator}: weight of size {shape} needs {axes + 2} axes; reshape it to "
            f"{layout}{', '.join(('kd', 'kh', 'kw')[-axes:])})"
        )
    _check_groups(operator, groups, shape)
    channels = x.shape[-axes - 1]
    wanted = shape[0] if transposed else shape[1] * groups
    if channels != wanted:
        kind = "transposed=1" if transposed else f"groups={groups}"
        raise ShapeError(
            f"Given {kind}, weight of size {shape}, expected input{list(x.shape)} to have "
            f"{wanted} channels, but got {channels} channels instead; give {operator} an input of "
            f"{wanted} channels or a weight made for {channels}"
        )
    co = shape[1] * groups if transposed else shape[0]
    if bias is not None and tuple(bias.shape) != (co,):
        raise ShapeError(
            f"Given weight of size {shape}, expected bias to be 1-dimensional with {co} elements, "
            f"but got bias of size {list(bias.shape)} instead; {operator} adds one number to each "
            "output channel"
        )
    _check_same_kind(operator, x, weight, "weight")
    if bias is not None:
        _check_same_kind(operator, x, bias, "bias")


def fitted(
    operator: str,
    axes: int,
    x: Tensor,
    kernel_size: Ints,
    stride: Ints,
    padding: PaddingLike,
    dilation: Ints,
    output_padding: Ints = 0,
    *,
    transposed: bool = False,
    ceil_mode: bool = False,
    output_size: Ints | None = None,
) -> Geometry:
    """The window on exactly these axes, known to fit this input; faults name the operator."""
    size = tuple(x.shape[-axes:])
    given = (axes, kernel_size, stride, padding, dilation, output_padding, transposed, ceil_mode)
    try:
        if output_size is not None:
            window = _reaching(Geometry.of(*given), size, output_size, x.dim())
            window.output_size(size)
        elif torch.compiler.is_compiling():  # sizes may be symbols
            window = _fitting(size, *given)
        else:
            try:
                window = _known_fitting(size, *given)
            except TypeError:  # lists cannot be looked up
                window = _fitting(size, *given)
    except GeometryError as error:
        raise GeometryError(f"{error} ({operator}, input of size {list(x.shape)})") from None
    return window


def _fitting(size: tuple[int, ...], *given: Any) -> Geometry:
    window = Geometry.of(*given)
    window.output_size(size)
    return window


# Checking the numbers takes as long as a small convolution; a layer brings the same ones each time.
_known_fitting = functools.lru_cache(maxsize=1024, typed=True)(_fitting)


def _reaching(window: Geometry, size: tuple[int, ...], output_size: Ints, dims: int) -> Geometry:
    """The same transposed window with the output padding that leads to `output_size`."""
    axes = len(size)
    if isinstance(output_size, int):
        output_size = (output_size,) * axes
    if len(output_size) not in (axes, dims):
        raise GeometryError(
            f"for {dims}D input, output_size must have {axes} or {dims} elements (got "
            f"{len(output_size)}); give one size per axis"
        )
    wanted = tuple(output_size)[-axes:]
    if any(window.output_padding) and window.output_size(size) != wanted:
        raise GeometryError(
            f"output_size={wanted} is asked for, but output_padding={window.output_padding} gives "
            f"{window.output_size(size)}; leave one of them out"
        )
    forward = window.transpose()
    if not _leads(forward, wanted, size):
        valid = forward.input_sizes(size)
        raise GeometryError(
            f"requested an output size of {wanted}, but valid sizes range from "
            f"{[r[0] for r in valid]} to {[r[-1] for r in valid]} (for an input of {list(size)}); "
            "choose one of these or another stride"
        )
    return forward.transpose(input_size=wanted)


def _leads(window: Geometry, input_size: tuple[int, ...], output_size: tuple[int, ...]) -> bool:
    try:
        return window.output_size(input_size) == output_size
    except GeometryError:
        return False


def _check_groups(operator: str, groups: int, shape: list[int]) -> None:
    if groups < 1:
        raise ShapeError(
            f"non-positive groups is not supported: {operator} got groups={groups}; the least is 1"
        )
    if shape[0] < groups:
        raise ShapeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but "
            f"got weight of size {shape} instead; give {operator} at most {shape[0]} groups"
        )
    if shape[0] % groups:
        raise ShapeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size {shape} instead; {operator} cuts {shape[0]} filters into "
            "groups of equal size"
        )


def _check_same_kind(operator: str, x: Tensor, other: Tensor, name: str) -> None:
    if x.device != other.device:
        raise ShapeError(
            f"Expected all tensors to be on the same device, but {operator} got an input on "
            f"{x.device} and a {name} on {other.device}; move one with .to({str(x.device)!r})"
        )
    if x.dtype != other.dtype and not torch.is_autocast_enabled(x.device.type):
        raise ShapeError(
            f"Input type ({x.dtype}) and {name} type ({other.dtype}) should be the same; give "
            f"{operator} an input .to({other.dtype}), or convert the module"
        )
