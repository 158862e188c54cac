"""convariant demo: LeNet-5 learns real handwritten digits, from nothing to a prediction."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convariant.cli._output import headline, line, out, percent, print_table, table
from convariant.cli._picture import beside, draw
from convariant.cli.predict import show_predictions

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from convariant.training import Prediction, SavedModel, Scores

DEFAULT = Path("runs/demo")
_SHOWN = 5  # pictures in a row of 80 columns
_REPORTED = 16  # digits that the report moves about
_EXAMPLE = 700  # of the digits held out, a seven

Folder = Annotated[Path, typer.Option("--out", help="Folder of the run; runs/demo is replaced.")]
Seed = Annotated[int, typer.Option(help="Same seed, same result.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on after Ctrl-C.")]


def demo(folder: Folder = DEFAULT, seed: Seed = 0, resume: Resume = False) -> None:
    """LeNet-5 learns 4,000 real handwritten digits and reads 1,000 others; about a minute.

    Example: convariant demo
    """
    import numpy as np

    from convariant import training

    line("LeNet-5 learns digits of MNIST: 4,000 to learn from, 1,000 held out.")
    with closing(training.TerminalReporter(out)) as reporter:
        result = training.fit(
            "lenet5",
            "digits",
            folder,
            seed=seed,
            resume=resume,
            overwrite=folder == DEFAULT and not resume,
            reporter=reporter,
        )
    _heading("Digits it has not seen")
    line(f"{headline(result.scores)}, after {result.seconds:.0f} s of training")
    _show_confusion(result.scores)
    digits = training.open_source("digits").held_out
    images, truths = list(np.asarray(digits.images)), [str(label) for label in digits.targets]
    _show_digits(list(training.predict(result.model, images)), images, truths)
    _predict_a_file(folder, images[_EXAMPLE])
    _write_report(folder, result.model, images[:_REPORTED])
    _compile(result.model, images[_EXAMPLE])
    _say_what_next(folder)


def _heading(text: str) -> None:
    line()
    out.print(text, style="bold")


def _show_confusion(scores: Scores) -> None:
    """Each digit with a mark for every one that was missed, and what those were taken for."""
    line()
    made = table("digit", "found", "missed", "taken for", right=("found",))
    for i, row in enumerate(scores.confusion):
        wrong = sorted(((n, j) for j, n in enumerate(row) if n and j != i), reverse=True)
        others = [scores.classes[j] + (f" ({n} times)" if n > 1 else "") for n, j in wrong]
        missed = "x" * sum(n for n, _ in wrong)
        made.add_row(scores.classes[i], percent(scores.recall[i]), missed, ", ".join(others[:3]))
    print_table(made)


def _show_digits(
    predictions: Sequence[Prediction], images: Sequence[np.ndarray], truths: Sequence[str]
) -> None:
    """Pictures of some digits that were read well, and of those that were misread most surely."""
    right = [i for i, p in enumerate(predictions) if p.label == truths[i]]
    wrong = [i for i, p in enumerate(predictions) if p.label != truths[i]]
    wrong.sort(key=lambda i: -predictions[i].ranking[0][1])
    some = right[:: max(1, len(right) // _SHOWN)][:_SHOWN]
    _heading("Some of them, as it read them")
    _pictures([images[i] for i in some], [_reading(predictions[i]) for i in some])
    if wrong:
        _heading("Its surest mistakes")
        shown = wrong[:_SHOWN]
        captions = [f"{_reading(predictions[i])}, is {truths[i]}" for i in shown]
        _pictures([images[i] for i in shown], captions)


def _reading(prediction: Prediction) -> str:
    name, probability = prediction.ranking[0]
    return f"{name} {probability:.0%}"


def _pictures(images: Sequence[np.ndarray], captions: Sequence[str]) -> None:
    line()
    for text in beside([draw(image) for image in images], captions):
        line(text)


def _predict_a_file(folder: Path, image: np.ndarray) -> None:
    """The way of any image of the user's: a PNG file of another size, read from the disk."""
    from convariant import training

    path = folder / "digit.png"
    training.write_image(path, image.repeat(10, axis=0).repeat(10, axis=1))
    _heading("The saved model reads an image file")
    line(f"$ convariant predict {folder} {path}")
    show_predictions(list(training.predict(folder, [path])), {}, top=3)


def _write_report(folder: Path, model: SavedModel, images: Sequence[np.ndarray]) -> None:
    """One page of all that is known of the network."""
    from PIL import Image

    from convariant.cli.report import as_batch
    from convariant.drawing import report

    batch = as_batch([Image.fromarray(image) for image in images], model.preprocessing.size)
    path = report(model.network, model.preprocessing.normalise(batch)).save(folder / "report.html")
    _heading("All that is known of it, on one page")
    line(str(path))


def _compile(model: SavedModel, image: np.ndarray) -> None:
    """The network that was trained, and a larger one, as native code beside PyTorch."""
    import torch
    from PIL import Image

    from convariant.cli.report import as_batch

    torch.manual_seed(0)
    digit = as_batch([Image.fromarray(image)], model.preprocessing.size)
    _heading("Compiled, and beside PyTorch")
    figures = ("PyTorch ms", "compiled ms", "times faster", "error")
    made = table("network", *figures, right=figures)
    for name, network, x in (
        ("this LeNet-5", model.network.eval(), model.preprocessing.normalise(digit)),
        ("MobileNet v1, 224 pixels", _mobilenet(), torch.randn(1, 3, 224, 224)),
    ):
        theirs, ours, error = _compared(network, x)
        made.add_row(name, f"{theirs:.3f}", f"{ours:.3f}", f"{theirs / ours:.1f}", f"{error:.0e}")
    print_table(made)
    line(f"{torch.get_num_threads()} thread(s); medians of blocks in turn; the largest error")
    line("against float64, as a part of the largest output")


def _mobilenet() -> nn.Module:
    """Untrained, its batch norms filled from random images: else all signals fade on their way,
    and equality would say little.
    """
    import torch

    from convariant import models

    network = models.create("mobilenet_v1")
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.randn(4, 3, 224, 224))
    return network.eval()


def _compared(network: nn.Module, x: Tensor) -> tuple[float, float, float]:
    """Milliseconds of PyTorch's call and of ours, and the largest relative error of ours."""
    import copy

    import torch

    from convariant.analysis._timing import milliseconds_in_turn
    from convariant.compiler import compile

    program = compile(network, x)
    with torch.no_grad():
        truth = copy.deepcopy(network).double()(x.double())
        error = float((program(x) - truth).abs().max() / truth.abs().max())
        theirs, ours = milliseconds_in_turn([lambda: network(x), lambda: program(x)])
    return theirs, ours, error


def _say_what_next(folder: Path) -> None:
    _heading("What to try next")
    for command, what in (
        (f"convariant predict {folder} IMAGE", "your digit (ink on paper: --invert)"),
        (f"convariant evaluate {folder}", "recall and precision of every digit"),
        ("convariant train lenet5 digits --augment", "digits moved and turned as well"),
        ("convariant train unet brain", "the tissue of every pixel"),
        ("convariant bench mobilenet_v1", "beside other engines"),
        ("convariant geometry -k3 -s2 -p1 -i 28x28", "what a window makes of a size"),
    ):
        line(f"  {command:<41} {what}".rstrip())
