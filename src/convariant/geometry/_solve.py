"""Which window leads from one size to another."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

from convariant.errors import GeometryError
from convariant.geometry._geometry import Geometry

_MOST_SOLUTIONS = 20
_LARGEST_KERNEL = 15
_LARGEST_STRIDE = 256
_MOST_PADDINGS = 100  # of one kernel and stride


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
    small padding before large. Kernels up to 15 and strides up to 256 are tried, and padding up to
    half the kernel's extent.

    Raises GeometryError where there is none.

    >>> solve((6, 6), (3, 3), kernel_size=3, stride=2)[0]
    Geometry(kernel_size=(3, 3), stride=(2, 2), padding=((1, 1), (1, 1)))
    >>> solve((3, 3), (6, 6), kernel_size=3, stride=2, padding=1, transposed=True)[0].output_padding
    (1, 1)
    """
    Geometry(1).output_size(input_size)  # refuses what is no size
    Geometry(1).input_sizes(output_size)
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
            fix = "leave one more of them open"
            if not transposed and output_size[axis] > input_size[axis]:
                fix = "a transposed window enlarges (transposed=True)"
            raise GeometryError(
                f"no window leads from {input_size[axis]} to {output_size[axis]} on axis {axis} "
                f"with {_given(known)}; {fix}"
            )
    common = [g for g in per_axis[0] if all(g in others for others in per_axis[1:])]
    if common:
        return tuple(g.on_axes(axes) for g in common[:_MOST_SOLUTIONS])
    combinations = itertools.product(*per_axis)
    return tuple(_join(parts) for parts in itertools.islice(combinations, _MOST_SOLUTIONS))


def _axis_solutions(
    i: int, o: int, known: dict[str, int | None], transposed: bool
) -> Iterator[Geometry]:
    ratio = max(i, o) // min(i, o)
    strides = _candidates(known["stride"], range(1, min(ratio + 1, _LARGEST_STRIDE) + 1))
    kernels = _candidates(known["kernel_size"], range(1, _LARGEST_KERNEL + 1))
    dilation, padding = known["dilation"] or 1, known["padding"]
    for s, k in itertools.product(strides, kernels):
        extent = dilation * (k - 1) + 1
        least, most = (0, extent - extent % 2) if padding is None else (2 * padding, 2 * padding)
        found: Iterable[tuple[int, range]]  # output padding, and the paddings in all that fit
        if transposed:
            whole = (i - 1) * s + extent  # the output without padding
            extras = range(max(o - whole + least, 0), min(o - whole + most + 1, max(s, dilation)))
            totals = ((op, range(whole + op - o, whole + op - o + 1)) for op in extras)
            found = (pair for pair in totals if known["output_padding"] in (None, pair[0]))
        else:
            needed = (o - 1) * s + extent - i  # and up to s - 1 more, which no window reads
            found = [(0, range(max(needed, least), min(needed + s, most + 1)))]
        pairs = ((op, pads) for op, fitting in found for pads in _paddings(fitting))
        for op, pads in itertools.islice(pairs, _MOST_PADDINGS):
            yield Geometry(k, s, (pads,), dilation, op, transposed)


def _paddings(totals: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Symmetric paddings first, then those with one element more at the end."""
    for odd in (0, 1):
        yield from ((total // 2, total // 2 + odd) for total in totals if total % 2 == odd)


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
