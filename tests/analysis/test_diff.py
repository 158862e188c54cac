"""Two networks side by side."""

from __future__ import annotations

import json

import torch
from torch import nn

from convariant import diff, inspect
from convariant.models import create


def block(groups: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(8, 8, 3, groups=groups, bias=False), nn.ReLU())


def test_changed_layer() -> None:
    result = diff(block(1), block(8), (8, 6, 6))
    (change,) = result.changes
    assert (change.params, change.macs) == (72 - 576, (72 - 576) * 16)
    assert result.totals()["params"] == (576, 72)
    lines = str(result).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[2].split() == ["params", "576", "72", "-504", "0.125", "x"]
    assert " ".join(lines[-1].split()) == "~ 0 conv 3x3 -> depthwise conv 3x3 -504 -8.06k"


def test_equal_networks() -> None:
    result = diff(block(1), block(1), (8, 6, 6))
    assert not result.changes
    assert str(result).endswith("every layer is the same")


def test_added_and_removed_layers_are_matched_by_name() -> None:
    with torch.device("meta"):
        small, large = create("resnet18"), create("resnet34")
    result = diff(small, large, 64)
    assert all(c.before is None for c in result.changes)
    assert sum(c.params for c in result.changes) == 21_797_672 - 11_689_512
    text = str(result)
    assert "+ layer1.2.conv1" in text
    assert "more layers differ, without change in parameters or MACs" in text
    back = diff(large, small, 64)
    assert "- layer1.2.conv1" in str(back)


def test_networks_without_common_names_are_matched_by_kind() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(8, 16, 3, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.first(x).relu()

    result = diff(inspect(block(1), (8, 6, 6)), Named(), (8, 6, 6))
    assert [(c.before.name, c.after.name) for c in result.changes if c.before and c.after] == [
        ("0", "first"),
        ("1", "relu"),
    ]


def test_json() -> None:
    data = json.loads(diff(block(1), block(2), (8, 6, 6)).to_json())
    assert data["totals"]["macs"] == {"before": 9216, "after": 4608}
    assert data["changes"][0]["before"]["attributes"] == "3x3"
    assert data["changes"][0]["after"]["attributes"] == "3x3 g2"
    data = json.loads(diff(nn.ReLU(), nn.Sequential(nn.ReLU(), nn.Tanh()), (1, 2)).to_json())
    assert data["changes"][-1]["before"] is None
