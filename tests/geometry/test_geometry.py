"""Geometry against brute force over windows, against torch, and by its own inverse."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convariant import Geometry, GeometryError
from convariant.geometry import conv_output_size, conv_transpose_output_size

SMALL = list(
    itertools.product(range(1, 8), range(1, 5), range(1, 4), range(3), range(3), range(1, 4))
)


def windows_that_fit(i: int, k: int, s: int, b: int, e: int, d: int) -> int:
    """Count window positions on a padded line, one by one."""
    padded = np.arange(b + i + e)
    starts = range(0, len(padded), s)
    return sum(1 for start in starts if start + d * (k - 1) < len(padded))


@pytest.mark.parametrize("k", range(1, 5))
def test_output_size_counts_the_windows_that_fit(k: int) -> None:
    for i, kernel, s, b, e, d in SMALL:
        if kernel != k:
            continue
        expected = windows_that_fit(i, k, s, b, e, d)
        geometry = Geometry(k, s, ((b, e),), d)
        if expected:
            assert geometry.output_size((i,)) == (expected,)
        else:
            with pytest.raises(GeometryError, match="Kernel size can't be greater"):
                geometry.output_size((i,))


@pytest.mark.parametrize("k", range(1, 5))
def test_transposed_size_counts_what_the_scatter_writes(k: int) -> None:
    for i, kernel, s, b, e, d in SMALL:
        if kernel != k:
            continue
        written = (i - 1) * s + d * (k - 1) + 1  # the last tap of the last input, plus one
        for op in range(max(s, d)):
            expected = written - b - e + op
            geometry = Geometry(k, s, ((b, e),), d, op, transposed=True)
            if expected >= 1:
                assert geometry.output_size((i,)) == (expected,)
            else:
                with pytest.raises(GeometryError, match="Output size is too small"):
                    geometry.output_size((i,))


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_torch_max_pool_agrees(ceil_mode: bool) -> None:
    for i, k, s, p, d in itertools.product(
        range(1, 12), range(1, 5), range(1, 5), range(3), range(1, 3)
    ):
        if p > (d * (k - 1) + 1) // 2 or p > k // 2:
            continue
        geometry = Geometry(k, s, p, d, ceil_mode=ceil_mode)
        line = torch.zeros(1, 1, i)
        try:
            size = torch.nn.functional.max_pool1d(line, k, s, p, d, ceil_mode=ceil_mode).shape[2:]
        except RuntimeError:
            with pytest.raises(GeometryError):
                geometry.output_size((i,))
        else:
            assert geometry.output_size((i,)) == tuple(size)


def test_torch_conv_and_conv_transpose_agree() -> None:
    for i, k, s, p, d in itertools.product(
        range(1, 8), range(1, 5), range(1, 4), range(3), range(1, 3)
    ):
        x, weight = torch.zeros(1, 1, i), torch.zeros(1, 1, k)
        for op in range(max(s, d)):
            geometry = Geometry(k, s, p, d, op, transposed=True)
            try:
                size = torch.conv_transpose1d(x, weight, None, s, p, op, 1, d).shape[2:]
            except RuntimeError:
                with pytest.raises(GeometryError):
                    geometry.output_size((i,))
            else:
                assert geometry.output_size((i,)) == tuple(size)
        forward = Geometry(k, s, p, d)
        try:
            size = torch.conv1d(x, weight, None, s, p, d).shape[2:]
        except RuntimeError:
            with pytest.raises(GeometryError):
                forward.output_size((i,))
        else:
            assert forward.output_size((i,)) == tuple(size)


geometries = st.builds(
    lambda k, s, b, e, d, op, transposed, ceil: Geometry(
        k,
        s,
        ((b, e),),
        d,
        op % max(s, d) if transposed else 0,
        transposed,
        ceil and not transposed,
    ),
    *[st.integers(1, 6), st.integers(1, 5), st.integers(0, 4), st.integers(0, 4)],
    *[st.integers(1, 4), st.integers(0, 4), st.booleans(), st.booleans()],
)


@given(geometries, st.integers(1, 40))
def test_input_sizes_is_the_exact_inverse(geometry: Geometry, i: int) -> None:
    try:
        (o,) = geometry.output_size((i,))
    except GeometryError:
        return
    (found,) = geometry.input_sizes((o,))
    assert i in found
    for candidate in range(max(found.start - 3, 1), found.stop + 3):
        gives = _output_or_none(geometry, candidate) == o
        assert gives == (candidate in found)


@pytest.mark.parametrize("size", [10**9, 2**40 + 1, 2**62, 10**30])
def test_sizes_are_exact_whatever_their_length(size: int) -> None:
    window = Geometry(2**31 - 1, stride=2**31 - 1, padding=7)
    (o,) = window.output_size((max(size, 2**31),))
    assert o == (max(size, 2**31) + 14 - (2**31 - 1)) // (2**31 - 1) + 1
    halves = Geometry(2, stride=2)
    assert halves.input_sizes((size,)) == (range(2 * size, 2 * size + 2),)
    assert halves.transpose().output_size((size,)) == (2 * size,)
    assert Geometry(3, padding=1).input_sizes(np.array([size, 5])) == (
        range(size, size + 1),
        range(5, 6),
    )


def _output_or_none(geometry: Geometry, i: int) -> int | None:
    try:
        return geometry.output_size((i,))[0]
    except GeometryError:
        return None


@given(geometries, st.integers(1, 40))
def test_explicit_keeps_the_output_size(geometry: Geometry, i: int) -> None:
    if _output_or_none(geometry, i) is None:
        return
    explicit = geometry.explicit((i,))
    assert explicit.output_size((i,)) == geometry.output_size((i,))
    assert not explicit.ceil_mode


@given(geometries, st.integers(1, 40))
def test_transpose_leads_back_to_the_input_size(geometry: Geometry, i: int) -> None:
    o = _output_or_none(geometry, i)
    if o is None or geometry.transposed:
        return
    back = geometry.transpose(input_size=(i,))
    assert back.output_size((o,)) == (i,)
    assert back.transpose().output_size((i,)) == (o,)


@given(geometries, st.integers(1, 20))
def test_effective_convolution_has_the_same_size_and_taps(geometry: Geometry, i: int) -> None:
    if not geometry.transposed or _output_or_none(geometry, i) is None:
        return
    effective = geometry.effective()
    (o,) = geometry.output_size((i,))
    assert effective.output_size((i,)) == (o,)
    # slide the flipped kernel over the zero-stuffed line, element by element
    k, d = geometry.kernel_size[0], geometry.dilation[0]
    (z,), ((b, _),) = effective.zeros_inserted, effective.padding
    for position in range(o):
        stuffed = [(position - b + d * t, k - 1 - t) for t in range(k)]
        expected = {
            (at // (z + 1), tap)
            for at, tap in stuffed
            if at % (z + 1) == 0 and 0 <= at // (z + 1) < i
        }
        assert set(geometry.taps(0, position, (i,))) == expected


@given(geometries, st.integers(1, 20))
def test_taps_of_the_transpose_are_the_taps_turned_round(geometry: Geometry, i: int) -> None:
    o = _output_or_none(geometry, i)
    if o is None or geometry.transposed:
        return
    forward = {(y, x, t) for y in range(o) for x, t in geometry.taps(0, y, (i,))}
    back = geometry.transpose(input_size=(i,))
    backward = {(y, x, t) for x in range(i) for y, t in back.taps(0, x, (o,))}
    assert forward == backward


@pytest.mark.parametrize(
    ("i", "k", "s", "d"), [*itertools.product(range(1, 9), (1, 2, 3, 5), (1, 2, 3), (1, 2))]
)
def test_same_rules(i: int, k: int, s: int, d: int) -> None:
    """TensorFlow's formula, written out: total = max((o-1)s + d(k-1)+1 - i, 0)."""
    o = -(-i // s)
    total = max((o - 1) * s + d * (k - 1) + 1 - i, 0)
    upper, lower = Geometry(k, s, "same", d), Geometry(k, s, "same_lower", d)
    assert upper.output_size((i,)) == lower.output_size((i,)) == (o,)
    assert upper.pads((i,)) == ((total // 2, total - total // 2),)
    assert lower.pads((i,)) == ((total - total // 2, total // 2),)
    assert upper.explicit((i,)).output_size((i,)) == (o,)
    if s == 1 and total % 2 == 0:  # torch warns where one side is longer
        x, weight = torch.arange(1.0, i + 1).view(1, 1, i), torch.arange(1.0, k + 1).view(1, 1, k)
        ((b, e),) = upper.pads((i,))
        by_hand = torch.conv1d(torch.nn.functional.pad(x, (b, e)), weight, dilation=d)
        assert torch.equal(torch.conv1d(x, weight, padding="same", dilation=d), by_hand)


@pytest.mark.parametrize(("k", "s", "d"), [*itertools.product((1, 2, 3, 5), (1, 2, 3), (1, 2))])
def test_transposed_same_multiplies_the_size_by_the_stride(k: int, s: int, d: int) -> None:
    geometry = Geometry(k, s, "same", d, transposed=True)
    assert geometry.output_size((4,)) == (4 * s,)
    explicit = geometry.explicit((4,))
    assert explicit.output_size((4,)) == (4 * s,)
    forward = Geometry(k, s, "same", d)
    assert explicit.pads((4,)) == forward.pads((4 * s,))


def test_lecture_examples() -> None:
    """The four pairs of the lecture, with the numbers printed under their pictures."""
    first = Geometry(3).transpose(input_size=(4, 4))
    assert Geometry(3).output_size((4, 4)) == (2, 2)
    assert first.output_size((2, 2)) == (4, 4)
    assert first.effective().padding == ((2, 2), (2, 2))
    assert first.effective().stride == (1, 1)

    strided = Geometry(3, stride=2, padding=1)
    second = strided.transpose(input_size=(5, 5))
    assert strided.output_size((5, 5)) == strided.output_size((6, 6)) == (3, 3)
    assert second.output_padding == (0, 0)
    assert second.output_size((3, 3)) == (5, 5)
    assert second.effective().zeros_inserted == (1, 1)
    assert second.effective().padding == ((1, 1), (1, 1))

    fourth = strided.transpose(input_size=(6, 6))
    assert fourth.output_padding == (1, 1)
    assert fourth.output_size((3, 3)) == (6, 6)
    assert fourth.effective().extra == (1, 1)


def test_one_value_stands_for_all_axes() -> None:
    geometry = Geometry(3, stride=(1, 2, 3), padding=((0, 1), (1, 0), (2, 2)))
    assert geometry.axes == 3
    assert geometry.kernel_size == (3, 3, 3)
    assert geometry.output_size((5, 6, 7)) == (4, 3, 3)
    assert Geometry(3).on_axes(3) == Geometry((3, 3, 3))
    assert Geometry(np.int64(3)) == Geometry(3)


def test_repr_shows_only_what_differs_and_evaluates_back() -> None:
    plain = Geometry(3)
    full = Geometry((3, 1), 2, ((0, 1), (2, 2)), (1, 2), (1, 0), transposed=True)
    assert repr(plain) == "Geometry(kernel_size=(3,))"
    for geometry in (plain, full, Geometry(2, ceil_mode=True), Geometry(3, padding="same_lower")):
        assert eval(repr(geometry)) == geometry


def test_helper_functions_match_their_torch_modules() -> None:
    assert conv_output_size(224, 7, stride=2, padding=3) == 112
    assert conv_output_size((5, 7), (3, 1), padding=(1, 0)) == (5, 7)
    assert conv_transpose_output_size((3, 4), 3, 2, 1, 1) == (6, 8)
    with pytest.raises(GeometryError, match=r"one number but the window has 2 axes.*\(7, 7\)"):
        conv_output_size(7, (3, 3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Geometry(0), "non-positive kernel_size is not supported.*the least is 1"),
        (lambda: Geometry(3, stride=0), "non-positive stride is not supported"),
        (lambda: Geometry(3, dilation=-1), "non-positive dilation is not supported"),
        (lambda: Geometry(3, output_padding=-1, transposed=True), "negative output_padding"),
        (lambda: Geometry(3, padding=-1), "negative padding is not supported.*crop the input"),
        (lambda: Geometry(3.0), "kernel_size=3.0 is not an int"),
        (lambda: Geometry(True), "kernel_size=True is not an int"),
        (lambda: Geometry(()), r"kernel_size=\(\) is not an int"),
        (lambda: Geometry(3, padding="full"), "Invalid padding string 'full'"),
        (lambda: Geometry(3, padding=((1, 2, 3),)), "pair per axis"),
        (lambda: Geometry(3, padding=1.5), "padding=1.5 is not understood"),
        (lambda: Geometry((3, 3), stride=(1, 1, 1)), "disagree on the number of axes"),
        (lambda: Geometry((1, 1, 1, 1)), "1 to 3 axes, not 4"),
        (lambda: Geometry(3, output_padding=1), "needs transposed=True"),
        (lambda: Geometry(3, ceil_mode=True, transposed=True), "ceil_mode is for convolution"),
        (
            lambda: Geometry(3, stride=2, output_padding=2, transposed=True),
            "output padding must be smaller than either stride or dilation.*allowed here is 1",
        ),
        (
            lambda: Geometry(3, 2, "same", output_padding=1, transposed=True),
            "already fixes the output size",
        ),
        (lambda: Geometry((3, 3)).output_size((5,)), "window has 2 axes.*but 1 are given"),
        (lambda: Geometry(3).output_size(5), "is not a tuple of integers"),
        (lambda: Geometry(3).output_size(()), r"input_size=\(\) is not a tuple of integers"),
        (lambda: Geometry(3).output_size(None), "input_size=None is not a tuple of integers"),
        (lambda: Geometry(np.array([3, 3])), r"kernel_size=array\(\[3, 3\]\) is not an int"),
        (lambda: Geometry(2**31), "kernel_size=2147483648 is not supported; the largest is"),
        (lambda: Geometry(3, padding=((0, 2**31),)), "padding=.*the largest is 2147483647"),
        (lambda: Geometry(3).output_size((5, 0)), "has an axis of size 0"),
        (
            lambda: Geometry(5).output_size((3,)),
            r"padded input size per channel: \(3\).*at least 5 or padding=\(1, 1\)",
        ),
        (
            lambda: Geometry(3, 2, 1, transposed=True).input_sizes((6,)),
            "no input size gives output size 6 on axis 0.*5 or 7.*output_padding",
        ),
        (lambda: Geometry(3, padding=4).input_sizes((1,)), "nearest output is 7; use less padding"),
        (lambda: Geometry(3).effective(), "is not transposed"),
        (lambda: Geometry(2, ceil_mode=True).transpose(), "has no transpose by itself"),
    ],
)
def test_every_wrong_value_has_its_own_message(make, message: str) -> None:
    with pytest.raises(GeometryError, match=f"(?s){message}"):
        make()
