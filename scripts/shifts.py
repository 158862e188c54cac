"""What shifts change in trained deep networks, before and after they are rewritten: one command.

    python scripts/shifts.py [FOLDER]

Trains ResNet-18 and AlexNet on the digits, rewrites each in the ways that fit it, and trains every
result for one more epoch, and the network as it was for as long. Weights are kept in FOLDER, so
that the command can be stopped and given again; it prints a row for every form, and at the end
a table, part of which stands in docs/symmetry.md.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from convariant import models
from convariant.analysis._table import table
from convariant.analysis.symmetry import CircularShift, Shift, make_shift_invariant, measure
from convariant.nn import Canonical2d
from convariant.training._digit_recipe import digits, fit_digits, spread

AMOUNTS = (-9, -6, -5, -3, -2, -1, 1, 2, 4, 5, 7, 8)  # along the diagonal
IMAGES = 300


@dataclass(frozen=True)
class Subject:
    """A network, the field that its digits stand on, how long it learns, and its other forms."""

    build: Callable[[], nn.Module]
    field: int
    epochs: int
    forms: dict[str, Callable[[nn.Module], nn.Module]]


def resnet18() -> nn.Module:
    """With the strides of its paper, 32 in all."""
    return models.create("resnet18", in_channels=1, num_classes=10)


def alexnet() -> nn.Module:
    """The form for small images."""
    return models.create("alexnet", in_channels=1, num_classes=10, small_input=True, hidden=512)


FORMS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "polyphase": make_shift_invariant,
    "blur": lambda model: make_shift_invariant(model, "blur"),
    "Canonical2d": lambda model: Canonical2d(model, "shift"),
}

SUBJECTS = {
    "ResNet-18": Subject(resnet18, 64, 4, FORMS),
    "AlexNet": Subject(alexnet, 32, 6, {k: FORMS[k] for k in ("blur", "Canonical2d")}),
}


def learned(model: nn.Module, file: Path, field: int, epochs: int) -> nn.Module:
    """The network after so many epochs; its weights are kept in the file."""
    if file.exists():
        model.load_state_dict(load_file(file))
        return model.eval()
    torch.manual_seed(0)
    fit_digits(model, *digits("train", field), epochs)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, file)
    return model


def row(name: str, form: str, again: str, model: nn.Module, field: int) -> list[str]:
    """Accuracy in place; answers that stay and are right under shifts."""
    images, labels = spread(IMAGES, *digits("held_out", field))
    cells = [name, form, again, f"{_right(model, images, labels):.1%}"]
    for transform in (CircularShift(axis="both"), Shift(axis="both")):
        found = measure(model, images, transform, False, amounts=AMOUNTS, labels=labels)
        assert found.accuracy is not None
        cells += [f"{_mean(found.consistency.mean):.1%}", f"{_mean(found.accuracy.mean):.1%}"]
    return cells


def _right(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    with torch.no_grad():
        return float((model(images).argmax(1) == labels).float().mean())


def _mean(values: tuple[float, ...]) -> float:
    return sum(values) / len(values)


def main() -> None:
    """All networks, one after another."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("runs/shifts"))
    folder = parser.parse_args().folder
    rows = []
    for name, subject in SUBJECTS.items():
        short = name.lower()
        torch.manual_seed(0)
        file = folder / f"{short}.safetensors"
        model = learned(subject.build(), file, subject.field, subject.epochs)
        forms: dict[str, Callable[[nn.Module], nn.Module]] = {"as it was": copy.deepcopy}
        for form, make in (forms | subject.forms).items():
            made = make(model).eval()
            rows.append(row(name, form, "no", made, subject.field))
            print(*rows[-1], flush=True)
            if form != "Canonical2d":  # learns nothing that the network as it was does not
                made = learned(
                    make(model), folder / f"{short}-{form}.safetensors", subject.field, 1
                )
                rows.append(row(name, form, "yes", made, subject.field))
                print(*rows[-1], flush=True)
    headings = ["network", "form", "trained on", "in place"]
    headings += ["same, circular", "right, circular", "same, background", "right, background"]
    print(table(headings, rows))


if __name__ == "__main__":
    main()
