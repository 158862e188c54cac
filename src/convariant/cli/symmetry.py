"""convariant symmetry: what a network keeps when its input moves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convariant.cli._network import Network, Options, Size, open_network
from convariant.cli._options import Json
from convariant.cli._output import line, print_json

if TYPE_CHECKING:
    from torch import Tensor

Data = Annotated[
    str, typer.Option(help="digits, fashion-mnist, folder:PATH...: its held-out images.")
]
Count = Annotated[int, typer.Option("--images", min=1, help="How many images.")]


class Which(str, Enum):
    """The transforms that can be measured."""

    SHIFT = "shift"
    CIRCULAR_SHIFT = "circular_shift"
    ROTATION = "rotation"
    QUARTER_TURN = "quarter_turn"
    SCALE = "scale"
    SQUEEZE = "squeeze"
    FLIP = "flip"
    NOISE = "noise"
    PERMUTATION = "permutation"


class Group(str, Enum):
    """The groups that can be certified."""

    CIRCULAR_SHIFT = "circular_shift"
    SHIFT = "shift"
    FLIP = "flip"
    P4 = "p4"
    P4M = "p4m"


def measure(
    model: Network,
    data: Data = "digits",
    transform: Annotated[
        Which, typer.Option("--transform", "-t", help="What happens to the images.")
    ] = Which.SHIFT,
    images: Count = 100,
    option: Options = None,
    output: Annotated[
        Path | None, typer.Option("--out", help="Write a picture (.png, .svg) or .json.")
    ] = None,
    only_output: Annotated[
        bool, typer.Option("--only-output", help="Not layer by layer; needs no capture.")
    ] = False,
    json: Json = False,
) -> None:
    """How far each layer follows a transform, and whether the answer stays.

    Example: convariant symmetry measure runs/lenet5-digits --data digits -t rotation --out r.png
    """
    from convariant.analysis import symmetry

    network, _ = open_network(model, None, option)
    x, labels = _images(model, network, data, images)
    result = symmetry.measure(
        network, x, transform.value, not only_output, labels=labels, progress=not json
    )
    if output is not None:
        result.save(output)
    if json:
        print_json(result.to_json())
    else:
        line(str(result))


def certify(
    model: Network,
    size: Size = None,
    group: Annotated[Group, typer.Option("--group", "-g")] = Group.CIRCULAR_SHIFT,
    option: Options = None,
    json: Json = False,
) -> None:
    """Which layers follow a group exactly, by algebra; a proof in numbers or a counterexample.

    Example: convariant symmetry certify p4_lenet --group p4
    """
    from convariant.analysis import symmetry

    network, shape = open_network(model, size, option)
    result = symmetry.certify(network, shape, group.value)  # type: ignore[arg-type]
    if json:
        print_json(result.to_json())
    else:
        line(str(result))


def report(
    model: Network,
    data: Data = "digits",
    images: Count = 100,
    option: Options = None,
    json: Json = False,
) -> None:
    """Consistency and cost before and after every stride is made to follow the image.

    Example: convariant symmetry report resnet18 -o in_channels=1 -o num_classes=10
    """
    from torch import nn

    from convariant import OptionError
    from convariant.analysis import symmetry

    network, _ = open_network(model, None, option)
    if not isinstance(network, nn.Module):
        raise OptionError(f"{model} is a file of numbers; only a network of ours can be rewritten")
    x, labels = _images(model, network, data, images, even=True)
    result = symmetry.shift_report(network, x, labels=labels)
    if json:
        print_json(result.to_json())
    else:
        line(str(result))


def demo(
    model: Annotated[
        str | None,
        typer.Argument(metavar="[MODEL]", help="By default LeNet-5, trained on the digits now."),
    ] = None,
    index: Annotated[int, typer.Option(min=0, help="Which held-out digit.")] = 0,
    output: Annotated[Path, typer.Option("--out", help="Folder.")] = Path("runs/symmetry-demo"),
) -> None:
    """The lecture's demonstration: sweeps with the feature maps of every layer, as GIFs and a page.

    Example: convariant symmetry demo runs/lenet5-digits --index 7
    """
    from convariant import OptionError
    from convariant.analysis import symmetry
    from convariant.training import TerminalReporter
    from convariant.training.symmetry_study import trained_lenet

    if model is None:
        with closing(TerminalReporter()) as reporter:
            network: Any = trained_lenet(reporter=reporter)
    else:
        network = open_network(model, None)[0]
    x, _ = _images(model or "", network, "digits", index + 1, first=True)
    if index >= len(x):
        raise OptionError(f"--index {index}: there are {len(x)} digits held out; count from 0")
    page = symmetry.demonstrate(network, x[index : index + 1], output, progress=True)
    line(f"wrote {page}")


def experiment(
    seeds: Annotated[str, typer.Option(help="Seeds, separated by commas.")] = "0,1,2",
    epochs: Annotated[int, typer.Option(min=1)] = 16,
    images: Annotated[int, typer.Option(min=1, help="Held-out images of each sweep.")] = 500,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Networks at a time; by default one a processor.")
    ] = None,
    output: Annotated[Path, typer.Option("--out", help="Folder.")] = Path("runs/symmetry"),
    json: Json = False,
) -> None:
    """Seven ways to a classifier under motions it never saw: tables, curves, all figures.

    Every network is written as it ends; stopped and started again, the experiment goes on.

    Example: convariant symmetry experiment --seeds 0 --epochs 2
    """
    from convariant.training import TerminalReporter
    from convariant.training.symmetry_study import run_study

    numbers = _seeds(seeds)
    with closing(TerminalReporter()) as reporter:
        study = run_study(
            seeds=numbers,
            epochs=epochs,
            images=images,
            folder=output,
            workers=workers,
            reporter=reporter,
        )
    folder = study.save(output)
    if json:
        print_json(study.to_json())
    else:
        line(str(study))
        line(f"wrote study.json, study.md, curves.png and cost.png into {folder}")


def sphere(
    seeds: Annotated[str, typer.Option(help="Seeds, separated by commas.")] = "0,1,2",
    epochs: Annotated[int, typer.Option(min=1)] = 10,
    images: Annotated[int, typer.Option(min=1, help="Held-out images.")] = 500,
    learned: Annotated[
        int | None, typer.Option(min=1, help="Digits to learn from; by default all 4,000.")
    ] = None,
    json: Json = False,
) -> None:
    """A spherical and a planar CNN on digits on the sphere, turned at random in space.

    Example: convariant symmetry sphere --seeds 0
    """
    from convariant.training import TerminalReporter
    from convariant.training.sphere_study import run_sphere_study

    numbers = _seeds(seeds)
    with closing(TerminalReporter()) as reporter:
        study = run_sphere_study(
            seeds=numbers, epochs=epochs, images=images, learned=learned, reporter=reporter
        )
    if json:
        print_json(study.to_json())
    else:
        line(str(study))


COMMANDS: dict[str, Callable[..., None]] = {
    "measure": measure,
    "certify": certify,
    "report": report,
    "demo": demo,
    "experiment": experiment,
    "sphere": sphere,
}


def _seeds(text: str) -> list[int]:
    from convariant import OptionError

    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise OptionError(f"--seeds is {text!r}; write numbers with commas, as 0,1,2") from None


def _images(
    model: str, network: Any, data: str, count: int, *, even: bool = False, first: bool = False
) -> tuple[Tensor, Tensor]:
    """Held-out images, in 0..1 or as a model folder wants them; `even` pads sides to eights.

    They are spread over the whole set, or its `first` ones.
    """
    import torch
    import torch.nn.functional as F

    from convariant import OptionError
    from convariant.training import open_source, read_model
    from convariant.training._digit_recipe import spread

    source = open_source(data)
    if source.size is None or source.task != "classification":
        raise OptionError(f"--data {data} has images of many sizes or no classes; use digits")
    x, labels = (
        torch.from_numpy(part) for part in (source.held_out.images, source.held_out.targets)
    )
    x, labels = (x[:count], labels[:count]) if first else spread(count, x, labels)
    x = (x[:, None] if x.dim() == 3 else x).float() / 255
    if model and Path(model).is_dir():
        x = read_model(Path(model)).preprocessing.normalise(x)
    x = x.expand(-1, getattr(network, "in_channels", x.shape[1]), -1, -1)
    if even:
        down, right = (-side % 8 for side in x.shape[-2:])
        x = F.pad(x, (right // 2, right - right // 2, down // 2, down - down // 2))
    return x, labels
