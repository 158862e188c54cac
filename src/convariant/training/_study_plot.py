"""The pictures of the symmetry study: a curve for each sweep, and what was reached at what cost."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convariant.errors import MissingDependencyError

if TYPE_CHECKING:
    from convariant.training._study_results import Study

_SWEEPS = {
    "circular": "circular shift",
    "shift": "shift on a background",
    "rotation": "rotation",
    "quarter": "quarter turn",
    "scale": "scale",
}
_ROWS = ("right answers", "answers that stay")


def save_curves(study: Study, path: Path) -> None:
    """Accuracy over consistency for every sweep: a line of means, a band from least to most.

    Raises: MissingDependencyError.
    """
    sweeps = list(study.trials[0].sweeps)
    figure = _figure((3.2 * len(sweeps), 6.0), "drawing the curves")
    grid = figure.subplots(2, len(sweeps), squeeze=False, sharey=True, sharex="col")
    for column, sweep in enumerate(sweeps):
        first = study.trials[0].sweeps[sweep]
        for i, name in enumerate(study.names):
            found = [t.sweeps[sweep] for t in study.of(name)]
            curves = ([s.accuracy for s in found], [s.consistency for s in found])
            for axes, values in zip(grid[:, column], curves, strict=True):
                points = list(zip(*values, strict=True))
                mean = [statistics.mean(point) for point in points]
                style = {"color": f"C{i}", "label": name}
                axes.plot(first.amounts, mean, linewidth=1.4, marker=".", **style)
                low, high = [min(p) for p in points], [max(p) for p in points]
                axes.fill_between(first.amounts, low, high, alpha=0.15, color=f"C{i}")
        grid[0][column].set_title(_SWEEPS[sweep], fontsize=10)
        grid[1][column].set_xlabel(first.unit, fontsize=9)
        if sweep == "quarter":
            grid[1][column].set_xticks(first.amounts)
        for axes in grid[:, column]:
            axes.grid(alpha=0.3)
            axes.set_ylim(0, 1.02)
    for row, title in enumerate(_ROWS):
        grid[row][0].set_ylabel(title)
    figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=7)
    figure.savefig(path, dpi=90)


def save_cost(study: Study, path: Path) -> None:
    """The means over all sweeps against parameters, MACs and training time, a point for a seed.

    Raises: MissingDependencyError.
    """
    figure = _figure((11.5, 6.4), "drawing the cost")
    grid = figure.subplots(2, 3, sharey="row", sharex="col")
    costs = ("parameters", "MACs", "training (s of processor time)")
    for i, name in enumerate(study.names):
        trials = study.of(name)
        for column, cost in enumerate(("params", "macs", "seconds")):
            x = [getattr(t, cost) for t in trials]
            for row, figure_of in enumerate(("right", "same")):
                y = [getattr(t, figure_of) for t in trials]
                grid[row][column].plot(x, y, "o", color=f"C{i}", label=name, alpha=0.75)
    for column, title in enumerate(costs):
        grid[1][column].set_xlabel(title, fontsize=9)
        for row in range(2):
            if title == "MACs":
                grid[row][column].set_xscale("log")
            grid[row][column].grid(alpha=0.3, which="both")
    for row, title in enumerate(_ROWS):
        grid[row][0].set_ylabel(f"{title}, mean of sweeps")
    figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=7)
    figure.savefig(path, dpi=90)


def _figure(size: tuple[float, float], what: str) -> Any:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise MissingDependencyError("matplotlib", what, extra="draw") from None
    return Figure(figsize=size, layout="constrained")
