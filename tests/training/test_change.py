"""A trained model with layers replaced: kept, read back, and trained again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from convariant.analysis.separable import factorize, mobilize
from convariant.errors import DataError, ModelFileError, OptionError
from convariant.training import (
    Hardware,
    Recipe,
    evaluate,
    fit,
    load_model,
    read_model,
    save_changed,
    training_images,
)
from support.compare import assert_equal

CPU = Hardware(accelerator="cpu", devices=1)
SHORT = Recipe(epochs=2, batch_size=32, learning_rate=5e-3, label_smoothing=0)


@pytest.fixture(scope="module")
def trained(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "run"
    fit("lenet5", f"folder:{shapes}", folder, recipe=SHORT, hardware=CPU)
    return folder


def test_images_are_those_the_network_learned_from_as_it_takes_them(trained, shapes):
    images = training_images(trained, 10)
    preprocessing = read_model(trained).preprocessing
    assert images.shape == (10, 1, *preprocessing.size)
    assert training_images(trained, 10_000).shape[0] == 96  # every image, once
    assert abs(training_images(trained, 10_000).mean().item()) < 1e-4
    with pytest.raises(ModelFileError, match="there is no model folder"):
        training_images(trained / "nothing", 3)


def test_a_model_without_a_record_of_its_data_has_no_images(trained, tmp_path):
    saved = read_model(trained)
    from dataclasses import replace

    with pytest.raises(DataError, match="does not say what it was trained on, so it has no images"):
        training_images(replace(saved, training={}), 3)


@pytest.mark.parametrize("operate", ["factorize", "mobilize"])
def test_a_changed_network_is_saved_read_and_trained_again(trained, shapes, tmp_path, operate):
    network = load_model(trained)
    images = training_images(trained, 16)
    if operate == "factorize":
        changed = factorize(network, budget=0.6, images=images).model
    else:
        changed = mobilize(network).model
    folder = tmp_path / "changed"
    scores = save_changed(trained, changed, folder)
    read = load_model(folder)
    assert_equal(read(images), changed.eval()(images))
    assert evaluate(folder).to_json() == scores.to_json()
    steps = json.loads((folder / "config.json").read_text())["model"]["surgery"]
    assert steps == changed.config["surgery"]

    again = tmp_path / "again"
    result = fit("lenet5", f"folder:{shapes}", again, recipe=SHORT, hardware=CPU, init=folder)
    assert result.model.network.config["surgery"] == steps
    assert [tuple(p.shape) for p in load_model(again).parameters()] == [
        tuple(p.shape) for p in changed.parameters()
    ]
    assert any(
        not torch.equal(a, b)
        for a, b in zip(load_model(again).parameters(), changed.parameters(), strict=True)
    )
    assert result.model.training["init"] == str(folder)


def test_training_begins_with_the_weights_of_the_folder(trained, shapes, tmp_path):
    """A rate of nearly nothing leaves them where they are."""
    still = Recipe(epochs=1, batch_size=32, learning_rate=1e-12, weight_decay=0)
    result = fit(
        "lenet5", f"folder:{shapes}", tmp_path / "still", recipe=still, hardware=CPU, init=trained
    )
    for now, before in zip(
        result.model.network.parameters(), load_model(trained).parameters(), strict=True
    ):
        assert (now - before).abs().max() < 1e-9


def test_a_folder_that_holds_a_model_is_not_overwritten(trained):
    with pytest.raises(ModelFileError, match="already holds a model; choose another folder"):
        save_changed(trained, load_model(trained), trained)


def test_a_beginning_that_does_not_fit_is_refused(trained, shapes, pairs, tmp_path):
    where = tmp_path / "run"
    data = f"folder:{shapes}"
    with pytest.raises(OptionError, match="holds lenet5, not mobilenet_v1; train lenet5 from it"):
        fit("mobilenet_v1", data, where, recipe=SHORT, hardware=CPU, init=trained)
    with pytest.raises(OptionError, match="is built already, so activation cannot be chosen"):
        fit(
            "lenet5",
            data,
            where,
            recipe=SHORT,
            hardware=CPU,
            init=trained,
            options={"activation": "tanh"},
        )
    with pytest.raises(DataError, match="knows the classes bar, square, stripe, but digits has 0"):
        fit("lenet5", "digits", where, recipe=SHORT, hardware=CPU, init=trained)
    with pytest.raises(ModelFileError, match="there is no model folder"):
        fit("lenet5", data, where, recipe=SHORT, hardware=CPU, init=where / "nothing")
    assert not (where / "config.json").exists()


def test_a_config_whose_steps_do_not_fit_is_no_model(trained, tmp_path):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config["model"]["surgery"] = [{"path": "c9", "form": "spatial", "ranks": [2]}]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFileError, match="does not describe a network: .*no convolution 'c9'"):
        read_model(tmp_path)
