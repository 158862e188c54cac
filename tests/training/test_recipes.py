"""The numbers of a run, the seeds derived from its position, and the order of its batches."""

from __future__ import annotations

import pytest

from convariant import models
from convariant.errors import OptionError, UnknownNameError
from convariant.training import Recipe, recipe_of
from convariant.training._loading import TrainingOrder, steps
from convariant.training._recipes import network_options
from convariant.training._seeds import Use, derive


def test_every_network_has_a_recipe_that_builds_it() -> None:
    for name in models.names():
        options = network_options(name, recipe_of(name), (28, 28), {})
        assert set(options) <= set(models.info(name).options)
    with pytest.raises(UnknownNameError, match="no model is named 'lenet'"):
        recipe_of("lenet")


def test_small_images_get_the_small_form() -> None:
    recipe = Recipe()
    assert network_options("resnet18", recipe, (28, 28), {}) == {"small_input": True}
    assert network_options("resnet18", recipe, (224, 224), {}) == {"small_input": False}
    assert network_options("resnet18", recipe, (28, 28), {"small_input": False}) == {
        "small_input": False
    }
    assert network_options("lenet5", recipe, (28, 28), {}) == {}
    assert network_options("lenet5", recipe, (40, 48), {}) == {"input_size": 48}


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("epochs", 0, "at least 1"),
        ("batch_size", 0, "at least 1"),
        ("learning_rate", 0, "above 0"),
        ("learning_rate", float("nan"), "above 0"),
        ("weight_decay", -1, "at least 0"),
        ("momentum", 1, "0 to below 1"),
        ("label_smoothing", 1, "0 to below 1"),
        ("optimizer", "adam", "'adamw' or 'sgd'"),
    ],
)
def test_numbers_out_of_range_are_refused(name: str, value: object, rule: str) -> None:
    with pytest.raises(OptionError, match=f"training takes (a )?{name}.*{rule}"):
        Recipe(**{name: value})


def test_every_epoch_has_every_image_once_in_an_order_of_its_own() -> None:
    epochs = [list(TrainingOrder(12, 4, 0, lambda e=e: 3 * e, (0, 1))) for e in range(2)]
    for epoch in epochs:
        assert sorted(i for batch in epoch for i in batch) == list(range(12))
    assert epochs[0] != epochs[1]


def test_an_order_goes_on_from_any_step() -> None:
    whole = [list(TrainingOrder(13, 4, 7, lambda e=e: 3 * e, (0, 1))) for e in range(2)]
    assert [len(batch) for batch in whole[0]] == [4, 4, 4]
    for step in range(6):
        rest = list(TrainingOrder(13, 4, 7, lambda step=step: step, (0, 1)))
        assert rest == whole[step // 3][step % 3 :]


def test_processes_share_the_very_batches_of_one() -> None:
    alone = list(TrainingOrder(13, 4, 7, lambda: 0, (0, 1)))
    shares = [list(TrainingOrder(13, 4, 7, lambda: 0, (rank, 2))) for rank in range(2)]
    for batch, first, second in zip(alone, *shares, strict=True):
        assert sorted(batch) == sorted(first + second)
        assert len(first) == len(second)


def test_a_set_smaller_than_the_batch_is_one_step() -> None:
    assert steps(5, 64, 1) == 1
    assert [len(b) for b in TrainingOrder(5, 64, 0, lambda: 0, (1, 2))] == [2]


def test_seeds_differ_by_use_and_position() -> None:
    seeds = {derive(s, use, p) for s in range(3) for use in Use for p in range(20)}
    assert len(seeds) == 3 * len(Use) * 20
    assert derive(1, Use.ORDER, 2) == derive(1, Use.ORDER, 2)
    assert all(0 <= seed < 2**63 for seed in seeds)
