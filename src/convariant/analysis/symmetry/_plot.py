"""The picture of a measurement: curves with bands, and the images that changed their answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from convariant.errors import MissingDependencyError, OptionError, StorageError

if TYPE_CHECKING:
    from convariant.analysis.symmetry._measurement import Change, Curve, Measurement

_ENDINGS = (".png", ".svg", ".pdf")
_EXAMPLES = 6


def save_measurement(result: Measurement, path: Path, text: str) -> Path:
    """Write JSON or a picture, by the ending."""
    ending = path.suffix.lower()
    if ending != ".json" and ending not in _ENDINGS:
        raise OptionError(
            f"a measurement cannot be saved as {path.name!r}; end the name with .json, "
            f"{', '.join(_ENDINGS)}"
        )
    figure = None if ending == ".json" else _figure(result)
    try:
        if figure is None:
            path.write_text(text, encoding="utf-8")
        else:
            figure.savefig(path, bbox_inches="tight", dpi=110)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def new_figure(width: float, height: float) -> Any:
    """An empty figure that belongs to no window.

    Raises: MissingDependencyError.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise MissingDependencyError("matplotlib", "drawing a measurement", extra="draw") from None
    return Figure(figsize=(width, height), layout="constrained")


def _figure(result: Measurement) -> Any:
    figure = new_figure(10, 5.2 if result.changes else 3.6)
    top, bottom = (
        (*figure.subfigures(2, 1, height_ratios=(3.2, 1.6)),)
        if result.changes
        else (
            figure,
            None,
        )
    )
    errors, answers = top.subplots(1, 2)
    for layer in result.layers:
        errors.plot(result.amounts, layer.error.mean, linewidth=1, label=layer.name)
    draw_curve(errors, result.amounts, result.output, "output", "black")
    errors.set_ylabel("error of equivariance")
    draw_curve(answers, result.amounts, result.consistency, "same class", "tab:blue")
    if result.accuracy is not None:
        draw_curve(answers, result.amounts, result.accuracy, "right class", "tab:orange")
    answers.set_ylim(-0.02, 1.02)
    for axes in (errors, answers):
        axes.set_xlabel(f"{result.transform.name}{_unit(result.transform.unit)}")
        axes.grid(alpha=0.3)
    if len(result.layers) <= 12:
        errors.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    answers.legend(fontsize=8, loc="lower left")
    if bottom is not None:
        _examples(bottom, result)
    return figure


def draw_curve(
    axes: Any, amounts: tuple[float, ...], curve: Curve, label: str, colour: str
) -> None:
    """A mean with its band."""
    axes.plot(amounts, curve.mean, color=colour, label=label, linewidth=1.8)
    axes.fill_between(amounts, curve.low, curve.high, color=colour, alpha=0.2, linewidth=0)


def _examples(figure: Any, result: Measurement) -> None:
    """The first images that changed, before above after."""
    shown = result.changes[:_EXAMPLES]
    grid = figure.subplots(2, _EXAMPLES, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for column, change in enumerate(shown):
        label = result.transform.label(change.amount)
        _picture(grid[0][column], change, changed=False, title=f"{change.before}")
        _picture(grid[1][column], change, changed=True, title=f"{change.after} at {label}")


def _picture(axes: Any, change: Change, *, changed: bool, title: str) -> None:
    pixels = (change.changed if changed else change.image).detach().float().cpu()
    low, high = pixels.min(), pixels.max()
    pixels = (pixels - low) / (high - low).clamp(min=1e-12)
    shown = pixels.permute(1, 2, 0).numpy() if pixels.shape[0] == 3 else pixels[0].numpy()
    axes.imshow(shown, cmap="gray")
    axes.set_title(title, fontsize=8)


def _unit(unit: str) -> str:
    return f" ({unit.strip()})" if unit.strip() else ""
