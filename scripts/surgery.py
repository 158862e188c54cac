"""Accuracy against cost before surgery, after it, and after training again: one command.

    python scripts/surgery.py [FOLDER]

Trains ResNet-18 on the digits in FOLDER/trained, unless it is there, changes it in every way that
convariant knows, trains each result again, and draws docs/pictures/surgery.png. Every network is
kept, and made only once, so that the command can be stopped and given again; at the end it prints
the table of docs/separability.md. Needs matplotlib.
"""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from convariant import training
from convariant.analysis._table import table
from convariant.analysis._timing import machine, modules_in_turn, on_threads
from convariant.analysis.separable import factorize, mobilize

MODEL, DATA = "resnet18", "digits"
BUDGETS = (0.5, 0.25, 0.1)
IMAGES = 64  # that factors are refined on
EPOCHS, AGAIN, ANEW = 8, 6, 20  # as trained; after surgery; where surgery keeps nothing learned


@dataclass(frozen=True)
class Row:
    """One network of the table; accuracies are of the images held out."""

    name: str
    weights: int
    macs: int
    ms: float
    accuracy: float
    again: float | None = None


def trained(folder: Path, init: Path | None, epochs: int, rate: float) -> float:
    """Train in this folder, or go on where it was stopped; the accuracy held out."""
    if not (folder / "config.json").exists():
        recipe = training.recipe_of(MODEL)
        training.fit(
            MODEL,
            DATA,
            folder,
            options={"small_input": False} if init is None else None,
            recipe=replace(recipe, epochs=epochs, learning_rate=rate * recipe.learning_rate),
            init=init,
            resume=(folder / "checkpoints/last.ckpt").exists(),
        )
    return training.read_model(folder).scores["accuracy"]


def variants(network: nn.Module, images: Tensor) -> dict[str, Callable[[], nn.Module]]:
    """The surgeries, by name."""
    size = tuple(images.shape[2:])
    made: dict[str, Callable[[], nn.Module]] = {}
    for budget in BUDGETS:
        made[f"budget {budget:g}"] = lambda budget=budget: (
            factorize(network, budget=budget, images=images).model
        )
    made[f"budget {BUDGETS[-1]:g}, no images"] = lambda: (
        factorize(network, budget=BUDGETS[-1], input_size=size).model
    )
    made["MobileNet's move"] = lambda: mobilize(network, input_size=size).model
    return made


def counts(network: nn.Module, image: Tensor) -> tuple[int, int]:
    """Weights and multiply-adds of the convolutions."""
    macs = 0

    def add(layer: nn.Module, _: object, y: Tensor) -> None:
        nonlocal macs
        macs += layer.weight[0].numel() * y.numel()

    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    hooks = [layer.register_forward_hook(add) for layer in layers]
    with torch.no_grad():
        network.eval()(image)
    for hook in hooks:
        hook.remove()
    weights = sum(layer.weight.numel() for layer in layers)
    return weights, macs


def study(folder: Path) -> list[Row]:
    """All networks, trained where they are not yet; times are taken at the end, in turn."""
    run = folder / "trained"
    scores = [(trained(run, None, EPOCHS, 1), None)]
    network = training.load_model(run)
    networks, names = [network], ["as trained"]
    for name, made in variants(network, training.training_images(run, IMAGES)).items():
        where = folder / name.replace(" ", "-").replace(",", "").replace("'", "")
        if not (where / "config.json").exists():
            torch.manual_seed(0)
            training.save_changed(run, made(), where)
        tuned, anew = where.with_name(f"{where.name}-again"), name.startswith("Mobile")
        again = trained(tuned, where, *((ANEW, 1) if anew else (AGAIN, 0.5)))
        scores.append((training.read_model(where).scores["accuracy"], again))
        networks.append(training.load_model(where))
        names.append(name)
    image = training.training_images(run, 1)
    with on_threads(1):
        times = modules_in_turn(networks, image, rounds=25, seconds=0.1)
    return [
        Row(name, *counts(changed, image), ms, *score)
        for name, changed, ms, score in zip(names, networks, times, scores, strict=True)
    ]


def draw(rows: list[Row], path: Path) -> None:
    """Accuracy over multiply-adds: hollow before training again, filled after."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.8), layout="constrained")
    ax = figure.subplots()
    first, *others = rows
    ax.semilogx(first.macs / 1e6, 100 * first.accuracy, "o", color="#1f4e9c")
    ax.axhline(100 * first.accuracy, color="#1f4e9c", linewidth=0.7, alpha=0.5)
    ax.annotate(first.name, (first.macs / 1e6, 100 * first.accuracy), (0, -14),
                textcoords="offset points", ha="center", fontsize=8)  # fmt: skip
    for row in others:
        mobile, blind = row.name.startswith("Mobile"), "no images" in row.name
        color = "#b3261e" if mobile else "#8a6d00" if blind else "#0b7a43"
        x, ys = row.macs / 1e6, (100 * row.accuracy, 100 * (row.again or row.accuracy))
        ax.plot([x, x], ys, color=color, linewidth=0.9)
        ax.plot(x, ys[0], "o", color=color, markerfacecolor="white")
        ax.plot(x, ys[1], "o", color=color)
        ax.annotate(row.name.replace(", ", ",\n"), (x, ys[0]), (6, 0), textcoords="offset points",
                    va="center", fontsize=8, color=color)  # fmt: skip
    ax.margins(x=0.08)
    ticks = [3, 5, 10, 20, 30]
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    ax.set_xlabel("multiply-adds of the convolutions, millions")
    ax.set_ylabel("digits held out, % right")
    ax.grid(alpha=0.25)
    ax.set_title("ResNet-18, after surgery (hollow) and trained again (filled)", fontsize=10)
    figure.savefig(path, dpi=100)


def text(rows: list[Row]) -> str:
    """The table of the docs."""
    headings = ["network", "conv weights", "MACs", "ms", "held out", "trained again"]
    cells = [
        [
            row.name,
            row.weights,
            row.macs,
            round(row.ms, 2),
            f"{100 * row.accuracy:.1f} %",
            "" if row.again is None else f"{100 * row.again:.1f} %",
        ]
        for row in rows
    ]
    return table(headings, cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("runs/surgery"))
    folder = parser.parse_args().folder
    rows = study(folder)
    draw(rows, Path("docs/pictures/surgery.png"))
    print(f"{machine()}, one thread, one image, {datetime.date.today().isoformat()}")
    print(text(rows))


if __name__ == "__main__":
    main()
