"""Training: it learns, goes on after a stop as if there had been none, refuses what cannot be."""

from __future__ import annotations

import csv
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from convariant.errors import (
    DataError,
    ModelFileError,
    OptionError,
    ShapeError,
    StorageError,
    TrainingInterruptedError,
    UnknownNameError,
)
from convariant.training import (
    Augmentation,
    Hardware,
    Recipe,
    Reporter,
    TrainingResult,
    evaluate,
    fit,
    predict,
    read_model,
)
from support.compare import assert_equal

CPU = Hardware(accelerator="cpu", devices=1)
LAST = "checkpoints/last.ckpt"


def train(
    data: Path,
    folder: Path,
    *,
    epochs: int = 2,
    batch_size: int = 32,
    model: str = "lenet5",
    **arguments: Any,
) -> TrainingResult:
    """A run of a second on the small set `shapes`, or of another model on `pairs`."""
    source = "segments" if (data / "masks").is_dir() else "folder"
    recipe = Recipe(epochs=epochs, batch_size=batch_size, learning_rate=5e-3, label_smoothing=0)
    arguments = {"recipe": recipe, "hardware": CPU, **arguments}
    return fit(model, f"{source}:{data}", folder, **arguments)


class StopAt(Reporter):
    """Sends this process a signal after so many batches."""

    def __init__(self, batch: int, number: int = signal.SIGINT, times: int = 1) -> None:
        self.batch, self.number, self.times = batch, number, times
        self.rows: list[Mapping[str, Any]] = []

    def advance(self, what: str, done: int, total: int) -> None:
        if what == "training":
            self.batch -= 1
            if self.batch == 0:
                for _ in range(self.times):
                    os.kill(os.getpid(), self.number)

    def row(self, row: dict[str, Any], epochs: int) -> None:
        self.rows.append(row)


def without_time(history: Any) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


def assert_same_result(actual: TrainingResult, expected: TrainingResult) -> None:
    """Bit by bit: every weight, every figure of every epoch, the final scores."""
    weights = expected.model.network.state_dict()
    for key, tensor in actual.model.network.state_dict().items():
        assert_equal(tensor, weights[key])
    assert without_time(actual.history) == without_time(expected.history)
    assert actual.scores == expected.scores


