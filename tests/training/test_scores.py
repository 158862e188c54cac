"""Scores against their definitions, and the loss against torch's."""

from __future__ import annotations

import json
import math

import pytest
import torch
import torch.nn.functional as F

from convariant.training import Scores
from convariant.training._reading import UNCOUNTED
from convariant.training._scores import Tally, loss_of
from support.compare import assert_close

CLASSES = ("background", "a", "b")


def tally_of(truth: torch.Tensor, called: torch.Tensor, loss: float = 0.5) -> Tally:
    tally = Tally(3)
    logits = F.one_hot(called, 3).movedim(-1, 1).float()
    tally.add(torch.tensor(loss), logits, truth)
    return tally


def test_confusion_counts_truth_by_prediction() -> None:
    truth, called = torch.tensor([0, 0, 1, 2, 2]), torch.tensor([0, 1, 1, 0, 2])
    scores = tally_of(truth, called).scores("classification", CLASSES)
    assert scores.confusion == ((1, 1, 0), (0, 1, 0), (1, 0, 1))
    assert scores.accuracy == 3 / 5
    assert scores.recall == (1 / 2, 1, 1 / 2)
    assert scores.precision == (1 / 2, 1 / 2, 1)
    assert (scores.loss, scores.images) == (0.5, 5)
    assert scores.main == ("accuracy", 3 / 5)
    assert scores.worst_confusions(5) == [(1, "background", "a"), (1, "b", "background")]


def test_dice_is_that_of_sets_of_pixels() -> None:
    truth, called = torch.randint(0, 3, (4, 9, 9)), torch.randint(0, 3, (4, 9, 9))
    truth[:, 0] = UNCOUNTED
    scores = tally_of(truth, called).scores("segmentation", CLASSES)
    seen = truth != UNCOUNTED
    for number in range(3):
        a, b = (truth == number) & seen, (called == number) & seen
        expected = 2 * (a & b).sum() / (a.sum() + b.sum())
        assert scores.dice[number] == pytest.approx(expected.item())
    assert scores.mean_dice == pytest.approx((scores.dice[1] + scores.dice[2]) / 2)
    assert scores.main == ("dice", scores.mean_dice)


def test_a_class_that_does_not_occur_is_not_defined_and_not_counted() -> None:
    scores = tally_of(torch.tensor([0, 1]), torch.tensor([0, 1])).scores("segmentation", CLASSES)
    assert math.isnan(scores.dice[2])
    assert scores.mean_dice == 1
    values = json.loads(json.dumps(scores.to_json(), allow_nan=False))
    assert values["per_class"]["recall"] == {"background": 1.0, "a": 1.0, "b": None}
    assert values["dice"] == 1.0


def test_sums_of_two_processes_add_up() -> None:
    truth, called = torch.randint(0, 3, (20,)), torch.randint(0, 3, (20,))
    halves = tally_of(truth[:15], called[:15], 1.0), tally_of(truth[15:], called[15:], 2.0)
    total = Tally(3)
    total.sums = halves[0].sums + halves[1].sums
    scores = total.scores("classification", CLASSES)
    whole = tally_of(truth, called).scores("classification", CLASSES)
    assert scores.confusion == whole.confusion
    assert scores.loss == pytest.approx((15 * 1.0 + 5 * 2.0) / 20)


def test_the_loss_is_the_mean_over_what_counts() -> None:
    logits, classes = torch.randn(6, 300), torch.randint(0, 300, (6,))
    classes[0] = 255  # a class like any other, though 255 in a mask file is ignored
    assert_close(loss_of(logits, classes), F.cross_entropy(logits, classes))
    assert_close(
        loss_of(logits, classes, 0.1), F.cross_entropy(logits, classes, label_smoothing=0.1)
    )
    pixels, masks = torch.randn(2, 3, 5, 5), torch.randint(0, 3, (2, 5, 5))
    masks[:, 2] = UNCOUNTED
    kept = masks != UNCOUNTED
    expected = F.cross_entropy(pixels.movedim(1, -1)[kept], masks[kept])
    assert_close(loss_of(pixels, masks), expected, reduction=50)
    nothing = torch.full_like(masks, UNCOUNTED)
    assert loss_of(pixels, nothing) == 0


def test_scores_of_nothing_are_not_defined() -> None:
    scores = Tally(3).scores("classification", CLASSES)
    assert isinstance(scores, Scores)
    assert math.isnan(scores.accuracy)
    assert math.isnan(scores.loss)
