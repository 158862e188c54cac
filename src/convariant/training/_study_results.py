"""What the symmetry study found: one trial for each network and seed, tables over all of them."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from convariant.analysis._table import table
from convariant.training._files import write_file


@dataclass(frozen=True)
class Sweep:
    """One motion by several amounts: the part of right answers, and of answers that stay."""

    amounts: tuple[float, ...]
    accuracy: tuple[float, ...]
    consistency: tuple[float, ...]
    unit: str = ""

    @property
    def right(self) -> float:
        """The mean accuracy."""
        return statistics.mean(self.accuracy)

    @property
    def same(self) -> float:
        """The mean consistency."""
        return statistics.mean(self.consistency)


@dataclass(frozen=True)
class Trial:
    """One contender, trained once: its cost, and what each sweep did to its answers.

    `seconds` is processor time of the training, which other programs disturb less than a clock.
    """

    name: str
    seed: int
    params: int
    macs: int
    seconds: float
    upright: float
    sweeps: dict[str, Sweep]

    @property
    def right(self) -> float:
        """The accuracy, each sweep counting the same."""
        return statistics.mean(sweep.right for sweep in self.sweeps.values())

    @property
    def same(self) -> float:
        """The consistency, each sweep counting the same."""
        return statistics.mean(sweep.same for sweep in self.sweeps.values())

    def to_json(self) -> dict[str, Any]:
        """All figures of the trial."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Trial:
        """What `to_json` gave."""
        sweeps = {
            name: Sweep(
                tuple(found["amounts"]),
                tuple(found["accuracy"]),
                tuple(found["consistency"]),
                found["unit"],
            )
            for name, found in values["sweeps"].items()
        }
        return cls(**{**values, "sweeps": sweeps})


@dataclass(frozen=True)
class Study:
    """All trials; prints as tables, `markdown` gives them for a page, `save` writes all of it.

    A figure is the mean over the seeds with the standard deviation where there are several.
    """

    trials: tuple[Trial, ...]
    settings: dict[str, Any]

    @property
    def names(self) -> list[str]:
        """The contenders, in their order."""
        return list(dict.fromkeys(t.name for t in self.trials))

    def of(self, name: str) -> list[Trial]:
        """The trials of one contender."""
        return [t for t in self.trials if t.name == name]

    def __str__(self) -> str:
        return "\n\n".join(f"{title}\n{table(head, rows)}" for title, head, rows in self._tables())

    def markdown(self) -> str:
        """The tables in Markdown."""
        parts = []
        for title, head, rows in self._tables():
            lines = [" | ".join(cells) for cells in (head, *rows)]
            lines.insert(1, "---" + "|---:" * (len(head) - 1))
            parts.append(f"{title}\n\n" + "\n".join(f"| {text} |" for text in lines))
        return "\n\n".join(parts).replace("| ---|", "|---|").replace(": |\n", ":|\n") + "\n"

    def to_json(self) -> dict[str, Any]:
        """Every curve of every trial."""
        return {"settings": self.settings, "trials": [t.to_json() for t in self.trials]}

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write study.json, study.md, curves.png and cost.png (the pictures need matplotlib).

        Raises: StorageError, MissingDependencyError.
        """
        from convariant.training._study_plot import save_cost, save_curves

        place = Path(folder)
        write_file(place / "study.json", json.dumps(self.to_json(), indent=2).encode())
        write_file(place / "study.md", self.markdown().encode())
        save_curves(self, place / "curves.png")
        save_cost(self, place / "cost.png")
        return place

    def _tables(self) -> list[tuple[str, list[str], list[list[str]]]]:
        """Title, headings and rows: cost, accuracy, consistency."""
        sweeps = list(self.trials[0].sweeps)
        cost = [
            [
                name,
                f"{self.of(name)[0].params:,}",
                f"{self.of(name)[0].macs:,}",
                f"{statistics.mean(t.seconds for t in self.of(name)):.0f}",
                self._percent(name, lambda t: t.upright),
            ]
            for name in self.names
        ]
        tables = [("Cost", ["network", "parameters", "MACs", "training s", "upright %"], cost)]
        for title, one, whole in (
            ("Right answers (%)", lambda s: s.right, lambda t: t.right),
            ("Answers that stay (%)", lambda s: s.same, lambda t: t.same),
        ):
            rows = []
            for name in self.names:
                cells = [self._percent(name, _of_sweep(sweep, one)) for sweep in sweeps]
                rows.append([name, *cells, self._percent(name, whole)])
            tables.append((title, ["network", *sweeps, "mean"], rows))
        return tables

    def _percent(self, name: str, figure: Callable[[Trial], float]) -> str:
        return percent([figure(t) for t in self.of(name)])


def percent(values: Sequence[float]) -> str:
    """Parts of 1 as percent: the mean, and the standard deviation of several.

    >>> percent([0.5]), percent([0.5, 0.52])
    ('50.0', '51.0 ± 1.4')
    """
    text = f"{100 * statistics.mean(values):.1f}"
    return f"{text} ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else text


def _of_sweep(sweep: str, figure: Callable[[Sweep], float]) -> Callable[[Trial], float]:
    return lambda trial: figure(trial.sweeps[sweep])
