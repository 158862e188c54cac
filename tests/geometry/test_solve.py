"""Every solution maps the sizes; what torch users know by heart comes first."""

from __future__ import annotations

import itertools

import pytest

from convariant import Geometry, GeometryError
from convariant.geometry import solve


def test_the_usual_answers_come_first() -> None:
    assert solve((224, 224), (112, 112), kernel_size=7, stride=2)[0] == Geometry.of(2, 7, 2, 3)
    assert solve((32,), (32,), kernel_size=3, stride=1)[0] == Geometry(3, padding=1)
    upsample = solve((8, 8), (16, 16), kernel_size=4, stride=2, transposed=True)
    assert upsample[0] == Geometry.of(2, 4, 2, 1, transposed=True)


@pytest.mark.parametrize("transposed", [False, True])
def test_every_solution_maps_the_sizes(transposed: bool) -> None:
    sizes = ((7, 9), (13, 17)) if transposed else ((13, 17), (7, 9))
    solutions = solve(*sizes, transposed=transposed)
    assert solutions
    for geometry in solutions:
        assert geometry.transposed == transposed
        assert geometry.output_size(sizes[0]) == sizes[1]


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("k", "s", "d"), list(itertools.product((1, 2, 3), (1, 2, 4), (1, 2))))
def test_no_solution_is_left_out(k: int, s: int, d: int, transposed: bool) -> None:
    """Against all paddings up to half the extent, tried one by one."""
    half = (d * (k - 1) + 1) // 2
    pads = [(p, p) for p in range(half + 1)] + [(p, p + 1) for p in range(half)]
    for i, o in itertools.product(range(1, 9), repeat=2):
        tried = [
            Geometry(k, s, (pair,), d, op, transposed)
            for op in (range(max(s, d)) if transposed else (0,))
            for pair in pads
        ]
        right = {window for window in tried if window._axis_output(0, i) == o}
        try:
            found = solve((i,), (o,), kernel_size=k, stride=s, dilation=d, transposed=transposed)
        except GeometryError:
            found = ()
        assert len(found) == len(set(found)) == len(right)
        assert set(found) == right


def test_huge_sizes_and_windows_are_answered_at_once() -> None:
    assert solve((2**40,), (2**20,), stride=2**20)[0].kernel_size == (1,)
    assert solve((5,), (5,), kernel_size=2**30 + 1)[0].padding == ((2**29, 2**29),)
    large = solve((2,), (2**31,), kernel_size=3, stride=2**31 - 1, transposed=True)
    assert large[0].output_size((2,)) == (2**31,)
    with pytest.raises(GeometryError, match="no window leads from 9 to 99999999999 on axis 0"):
        solve((9,), (10**11 - 1,))


def test_axes_may_need_different_settings() -> None:
    solutions = solve((3, 3), (5, 6), kernel_size=3, stride=2, padding=1, transposed=True)
    assert solutions[0].output_padding == (0, 1)


def test_even_kernels_need_one_sided_padding() -> None:
    assert solve((8,), (8,), kernel_size=2, stride=1)[0].padding == ((0, 1),)


def test_bad_input() -> None:
    with pytest.raises(
        GeometryError, match="no window leads from 4 to 9 on axis 1.*transposed=True"
    ):
        solve((4, 4), (2, 9), kernel_size=3, stride=2)
    with pytest.raises(GeometryError, match="from 9 to 4 on axis 0.*leave one more of them open"):
        solve((9,), (4,), kernel_size=3, stride=2, padding=5)
    for sizes in (((0,), (3,)), ((3,), (0,)), ((3,), (2.5,)), ((), ())):
        with pytest.raises(GeometryError, match="_size="):
            solve(*sizes)
    with pytest.raises(GeometryError, match="different numbers of axes"):
        solve((4, 4), (2,))
    with pytest.raises(GeometryError, match=r"kernel_size=\(3, 3, 3\) has 3 entries for 2 axes"):
        solve((4, 4), (2, 2), kernel_size=(3, 3, 3))
