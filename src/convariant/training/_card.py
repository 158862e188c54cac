"""The model card: what was trained, on what, how well it does; Markdown with the hub's header."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from convariant import models
from convariant.training._augmentation import Augmentation
from convariant.training._counts import count_macs, count_parameters

if TYPE_CHECKING:
    from convariant.training._model_folder import SavedModel

_PIPELINES = {"classification": "image-classification", "segmentation": "image-segmentation"}


def card(model: SavedModel) -> str:
    """The text of README.md."""
    name = model.network.config["name"]
    h, w = model.preprocessing.size
    channels = "grey" if model.preprocessing.channels == 1 else "RGB"
    data = model.training.get("data", {})
    lines = [
        *_header(model, name),
        "",
        f"# {name} for {data.get('name', model.task)}",
        "",
        f"{name} ({models.info(name).paper}), trained with convariant for {model.task} of "
        f"{channels} images, {h}x{w} pixels.",
        "",
        "```python",
        "import convariant",
        "",
        'network = convariant.load_model("path/to/this/folder")',
        "```",
        "",
        "```console",
        "$ convariant predict path/to/this/folder image.png",
        "```",
        "",
        "## Network",
        "",
        f"- parameters: {count_parameters(model.network):,}",
        f"- multiply-adds for one image: {count_macs(model.network, model.preprocessing):,}",
        f"- options: `{json.dumps(model.network.config)}`",
        f"- classes: {', '.join(model.classes)}",
        "",
        *_scores(model),
        *_training(model.training, data),
    ]
    return "\n".join(lines) + "\n"


def _header(model: SavedModel, name: str) -> list[str]:
    return [
        "---",
        "library_name: convariant",
        f"pipeline_tag: {_PIPELINES[model.task]}",
        "tags:",
        f"- {name}",
        "- convariant",
        "---",
    ]


def _scores(model: SavedModel) -> list[str]:
    scores = model.scores
    if not scores:
        return []
    main = "dice" if model.task == "segmentation" else "accuracy"
    label = "mean Dice without background" if main == "dice" else "accuracy"
    per_class = scores["per_class"]
    lines = [
        "## On the images held out",
        "",
        f"- images: {scores['images']:,}",
        f"- {label}: {_percent(scores[main])}",
        f"- loss: {scores['loss']:.4f}",
        "",
        f"| class | {' | '.join(per_class)} |",
        f"|---|{'---|' * len(per_class)}",
    ]
    for name in model.classes:
        values = " | ".join(_percent(column[name]) for column in per_class.values())
        lines.append(f"| {name} | {values} |")
    return [*lines, ""]


def _training(training: Any, data: Any) -> list[str]:
    if not training:
        return []
    recipe = ", ".join(
        f"{key.replace('_', ' ')} {value}" for key, value in training["recipe"].items()
    )
    return [
        "## Training",
        "",
        f"- data: {data['description']}",
        f"- images: {data['train']:,} to train, {data['held_out']:,} held out"
        + (f", {data['skipped']:,} skipped as damaged" if data["skipped"] else ""),
        f"- recipe: {recipe}",
        f"- augmentation: {Augmentation(**training['augmentation']) or 'none'}",
        f"- seed: {training['seed']}",
        f"- epochs trained: {training['epochs_trained']}",
        f"- seconds: {training['seconds']:.1f} on {training['machine']}",
        f"- versions: {', '.join(f'{k} {v}' for k, v in training['versions'].items())}",
        "",
    ]


def _percent(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.2%}"
