"""The Networks tab: one of ours or an ONNX file; its cost, diagram, field, symmetry and speed."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from convariant import models
from convariant.analysis.inspection import Inspection, inspect
from convariant.analysis.symmetry import Certificate, certify
from convariant.analysis.symmetry._certify import Group
from convariant.compiler import Program
from convariant.compiler import compile as compile_network
from convariant.compiler.report import Report
from convariant.drawing import Picture, architecture, costs, receptive_field
from convariant.errors import GraphError, ModelFileError, OptionError
from convariant.graph import Graph, from_onnx, interpret
from convariant.graph.onnx._read import declared_shapes

MOST_BYTES = 256 * 2**20  # of an ONNX file
LARGEST_SIDE = 1024
MOST_MEMORY = 4 * 2**30  # bytes of activations of a network that is run here
SEARCHED = 2 * 10**7  # multiply-adds: larger networks are certified without trying numbers,
SEARCHED_MEMORY = 2**28  # and those whose activations need more bytes
MOST_DRAWN = 4_000_000  # pixels of an image that a field is drawn on
SECONDS = 1.0  # of measuring, each engine
SIZES_OF: dict[str, int] = {"unet": 188}  # sides to begin with, where the paper's own is large
LIMITS = (
    f"ONNX files up to {MOST_BYTES // 2**20} MB, weights inside; where a file leaves its size "
    "open, the size above is taken. Ours have random weights: sizes, cost, algebra and speed do "
    "not depend on them."
)


@dataclass(frozen=True)
class Choice:
    """A network of ours by name, or an ONNX file; `size` as typed, unless the file has its own."""

    name: str = "mobilenet_v1"
    size: str = "224"
    path: str | None = None

    @property
    def title(self) -> str:
        """What the page calls it."""
        return self.name if self.path is None else Path(self.path).name

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width; raises OptionError where what was typed is no size."""
        return read_size(self.size)


@dataclass(frozen=True)
class Speed:
    """Milliseconds of one image on one thread, compiled and in PyTorch, and the way there."""

    compiled: float
    pytorch: float
    compiling: float  # seconds
    report: Report  # of every step


def read_size(text: str) -> tuple[int, int]:
    """`'224' -> (224, 224)`, `'48x320' -> (48, 320)`.

    Raises OptionError for anything else, and for sides out of range.
    """
    parts = text.lower().replace("×", "x").replace("*", "x").split("x")
    sides = [int(part) if part.strip().isdecimal() else 0 for part in parts]
    if len(sides) > 2 or not all(1 <= side <= LARGEST_SIDE for side in sides):
        raise OptionError(
            f"an input size is one side, such as 224, or height x width, such as 48x320, each from "
            f"1 to {LARGEST_SIDE}, but got {text.strip()[:40] or 'nothing'}"
        )
    return sides[0], sides[-1]


def first_side(name: str) -> int:
    """The input side that a network of ours is shown with first."""
    return SIZES_OF.get(name, models.info(name).input_size[0])


@functools.lru_cache(maxsize=3)
def network(choice: Choice) -> nn.Module | Graph:
    """The network, in evaluation mode.

    Raises ModelFileError or GraphError for an ONNX file that cannot be used, OptionError for a size
    that is none, or out of range.
    """
    if choice.path is not None:
        size = os.path.getsize(choice.path)
        if size > MOST_BYTES:
            raise ModelFileError(
                f"{choice.title} has {size / 2**20:.0f} MB; the most for an ONNX file are "
                f"{MOST_BYTES // 2**20} MB"
            )
        graph = _without_folder(choice.path, lambda: _read(choice, _opened(choice)))
        if any(not isinstance(n, int) for t in graph.input_types for n in t.shape):
            graph = graph.at_batch(1)
        return graph
    torch.manual_seed(0)
    return models.create(choice.name).eval()


