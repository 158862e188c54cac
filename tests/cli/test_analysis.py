"""convariant inspect, lint and diff: what they print, write and refuse."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from convariant import models
from convariant.cli import bench, report
from convariant.cli._app import build
from convariant.training import Preprocessing, SavedModel, save_model


def run_command(*arguments: str) -> Result:
    return CliRunner().invoke(build(), list(arguments), terminal_width=100)


def test_inspect_prints_a_table_of_80_columns() -> None:
    result = run_command("inspect", "lenet5")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "LeNet5  1x1x32x32 -> 1x10"
    assert max(map(len, lines)) <= 80
    assert any("416,520" in text for text in lines)


def test_inspect_takes_size_options_and_convention() -> None:
    arguments = ("--size", "3x160x160", "--option", "width=0.5", "--convention", "fvcore")
    result = run_command("inspect", "mobilenet_v1", *arguments, "--json")
    data = json.loads(result.stdout)
    assert data["input_sizes"] == [[1, 3, 160, 160]]
    assert data["params"] == 1_331_592
    assert data["count"]["convention"] == "fvcore"


def test_inspect_tree_table1_and_sizes() -> None:
    assert "└─ fc linear" in run_command("inspect", "mobilenet_v1", "--depth", "1").stdout
    assert "5 x Conv dw / s1" in run_command("inspect", "mobilenet_v1", "--table1").stdout
    assert run_command("inspect", "alexnet", "--sizes").stdout == "n = 227, of all up to 354\n"


def test_inspect_writes_html_and_csv(tmp_path: Path) -> None:
    page, rows = tmp_path / "page.html", tmp_path / "rows.csv"
    result = run_command("inspect", "lenet5", "--html", str(page), "--csv", str(rows))
    assert result.stdout.splitlines() == [f"wrote {page}", f"wrote {rows}"]
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    with rows.open(newline="") as file:
        assert sum(int(row["macs"]) for row in csv.DictReader(file)) == 416_520


def test_a_saved_network_is_looked_at_in_the_size_it_was_trained_on(tmp_path: Path) -> None:
    network = models.create("resnet18", num_classes=2, in_channels=1).eval()  # made for 224x224
    preprocessing = Preprocessing((28, 20), 1, (0.0,), (1.0,))
    save_model(tmp_path, SavedModel(network, "classification", ("a", "b"), preprocessing))
    folder = str(tmp_path)
    data = json.loads(run_command("inspect", folder, "--json").stdout)
    assert data["input_sizes"] == [[1, 1, 28, 20]]
    data = json.loads(run_command("inspect", folder, "--size", "32", "--json").stdout)
    assert data["input_sizes"] == [[1, 1, 32, 32]]
    assert run_command("lint", folder).stdout.startswith("ResNet at 1x1x28x20: ")
    certified = run_command("symmetry", "certify", folder).stdout
    assert certified.startswith("ResNet on 1x1x28x20 under circular_shift: ")
    assert bench._opened(folder, None, 2).example.shape == (2, 1, 28, 20)


def test_the_margin_of_a_saved_network_counts_once(tmp_path: Path) -> None:
    network = models.create("unet", num_classes=2, mode="paper", widths=(2, 4)).eval()
    margin = network.margin // 2
    preprocessing = Preprocessing((20, 20), 1, (0.0,), (1.0,), (margin, margin))
    save_model(tmp_path, SavedModel(network, "segmentation", ("a", "b"), preprocessing))
    shape = (1, 1, 20 + 2 * margin, 20 + 2 * margin)
    data = json.loads(run_command("inspect", str(tmp_path), "--json").stdout)
    assert data["input_sizes"] == [list(shape)]
    assert report._inputs(str(tmp_path), [], shape).shape[1:] == shape[1:]


def test_lint_prints_findings_and_strict_fails_on_warnings() -> None:
    result = run_command("lint", "resnet18", "--size", "225")
    assert result.exit_code == 0
    assert "see docs/inspect.md#stride-exceeds-kernel" in result.stdout
    assert run_command("lint", "resnet18", "--strict").exit_code == 0
    strict = run_command("lint", "resnet18", "--object", "500", "--strict", "--json")
    assert strict.exit_code == 1
    assert json.loads(strict.stdout)["findings"][3]["rule"] == "small-receptive-field"


def test_diff_prints_totals() -> None:
    result = run_command("diff", "resnet18", "resnet34", "--size", "64", "--json")
    assert json.loads(result.stdout)["totals"]["params"] == {
        "before": 11_689_512,
        "after": 21_797_672,
    }
    assert "ResNet -> ResNet" in run_command("diff", "resnet18", "resnet18").stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("inspect", "resnet19"), "no model is named 'resnet19'; did you mean 'resnet18'?"),
        (("inspect", "lenet5", "--size", "3by4"), "--size is '3by4'; write 224"),
        (("inspect", "alexnet", "--size", "224"), "alexnet takes images of 227"),
        (("inspect", "lenet5", "--table1"), "Table 1 is about MobileNet v1"),
        (("lint", "x.onnx", "--option", "width=2"), "--option builds a network by name"),
        (("diff", "lenet5", "missing.onnx"), "missing.onnx"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    arguments: tuple[str, ...], sentence: str
) -> None:
    result = run_command(*arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["inspect", "lint", "diff"])
def test_help_has_an_example(command: str) -> None:
    assert f"Example: convariant {command}" in run_command(command, "--help").stdout
