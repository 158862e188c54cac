"""What the commands that change a trained network share."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convariant import OptionError
from convariant.cli._output import headline, line, print_json

if TYPE_CHECKING:
    from convariant.analysis.separable import Surgery

Trained = Annotated[
    str, typer.Argument(metavar="MODEL", help="A model folder, or a network's name.")
]
Out = Annotated[Path | None, typer.Option("--out", help="Save the new network as a model folder.")]


def check_out(model: str, out: Path | None) -> None:
    """Only a model folder knows its classes and data, so only it can be saved again.

    Raises: OptionError.
    """
    if out is not None and not Path(model).is_dir():
        raise OptionError(
            f"--out needs a trained model, but {model!r} is the name of an untrained network; "
            f"train it first: convariant train {model} digits"
        )


def show(result: Surgery, model: str, out: Path | None, json: bool) -> None:
    """Print the table; save the network where asked for, with its accuracy before and after."""
    scores: dict[str, Any] = {}
    if out is not None:
        from convariant.training import evaluate, save_changed

        scores["before"] = evaluate(model)
        scores["after"] = save_changed(model, result.model, out)  # type: ignore[arg-type]
    if json:
        document = json_text.loads(result.to_json())
        print_json(document | {when: found.to_json() for when, found in scores.items()})
        return
    line(str(result))
    for when, found in scores.items():
        line(f"held out {when}: {headline(found)}")
    if out is not None:
        name = result.model.config["name"]  # type: ignore[index]
        line(f"saved in {out}; train it again: convariant train {name} DATA --init {out}")