def _without_folder(path: str, read: Callable[[], Graph]) -> Graph:
    """What `read` returns; its errors name the file as the page does, not where it was put."""
    try:
        return read()
    except (ModelFileError, GraphError) as error:
        folder = str(Path(path).parent)
        words = str(error).replace(f"{folder}{os.sep}", "").replace(f" {folder}", "")
        raise type(error)(words) from None


def _read(choice: Choice, shapes: list[tuple[int, ...]] | None) -> Graph:
    try:
        return from_onnx(choice.path or "", shapes)
    except GraphError as error:
        if shapes is None:
            raise
        raise GraphError(
            f"{error}. {choice.title} leaves its size open, and {choice.size} may not fit it: type "
            "another, such as 48x320"
        ) from None


def _opened(choice: Choice) -> list[tuple[int, ...]] | None:
    """The shapes of inputs some of whose sizes the file leaves open; None where it says all."""
    shapes = declared_shapes(choice.path or "")
    if shapes == [()]:  # of a network's only input: it declares none
        shapes = [(None,) * 4]
    if all(None not in shape[1:] for shape in shapes):
        return None
    return [_filled(choice, shape) for shape in shapes]


def _filled(choice: Choice, shape: tuple[int | None, ...]) -> tuple[int, ...]:
    """A declared shape, with what it leaves open of an image as the page has it."""
    defaults: tuple[int | None, ...] = (1,) + (None,) * (len(shape) - 1)
    if len(shape) == 4:
        defaults = (1, 3, *choice.sides)
    filled = tuple(size or default for size, default in zip(shape, defaults, strict=False))
    if None in filled:
        shown = ", ".join(str(size or "?") for size in shape)
        raise GraphError(
            f"{choice.title} has an input of open sizes that is no image, ({shown}); the size "
            "above is that of images alone: set the sizes in the file"
        )
    return tuple(size or 1 for size in filled)


@functools.lru_cache(maxsize=8)
def inspection(choice: Choice) -> Inspection:
    """Shapes, parameters and operations."""
    return inspect(network(choice), None if choice.path else choice.sides)


def summary(choice: Choice) -> dict[str, str]:
    """The totals, by name."""
    result = inspection(choice)
    first = " and ".join("×".join(map(str, s)) for s in result.input_sizes)
    last = " and ".join("×".join(map(str, s)) for s in result.output_sizes)
    return {
        "Shape": f"{first} → {last}",
        "Parameters": f"{result.params:,}",
        "Multiply-adds": f"{result.macs:,}",
        "Activations at once": f"{result.memory.peak / 2**20:.1f} MiB",
        "Receptive field": str(result.receptive_field or "not known"),
        "Operations for each byte moved": f"{result.intensity:.1f}",
    }


COLUMNS = ("layer", "kind", "output", "parameters", "multiply-adds", "field")
NUMBERS = frozenset(("parameters", "multiply-adds", "field"))


def rows(choice: Choice) -> list[tuple[str, ...]]:
    """A row for each layer that computes or has weights."""
    return [
        (
            layer.name,
            f"{layer.kind} {layer.attributes}".strip(),
            "×".join(map(str, layer.output_size[1:])),
            f"{layer.params:,}" if layer.params else "",
            f"{layer.macs:,}" if layer.macs else "",
            str(layer.receptive_field or ""),
        )
        for layer in inspection(choice).layers
        if layer.flops or layer.params
    ]


def diagram(choice: Choice) -> Picture:
    """The network as blocks with shapes and cost."""
    return architecture(network(choice), None if choice.path else choice.sides)


def cost(choice: Choice) -> Picture:
    """Multiply-adds by layer."""
    return costs(inspection(choice))


