"""Conv, ConvTranspose, Col2Im and the matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from convariant.errors import GraphError
from convariant.geometry import Geometry
from convariant.graph.onnx._call import Call, lowers
from convariant.graph.ops import Conv, Elementwise, Fold, Linear, MatMul, Pad, Permute, Reshape

AUTO_PAD = {"NOTSET": None, "VALID": "valid", "SAME_UPPER": "same", "SAME_LOWER": "same_lower"}


# no network has a window of this size, and what follows a window step by step would take ages
_LARGEST = 2**20


def window(
    call: Call, kernel: Sequence[int], *, ceil_mode: bool = False, transposed: bool = False
) -> Geometry:
    """The window that the attributes of a node describe."""
    axes = len(kernel)
    padding = AUTO_PAD[call.choice("auto_pad", "NOTSET", tuple(AUTO_PAD))]
    pads = pad_pairs(call, axes)
    stride, dilation = (per_axis(call, name, axes, 1) for name in ("strides", "dilations"))
    largest = max((*kernel, *stride, *dilation, *chain.from_iterable(pads)), default=0)
    if largest > _LARGEST:
        raise GraphError(
            f"a kernel, stride, dilation or padding is {largest:,}; the largest that is read is "
            f"{_LARGEST:,}, so the file is broken"
        )
    return Geometry.of(
        axes,
        tuple(kernel),
        stride=stride,
        padding=padding or pads,
        dilation=dilation,
        transposed=transposed,
        ceil_mode=ceil_mode,
    )


def per_axis(call: Call, name: str, axes: int, default: int) -> tuple[int, ...]:
    """An attribute with one number for each spatial axis."""
    values = call.integer_list(name) or (default,) * axes
    if len(values) != axes:
        raise GraphError(f"{name}={list(values)} must have one number for each of {axes} axes")
    return values


def pad_pairs(call: Call, axes: int) -> tuple[tuple[int, int], ...]:
    """`pads` as (begin, end) of each axis; the file has all begins, then all ends."""
    pads = call.integer_list("pads") or (0,) * (2 * axes)
    if len(pads) != 2 * axes:
        raise GraphError(f"pads={list(pads)} must have a begin and an end for each of {axes} axes")
    return tuple(zip(pads[:axes], pads[axes:], strict=True))


def kernel_of(call: Call, weight: Sequence[int]) -> tuple[int, ...]:
    """The kernel size; where the attribute gives it too, it must be that of the weight."""
    said = call.integer_list("kernel_shape")
    if len(weight) < 3 or (said is not None and said != tuple(weight[2:])):
        raise GraphError(
            f"the weight has the shape {list(weight)}, but kernel_shape={said}; they must agree on "
            "1 to 3 spatial axes"
        )
    return tuple(weight[2:])


@lowers("Conv")
def conv(call: Call) -> str:
    geometry = window(call, kernel_of(call, call.shape(1)))
    op = Conv(geometry, call.integer("group", 1))
    return call.add(op, call.input(0), call.input(1), *call.given(2))


@lowers("ConvTranspose")
def conv_transpose(call: Call) -> str:
    kernel = kernel_of(call, call.shape(1))
    axes, groups = len(kernel), call.integer("group", 1)
    plain = window(call, kernel, transposed=True)
    wanted = call.integer_list("output_shape")
    if wanted:
        return _to_output_shape(call, plain, wanted[-axes:], groups)
    more = per_axis(call, "output_padding", axes, 0)
    if not any(more):
        return call.add(Conv(plain, groups), call.input(0), call.input(1), *call.given(2))
    return _longer(call, plain.explicit(call.shape()[2:]), more, groups)


def _to_output_shape(call: Call, plain: Geometry, wanted: Sequence[int], groups: int) -> str:
    """`output_shape` instead of pads: the surplus is cropped, what is missing has only the bias."""
    upper = call.choice("auto_pad", "NOTSET", tuple(AUTO_PAD)) == "SAME_UPPER"
    whole = Geometry.of(
        plain.axes, plain.kernel_size, plain.stride, 0, plain.dilation, transposed=True
    )
    more = per_axis(call, "output_padding", plain.axes, 0)
    pads, missing = [], []
    for size, out, extra in zip(whole.output_size(call.shape()[2:]), wanted, more, strict=True):
        surplus = max(size + extra - out, 0)
        small, large = surplus // 2, surplus - surplus // 2
        begin, end = (small, large) if upper else (large, small)
        crop = min(end, extra)  # cropping what output_padding adds is adding less
        pads.append((begin, end - crop))
        missing.append(max(out - size, 0) if not surplus else extra - crop)
    geometry = Geometry.of(
        plain.axes, plain.kernel_size, plain.stride, pads, plain.dilation, transposed=True
    )
    return _longer(call, geometry, missing, groups)


def _longer(call: Call, geometry: Geometry, more: Sequence[int], groups: int) -> str:
    """The output longer at its ends: by output_padding as far as that goes, then by zeros."""
    limits = zip(more, geometry.stride, geometry.dilation, strict=True)
    allowed = tuple(min(m, max(s, d) - 1) for m, s, d in limits)
    op = Conv(
        Geometry.of(
            geometry.axes,
            geometry.kernel_size,
            geometry.stride,
            geometry.padding,
            geometry.dilation,
            allowed,
            transposed=True,
        ),
        groups,
    )
    rest = tuple(m - a for m, a in zip(more, allowed, strict=True))
    if not any(rest):
        return call.add(op, call.input(0), call.input(1), *call.given(2))
    y = call.add(op, call.input(0), call.input(1))
    y = call.add(Pad(((0, 0), (0, 0), *((0, r) for r in rest))), y)
    for bias in call.given(2):
        column = call.add(Reshape((-1, *(1,) * geometry.axes)), bias)
        y = call.add(Elementwise("add"), y, column)
    return y


@lowers("Col2Im")
def col2im(call: Call) -> str:
    size = call.constant_integers(1, "image_shape")
    geometry = window(call, call.constant_integers(2, "block_shape"))
    return call.add(Fold(geometry, size), call.input(0))


@lowers("Gemm")
def gemm(call: Call) -> str:
    a, b = call.input(0), call.input(1)
    dtype = call.dtype()
    if call.integer("transA", 0):
        a = call.add(Permute((1, 0)), a)
    if not call.integer("transB", 0):
        b = call.add(Permute((1, 0)), b)
    b = _scaled(call, b, call.real("alpha", 1.0))
    if not call.has(2):
        return call.add(Linear(), a, b)
    c = _scaled(call, call.input(2), call.real("beta", 1.0))
    outputs = call.type_of(b).shape[0]
    if call.type_of(c).shape in ((outputs,), (1, outputs)) and dtype.is_floating_point:
        c = c if call.type_of(c).rank == 1 else call.add(Reshape((-1,)), c)
        return call.add(Linear(), a, b, c)
    return call.add(Elementwise("add"), call.add(Linear(), a, b), c)


def _scaled(call: Call, value: str, factor: float) -> str:
    if factor == 1.0:
        return value
    dtype = call.type_of(value).dtype
    return call.add(Elementwise("mul"), value, call.new_constant(factor, dtype))


@lowers("MatMul")
def matmul(call: Call) -> str:
    return product(call, call.input(0), call.input(1))


def product(call: Call, a: str, b: str) -> str:
    """`a @ b` with NumPy's rules for one axis; a layer where b is a constant matrix."""
    ranks = call.type_of(a).rank, call.type_of(b).rank
    if b in call.reader.builder.constants and ranks[1] == 2:
        return call.add(Linear(), a, call.add(Permute((1, 0)), b))
    if ranks[0] == 1:
        a = call.add(Reshape((1, -1)), a)
    if ranks[1] == 1:
        b = call.add(Reshape((-1, 1)), b)
    y = call.add(MatMul(), a, b)
    shape = list(call.type_of(y).sizes)
    if ranks[1] == 1:
        del shape[-1]
    if ranks[0] == 1:
        del shape[-1 if ranks[1] == 1 else -2]
    return y if min(ranks) > 1 else call.add(Reshape(tuple(shape)), y)
