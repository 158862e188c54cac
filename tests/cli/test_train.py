"""convariant train, evaluate and predict, from images to masks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from convariant import OptionError
from convariant.cli._options import read_pairs, read_size
from convariant.cli.train import augmentation_of, default_folder
from convariant.training import Augmentation, Recipe
from support.compare import assert_equal

QUICK = ("--epochs", "2", "--batch-size", "16", "--accelerator", "cpu", "--devices", "1")


@pytest.fixture(scope="module")
def trained(blobs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that tells dark from light."""
    from convariant.training import Hardware, fit

    folder = tmp_path_factory.mktemp("trained") / "run"
    recipe = Recipe(epochs=12, batch_size=16, learning_rate=5e-3)
    hardware = Hardware(accelerator="cpu", devices=1)
    result = fit("lenet5", f"folder:{blobs}", folder, recipe=recipe, hardware=hardware)
    assert result.scores.accuracy == 1.0
    return folder


def test_training_tells_of_every_epoch_and_what_to_do_next(
    run: Any, blobs: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    answer = run("train", "lenet5", f"folder:{blobs}", "--out", folder, *QUICK)
    assert answer.code == 0, answer.err
    rows = answer.err.splitlines()
    assert rows[0].split("  ")[-5:] == [
        *("train loss", "train accuracy", "held-out loss", "held-out accuracy", "seconds")
    ]
    assert [row.split()[0] for row in rows[1:]] == ["1/2", "2/2"]
    assert max(map(len, rows)) <= 80
    first, second = answer.out.splitlines()
    assert first.startswith("held out: accuracy ")
    assert second == f"saved in {folder}; next: convariant predict {folder} IMAGE..."


def test_json_is_one_document_on_standard_output(run: Any, blobs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    answer = run("train", "lenet5", f"folder:{blobs}", "--out", folder, "--json", *QUICK)
    values = json.loads(answer.out)
    assert (values["epochs"], values["skipped"]) == (2, 0)
    assert values["held_out"]["images"] == 8
    evaluated = json.loads(run("evaluate", folder, "--json").out)
    assert evaluated == values["held_out"]


def test_options_reach_the_run(run: Any, blobs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    answer = run(
        *("train", "mobilenet_v1", f"folder:{blobs}", "--out", folder, *QUICK),
        *("-o", "width=0.05", "-o", "activation=relu6", "--image-size", "20x24", "--seed", "7"),
        *("--augment", "--shift", "0.2", "--flip", "--optimizer", "sgd", "--learning-rate", "0.1"),
    )
    assert answer.code == 0, answer.err
    config = json.loads((folder / "config.json").read_text())
    assert config["model"]["width"] == 0.05
    assert config["model"]["activation"] == "relu6"
    assert config["model"]["small_input"] is True
    assert config["preprocessing"]["size"] == [20, 24]
    training = config["training"]
    assert training["seed"] == 7
    assert training["augmentation"] == {
        "shift": 0.2,
        "rotation": 10,
        "scale": 0.1,
        "flip": True,
        "noise": 0.0,
    }
    assert (training["recipe"]["optimizer"], training["recipe"]["learning_rate"]) == ("sgd", 0.1)


def test_evaluation_prints_every_class(run: Any, trained: Path, blobs: Path) -> None:
    answer = run("evaluate", trained, f"folder:{blobs}", "--split", "all")
    lines = answer.out.splitlines()
    assert lines[0].startswith("accuracy 100.00 % (40 of 40 images right), loss ")
    assert [line.split() for line in lines[2:5]] == [
        ["class", "recall", "precision"],
        ["dark", "100.00", "%", "100.00", "%"],
        ["light", "100.00", "%", "100.00", "%"],
    ]


def test_prediction_names_images_of_any_size_and_mode(
    run: Any, trained: Path, tmp_path: Path
) -> None:
    dark, light = tmp_path / "dark.jpg", tmp_path / "light.png"
    Image.new("RGB", (300, 200), (40, 40, 40)).save(dark)
    Image.new("RGBA", (5, 7), (200, 200, 200, 255)).save(light)
    answer = run("predict", trained, dark, light)
    rows = [line.split() for line in answer.out.splitlines()]
    assert rows[0] == ["image", "class", "probability", "else"]
    assert rows[1][:2] == [str(dark), "dark"]
    assert rows[2][:2] == [str(light), "light"]
    values = json.loads(run("predict", trained, dark, "--json").out)
    (prediction,) = values["predictions"]
    assert (prediction["image"], prediction["label"]) == (str(dark), "dark")
    assert sum(prediction["probabilities"].values()) == pytest.approx(1)
    refused = run("predict", trained, dark, "--out", tmp_path / "masks").sentence()
    assert "names images and writes no masks; leave out --out" in refused
    inverted = json.loads(run("predict", trained, dark, "--invert", "--json").out)
    assert inverted["predictions"][0]["label"] == "light"


def test_prediction_hints_at_ink_on_paper(run: Any, trained: Path, tmp_path: Path) -> None:
    Image.new("L", (16, 16), 255).save(tmp_path / "paper.png")
    config = trained / "config.json"
    values = json.loads(config.read_text())
    dark = tmp_path / "dark"
    dark.mkdir()
    (dark / "model.safetensors").write_bytes((trained / "model.safetensors").read_bytes())
    values["preprocessing"]["mean"] = [0.1]
    (dark / "config.json").write_text(json.dumps(values))
    answer = run("predict", dark, tmp_path / "paper.png")
    assert "far lighter than those the model was trained on" in answer.err
    assert "try --invert" in answer.err


def test_bad_images_are_named_or_counted(run: Any, trained: Path, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    Image.new("L", (16, 16), 40).save(good)
    bad.write_bytes(good.read_bytes()[:40])
    answer = run("predict", trained, good, bad)
    assert "bad.png is" in answer.sentence()
    assert answer.out == ""
    answer = run("predict", trained, good, bad, "--skip-bad")
    assert answer.code == 0
    assert answer.out.splitlines()[-1] == "1 of 2 images skipped"
    assert "skipped: " in answer.err
    assert "there is no image to predict" in run("predict", trained, bad, "--skip-bad").sentence()


def test_segmentation_writes_masks_of_the_images_size(
    run: Any, regions: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    answer = run(
        *("train", "unet", f"segments:{regions}", "--out", folder, "-o", "widths=4,8"),
        *("--epochs", "30", "--batch-size", "4", "--learning-rate", "0.01", "--devices", "1"),
        *("--accelerator", "cpu"),
    )
    assert answer.code == 0, answer.err
    assert answer.out.startswith("held out: mean Dice ")
    wide = tmp_path / "wide.png"
    with Image.open(regions / "images" / "00.png") as image:
        image.resize((64, 64)).save(wide)
    masks = tmp_path / "masks"
    answer = run("predict", folder, wide, "--out", masks)
    assert answer.out.splitlines()[0].split() == ["image", "mask", "parts", "of", "the", "image"]
    mask = np.asarray(Image.open(masks / "wide.png"))
    truth = np.asarray(Image.open(regions / "masks" / "00.png").resize((64, 64)))
    assert mask.shape == (64, 64)
    assert (mask == truth).mean() > 0.9
    assert (
        "wide.png exists; choose another --out"
        in run("predict", folder, wide, "--out", masks).sentence()
    )
    again = run("predict", folder, wide, "--out", masks, "--overwrite", "--json")
    (prediction,) = json.loads(again.out)["predictions"]
    assert prediction["mask"] == str(masks / "wide.png")
    assert sum(prediction["shares"].values()) == pytest.approx(1)
    twin = tmp_path / "other" / "wide.png"
    twin.parent.mkdir()
    twin.write_bytes(wide.read_bytes())
    assert (
        "would both get the mask"
        in run("predict", folder, wide, twin, "--out", tmp_path / "new").sentence()
    )
    assert not (tmp_path / "new").exists()
    printed = run("evaluate", folder).out.splitlines()
    assert printed[2].split() == ["class", "recall", "precision", "Dice"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("train", "lenet6", "digits"), "no model is named 'lenet6'; did you mean 'lenet5'?"),
        (("train", "lenet5", "digit"), "no data set is named 'digit'; did you mean 'digits'?"),
        (("train", "lenet5", "folder:{tmp}/no"), "no does not exist; folder:PATH takes"),
        (("train", "lenet5", "digits", "-o", "width"), "--option is 'width'; write NAME=VALUE"),
        (("train", "lenet5", "digits", "-o", "wide=2"), "lenet5 has no option 'wide'"),
        (("train", "lenet5", "digits", "--image-size", "0"), "--image-size is '0'; write"),
        (("train", "lenet5", "digits", "--epochs", "0"), "training takes epochs of at least 1"),
        (("train", "lenet5", "digits", "--shift", "2"), "augmentation takes shift of 0 to 1"),
        (("train", "unet", "digits"), "unet is for segmentation, but digits is for classif"),
        (("train", "lenet5_1998", "digits", "--image-size", "40"), "at most 32x32, but got 40x40"),
        (("train", "lenet5", "digits", "--resume", "--out", "{tmp}/x"), "no run to resume in"),
        (("predict", "{tmp}/absent", "a.png"), "there is no model folder"),
        (("evaluate", "{tmp}"), "is not a model folder: it has no config.json"),
        (("models", "lenet"), "no model is named 'lenet'; did you mean 'lenet5'?"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    run: Any, tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    answer = run(*(word.format(tmp=tmp_path) for word in words))
    assert sentence in answer.sentence()
    assert answer.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_sentence(
    run: Any, blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    answer = run("train", "lenet5", f"folder:{blobs}", "--out", tmp_path / "run", *QUICK)
    assert "No space left on device" in answer.sentence()
    assert not any((tmp_path / "run" / "checkpoints").iterdir())


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "convariant.cli", *map(str, words)]


def test_control_c_leaves_a_run_that_resumes_to_the_same_result(
    run: Any, blobs: Path, tmp_path: Path
) -> None:
    words = ("train", "lenet5", f"folder:{blobs}", *QUICK, "--epochs", "40", "--augment")
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert run(*words, "--out", whole).code == 0
    process = subprocess.Popen(
        command(*words, "--out", stopped), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.split()[:1] == ["2/40"]:
            process.send_signal(signal.SIGINT)
            break
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2, err
    assert out == ""
    sentence = err.splitlines()[-1]
    assert sentence.startswith("convariant: training was stopped in epoch ")
    assert sentence.endswith("has everything to go on: repeat the command with --resume")
    assert not (stopped / "model.safetensors").exists()
    assert run(*words, "--out", stopped, "--resume").code == 0
    expected, actual = (load_file(folder / "model.safetensors") for folder in (whole, stopped))
    for key, tensor in expected.items():
        assert_equal(actual[key], tensor)


def test_a_killed_run_resumes_to_the_same_result(run: Any, blobs: Path, tmp_path: Path) -> None:
    words = ("train", "lenet5", f"folder:{blobs}", *QUICK, "--epochs", "60", "--augment")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run(*words, "--out", whole).code == 0
    process = subprocess.Popen(
        command(*words, "--out", killed), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.split()[:1] == ["3/60"]:
            time.sleep(0.05)
            process.kill()
            break
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert not (killed / "model.safetensors").exists()
    assert run(*words, "--out", killed, "--resume").code == 0
    expected, actual = (load_file(folder / "model.safetensors") for folder in (whole, killed))
    for key, tensor in expected.items():
        assert_equal(actual[key], tensor)


def test_two_processes_learn_what_one_does(run: Any, blobs: Path, tmp_path: Path) -> None:
    words = ("train", "lenet5", f"folder:{blobs}", *QUICK, "--epochs", "4")
    one, two = tmp_path / "one", tmp_path / "two"
    assert run(*words, "--out", one).code == 0
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(
        command(*words, "--out", two, "--devices", "2", "--strategy", "ddp"),
        check=True,
        env=environment,
        capture_output=True,
        timeout=120,
    )
    expected, actual = (load_file(folder / "model.safetensors") for folder in (one, two))
    for key, tensor in expected.items():
        # sums over a batch in another order: float32 rounding, carried through eight steps of Adam
        error = (actual[key] - tensor).abs().max() / tensor.abs().max()
        assert error < 1e-4, key
    moved = expected["c1.weight"] - torch.zeros_like(expected["c1.weight"])
    assert moved.abs().max() > 0
    figures = [
        [line.split(",")[:-1] for line in (folder / "metrics.csv").read_text().splitlines()]
        for folder in (one, two)
    ]
    for expected_row, actual_row in zip(*figures, strict=True):
        assert actual_row[:3] == expected_row[:3]
    assert float(figures[1][-1][3]) == pytest.approx(float(figures[0][-1][3]), rel=1e-4)


def test_reading_sizes_and_options() -> None:
    assert read_size("32") == (32, 32)
    assert read_size("48X64") == (48, 64)
    for text in ("", "a", "1x2x3", "-4"):
        with pytest.raises(OptionError, match="--image-size is"):
            read_size(text)
    assert read_pairs(
        ["width=0.25", "widths=[8,16]", "mode=same", "small-input=True", "r=none"]
    ) == {"width": 0.25, "widths": [8, 16], "mode": "same", "small_input": True, "r": None}


def test_names_of_folders_and_augmentation() -> None:
    assert default_folder("lenet5", "digits") == Path("runs/lenet5-digits")
    assert default_folder("unet", "segments:/data/cells/") == Path("runs/unet-cells")
    usual = Recipe().augmentation
    assert augmentation_of(Recipe(), False, {"flip": False}) == Augmentation()
    assert augmentation_of(Recipe(), True, {"flip": False}) == usual
    assert augmentation_of(Recipe(), False, {"shift": 0.3, "flip": True}) == Augmentation(
        shift=0.3, flip=True
    )
