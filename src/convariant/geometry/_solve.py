"""Which window leads from one size to another."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from convariant.errors import GeometryError
from convariant.geometry._geometry import Geometry

_MOST_SOLUTIONS = 20
_LARGEST_KERNEL = 15


def solve(
    input_size: Sequence[int],
    output_size: Sequence[int],
    *,
    kernel_size: int | Sequence[int] | None = None,
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] | None = None,
    dilation: int | Sequence[int] = 1,
    output_padding: int | Sequence[int] | None = None,
    transposed: bool = False,
) -> tuple[Geometry, ...]:
    """The windows that map `input_size` to `output_size`; arguments left as None are found.

    At most 20 solutions, simplest first: one symmetric setting for all axes before unequal ones,
    small padding before large. Kernels up to 15 are tried, padding up to half the kernel's extent.

    Raises GeometryError where there is none, with the nearest output that can be had.

    >>> solve((6, 6), (3, 3), kernel_size=3, stride=2)[0]
    Geometry(kernel_size=(3, 3), stride=(2, 2), padding=((1, 1), (1, 1)))
    >>> solve((3, 3), (6, 6), kernel_size=3, stride=2, padding=1, transposed=True)[0].output_padding
    (1, 1)
    """
    axes = len(input_size)
    if axes != len(output_size):
        raise GeometryError(
            f"input_size={tuple(input_size)} and output_size={tuple(output_size)} have different "
            "numbers of axes; give both one size per axis"
        )
    known = {
        "kernel_size": kernel_size,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "output_padding": output_padding,
    }
    per_axis = [
        list(
            _axis_solutions(
                input_size[axis],
                output_size[axis],
                {name: _on_axis(name, value, axis, axes) for name, value in known.items()},
                transposed,
            )
        )
        for axis in range(axes)
    ]
    for axis, solutions in enumerate(per_axis):
        if not solutions:
            raise GeometryError(
                f"no window leads from {input_size[axis]} to {output_size[axis]} on axis {axis} "
                f"with {_given(known)}; leave one more of them free (None)"
            )
    common = [g for g in per_axis[0] if all(g in others for others in per_axis[1:])]
    if common:
        return tuple(g.on_axes(axes) for g in common[:_MOST_SOLUTIONS])
    combinations = itertools.product(*per_axis)
    return tuple(_join(parts) for parts in itertools.islice(combinations, _MOST_SOLUTIONS))


def _axis_solutions(
    i: int, o: int, known: dict[str, int | None], transposed: bool
) -> Iterator[Geometry]:
    larger, smaller = max(i, o), min(i, o)
    strides = _candidates(known["stride"], range(1, larger // smaller + 2))
    kernels = _candidates(known["kernel_size"], range(1, _LARGEST_KERNEL + 1))
    dilation = known["dilation"] or 1
    for s, k in itertools.product(strides, kernels):
        extent = dilation * (k - 1) + 1
        free_extra = range(max(s, dilation)) if transposed else range(1)
        for op in _candidates(known["output_padding"], free_extra):
            if op and op >= max(s, dilation):
                continue
            for pads in _paddings(known["padding"], extent):
                geometry = Geometry(k, s, (pads,), dilation, op, transposed)
                if geometry._axis_output(0, i) == o:
                    yield geometry


def _paddings(known: int | None, extent: int) -> Iterator[tuple[int, int]]:
    """Symmetric paddings first, then those with one element more at the end."""
    symmetric = _candidates(known, range(extent // 2 + 1))
    yield from ((p, p) for p in symmetric)
    if known is None:
        yield from ((p, p + 1) for p in range(extent // 2))


def _candidates(known: int | None, free: range) -> Sequence[int]:
    return free if known is None else (known,)


def _on_axis(name: str, value: int | Sequence[int] | None, axis: int, axes: int) -> int | None:
    if value is None or isinstance(value, int):
        return value
    if len(value) not in (1, axes):
        raise GeometryError(
            f"{name}={tuple(value)} has {len(value)} entries for {axes} axes; give one or {axes}"
        )
    return value[axis % len(value)]


def _given(known: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in known.items() if value is not None)


def _join(parts: Sequence[Geometry]) -> Geometry:
    """One geometry of several axes from one geometry per axis."""
    return Geometry(
        kernel_size=[g.kernel_size[0] for g in parts],
        stride=[g.stride[0] for g in parts],
        padding=[pair for g in parts for pair in g.pads((1,))],
        dilation=[g.dilation[0] for g in parts],
        output_padding=[g.output_padding[0] for g in parts],
        transposed=parts[0].transposed,
    )
