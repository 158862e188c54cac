"""Model folders: what is written is read back, and everything else is refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import convariant
from convariant import models
from convariant.errors import ModelFileError, StorageError
from convariant.training import Preprocessing, SavedModel, read_model, save_model
from support.compare import assert_equal

SCORES = {
    "accuracy": 0.975,
    "loss": 0.25,
    "images": 1000,
    "per_class": {"recall": {"cat": 0.5, "dog": None}, "precision": {"cat": 1.0, "dog": 0.25}},
    "confusion": [[1, 1], [0, 0]],
}


def model() -> SavedModel:
    return SavedModel(
        models.create("resnet18", num_classes=2, in_channels=1, small_input=True).eval(),
        "classification",
        ("cat", "dog"),
        Preprocessing((32, 32), 1, (0.5,), (0.25,)),
        scores=SCORES,
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SavedModel]:
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    saved = model()
    save_model(folder, saved)
    return folder, saved


def test_a_network_in_training_mode_is_saved_and_learns_nothing_from_it(tmp_path):
    saved = model()
    saved.network.train()
    before = {name: t.clone() for name, t in saved.network.state_dict().items()}
    save_model(tmp_path, saved)
    assert saved.network.training
    for name, value in saved.network.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of a small model, to be damaged."""
    network = models.create("lenet5", num_classes=2).eval()
    saved = SavedModel(
        network, "classification", ("cat", "dog"), Preprocessing((28, 28), 1, (0.5,), (0.25,))
    )
    save_model(tmp_path, saved)
    return tmp_path


def change_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_model_is_read_as_it_was_written(written: tuple[Path, SavedModel]) -> None:
    folder, saved = written
    read = read_model(folder)
    assert (read.task, read.classes, read.preprocessing) == (
        saved.task,
        saved.classes,
        saved.preprocessing,
    )
    assert read.scores == SCORES
    assert not read.network.training
    network = convariant.load_model(folder)
    assert network.config == saved.network.config
    for key, tensor in saved.network.state_dict().items():
        assert_equal(network.state_dict()[key], tensor)
    image = torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        assert_equal(network(image), saved.network(image))


def test_the_folder_is_in_the_form_of_a_hub(written: tuple[Path, SavedModel]) -> None:
    folder, _ = written
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    config = json.loads((folder / "config.json").read_text())
    assert (config["library_name"], config["format_version"]) == ("convariant", 1)
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: convariant\npipeline_tag: image-classification\n")
    assert "- parameters: 11,168,706\n" in card
    assert "- multiply-adds for one image: 554,238,976\n" in card
    assert "- accuracy: 97.50%\n" in card
    assert "| dog | not defined | 25.00% |\n" in card


@pytest.mark.parametrize("keep", [0, 4, 100, 0.5, 0.99])
def test_a_truncated_weights_file(folder: Path, keep: float) -> None:
    path = folder / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep) if keep < 1 else int(keep)])
    with pytest.raises(ModelFileError, match=r"model.safetensors is damaged, cut short"):
        read_model(folder)


def test_foreign_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    weights = load_file(path)
    save_file({"stem.weight": torch.zeros(2)}, path)
    with pytest.raises(
        ModelFileError,
        match=r"is not of this lenet5: it lacks 'c1.bias' and 9 more and has 'stem.weight', which",
    ):
        read_model(folder)
    save_file({**weights, "c1.bias": torch.zeros(7)}, path)
    with pytest.raises(
        ModelFileError, match=r"c1.bias is float32 \[7\], but should be float32 \[6\]"
    ):
        read_model(folder)
    save_file({**weights, "c1.bias": torch.zeros(6, dtype=torch.float64)}, path)
    with pytest.raises(ModelFileError, match=r"c1.bias is float64 \[6\], but should be float32"):
        read_model(folder)
    path.unlink()
    with pytest.raises(ModelFileError, match=r"has no model.safetensors"):
        read_model(folder)


def test_a_config_of_another_version_or_program(folder: Path) -> None:
    change_config(folder, format_version=2, convariant_version="9.9")
    with pytest.raises(
        ModelFileError,
        match=r"format version 2 \(written by convariant 9.9\), but this .*reads version 1",
    ):
        read_model(folder)
    change_config(folder, library_name="transformers")
    with pytest.raises(ModelFileError, match="config.json was not written by convariant"):
        read_model(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": None}, "is not as convariant writes it: TypeError"),
        ({"model": {"name": "lenet6"}}, "does not describe a network: no model is named 'lenet6'"),
        ({"model": {"num_classes": 2}}, "does not describe a network"),
        ({"model": {"name": "lenet5", "depth": 3}}, "lenet5 has no option 'depth'"),
        ({"classes": ["cat"]}, "names 1 classes, but its network has 2"),
        ({"task": "detection"}, "for the task 'detection', which is not known here"),
        ({"preprocessing": {}}, "'preprocessing' of config.json is not as convariant writes it"),
    ],
    ids=["none", "unknown", "nameless", "option", "classes", "task", "preprocessing"],
)
def test_a_config_that_was_changed(folder: Path, changes: dict[str, object], message: str) -> None:
    change_config(folder, **changes)
    with pytest.raises(ModelFileError, match=message):
        read_model(folder)


def test_a_folder_that_is_no_model(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="there is no model folder .*absent"):
        read_model(tmp_path / "absent")
    (folder / "config.json").write_text("{")
    with pytest.raises(ModelFileError, match="config.json cannot be read"):
        read_model(folder)
    (folder / "config.json").unlink()
    with pytest.raises(ModelFileError, match="is not a model folder: it has no config.json"):
        read_model(folder)


def test_saving_over_a_model_on_a_full_disk_leaves_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        save_model(folder, model())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
