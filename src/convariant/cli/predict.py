"""convariant predict: what a trained model says of images."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convariant.cli._options import Json, SkipBad
from convariant.cli._output import line, percent, print_json, print_table, table

if TYPE_CHECKING:
    from convariant.training import Prediction

Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder.")]
Images = Annotated[
    list[Path], typer.Argument(metavar="IMAGE...", help="PNG, JPEG... of any size and mode.")
]
Masks = Annotated[
    Path | None,
    typer.Option("--out", help="Folder for masks, of a segmentation model; masks by default."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace masks that are there.")]
Top = Annotated[int, typer.Option(min=1, help="How many classes to show.")]
Invert = Annotated[
    bool, typer.Option("--invert", help="Swap dark and light, for ink on paper and the like.")
]


def predict(
    model: Model,
    images: Images,
    top: Top = 3,
    invert: Invert = False,
    masks: Masks = None,
    overwrite: Overwrite = False,
    skip_bad: SkipBad = False,
    json: Json = False,
) -> None:
    """Name what images show, with probabilities; a segmentation model writes mask PNGs instead.

    Example: convariant predict runs/lenet5-digits seven.png
    """
    from convariant import OptionError, training

    with closing(training.TerminalReporter()) as reporter:
        saved = training.read_model(model)
        segments = saved.task == "segmentation"
        if masks and not segments:
            raise OptionError(f"{model} names images and writes no masks; leave out --out")
        files = mask_files(images, masks or Path("masks"), overwrite) if segments else {}
        predictions = []
        for prediction in training.predict(
            saved, images, invert=invert, skip_bad=skip_bad, reporter=reporter
        ):
            if prediction.mask is not None:
                training.write_mask(files[prediction.image], prediction.mask)
            predictions.append(replace(prediction, mask=None))
    skipped = len(images) - len(predictions)
    if json:
        values = [_values(prediction, files) for prediction in predictions]
        print_json({"predictions": values, "skipped": skipped})
        return
    show_predictions(predictions, files, top)
    if skipped:
        line(f"{skipped} of {len(images)} images skipped")


def mask_files(images: Sequence[Path], folder: Path, overwrite: bool) -> dict[str, Path]:
    """Where the mask of each image goes.

    Raises: OptionError where one is there already, or two images would share one.
    """
    from convariant import OptionError

    files: dict[str, Path] = {}
    taken: dict[Path, Path] = {}
    for image in images:
        file = folder / f"{image.stem}.png"
        if file in taken:
            raise OptionError(
                f"{taken[file]} and {image} would both get the mask {file}; predict them in two "
                "steps with another --out"
            )
        if file.exists() and not overwrite:
            raise OptionError(f"{file} exists; choose another --out or say --overwrite")
        files[str(image)], taken[file] = file, image
    return files


def show_predictions(predictions: Sequence[Prediction], files: dict[str, Path], top: int) -> None:
    """A row for each image: the class, how probable, what else it might be, where the mask is."""
    if files:
        made = table("image", "mask", "parts of the image")
        for prediction in predictions:
            shares = [f"{name} {percent(share)}" for name, share in prediction.ranking if share]
            made.add_row(prediction.image, str(files[prediction.image]), ", ".join(shares))
    else:
        made = table("image", "class", "probability", "else", right=("probability",))
        for prediction in predictions:
            (name, first), *others = prediction.ranking[:top]
            rest = ", ".join(f"{n} {percent(p)}" for n, p in others if p >= 0.0001)
            made.add_row(prediction.image, name, percent(first), rest)
    print_table(made)


def _values(prediction: Prediction, files: dict[str, Path]) -> dict[str, object]:
    values = prediction.to_json()
    if files:
        values["mask"] = str(files[prediction.image])
    return values
