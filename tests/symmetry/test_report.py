"""The report before and after a rewriting against shifts."""

from __future__ import annotations

import json

import torch

import convariant as cv
from convariant.analysis.symmetry import shift_report


def test_consistency_and_cost_before_and_after():
    torch.manual_seed(0)
    model = cv.models.create("resnet", depths=(1, 1), width=4, small_input=True, num_classes=3)
    images = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    report = shift_report(model.eval(), images, labels=torch.zeros(6, dtype=torch.int64))
    before, polyphase, blur = report.rows
    assert [row.form for row in report.rows] == ["as it was", "polyphase", "blur"]
    assert (polyphase.circular, polyphase.left_alone) == (1.0, 0)
    assert polyphase.error < 1e-5 < blur.error < before.error
    assert before.params == polyphase.params == blur.params
    assert before.macs < polyphase.macs
    assert all(row.milliseconds > 0 for row in report.rows)
    text = str(report)
    assert text.startswith("ResNet: answers that stay under shifts")
    assert "same, circular" in text
    assert json.loads(json.dumps(report.to_json()))["rows"][1]["circular"] == 1.0
