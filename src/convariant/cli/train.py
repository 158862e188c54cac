"""convariant train: a network on a data set."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convariant.cli._options import Json, SkipBad, read_pairs, read_size
from convariant.cli._output import headline, line, print_json

if TYPE_CHECKING:
    from convariant.training import Augmentation, Recipe, TrainingResult

_LEARNING, _CHANGES, _MACHINE = "Learning", "Augmentation", "Machine"

Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="A name that 'convariant models' lists.")
]
Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="digits, fashion-mnist, brain, folder:PATH (a sub-folder for each class) or "
        "segments:PATH (images/ and masks/).",
    ),
]
Out = Annotated[
    Path | None, typer.Option(help="Folder of the run.", show_default="runs/MODEL-DATA")
]
Option = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", metavar="NAME=VALUE", help="Option of the network; repeatable."),
]
ImageSize = Annotated[
    str | None, typer.Option(metavar="SIDE|HxW", help="Scale images to this size.")
]
Init = Annotated[
    Path | None,
    typer.Option("--init", help="Begin with this model folder, replaced layers included."),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with this very command after it was stopped.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the run in the folder.")]
Seed = Annotated[int, typer.Option(help="Same seed, same result.")]
Epochs = Annotated[int | None, typer.Option(rich_help_panel=_LEARNING)]
BatchSize = Annotated[
    int | None, typer.Option(help="Images a step, of all processes.", rich_help_panel=_LEARNING)
]
Optimizer = Annotated[str | None, typer.Option(metavar="adamw|sgd", rich_help_panel=_LEARNING)]
Rate = Annotated[float | None, typer.Option(help="At its highest.", rich_help_panel=_LEARNING)]
Decay = Annotated[float | None, typer.Option(rich_help_panel=_LEARNING)]
Warmup = Annotated[
    float | None, typer.Option(help="Epochs until the rate is highest.", rich_help_panel=_LEARNING)
]
Smoothing = Annotated[float | None, typer.Option(rich_help_panel=_LEARNING)]
Patience = Annotated[
    int | None,
    typer.Option(
        help="Set a tenth apart, stop after so many epochs without a lower loss on it.",
        rich_help_panel=_LEARNING,
    ),
]
Augment = Annotated[
    bool, typer.Option("--augment", help="The model's usual changes.", rich_help_panel=_CHANGES)
]
Shift = Annotated[
    float | None, typer.Option(help="Part of the size, each way.", rich_help_panel=_CHANGES)
]
Rotation = Annotated[
    float | None, typer.Option(help="Degrees, each way.", rich_help_panel=_CHANGES)
]
Scale = Annotated[
    float | None, typer.Option(help="0.1: 0.9 to 1.1 times.", rich_help_panel=_CHANGES)
]
Flip = Annotated[bool, typer.Option("--flip", help="Left to right.", rich_help_panel=_CHANGES)]
Noise = Annotated[
    float | None, typer.Option(help="Deviation, of values 0 to 1.", rich_help_panel=_CHANGES)
]
Accelerator = Annotated[str, typer.Option(help="auto, cpu, gpu...", rich_help_panel=_MACHINE)]
Devices = Annotated[str, typer.Option(help="Processes on this machine.", rich_help_panel=_MACHINE)]
Nodes = Annotated[int, typer.Option(help="Machines.", rich_help_panel=_MACHINE)]
Strategy = Annotated[str, typer.Option(help="auto, ddp, fsdp...", rich_help_panel=_MACHINE)]
Precision = Annotated[
    str, typer.Option(help="32-true, bf16-mixed, 16-mixed...", rich_help_panel=_MACHINE)
]
Workers = Annotated[
    int, typer.Option(help="Processes that prepare batches.", rich_help_panel=_MACHINE)
]


def train(
    model: Model,
    data: Data,
    out: Out = None,
    option: Option = None,
    image_size: ImageSize = None,
    seed: Seed = 0,
    init: Init = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    skip_bad: SkipBad = False,
    json: Json = False,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    optimizer: Optimizer = None,
    learning_rate: Rate = None,
    weight_decay: Decay = None,
    warmup: Warmup = None,
    label_smoothing: Smoothing = None,
    patience: Patience = None,
    augment: Augment = False,
    shift: Shift = None,
    rotation: Rotation = None,
    scale: Scale = None,
    flip: Flip = False,
    noise: Noise = None,
    accelerator: Accelerator = "auto",
    devices: Devices = "auto",
    nodes: Nodes = 1,
    strategy: Strategy = "auto",
    precision: Precision = "32-true",
    workers: Workers = 0,
) -> None:
    """Train a network; the result is a folder with config.json, model.safetensors and README.md.

    Every network has a recipe of its own; options change parts of it.

    Example: convariant train lenet5 digits --augment
    """
    from convariant.training import Hardware, TerminalReporter, fit, recipe_of

    recipe = recipe_of(model)
    learning = {
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
        "warmup": warmup,
        "label_smoothing": label_smoothing,
    }
    changes = {"shift": shift, "rotation": rotation, "scale": scale, "noise": noise}
    with closing(TerminalReporter()) as reporter:
        result = fit(
            model,
            data,
            out or default_folder(model, data),
            options=read_pairs(option or []),
            image_size=read_size(image_size) if image_size else None,
            recipe=replace(recipe, **_given(learning)),
            augmentation=augmentation_of(recipe, augment, {**_given(changes), "flip": flip}),
            seed=seed,
            patience=patience,
            hardware=Hardware(
                accelerator=accelerator,
                devices=devices,
                nodes=nodes,
                strategy=strategy,
                precision=precision,
                workers=workers,
            ),
            init=init,
            resume=resume,
            overwrite=overwrite,
            skip_bad=skip_bad,
            reporter=reporter,
        )
    if result.is_first_process:
        _show(result, json)


def default_folder(model: str, data: str) -> Path:
    """`('lenet5', 'folder:/home/me/pets/') -> runs/lenet5-pets`."""
    kind, _, place = data.partition(":")
    return Path("runs") / f"{model}-{Path(place).resolve().name if place else kind}"


def augmentation_of(recipe: Recipe, usual: bool, changes: dict[str, Any]) -> Augmentation:
    """None of it unless asked for; single values change the usual ones or stand alone."""
    from convariant.training import Augmentation

    base = recipe.augmentation if usual else Augmentation()
    return replace(base, **{name: value for name, value in changes.items() if value is not False})


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _show(result: TrainingResult, json: bool) -> None:
    if json:
        print_json(
            {
                "folder": str(result.folder),
                "seconds": result.seconds,
                "epochs": len(result.history),
                "skipped": result.model.training["data"]["skipped"],
                "held_out": result.scores.to_json(),
                "history": list(result.history),
            }
        )
        return
    skipped = result.model.training["data"]["skipped"]
    if skipped:
        line(f"{skipped} damaged {'image was' if skipped == 1 else 'images were'} skipped")
    line(f"held out: {headline(result.scores)}; trained in {result.seconds:.1f} s")
    line(f"saved in {result.folder}; next: convariant predict {result.folder} IMAGE...")