def field(choice: Choice, pixels: np.ndarray, across: float, down: float) -> Picture:
    """What one unit of each layer sees of a photo; the unit by fractions of the map.

    Raises OptionError or GraphError for a network that does not read images.
    """
    sizes = inspection(choice).input_sizes
    shape = sizes[0]
    if len(sizes) != 1 or len(shape) != 4 or shape[1] not in (1, 3):
        reads = " and ".join("×".join(map(str, size)) for size in sizes)
        raise GraphError(
            f"{choice.title} reads {reads}; only networks for images of 1 or 3 channels have a "
            "receptive field to draw on a photo"
        )
    if shape[2] * shape[3] > MOST_DRAWN:
        raise OptionError(
            f"{choice.title} reads images of {shape[2]:,} × {shape[3]:,} pixels; a receptive field "
            f"is drawn on {MOST_DRAWN:,} at most: set a smaller size in the file"
        )
    photo = _resized(pixels, (shape[2], shape[3]))
    if shape[1] == 1:
        photo = photo.mean(axis=2).astype(np.uint8)
    return receptive_field(network(choice), photo, at=(down, across))


def _resized(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.fromarray(pixels).resize(size[::-1]))


@functools.lru_cache(maxsize=16)
def certificate(choice: Choice, group: Group) -> Certificate:
    """Which layers follow the group exactly; numbers are tried where that takes seconds at most."""
    found = inspection(choice)
    if len(found.input_sizes) != 1:
        raise GraphError(
            f"{choice.title} has {len(found.input_sizes)} inputs, and symmetry is told of networks "
            "that read one image: choose another network, or another view of this one"
        )
    small = found.macs <= SEARCHED and found.memory.total <= SEARCHED_MEMORY
    size = found.input_sizes[0]
    return certify(network(choice), size, group, search=small)


@functools.lru_cache(maxsize=4)
def compiled(choice: Choice) -> tuple[Program, float]:
    """The network as native code, and the seconds that took.

    Raises OptionError where its activations would need too much memory.
    """
    needed = inspection(choice).memory.total
    if needed > MOST_MEMORY:
        raise OptionError(
            f"{choice.title} makes {needed / 2**30:.1f} GiB of activations; the studio runs "
            f"networks up to {MOST_MEMORY / 2**30:.0f} GiB: choose a smaller input"
        )
    start = time.perf_counter()
    program = compile_network(network(choice), _example(choice), threads=1)
    return program, time.perf_counter() - start


@torch.inference_mode()
def speed(choice: Choice) -> Speed:
    """Compile the network and run it beside PyTorch on the same input, in turn."""
    program, seconds = compiled(choice)
    inputs = _example(choice)
    source = network(choice)
    run: Callable[..., object] = (
        functools.partial(interpret, source) if isinstance(source, Graph) else source
    )
    with _one_thread():
        times = _fastest([lambda: program(*inputs), lambda: run(*inputs)])
    return Speed(1e3 * times[0], 1e3 * times[1], seconds, program.report)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """PyTorch on one thread: several that wait for each other tell more of the machine's load."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _example(choice: Choice) -> tuple[torch.Tensor, ...]:
    """An input of noise; zeros for whole numbers, which may be places in a table of any length."""
    generator = torch.Generator().manual_seed(0)
    source = network(choice)
    sizes = inspection(choice).input_sizes
    given = source.input_types if isinstance(source, Graph) else ()
    dtypes = [type_.dtype for type_ in given] or [torch.float32] * len(sizes)
    return tuple(
        torch.randn(size, generator=generator, dtype=dtype)
        if dtype.is_floating_point
        else torch.zeros(size, dtype=dtype)
        for size, dtype in zip(sizes, dtypes, strict=True)
    )


def _fastest(runs: list[Callable[[], object]]) -> list[float]:
    """Of each the least seconds of one call, measured in blocks that take turns."""
    best = [float("inf")] * len(runs)
    stop = time.perf_counter() + SECONDS * len(runs)
    while True:
        for i, run in enumerate(runs):
            block = time.perf_counter() + SECONDS / 4
            while True:
                start = time.perf_counter()
                run()
                end = time.perf_counter()
                best[i] = min(best[i], end - start)
                if end > block:
                    break
        if time.perf_counter() > stop:
            return best
