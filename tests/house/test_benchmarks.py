"""`make bench`: what it reads from the command line, and what a row of its table says."""

from __future__ import annotations

import pytest
from benchmarks.__main__ import digits, markdown, parse

from convariant.compiler.peers import Lap


def test_no_network_named_is_no_error() -> None:
    assert parse([]).networks == []
    assert parse(["unet", "dilated head", "--threads", "1,2"]).networks == ["unet", "dilated head"]


def test_an_unknown_network_is_named_with_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        parse(["vgg"])
    assert "no network 'vgg': one of lenet5," in capsys.readouterr().err


@pytest.mark.parametrize(
    ("milliseconds", "text"), [(0.008412, "0.00841"), (9.2, "9.20"), (27.9, "27.9"), (1402, "1402")]
)
def test_digits(milliseconds: float, text: str) -> None:
    assert digits(milliseconds) == text


def test_a_row_compares_our_times_with_the_best_peer() -> None:
    laps = [lap("convariant", 2.0, 4.0), lap("a", 3.0, 6.0), lap("b", 4.0, 5.0), lap("c")]
    cells = markdown("unet", 8, 2, laps).split(" | ")
    assert cells[1:3] == ["8", "2"]
    assert cells[-3:] == ["failed", "1.25", "1.50 |"]


def lap(engine: str, *times: float) -> Lap:
    """Of so many calls: the least is the best, and of three the second is the median."""
    return Lap(engine, times=[times[0], times[1], times[1]] if times else [])
