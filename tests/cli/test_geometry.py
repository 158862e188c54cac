"""convariant geometry: forward, inverse, transposed, solving."""

from __future__ import annotations

import json
from typing import Any

import pytest

from convariant import OptionError
from convariant.cli.geometry import read_numbers, read_padding


def test_forward_says_what_comes_out_and_how_to_come_back(run: Any) -> None:
    answer = run("geometry", "-k", "3", "-s", "2", "-p", "1", "-i", "6x6")
    assert answer.code == 0
    assert answer.out == (
        "window: kernel 3x3, stride 2x2, padding 1x1\n"
        "input 6x6 gives output 3x3, as all inputs of 5..6 x 5..6 do\n"
        "the way back to 6x6 is a transposed convolution: kernel 3x3, stride 2x2, padding 1x1, "
        "output padding 1x1\n"
        "in effect: 1x1 zeros between inputs, padding 1x1, 1x1 more at the end, then a convolution "
        "of stride 1\n"
    )


def test_transposed_windows_are_explained(run: Any) -> None:
    answer = run("geometry", "-t", "-k", "3", "-s", "2", "-p", "1", "-i", "3x3")
    assert answer.out == (
        "transposed convolution: kernel 3x3, stride 2x2, padding 1x1, output padding 0x0\n"
        "input 3x3 gives output 5x5\n"
        "it is the gradient of a window: kernel 3x3, stride 2x2, padding 1x1\n"
        "in effect: 1x1 zeros between inputs, padding 1x1, 0x0 more at the end, then a convolution "
        "of stride 1\n"
    )


def test_inverse_gives_ranges(run: Any) -> None:
    answer = run("geometry", "-k", "3x5", "-s", "2", "--output", "3x3")
    assert answer.out == (
        "window: kernel 3x5, stride 2x2, padding 0x0\noutput 3x3 comes from inputs 7..8 x 9..10\n"
    )


def test_solving_finds_what_is_left_open(run: Any) -> None:
    answer = run("geometry", "-i", "3x3", "--output", "6x6", "-k", "3", "-s", "2", "-p", "1", "-t")
    assert answer.out == (
        "transposed convolution: kernel 3x3, stride 2x2, padding 1x1, output padding 1x1\n"
    )
    answer = run("geometry", "-i", "28", "-o", "14", "-k", "2", "--json")
    windows = json.loads(answer.out)["windows"]
    assert windows[0]["stride"] == [2]
    assert windows[0]["padding"] == [[0, 0]]


def test_same_padding_is_shown_in_numbers_and_in_json(run: Any) -> None:
    words = ("geometry", "-k", "3", "-s", "2", "-p", "same", "-d", "2", "-i", "7x8")
    assert run(*words).out.splitlines()[:3] == [
        "window: kernel 3x3, stride 2x2, padding same, dilation 2x2",
        "input 7x8 gives output 4x4, as all inputs of 7..8 x 7..8 do",
        "padding in numbers: 2x1:2",
    ]
    values = json.loads(run(*words, "--json").out)
    assert values["output"] == [4, 4]
    assert values["padding_in_numbers"] == [[2, 2], [1, 2]]
    assert values["transposed"]["transposed"] is True
    assert values["effective"]["zeros_inserted"] == [1, 1]


def test_ceil_mode_is_that_of_pooling(run: Any) -> None:
    answer = run("geometry", "-k", "2", "-s", "2", "--ceil-mode", "-i", "5")
    assert "input 5 gives output 3" in answer.out
    assert "ceil mode" in answer.out


def test_what_does_not_fit_is_one_sentence(run: Any) -> None:
    assert (
        "Kernel size can't be greater than actual input size"
        in run("geometry", "-k", "5", "-i", "3").sentence()
    )
    assert (
        "no window leads from 5 to 50"
        in run("geometry", "-i", "5", "--output", "50", "-s", "1").sentence()
    )
    assert "geometry needs --input, --output or both" in run("geometry", "-k", "3").sentence()
    assert "needs --kernel to find one size" in run("geometry", "-i", "3").sentence()


def test_reading_numbers_and_padding() -> None:
    assert read_numbers("--kernel", "3X5x7") == (3, 5, 7)
    assert read_numbers("--kernel", None) is None
    assert read_padding(None) == 0
    assert read_padding("1x2") == (1, 2)
    assert read_padding("0:1x2:3") == ((0, 1), (2, 3))
    with pytest.raises(OptionError, match="--kernel is 'three'; write one number, or one for each"):
        read_numbers("--kernel", "three")
    for text in ("0:1x", "a:b", "1:2:3"):
        with pytest.raises(OptionError, match=f"--padding is '{text}'; write begin:end for each"):
            read_padding(text)
