"""Every solution maps the sizes; what torch users know by heart comes first."""

from __future__ import annotations

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


def test_axes_may_need_different_settings() -> None:
    solutions = solve((3, 3), (5, 6), kernel_size=3, stride=2, padding=1, transposed=True)
    assert solutions[0].output_padding == (0, 1)


def test_even_kernels_need_one_sided_padding() -> None:
    assert solve((8,), (8,), kernel_size=2, stride=1)[0].padding == ((0, 1),)


def test_bad_input() -> None:
    with pytest.raises(
        GeometryError, match="no window leads from 4 to 9 on axis 1.*leave one more"
    ):
        solve((4, 4), (2, 9), kernel_size=3, stride=2)
    with pytest.raises(GeometryError, match="different numbers of axes"):
        solve((4, 4), (2,))
    with pytest.raises(GeometryError, match=r"kernel_size=\(3, 3, 3\) has 3 entries for 2 axes"):
        solve((4, 4), (2, 2), kernel_size=(3, 3, 3))
