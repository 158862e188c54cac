"""What every analysis accepts: a module, a graph, or an ONNX file, at an input size."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import torch
from torch import nn

from convariant import models
from convariant.errors import GraphError, ShapeError
from convariant.graph import Graph, from_onnx, from_torch
from convariant.graph._types import Size

Network: TypeAlias = nn.Module | Graph | str | os.PathLike[str]
# 224, (3, 224, 224), (1, 3, 224, 224), or one such shape for each input
InputSize: TypeAlias = int | Sequence[int] | Sequence[Sequence[int]]

_CONVOLUTIONS = {
    **dict.fromkeys((nn.Conv1d, nn.ConvTranspose1d), 1),
    **dict.fromkeys((nn.Conv2d, nn.ConvTranspose2d), 2),
    **dict.fromkeys((nn.Conv3d, nn.ConvTranspose3d), 3),
}


def as_graph(
    network: Network,
    input_size: InputSize | None = None,
    example_inputs: Any = None,
    *,
    outputs: Sequence[str] | None = None,
) -> Graph:
    """The network as a graph at this input size.

    A size may leave out the batch (1), and the channels where the first convolution tells them:
    `224` and `(3, 224, 224)` stand for `(1, 3, 224, 224)`. `example_inputs` (a tensor, a tuple of
    arguments or a dict) takes its place for whatever a shape cannot say. `outputs` cuts an ONNX
    file behind these values.
    """
    if outputs is not None and not isinstance(network, (str, os.PathLike)):
        raise GraphError("outputs= cuts an ONNX file, but the network is none; leave it out")
    if isinstance(network, Graph):
        return network if input_size is None else _resized(network, input_size)
    if isinstance(network, (str, os.PathLike)):
        return _from_file(os.fspath(network), input_size, outputs)
    if not isinstance(network, nn.Module):
        raise GraphError(
            f"expected a torch module, a graph or the path of an ONNX file, but got "
            f"{type(network).__name__}; wrap a function in a module"
        )
    if example_inputs is None:
        if input_size is None:
            raise GraphError(
                f"{type(network).__name__} does not say what size its input has; "
                "give input_size=(1, 3, 224, 224) or example_inputs="
            )
        example_inputs = example_tensors(network, input_size)
    return from_torch(network, example_inputs)


def _from_file(path: str, input_size: InputSize | None, outputs: Sequence[str] | None) -> Graph:
    if input_size is None:
        return from_onnx(path, outputs=outputs)
    from convariant.graph.onnx._read import declared_shapes

    shapes = _shapes(input_size)
    declared = declared_shapes(path, outputs)
    if len(shapes) == len(declared) == 1:
        shapes = [_like(shapes[0], declared[0])]
    return from_onnx(path, shapes, outputs=outputs)


def _shapes(input_size: InputSize) -> list[tuple[int, ...]]:
    if isinstance(input_size, int):
        return [(input_size,)]
    entries = list(input_size)
    shapes = [entries] if all(isinstance(e, int) for e in entries) else entries
    for shape in shapes:
        if not isinstance(shape, Iterable) or not all(isinstance(n, int) and n >= 0 for n in shape):
            raise ShapeError(
                f"input_size={input_size!r} is no size; write whole numbers, such as (224, 224) or "
                "(1, 3, 224, 224)"
            )
    return [tuple(shape) for shape in shapes]  # type: ignore[arg-type]


def example_tensors(module: nn.Module, input_size: InputSize) -> tuple[torch.Tensor, ...]:
    """Tensors without data, in the number format and on the device of the weights."""
    shapes = _shapes(input_size)
    first = _first_convolution(module)
    if len(shapes) == 1 and first is not None:
        axes, channels = first
        shapes = [_completed(shapes[0], axes, channels)]
    weight = next((p for p in module.parameters() if p.is_floating_point()), torch.empty(0))
    return tuple(torch.empty(s, dtype=weight.dtype, device=weight.device) for s in shapes)


def _first_convolution(module: nn.Module) -> tuple[int, int] | None:
    """Axes and input channels of the convolution that is listed first."""
    if isinstance(module, models.Network):
        return 2, module.in_channels
    for part in module.modules():
        for kind, axes in _CONVOLUTIONS.items():
            if isinstance(part, kind):
                return axes, int(part.in_channels)  # type: ignore[arg-type]
    return None


def _completed(shape: tuple[int, ...], axes: int, channels: int) -> tuple[int, ...]:
    if len(shape) == 1:
        shape = shape * axes
    if len(shape) == axes:
        return (1, channels, *shape)
    return (1, *shape) if len(shape) == axes + 1 else shape


def _resized(graph: Graph, input_size: InputSize) -> Graph:
    shapes = _shapes(input_size)
    if len(shapes) == 1 and len(graph.inputs) == 1:
        shapes = [_like(shapes[0], graph.input_types[0].shape)]
    if tuple(shapes) == tuple(t.shape for t in graph.input_types):
        return graph
    return graph.with_inputs(*shapes)


def _like(shape: tuple[int, ...], known: Sequence[Size | None]) -> tuple[int, ...]:
    """A missing batch is 1; missing channels are as the network has them."""
    rank = len(known)
    if len(shape) == 1 and rank > 2:
        shape = shape * (rank - 2)
    lead = [size if isinstance(size, int) else 1 for size in known[: max(rank - len(shape), 0)]]
    return (*(1 for _ in lead[:1]), *lead[1:], *shape)
