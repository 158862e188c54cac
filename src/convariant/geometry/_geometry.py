"""The one description of a window that operators, kernels, costs and pictures all read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields

from convariant.errors import GeometryError
from convariant.geometry import _sizes
from convariant.geometry._arguments import Ints, common_axes, integers, is_int
from convariant.geometry._effective import EffectiveGeometry
from convariant.geometry._padding import PaddingLike, Pair, SameRule, normalise_padding, same_pads


@dataclass(frozen=True, init=False, repr=False)
class Geometry:
    """A window that slides over 1, 2 or 3 axes: convolution, transposed convolution or pooling.

    Every argument is one int, or one value per axis; one value stands for all axes. `padding` may
    also be one (begin, end) pair per axis, `'valid'`, `'same'` (output = ceil(input / stride), odd
    element at the end: torch, TensorFlow, ONNX SAME_UPPER) or `'same_lower'` (ONNX SAME_LOWER).

    A `transposed` geometry carries the numbers of the convolution that it is the gradient of, as
    torch.nn.ConvTranspose2d does; `effective` gives those of the convolution it performs.

    Raises GeometryError, naming the numbers and one fix, for whatever does not fit.

    >>> g = Geometry(kernel_size=3, stride=2, padding=1)
    >>> g.output_size((5, 5)), g.output_size((6, 6))
    ((3, 3), (3, 3))
    >>> g.input_sizes((3, 3))
    (range(5, 7), range(5, 7))
    >>> g.transpose(input_size=(6, 6))
    Geometry(kernel_size=(3, 3), stride=(2, 2), padding=((1, 1), (1, 1)), output_padding=(1, 1), \
transposed=True)

    Source: lecture, "2D Transposed Convolution"; https://arxiv.org/abs/1603.07285.
    """

    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[Pair, ...] | SameRule
    dilation: tuple[int, ...]
    output_padding: tuple[int, ...]
    transposed: bool
    ceil_mode: bool

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: PaddingLike = 0,
        dilation: Ints = 1,
        output_padding: Ints = 0,
        transposed: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        values = {
            "kernel_size": integers("kernel_size", kernel_size, least=1),
            "stride": integers("stride", stride, least=1),
            "padding": normalise_padding(padding),
            "dilation": integers("dilation", dilation, least=1),
            "output_padding": integers("output_padding", output_padding, least=0),
        }
        axes = common_axes(values)
        for name, value in values.items():
            expanded = value if isinstance(value, str) or len(value) == axes else value * axes
            object.__setattr__(self, name, expanded)
        object.__setattr__(self, "transposed", bool(transposed))
        object.__setattr__(self, "ceil_mode", bool(ceil_mode))
        self._check()

    @classmethod
    def of(
        cls,
        axes: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: PaddingLike = 0,
        dilation: Ints = 1,
        output_padding: Ints = 0,
        transposed: bool = False,
        ceil_mode: bool = False,
    ) -> Geometry:
        """A geometry of exactly this many axes, as `conv2d` needs it whatever the caller wrote.

        >>> Geometry.of(2, 3, stride=(1, 2)).stride
        (1, 2)
        """
        short = cls(kernel_size, stride, padding, dilation, output_padding, transposed, ceil_mode)
        return short.on_axes(axes)

    @property
    def axes(self) -> int:
        """The number of axes; a geometry of one axis applies to any number of equal axes."""
        return len(self.kernel_size)

    @property
    def extent(self) -> tuple[int, ...]:
        """The length that the dilated kernel covers: `d(k - 1) + 1` on every axis."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel_size, self.dilation, strict=True))

    def on_axes(self, axes: int) -> Geometry:
        """The same window on `axes` axes; a geometry of one axis is repeated.

        Raises GeometryError where it has several axes and another number is asked for.
        """
        if axes == self.axes:
            return self
        if self.axes != 1:
            raise GeometryError(
                f"the window has {self.axes} axes (kernel_size={self.kernel_size}) but {axes} "
                f"are given; give {self.axes} sizes, one for each axis"
            )
        return self._replace(
            **{
                name: value if isinstance(value, str) else value * axes
                for name, value in self._fields().items()
                if isinstance(value, (tuple, str))
            }
        )

    def output_size(self, input_size: Sequence[int]) -> tuple[int, ...]:
        """The output size for an input size, `(h, w) -> (oh, ow)`.

        Raises GeometryError, with torch's words and one fix, where the window does not fit.
        """
        full = self._for_input(input_size)
        sizes = tuple(full._axis_output(axis, i) for axis, i in enumerate(input_size))
        for axis, o in enumerate(sizes):
            if o < 1:
                raise GeometryError(full._does_not_fit(axis, tuple(input_size), sizes))
        return sizes

    def input_sizes(self, output_size: Sequence[int]) -> tuple[range, ...]:
        """The inverse of `output_size`: on each axis the range of inputs that give this output.

        Raises GeometryError where no input gives it, naming the outputs that can be had.
        """
        full = self._for_input(output_size, what="output")
        return tuple(full._axis_inputs(axis, o) for axis, o in enumerate(output_size))

    def pads(self, input_size: Sequence[int]) -> tuple[Pair, ...]:
        """Padding in numbers for this input size: the 'same' rules resolved, else as given."""
        full = self._for_input(input_size)
        return tuple(full._axis_pads(axis, i) for axis, i in enumerate(input_size))

    def explicit(self, input_size: Sequence[int]) -> Geometry:
        """The same window for this input size without 'same' or ceil_mode: all padding in numbers.

        >>> Geometry(2, stride=2, ceil_mode=True).explicit((5,))
        Geometry(kernel_size=(2,), stride=(2,), padding=((0, 1),))
        >>> Geometry(2, stride=3, padding="same", transposed=True).explicit((4,)).output_padding
        (1,)
        """
        full = self._for_input(input_size)
        pads = list(full.pads(input_size))
        output_padding = full.output_padding
        if full.transposed and isinstance(full.padding, str):
            output_padding = tuple(
                max(s - extent, 0) for s, extent in zip(full.stride, full.extent, strict=True)
            )
        if full.ceil_mode:
            sizes = full.output_size(input_size)
            for axis, (i, o) in enumerate(zip(input_size, sizes, strict=True)):
                begin, end = pads[axis]
                s, extent = full.stride[axis], full.extent[axis]
                least = (o - 1) * s + extent - i - begin  # end padding of exactly o windows
                pads[axis] = (begin, max(min(max(end, least), least + s - 1), 0))
        return full._replace(padding=tuple(pads), output_padding=output_padding, ceil_mode=False)

    def transpose(self, input_size: Sequence[int] | None = None) -> Geometry:
        """The transposed geometry that leads from this one's outputs back to `input_size`.

        A strided convolution maps several input sizes to one output size; `input_size` says which
        of them to return to, and output_padding is found from it. Without it, the smallest. Of a
        transposed geometry: the convolution it is the gradient of.

        >>> Geometry(3, stride=2, padding=1, transposed=True, output_padding=1).transpose()
        Geometry(kernel_size=(3,), stride=(2,), padding=((1, 1),))
        """
        if self.transposed:
            full = self if input_size is None else self.explicit(input_size)
            return full._replace(output_padding=(0,) * full.axes, transposed=False)
        if input_size is None:
            if self.ceil_mode:
                raise GeometryError(
                    "a geometry with ceil_mode has no transpose by itself, since the size decides "
                    "what is padded; call transpose(input_size=...)"
                )
            return self._replace(transposed=True)
        full = self.explicit(input_size)
        full.output_size(input_size)  # refuses an input that the forward window does not fit
        left_over = tuple(
            (i + begin + end - extent) % s
            for i, (begin, end), extent, s in zip(
                input_size, full.pads(input_size), full.extent, full.stride, strict=True
            )
        )
        return full._replace(output_padding=left_over, transposed=True)

    def effective(self, input_size: Sequence[int] | None = None) -> EffectiveGeometry:
        """A transposed geometry as the convolution of stride 1 over a zero-stuffed input.

        Raises GeometryError for a geometry that is not transposed.

        >>> Geometry(3, stride=2, padding=1, transposed=True).effective()
        EffectiveGeometry(kernel_size=(3,), dilation=(1,), zeros_inserted=(1,), padding=((1, 1),), \
extra=(0,))
        """
        if not self.transposed:
            raise GeometryError(
                f"{self} is not transposed and already is its own effective convolution; "
                "call .transpose(input_size).effective()"
            )
        # 'same' of a transposed window depends on the stride alone, so any size resolves it
        full = self.explicit(input_size or (1,) * self.axes)
        return EffectiveGeometry(
            kernel_size=full.kernel_size,
            dilation=full.dilation,
            zeros_inserted=tuple(s - 1 for s in full.stride),
            padding=tuple(
                (extent - 1 - begin, extent - 1 - end)
                for extent, (begin, end) in zip(full.extent, _pairs(full), strict=True)
            ),
            extra=full.output_padding,
        )

    def taps(
        self, axis: int, output_index: int, input_size: Sequence[int]
    ) -> tuple[tuple[int, int], ...]:
        """Which input index meets which kernel index for one output index, on one axis.

        Pairs `(input index, kernel index)`, only those inside the input: padding contributes none.

        >>> Geometry(3, stride=2, padding=1).taps(0, 0, (5,))
        ((0, 1), (1, 2))
        >>> Geometry(3, stride=2, padding=1, transposed=True).taps(0, 1, (3,))
        ((0, 2), (1, 0))
        """
        full = self._for_input(input_size)
        begin, _ = full._axis_pads(axis, input_size[axis])
        k, s, d = full.kernel_size[axis], full.stride[axis], full.dilation[axis]
        if full.transposed:
            candidates = ((output_index + begin - d * t, t) for t in reversed(range(k)))
            pairs = ((position // s, t) for position, t in candidates if position % s == 0)
        else:
            pairs = ((output_index * s - begin + d * t, t) for t in range(k))
        return tuple((i, t) for i, t in pairs if 0 <= i < input_size[axis])

    def __repr__(self) -> str:
        shown = {n: v for n, v in self._fields().items() if not _is_default(n, v)}
        return f"Geometry({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    def _fields(self) -> dict[str, object]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def _replace(self, **changes: object) -> Geometry:
        return Geometry(**{**self._fields(), **changes})  # type: ignore[arg-type]

    def _check(self) -> None:
        if self.ceil_mode and self.transposed:
            raise GeometryError(
                "ceil_mode is for convolution and pooling; a transposed window chooses among its "
                "output sizes with output_padding"
            )
        if any(self.output_padding) and not self.transposed:
            raise GeometryError(
                f"output_padding={self.output_padding} needs transposed=True; a convolution has "
                "only padding"
            )
        if any(self.output_padding) and isinstance(self.padding, str):
            raise GeometryError(
                f"padding={self.padding!r} already fixes the output size (input x stride); "
                "leave output_padding=0"
            )
        for op, s, d in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if op and op >= max(s, d):
                raise GeometryError(
                    "output padding must be smaller than either stride or dilation: "
                    f"output_padding={self.output_padding}, stride={self.stride}, "
                    f"dilation={self.dilation}; the largest allowed here is {max(s, d) - 1}"
                )

    def _for_input(self, size: Sequence[int], what: str = "input") -> Geometry:
        several = isinstance(size, Collection) and not isinstance(size, str)
        if not several or len(size) == 0 or not all(is_int(i) for i in size):
            raise GeometryError(
                f"{what}_size={size!r} is not a tuple of integers; write one size per axis, "
                "such as (224, 224)"
            )
        for i in size:
            if i < 1:
                raise GeometryError(
                    f"{what}_size={tuple(size)} has an axis of size {i}; every axis needs at "
                    "least one element"
                )
        return self.on_axes(len(size))

    def _axis_pads(self, axis: int, i: int) -> Pair:
        if not isinstance(self.padding, str):
            return self.padding[axis]
        extent, s = self.extent[axis], self.stride[axis]
        if self.transposed:
            return same_pads(max(extent - s, 0), self.padding)
        needed = (_sizes.ceil_div(i, s) - 1) * s + extent
        return same_pads(max(needed - i, 0), self.padding)

    def _axis_output(self, axis: int, i: int) -> int:
        """The output size on one axis, below 1 where the window does not fit."""
        if isinstance(self.padding, str):
            s = self.stride[axis]
            return i * s if self.transposed else _sizes.ceil_div(i, s)
        extent, s, (b, e) = self.extent[axis], self.stride[axis], self.padding[axis]
        if self.transposed:
            return _sizes.conv_transpose_size(i, extent, s, b, e, self.output_padding[axis])
        rule = _sizes.conv_size_ceil if self.ceil_mode else _sizes.conv_size
        return rule(i, extent, s, b, e)

    def _axis_inputs(self, axis: int, o: int) -> range:
        def output(i: int) -> int:
            return self._axis_output(axis, i)

        first, stop = _least_input(o, output), _least_input(o + 1, output)
        if first == stop:
            below = max(output(first - 1), 0) if first > 1 else 0
            near = " or ".join(str(n) for n in (below, output(first)) if n > 0)
            fix = "choose output_padding" if self.transposed else "use less padding"
            raise GeometryError(
                f"no input size gives output size {o} on axis {axis} with {self}; the nearest "
                f"output is {near}; {fix} or ask for that"
            )
        return range(first, stop)

    def _does_not_fit(self, axis: int, input_size: tuple[int, ...], sizes: tuple[int, ...]) -> str:
        if self.transposed:
            missing = 1 - sizes[axis]
            return (
                f"Given input size per channel: {_by(input_size)}. Calculated output size per "
                f"channel: {_by(sizes)}. Output size is too small: on axis {axis} padding "
                f"{_pairs(self)[axis]} crops everything; use {missing} less padding in all"
            )
        begin, end = self._axis_pads(axis, input_size[axis])
        padded = tuple(i + sum(self._axis_pads(a, i)) for a, i in enumerate(input_size))
        missing = self.extent[axis] - padded[axis]
        return (
            f"Calculated padded input size per channel: {_by(padded)}. Kernel size: "
            f"{_by(self.extent)}. Kernel size can't be greater than actual input size: on axis "
            f"{axis} the input of {input_size[axis]} is {missing} short; use an input of at least "
            f"{input_size[axis] + missing} or padding=({begin + missing // 2}, "
            f"{end + missing - missing // 2})"
        )


def _least_input(o: int, output: Callable[[int], int]) -> int:
    """The least input whose output has `o` elements or more: outputs never shrink as inputs grow.

    By halves; the standard library's bisection ends at 64 bits.
    """
    low, high = 1, 1
    while output(high) < o:
        low, high = high + 1, 2 * high
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if output(middle) < o else (low, middle)
    return low


_DEFAULTS: dict[str, object] = {
    "stride": 1,
    "padding": (0, 0),
    "dilation": 1,
    "output_padding": 0,
    "transposed": False,
    "ceil_mode": False,
}


def _is_default(name: str, value: object) -> bool:
    entries = value if isinstance(value, tuple) else (value,)
    return name in _DEFAULTS and all(entry == _DEFAULTS[name] for entry in entries)


def _pairs(geometry: Geometry) -> tuple[Pair, ...]:
    if isinstance(geometry.padding, str):
        return geometry.pads((1,) * geometry.axes)
    return geometry.padding


def _by(size: tuple[int, ...]) -> str:
    """`(2, 3) -> '(2 x 3)'`, torch's way to print sizes."""
    return f"({' x '.join(str(n) for n in size)})"