def test_training_learns_and_leaves_a_model_folder(shapes: Path, tmp_path: Path) -> None:
    result = train(shapes, tmp_path / "run", epochs=12)
    assert result.scores.accuracy == 1.0
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        *("README.md", "checkpoints", "config.json", "logs", "metrics.csv", "model.safetensors")
    ]
    with open(tmp_path / "run" / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == [str(epoch) for epoch in range(1, 13)]
    assert float(rows[-1]["held_out_accuracy"]) == 1.0
    assert float(rows[-1]["train_loss"]) < float(rows[0]["train_loss"]) / 2
    assert any((tmp_path / "run" / "logs").glob("events.out.tfevents.*"))
    card = (tmp_path / "run" / "README.md").read_text()
    assert "- images: 96 to train, 24 held out\n" in card
    assert "- augmentation: none\n" in card
    saved = read_model(tmp_path / "run")
    assert saved.training["data"]["train"] == 96
    assert saved.training["recipe"]["epochs"] == 12
    assert evaluate(tmp_path / "run") == result.scores
    image = shapes / "square" / "00.png"
    (prediction,) = predict(tmp_path / "run", [image])
    assert prediction.label == "square"


def test_the_same_seed_gives_the_same_weights(shapes: Path, tmp_path: Path) -> None:
    runs = [train(shapes, tmp_path / str(i), seed=seed) for i, seed in enumerate((3, 3, 4))]
    assert_same_result(runs[1], runs[0])
    one, other = (run.model.network.state_dict()["c1.weight"] for run in runs[1:])
    assert not torch.equal(one, other)


@pytest.fixture(scope="module")
def whole(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """A run with dropout and augmentation that nothing stopped: 2 epochs of 6 batches."""
    return train(shapes, tmp_path_factory.mktemp("whole") / "run", **CHANCY)


CHANCY: dict[str, Any] = {
    "model": "alexnet",
    "options": {"hidden": 8},
    "batch_size": 16,
    "augmentation": Augmentation(shift=0.1, noise=0.05),
}


@pytest.mark.parametrize("batch", [1, 5, 6, 7, 12])
def test_a_run_stopped_anywhere_goes_on_as_if_it_had_not_been(
    shapes: Path, tmp_path: Path, whole: TrainingResult, batch: int
) -> None:
    with pytest.raises(TrainingInterruptedError, match=f"{LAST} has everything to go on"):
        train(shapes, tmp_path / "run", reporter=StopAt(batch), **CHANCY)
    assert not (tmp_path / "run" / "config.json").exists()
    resumed = train(shapes, tmp_path / "run", resume=True, **CHANCY)
    assert_same_result(resumed, whole)


def test_a_run_can_be_stopped_again_and_again(
    shapes: Path, tmp_path: Path, whole: TrainingResult
) -> None:
    for number, resume in ((signal.SIGTERM, False), (signal.SIGINT, True), (signal.SIGINT, True)):
        reporter = StopAt(3, number)
        with pytest.raises(TrainingInterruptedError, match="repeat the command with --resume"):
            train(shapes, tmp_path / "run", resume=resume, reporter=reporter, **CHANCY)
    assert_same_result(train(shapes, tmp_path / "run", resume=True, **CHANCY), whole)


def test_a_second_signal_stops_at_once_and_the_handlers_are_put_back(
    shapes: Path, tmp_path: Path, whole: TrainingResult
) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(TrainingInterruptedError, match="stopped at once; the last checkpoint"):
        train(shapes, tmp_path / "run", reporter=StopAt(8, times=2), **CHANCY)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert_same_result(train(shapes, tmp_path / "run", resume=True, **CHANCY), whole)


def test_batches_prepared_by_another_process_are_the_same(
    shapes: Path, tmp_path: Path, whole: TrainingResult
) -> None:
    helped = {**CHANCY, "hardware": Hardware(accelerator="cpu", devices=1, workers=1)}
    with pytest.raises(TrainingInterruptedError, match="stopped in epoch 2"):
        train(shapes, tmp_path / "run", reporter=StopAt(8), **helped)
    left_over = tmp_path / "run" / "checkpoints" / ".last.ckpt.123"  # of a process that was killed
    left_over.write_bytes(b"half")
    assert_same_result(train(shapes, tmp_path / "run", resume=True, **helped), whole)
    assert not left_over.exists()


def test_a_finished_run_can_be_resumed_and_stays_the_same(
    shapes: Path, tmp_path: Path, whole: TrainingResult
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(whole.folder, folder)
    assert_same_result(train(shapes, folder, resume=True, **CHANCY), whole)


def test_training_does_not_touch_the_callers_random_numbers(shapes: Path, tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(shapes, tmp_path / "run", epochs=1)
    assert_equal(torch.rand(3), expected)


def test_early_stopping_keeps_the_best_epoch(shapes: Path, tmp_path: Path) -> None:
    recipe = Recipe(epochs=60, batch_size=32, learning_rate=0.02, warmup=0)
    result = train(shapes, tmp_path / "run", recipe=recipe, patience=2)
    losses = [row["validation_loss"] for row in result.history]
    best = int(np.argmin(losses))
    assert len(losses) == best + 3 < 60
    assert read_model(tmp_path / "run").training["data"]["validation"] == 9
    stopped = train(
        shapes,
        tmp_path / "short",
        recipe=recipe,
        patience=2,
        reporter=(reporter := StopAt(10**6)),
        seed=0,
    )
    assert_same_result(stopped, result)
    assert without_time(reporter.rows) == without_time(result.history)


def test_early_stopping_resumes_too(shapes: Path, tmp_path: Path) -> None:
    recipe = Recipe(epochs=6, batch_size=32, learning_rate=0.02)
    whole = train(shapes, tmp_path / "whole", recipe=recipe, patience=2)
    with pytest.raises(TrainingInterruptedError, match="stopped in epoch 3"):
        train(shapes, tmp_path / "run", recipe=recipe, patience=2, reporter=StopAt(5))
    resumed = train(shapes, tmp_path / "run", recipe=recipe, patience=2, resume=True)
    assert_same_result(resumed, whole)


def test_segmentation_learns(pairs: Path, tmp_path: Path) -> None:
    result = train(
        pairs,
        tmp_path / "run",
        model="unet",
        epochs=25,
        batch_size=8,
        options={"mode": "same", "widths": [4, 8]},
        augmentation=Augmentation(shift=0.1, flip=True),
    )
    assert result.scores.mean_dice > 0.9
    assert evaluate(tmp_path / "run") == result.scores
    image = pairs / "images" / "00.png"
    (prediction,) = predict(tmp_path / "run", [image])
    truth = np.asarray(Image.open(pairs / "masks" / "00.png"))
    assert prediction.mask is not None
    assert (prediction.mask == truth).mean() > 0.95


def test_the_papers_unet_gets_a_margin_around_its_images(pairs: Path, tmp_path: Path) -> None:
    options = {"mode": "paper", "widths": [2, 4]}
    result = train(pairs, tmp_path / "run", model="unet", epochs=1, options=options)
    assert result.model.preprocessing.margin == (8, 8)
    assert result.model.preprocessing.size == (16, 16)
    with pytest.raises(ShapeError, match=r"unet in mode='paper' takes sides of .* but got 31x31"):
        train(pairs, tmp_path / "odd", model="unet", options=options, image_size=(15, 15))


def test_the_wrong_network_for_the_data(shapes: Path, pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="unet is for segmentation, but folder.*is for class"):
        train(shapes, tmp_path / "run", model="unet")
    with pytest.raises(DataError, match="lenet5 is for classification, but .* take one of unet"):
        train(pairs, tmp_path / "run")
    with pytest.raises(UnknownNameError, match="no model is named 'lenet6'; did you mean 'lenet5'"):
        train(shapes, tmp_path / "run", model="lenet6")
    with pytest.raises(OptionError, match="has 3 classes, so num_classes=4 does not fit"):
        train(shapes, tmp_path / "run", options={"num_classes": 4})
    assert not (tmp_path / "run").exists()


def test_sizes_that_do_not_fit_say_which_do(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="lenet5_1998 takes images of at most 32x32, but got 40x"):
        train(shapes, tmp_path / "run", model="lenet5_1998", image_size=(40, 40))
    with pytest.raises(OptionError, match="alexnet takes input_size of at least"):
        train(shapes, tmp_path / "run", model="alexnet", image_size=(4, 4))
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_overwritten_unasked(shapes: Path, tmp_path: Path) -> None:
    train(shapes, tmp_path / "run", epochs=1)
    before = (tmp_path / "run" / "model.safetensors").read_bytes()
    with pytest.raises(OptionError, match="already holds a run; go on with resume"):
        train(shapes, tmp_path / "run", epochs=1, seed=1)
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == before
    with pytest.raises(TrainingInterruptedError, match="stopped in epoch 1"):
        train(shapes, tmp_path / "run", seed=1, overwrite=True, reporter=StopAt(1))
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == before
    result = train(shapes, tmp_path / "run", seed=1, overwrite=True)
    assert read_model(tmp_path / "run").training["seed"] == 1
    assert len(result.history) == 2


def test_a_run_is_continued_only_as_it_was_begun(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=f"no run to resume in .*: it has no {LAST}"):
        train(shapes, tmp_path / "run", resume=True)
    with pytest.raises(TrainingInterruptedError, match="stopped in epoch 1"):
        train(shapes, tmp_path / "run", reporter=StopAt(1))
    with pytest.raises(OptionError, match=r"begun with recipe.epochs=2, now it is 3; repeat"):
        train(shapes, tmp_path / "run", epochs=3, resume=True)
    with pytest.raises(OptionError, match=r"begun with seed=0, now it is 1"):
        train(shapes, tmp_path / "run", seed=1, resume=True)
    checkpoint = tmp_path / "run" / LAST
    content = checkpoint.read_bytes()
    for damage in (b"", content[: len(content) // 2], b"not a checkpoint"):
        checkpoint.write_bytes(damage)
        with pytest.raises(ModelFileError, match="checkpoints/last.ckpt cannot be read"):
            train(shapes, tmp_path / "run", resume=True)
    torch.save({"state_dict": {}}, checkpoint)
    with pytest.raises(ModelFileError, match="is not a checkpoint of a convariant training run"):
        train(shapes, tmp_path / "run", resume=True)


def test_a_disk_that_fills_up_leaves_the_last_checkpoint(
    shapes: Path, tmp_path: Path, whole: TrainingResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush, calls = os.fsync, []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > 2:  # after the checkpoints before training and of the first epoch
            raise OSError(28, "No space left on device")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        train(shapes, tmp_path / "run", **CHANCY)
    monkeypatch.undo()
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["last.ckpt"]
    assert_same_result(train(shapes, tmp_path / "run", resume=True, **CHANCY), whole)


def test_a_folder_that_cannot_be_written(shapes: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(StorageError, match="cannot write into .*: .*taken is a file; choose"):
        train(shapes, tmp_path / "taken" / "run")


def test_a_learning_rate_that_is_too_large(shapes: Path, tmp_path: Path) -> None:
    recipe = Recipe(epochs=3, learning_rate=1e20, optimizer="sgd", warmup=0)
    with pytest.raises(OptionError, match=r"no longer a number in epoch \d; try a learning_rate b"):
        train(shapes, tmp_path / "run", recipe=recipe)


def test_numbers_that_make_no_sense(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="patience of at least 1, but got 0"):
        train(shapes, tmp_path / "run", patience=0)
    with pytest.raises(OptionError, match="a seed of at least 0, but got -1"):
        train(shapes, tmp_path / "run", seed=-1)
    norm = {"model": "resnet18", "batch_size": 1}
    with pytest.raises(OptionError, match="needs at least two images a step in every process"):
        train(shapes, tmp_path / "run", **norm)


@pytest.mark.parametrize(
    "hardware",
    [{"accelerator": "abacus"}, {"strategy": "dpp"}, {"precision": "31"}, {"devices": "x"}],
)
def test_hardware_that_does_not_exist(
    shapes: Path, tmp_path: Path, hardware: dict[str, Any]
) -> None:
    with pytest.raises(OptionError, match="Lightning cannot train with accelerator="):
        train(shapes, tmp_path / "run", hardware=Hardware(**{"accelerator": "cpu", **hardware}))


def test_hardware_that_makes_no_sense() -> None:
    with pytest.raises(OptionError, match="workers of at least 0, but got -1"):
        Hardware(workers=-1)
    with pytest.raises(OptionError, match="nodes of at least 1, but got 0"):
        Hardware(nodes=0)
    with pytest.raises(OptionError, match="strategy 'ddp_spawn' trains in copies .* use 'ddp'"):
        Hardware(strategy="ddp_spawn")


def test_a_model_is_saved_in_single_precision(shapes: Path, tmp_path: Path) -> None:
    hardware = Hardware(accelerator="cpu", devices=1, precision="64-true")
    double = train(shapes, tmp_path / "double", epochs=1, hardware=hardware)
    single = train(shapes, tmp_path / "single", epochs=1)
    assert evaluate(tmp_path / "double") == double.scores
    weights = [run.model.network.state_dict()["output.weight"] for run in (single, double)]
    assert 0 < (weights[0] - weights[1]).abs().max() < 1e-3


def test_mixed_precision_learns_nearly_the_same(shapes: Path, tmp_path: Path) -> None:
    exact = train(shapes, tmp_path / "exact", epochs=1)
    mixed = train(
        shapes,
        tmp_path / "mixed",
        epochs=1,
        hardware=Hardware(accelerator="cpu", devices=1, precision="bf16-mixed"),
    )
    losses = [run.history[0]["train_loss"] for run in (exact, mixed)]
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)
    weights = [run.model.network.state_dict()["output.weight"] for run in (exact, mixed)]
    assert 0 < (weights[0] - weights[1]).abs().max() < 0.03


def test_too_few_images(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "set" / name).mkdir(parents=True)
        Image.new("L", (16, 16)).save(tmp_path / "set" / name / "0.png")
    with pytest.raises(DataError, match="has too few images to hold some out"):
        train(tmp_path / "set", tmp_path / "run")
    for name in ("cat", "dog"):
        Image.new("L", (16, 16), 90).save(tmp_path / "set" / name / "1.png")
    with pytest.raises(DataError, match="one in 10 training images apart, but there are only 2"):
        train(tmp_path / "set", tmp_path / "run", patience=1)
