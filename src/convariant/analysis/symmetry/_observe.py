"""Running a network and watching its layers, whatever it is made of."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from convariant.analysis._source import Network
from convariant.analysis.symmetry._motion import Grid
from convariant.errors import DataError, GraphError, ShapeError
from convariant.graph import Field, Graph, Node, from_torch, receptive_fields
from convariant.graph._interpret import run_values
from convariant.graph.ops import Cast, Expand, Pad, Permute, Reshape, Slice

# what only arranges numbers tells nothing that its neighbours do not
_ARRANGING = (Cast, Expand, Pad, Permute, Reshape, Slice)

OUTPUT = "output"


@dataclass(frozen=True)
class Observed:
    """A layer that is watched: `grid` says where its positions stand; None: it has none."""

    name: str
    kind: str
    grid: Grid | None = None


@dataclass(frozen=True)
class Observer:
    """A network that gives the values of its layers; the last entry of `layers` is the output."""

    layers: Mapping[str, Observed]
    run: Callable[[Tensor], Iterator[tuple[str, Tensor]]] = field(repr=False)


def _check_images(images: object) -> None:
    """Raise DataError unless these are images that can be moved, one of them at least."""
    wanted = "expected floating-point images (n, c, h, w)"
    if not isinstance(images, Tensor):
        raise DataError(
            f"{wanted}, but got {type(images).__name__}; make a tensor of them, as with "
            "torch.stack(images)"
        )
    got = f"{wanted}, but got {images.dtype} of size {list(images.shape)}"
    if not images.is_floating_point():
        raise DataError(f"{got}; scale bytes with images.float() / 255")
    if images.dim() != 4:
        fix = "add missing axes with images[None]" if images.dim() < 4 else "merge or take axes"
        raise DataError(f"{got}; only motions in the plane are measured: {fix}")
    if 0 in images.shape:
        raise DataError(f"{got}, which has nothing to move; give one image or more")


def observe(model: Network, images: Tensor, *, per_layer: bool) -> Observer:
    """Watch `model` on batches shaped like `images`.

    Raises: DataError for anything but images `(n, c, h, w)`; GraphError where a module cannot be
    captured and `per_layer` asks for it.
    """
    _check_images(images)
    if isinstance(model, nn.Module) and not per_layer:
        return _watch_module(model, images)
    return _watch_graph(_graph(model, images))


def _graph(model: Network, images: Tensor) -> Graph:
    if isinstance(model, nn.Module):
        try:
            with evaluating(model):
                return from_torch(model, like_weights(model, images))
        except GraphError as error:
            raise GraphError(
                f"{error}; or measure the output alone, which needs no capture: per_layer=False"
            ) from error
    if isinstance(model, (str, os.PathLike)):
        from convariant.graph import from_onnx

        model = from_onnx(os.fspath(model))
    if not isinstance(model, Graph):
        raise GraphError(
            f"expected a torch module, a graph or the path of an ONNX file, but got "
            f"{type(model).__name__}; wrap a function in a module"
        )
    if len(model.inputs) != 1:
        raise GraphError(
            f"{model.name} takes {len(model.inputs)} inputs, but symmetry is measured for one "
            "image; fix the others inside the network"
        )
    if model.input_types[0].shape == tuple(images.shape):
        return model
    return model.with_inputs(tuple(images.shape))


def _watch_module(module: nn.Module, images: Tensor) -> Observer:
    def run(batch: Tensor) -> Iterator[tuple[str, Tensor]]:
        with torch.no_grad(), evaluating(module):
            y = module(like_weights(module, batch))
        if not isinstance(y, Tensor):
            raise ShapeError(
                f"{type(module).__name__} returns {type(y).__name__}, but symmetry is measured on "
                "one tensor; wrap it in a module that returns the one you mean"
            )
        yield OUTPUT, y

    _, y = next(run(images[:1]))
    grid = _by_ratio(images, y) if y.dim() == 4 else None
    return Observer({OUTPUT: Observed(OUTPUT, type(module).__name__, grid)}, run)


def _watch_graph(graph: Graph) -> Observer:
    if len(graph.outputs) != 1:
        raise ShapeError(
            f"{graph.name} returns {len(graph.outputs)} tensors, but symmetry is measured on one; "
            "wrap it in a module that returns the one you mean"
        )
    fields = receptive_fields(graph)
    layers: dict[str, Observed] = {}
    value_of: dict[str, str] = {}
    dtype = graph.input_types[0].dtype
    told = telling_nodes(graph)
    for node, following in zip(told, (*told[1:], None), strict=True):
        is_output = node.name == graph.outputs[0]
        # of a module of several operations in a row, what it gives counts, not how it came to it
        if node.path and following and following.path == node.path and not is_output:
            continue
        name = OUTPUT if is_output else layer_name(node, layers)
        value_of[node.name] = name
        layers[name] = Observed(name, layer_kind(node), _grid(graph, node, fields.of(node.name)))

    weight = next(iter(graph.constants.values()), None)

    def run(batch: Tensor) -> Iterator[tuple[str, Tensor]]:
        batch = (batch if weight is None else batch.to(weight.device)).to(dtype)
        for name, value in run_values(graph, batch, dtype=None, keep=()):
            if name in value_of:
                yield value_of[name], value

    return Observer(layers, run)


def telling_nodes(graph: Graph) -> list[Node]:
    """The nodes that depend on the input and compute more than an arrangement; and the output."""
    moving = set(graph.inputs)
    told = []
    for node in graph.nodes:
        if not moving.intersection(node.inputs):
            continue
        moving.update(node.outputs)
        type_ = graph.types[node.name]
        computes = type_.dtype.is_floating_point and not isinstance(node.op, _ARRANGING)
        if (computes and type_.rank >= 2) or node.name == graph.outputs[0]:
            told.append(node)
    if not told or graph.outputs[0] not in moving:
        raise GraphError(f"the output of {graph.name} does not depend on its input")
    return told


def _grid(graph: Graph, node: Node, fields: tuple[Field | None, ...]) -> Grid | None:
    """Where the positions of a feature map stand; None for what has no two axes of positions."""
    shape = graph.types[node.name].sizes
    if len(shape) < 4 or shape[-2:] == (1, 1):
        return None
    size = (shape[-2], shape[-1])
    h, w = graph.input_types[0].sizes[-2:]
    along = [_placed(f, n) for f, n in zip(fields, size, strict=True)]
    rows, columns = along
    if rows is None or columns is None:
        return _evenly((h, w), size)
    return Grid(size, (rows[0], columns[0]), (rows[1], columns[1]))


def _placed(found: Field | None, length: int) -> tuple[float, float] | None:
    """Start and jump of one axis; the middle of the receptive field is where a position stands."""
    if found is None or not found.known or not found.shift or found.length != length:
        return None
    jump = float(found.jump)
    middles = [
        (row[0] + row[1]) / 2 - jump * i for i, row in enumerate(found.rows) if row is not None
    ]
    return sum(middles) / len(middles), jump


def _by_ratio(images: Tensor, y: Tensor) -> Grid | None:
    size = (y.shape[-2], y.shape[-1])
    return None if size == (1, 1) else _evenly((images.shape[-2], images.shape[-1]), size)


def _evenly(size: tuple[int, int], own: tuple[int, int]) -> Grid:
    """Positions spread over the whole image."""
    jump = size[0] / own[0], size[1] / own[1]
    return Grid(own, ((jump[0] - 1) / 2, (jump[1] - 1) / 2), jump)


def layer_kind(node: Node) -> str:
    text = getattr(node.op, "function", None) or getattr(node.op, "mode", None)
    return f"{node.op.kind} {text}" if text else node.op.kind


def layer_name(node: Node, taken: Mapping[str, object]) -> str:
    """The module's path; a module that runs several times is counted."""
    base = node.path or node.name
    name, count = base, 1
    while name in taken:
        count += 1
        name = f"{base} #{count}"
    return name


def like_weights(module: nn.Module, images: Tensor) -> Tensor:
    weight = next((p for p in module.parameters() if p.is_floating_point()), None)
    return images if weight is None else images.to(weight)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """In eval mode, and afterwards as it was, part by part."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode
