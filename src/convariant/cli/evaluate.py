"""convariant evaluate: a trained model on labelled images."""

from __future__ import annotations

from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from convariant.cli._options import Json, SkipBad
from convariant.cli._output import print_json, print_scores


class Split(str, Enum):
    """Which images of the data set are looked at."""

    HELD_OUT = "held-out"
    TRAIN = "train"
    ALL = "all"


Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder.")]
Data = Annotated[
    str | None,
    typer.Argument(metavar="[DATA]", help="A data set; by default the one it learned from."),
]
Which = Annotated[Split, typer.Option(help="Which part of the data set.")]


def evaluate(
    model: Model,
    data: Data = None,
    split: Which = Split.HELD_OUT,
    skip_bad: SkipBad = False,
    json: Json = False,
) -> None:
    """Measure a trained model: accuracy or Dice, and every class by itself.

    Example: convariant evaluate runs/lenet5-digits digits
    """
    from convariant import training

    with closing(training.TerminalReporter()) as reporter:
        scores = training.evaluate(
            model, data, split=split.value, skip_bad=skip_bad, reporter=reporter
        )
    if json:
        print_json(scores.to_json())
    else:
        print_scores(scores)
