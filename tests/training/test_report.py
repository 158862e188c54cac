"""What the terminal shows while something runs, and what it does not."""

from __future__ import annotations

import io
import sys

import pytest
import torch
from rich.console import Console

from convariant import models
from convariant.errors import MissingDependencyError
from convariant.training import Preprocessing, TerminalReporter
from convariant.training._optional import optional
from convariant.training._threads import enough_threads

ROW = {
    "epoch": 3,
    "step": 30,
    "learning_rate": 0.1,
    "train_loss": 0.51234,
    "train_dice": 0.9,
    "held_out_loss": 0.25,
    "held_out_dice": 0.9876,
    "seconds": 1.26,
}


def reporter(terminal: bool) -> tuple[TerminalReporter, io.StringIO]:
    text = io.StringIO()
    return TerminalReporter(Console(file=text, force_terminal=terminal, width=80)), text


def test_epochs_are_a_table_of_80_columns() -> None:
    shown, text = reporter(terminal=False)
    shown.row(ROW, 30)
    shown.row({**ROW, "epoch": 4}, 30)
    assert text.getvalue().splitlines() == [
        "  epoch  train loss  train dice  held-out loss  held-out dice  seconds",
        "   3/30       0.512     90.00 %          0.250        98.76 %      1.3",
        "   4/30       0.512     90.00 %          0.250        98.76 %      1.3",
    ]


def test_a_bar_is_drawn_in_a_terminal_and_only_for_what_takes_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([0.0, 0.0, 0.1, 1.0, 1.1])
    monkeypatch.setattr("convariant.training._report.time.monotonic", lambda: next(clock))
    shown, text = reporter(terminal=True)
    shown.advance("training", 1, 10)
    assert text.getvalue() == ""
    shown.advance("training", 5, 10)
    shown.note("[a note]")
    shown.close()
    assert "training" in text.getvalue()
    assert "5/10" in text.getvalue()
    assert "[a note]" in text.getvalue()


def test_a_file_gets_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr("convariant.training._report.time.monotonic", lambda: next(clock))
    shown, text = reporter(terminal=False)
    for done in range(5):
        shown.advance("training", done, 5)
    assert text.getvalue() == ""


def test_a_missing_package_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(
        MissingDependencyError,
        match=r"reading images needs the package 'pillow'; .*pip install 'convariant\[train\]'",
    ):
        optional("PIL.Image", "reading images")
    with pytest.raises(MissingDependencyError, match="'no_such_package'"):
        optional("no_such_package.part", "this")


def test_small_networks_get_one_thread() -> None:
    small = models.create("lenet5"), Preprocessing((28, 28), 1, (0.0,), (1.0,))
    large = models.create("resnet18", in_channels=1, small_input=True), small[1]
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for (network, preprocessing), expected in ((small, 1), (large, 2)):
            with enough_threads(network, preprocessing, 64):
                assert torch.get_num_threads() == expected
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
