"""The sphere's study on small numbers, and its figures by hand."""

from __future__ import annotations

import json
import statistics

import pytest
import torch
from torch import nn

from convariant import OptionError
from convariant.nn import random_rotation, rotate_sphere
from convariant.training import sphere_study
from convariant.training._digit_recipe import digits, spread
from convariant.training.sphere_study import SphereStudy, SphereTrial, run_sphere_study
from support.compare import assert_equal


def test_both_networks_learn_and_the_spherical_one_follows_rotations():
    study = run_sphere_study(seeds=[0, 1], epochs=1, images=20, learned=64)
    asked = [(t.seed, t.trained, t.network) for t in study.trials]
    assert asked == [
        (s, t, n) for s in (0, 1) for t in ("upright", "turned") for n in ("spherical", "planar")
    ]
    for spherical, planar in zip(study.trials[::2], study.trials[1::2], strict=True):
        assert 2 * spherical.error < planar.error
    assert {t.params for t in study.trials} == {13_418, 13_258}
    assert all(t.seconds > 0 for t in study.trials)
    assert json.loads(json.dumps(study.to_json()))["trials"][3]["network"] == "planar"
    assert max(map(len, str(study).splitlines())) <= 80


def test_the_table_has_means_and_deviations_over_the_seeds():
    values = {"network": "planar", "trained": "turned", "params": 13_258, "seconds": 12.3}
    shares = [(0.5, 0.2, 1.0, 0.75), (0.6, 0.4, 1.0, 1.25)]
    trials = [
        SphereTrial(**values, seed=i, upright=u, turned=t, same=s, error=e)
        for i, (u, t, s, e) in enumerate(shares)
    ]
    last = str(SphereStudy(tuple(trials))).splitlines()[-1].split("  ")
    assert [cell.strip() for cell in last if cell] == [
        *("planar", "turned", "13,258", "12"),
        *("55.0 ± 7.1", "30.0 ± 14.1", "100.0 ± 0.0", "100.0 ± 35.4"),
    ]
    assert statistics.stdev([50, 60]) == pytest.approx(7.07, abs=0.01)


def test_the_figures_of_a_trial_by_hand():
    upright = torch.tensor([[2.0, 0.0], [0.0, 2.0], [2.0, 0.0], [0.0, 2.0]])
    turned = torch.tensor([[2.0, 0.0], [2.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    answers = torch.tensor([0, 1, 1, 1])
    trial = sphere_study._asked(nn.Identity(), "own", "upright", 0, 1.0, upright, turned, answers)
    assert (trial.upright, trial.turned, trial.same) == (0.75, 0.5, 0.75)
    assert trial.error == pytest.approx((0 + 2**0.5 + 0.5 + 0) / 4)


def test_every_image_has_a_rotation_and_neighbours_another(monkeypatch):
    monkeypatch.setattr(sphere_study, "ROTATIONS", 2)
    x = sphere_study._on_sphere(digits("held_out", 28)[0][:3])
    y = sphere_study._turned(x, 5)
    for i, seed in enumerate((5, 6, 5)):
        assert_equal(y[i : i + 1], rotate_sphere(x[i : i + 1], random_rotation(seed)))


def test_a_part_of_the_digits_has_all_classes():
    images, labels = digits("held_out")
    assert images.shape == (1000, 1, 32, 32)
    assert_equal(images[:, :, 2:-2, 2:-2], digits("held_out", 28)[0])
    some, theirs = spread(30, images, labels)
    assert_equal(theirs, torch.arange(10).repeat_interleave(3))
    assert_equal(some[3], images[100])
    assert len(spread(3000, labels)[0]) == 1000


@pytest.mark.parametrize("seeds", [[], [1, 1], [-1], [2**63]])
def test_seeds_that_are_none(seeds):
    with pytest.raises(OptionError, match=r"at least one seed.* but got \["):
        run_sphere_study(seeds=seeds)


def test_bad_input():
    with pytest.raises(OptionError, match="at least one epoch and image, but got .*learned=0"):
        run_sphere_study(learned=0)
