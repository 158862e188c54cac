"""convariant report: all that is known of a network on one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convariant import OptionError
from convariant.cli._network import Network, Options, Size, open_network
from convariant.cli._output import line

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

Images = Annotated[
    list[Path] | None,
    typer.Option("--image", "-i", help="An image file; may be given several times."),
]
Out = Annotated[Path, typer.Option("--out", help="The page to write.")]


def report(
    model: Network,
    size: Size = None,
    option: Options = None,
    image: Images = None,
    out: Out = Path("report.html"),
) -> None:
    """Write one offline page: architecture, cost, field, symmetry, separability, compiled speed.

    Without images of yours, a few photographs are moved about to see what the network keeps; a
    network that takes no images is run on noise.

    Example: convariant report runs/demo --out lenet.html

    Example: convariant report detector.onnx --image street.jpg
    """
    from rich.console import Console

    from convariant.analysis._source import as_graph
    from convariant.drawing import report as make

    network, shape = open_network(model, size, option)
    graph = as_graph(network, shape)
    images = _inputs(model, image or [], graph.input_types[0].sizes)
    console = Console(stderr=True)
    with console.status("looking at the network") as status:
        # a status is seen in a terminal only
        tell = status.update if console.is_terminal else console.print
        page = make(network, images, progress=lambda part: tell(part.lower()))
    path = page.save(out)
    for section in page.sections:
        if section.problem:
            line(f"{section.heading}: left out: {section.problem}")
    line(f"wrote {path}")


def _inputs(model: str, files: list[Path], sizes: tuple[int, ...]) -> Tensor:
    """What the network is looked at with: images, or noise where it takes none."""
    import torch

    if len(sizes) == 4:
        _, channels, height, width = sizes
        return _read(model, files, channels, (height, width))
    if files:
        raise OptionError(
            f"{model} takes {'x'.join(map(str, sizes))}, which is no image; leave out --image"
        )
    return torch.rand(1, *sizes[1:], generator=torch.Generator().manual_seed(0))


def _read(model: str, files: list[Path], channels: int, size: tuple[int, int]) -> Tensor:
    """Images as the network takes them: scaled, and normalised where its folder says how."""
    from PIL.Image import fromarray

    from convariant.training import read_model
    from convariant.training._images import read_image

    wanted = read_model(model).preprocessing if Path(model).is_dir() else None
    if wanted is not None:  # its margin is added after
        size = (size[0] - 2 * wanted.margin[0], size[1] - 2 * wanted.margin[1])
    if files:
        pictures = [read_image(path, channels) for path in files]
    else:
        from convariant.studio._photos import NAMES, photo

        mode = "L" if channels == 1 else "RGB"
        pictures = [fromarray(photo(name)).convert(mode) for name in NAMES]
    batch = as_batch(pictures, size)
    return batch if wanted is None else wanted.normalise(batch)


def as_batch(pictures: Sequence[Image], size: tuple[int, int]) -> Tensor:
    """Pictures scaled into frames of one size, from 0 to 1: `(n, c, h, w)`."""
    import numpy as np
    import torch

    from convariant.training._images import frame_image

    frames = np.stack([frame_image(picture, size) for picture in pictures])
    return torch.from_numpy(frames).float() / 255
