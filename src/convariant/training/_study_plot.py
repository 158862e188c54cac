"""The curves of the symmetry study: one picture for each sweep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from convariant.errors import MissingDependencyError

if TYPE_CHECKING:
    from convariant.training.symmetry_study import Study


def save_curves(study: Study, path: Path) -> None:
    """Accuracy over consistency for every sweep, a line for each network, means over the seeds.

    Raises: MissingDependencyError.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise MissingDependencyError("matplotlib", "drawing the curves", extra="draw") from None
    names = list(dict.fromkeys(t.name for t in study.trials))
    sweeps = list(study.trials[0].sweeps)
    figure = Figure(figsize=(3.2 * len(sweeps), 5.6), layout="constrained")
    grid = figure.subplots(2, len(sweeps), squeeze=False, sharey=True)
    for column, sweep in enumerate(sweeps):
        amounts = study.trials[0].sweeps[sweep].amounts
        for name in names:
            trials = [t.sweeps[sweep] for t in study.trials if t.name == name]
            right = [t.accuracy.mean for t in trials if t.accuracy is not None]
            same = [t.consistency.mean for t in trials]
            for row, curves in enumerate((right, same)):
                mean = [sum(point) / len(point) for point in zip(*curves, strict=True)]
                grid[row][column].plot(amounts, mean, label=name, linewidth=1.4, marker=".")
        transform = study.trials[0].sweeps[sweep].transform
        unit = transform.unit.strip()
        grid[0][column].set_title(sweep, fontsize=10)
        grid[1][column].set_xlabel(unit, fontsize=9)
        for row in range(2):
            grid[row][column].grid(alpha=0.3)
    grid[0][0].set_ylabel("right class")
    grid[1][0].set_ylabel("same class as upright")
    figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.savefig(path, dpi=90)
