"""Accuracy against cost before surgery, after it, and after training again.

    python scripts/surgery.py RUN FOLDER [--budgets 0.5 0.25 0.1] [--epochs 2]

RUN is a model folder of `convariant train`. Every variant is saved in FOLDER and made only once, so
that the command can be stopped and given again; at the end it prints the table of
docs/separability.md.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch

from convariant import training
from convariant.analysis._table import table
from convariant.analysis._timing import machine, module_milliseconds
from convariant.analysis.separable import Surgery, factorize, mobilize


def variants(run: Path, budgets: list[float]) -> dict[str, Surgery]:
    """Every changed network, by name."""
    network = training.load_model(run)
    images = training.training_images(run, 64)
    made = {
        f"factorised, budget {budget:g}": factorize(network, budget=budget, images=images)
        for budget in budgets
    }
    made["factorised without images, " + f"budget {budgets[-1]:g}"] = factorize(
        network, budget=budgets[-1], input_size=tuple(images.shape[2:])
    )
    made["MobileNet's move"] = mobilize(network, input_size=tuple(images.shape[2:]))
    return made


def tuned(run: Path, start: Path, folder: Path, epochs: int) -> float:
    """Train on from a changed network; the accuracy held out."""
    if not (folder / "config.json").exists():
        record = training.read_model(run)
        recipe = training.recipe_of(record.network.config["name"])
        recipe = replace(recipe, epochs=epochs, learning_rate=recipe.learning_rate / 2)
        training.fit(
            record.network.config["name"],
            record.training["data"]["name"],
            folder,
            recipe=recipe,
            init=start,
            resume=(folder / "checkpoints/last.ckpt").exists(),
        )
    return json.loads((folder / "config.json").read_text())["scores"]["accuracy"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--budgets", type=float, nargs="+", default=[0.5, 0.25, 0.1])
    parser.add_argument("--epochs", type=int, default=2)
    options = parser.parse_args()
    torch.manual_seed(0)
    made = variants(options.run, options.budgets)
    image = training.training_images(options.run, 1)
    network = training.load_model(options.run)
    first = next(iter(made.values()))
    scores = training.read_model(options.run).scores["accuracy"]
    rows = [["as trained", first.params[0], first.macs[0], None, scores, None]]
    networks = [network]
    for name, result in made.items():
        where = options.folder / name.replace(" ", "-").replace(",", "").replace("'", "")
        if not (where / "config.json").exists():
            training.save_changed(options.run, result.model, where)
        after = training.read_model(where).scores["accuracy"]
        again = tuned(options.run, where, where.with_name(f"{where.name}-tuned"), options.epochs)
        rows.append([name, result.params[1], result.macs[1], None, after, again])
        networks.append(result.model)
    torch.set_num_threads(1)
    for row, changed in zip(rows, networks, strict=True):
        row[3] = round(module_milliseconds(changed, image, seconds=1), 2)
        row[4:] = [None if value is None else f"{100 * value:.1f} %" for value in row[4:]]
    print(machine(), "one thread, one image")
    print(table(["network", "conv weights", "MACs", "ms", "held out", "trained again"], rows))


if __name__ == "__main__":
    main()
