"""How separable each convolution of a network is: ranks, groups, and the error at each rank."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Real

import torch
from torch import Tensor, nn

from convariant.analysis._convolution import Convolution, check_finite, take_apart
from convariant.analysis._layers import convolutions_in
from convariant.analysis._source import Network, as_graph
from convariant.analysis._table import percent, share, table_within
from convariant.analysis.separable import _chains
from convariant.analysis.separable._chains import FORMS, Form
from convariant.analysis.separable._decompositions import (
    Decomposition,
    beyond,
    offered,
    singular_values,
)
from convariant.analysis.separable._hidden import ZERO, HiddenGroup, hidden_groups
from convariant.errors import OptionError
from convariant.graph import ops


@dataclass(frozen=True)
class FormReport:
    """One form of one weight.

    `ranks` are exact: one number for each cut (spatial: between axes; depthwise: the multiplier;
    tucker: inputs and outputs). `errors[j][r - 1]` is the part of the weight lost at rank r of cut
    j, all others being exact. `ranks_within` are the least that together lose no more than the
    report's error, and `cost` is what a chain of these has of the dense weights.
    """

    form: Form
    ranks: tuple[int, ...]
    errors: tuple[tuple[float, ...], ...]
    ranks_within: tuple[int, ...]
    cost: float


@dataclass(frozen=True)
class LayerSeparability:
    """What the weight of one convolution allows.

    `kernel_ranks` counts the single kernels (one input, one output channel) by rank: entry r is
    how many have rank r. `kernel_errors[r - 1]` is lost where every kernel is cut to rank r; both
    are empty for kernels of one axis. `groups` are declared, `hidden_groups` found.
    """

    path: str
    kind: str
    weight_shape: tuple[int, ...]
    groups: int
    kernel_ranks: tuple[int, ...]
    kernel_errors: tuple[float, ...]
    forms: tuple[FormReport, ...]
    hidden_groups: tuple[HiddenGroup, ...]

    @property
    def spatial_rank(self) -> int | None:
        """The largest rank of any single kernel; 1 means spatially separable channel by channel."""
        return len(self.kernel_ranks) - 1 if self.kernel_ranks else None

    def form(self, name: Form) -> FormReport | None:
        """The report of one form; None where the form says nothing about this layer."""
        return next((form for form in self.forms if form.form == name), None)


@dataclass(frozen=True)
class Separability:
    """The separability of every convolution of a network."""

    model: str
    error: float
    layers: tuple[LayerSeparability, ...]

    def __str__(self) -> str:
        grouped = any(len(layer.hidden_groups) > 1 for layer in self.layers)
        headings = ["layer", "weight", "kernel", *FORMS, *(["groups"] * grouped)]
        rows = [_cells(layer, grouped) for layer in self.layers]
        cheaper = sum(any(form.cost < 1 for form in layer.forms) for layer in self.layers)
        return (
            f"{self.model}: ranks that lose at most {share(self.error)} of a weight, and the part\n"
            "of the weights that they leave; kernel: its rank in space, and what rank 1 loses\n"
            + table_within(80, headings, rows)
            + f"\ncheaper in some form: {cheaper} of {len(self.layers)} layers"
        )

    def to_json(self) -> str:
        """Everything, for programs."""
        return json.dumps(dataclasses.asdict(self))


@torch.no_grad()
def separability(model: Network, *, error: float = 0.1, zero: float = ZERO) -> Separability:
    """Every convolution's rank in space, its rank jointly with channels, in depth, and its groups.

    Two meanings of separable, both measured: in space (a kernel, or the whole weight, is a product
    of one factor for each axis) and in depth (space x channels). `error` is the part of a weight,
    by Frobenius norm, that the shown ranks may lose; a kernel below `zero` times the largest one
    counts as none, when groups are looked for. Plain and transposed, 1 to 3 axes, any groups.
    `model` is a module, a graph, or the path of an ONNX file.

    Raises OptionError for a network without convolutions or an error outside of 0 to 1, DataError
    for weights with NaN.

    >>> conv = nn.Conv2d(1, 1, 3, bias=False)
    >>> _ = conv.weight.data.copy_(torch.tensor([[3.0, 6, 9], [4, 8, 12], [5, 10, 15]]))
    >>> layer = separability(conv).layers[0]
    >>> layer.spatial_rank, layer.form("spatial").ranks, round(layer.form("spatial").cost, 3)
    (1, (1,), 0.667)

    Source: lecture, "Separable Convolution".
    """
    if not isinstance(error, Real) or not 0 <= error <= 1:
        raise OptionError(
            f"separability: error={error!r} is not in [0, 1]; it is the part of a weight that may "
            "be lost, such as 0.1"
        )
    layers = []
    for path, kind, parts in _convolutions(model):
        ranks, errors = _kernels(parts)
        layers.append(
            LayerSeparability(
                path,
                kind,
                tuple(parts.weight.shape),
                parts.groups,
                ranks,
                errors,
                tuple(_form_report(form, error) for form in offered(parts, FORMS)),
                hidden_groups(parts, zero),
            )
        )
    name = os.fspath(model) if isinstance(model, (str, os.PathLike)) else type(model).__name__
    return Separability(name, error, tuple(layers))


def _convolutions(model: Network) -> Iterator[tuple[str, str, Convolution]]:
    """Path, kind and parts of every convolution: of modules as they are, else of the graph."""
    if isinstance(model, nn.Module):
        for layer in convolutions_in(model, "separability"):
            path = layer.path or "model"
            parts = take_apart(layer.module, f"separability of {path}")
            yield path, type(layer.module).__name__, parts
        return
    graph = as_graph(model)
    found = False
    for node in graph.nodes:
        if isinstance(node.op, ops.Conv) and node.inputs[1] in graph.constants:
            found = True
            path = node.path or node.name
            weight = graph.constants[node.inputs[1]].detach()
            check_finite(weight, f"separability of {path}")
            yield path, node.op.text(), Convolution(weight, None, node.op.geometry, node.op.groups)
    if not found:
        raise OptionError(
            f"separability: {graph.name} has no convolution with stored weights; pass a network "
            "that has one"
        )


def _form_report(decomposition: Decomposition, error: float) -> FormReport:
    within = decomposition.ranks_within(error)
    dense = _chains.params(_chains.chain_of(decomposition.parts))
    return FormReport(
        decomposition.form,
        decomposition.ranks_within(0.0),
        tuple(_errors(tail, decomposition.norm) for tail in decomposition.tails),
        within,
        _chains.params(decomposition.chain(within)) / dense,
    )


def _errors(tail: Tensor, norm: float) -> tuple[float, ...]:
    if norm == 0:
        return (0.0,) * (len(tail) - 1)
    return tuple(math.sqrt(float(lost)) / norm for lost in tail[1:])


def _kernels(parts: Convolution) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """How many kernels have rank 0, 1, 2..., and what is lost at rank 1, 2...

    A kernel of three axes has the larger of the ranks of its two unfoldings.
    """
    kernel = parts.geometry.kernel_size
    if sum(k > 1 for k in kernel) < 2:
        return (), ()
    slices = parts.blocks.double().reshape(-1, *kernel)
    cuts = [slices.reshape(len(slices), math.prod(kernel[:n]), -1) for n in range(1, len(kernel))]
    precise = parts.weight.dtype == torch.float64
    spectra = [singular_values(cut, precise) for cut in cuts if min(cut.shape[1:]) > 1]
    eps = torch.finfo(parts.weight.dtype).eps * max(kernel)
    ranks = torch.stack([(s > eps * s[:, :1]).sum(1) for s in spectra]).amax(0)
    counts = torch.bincount(ranks, minlength=2)
    # of several unfoldings, the one that loses more
    longest = max(s.shape[1] for s in spectra)
    lost = torch.zeros(longest + 1, dtype=torch.float64)
    for s in spectra:
        tail = beyond(s.square().sum(0))
        lost[: len(tail)] = torch.maximum(lost[: len(tail)], tail)
    norm = float(slices.norm())
    return tuple(counts.tolist()), _errors(lost, norm)


def _cells(layer: LayerSeparability, grouped: bool) -> list[object]:
    """One line: every form as its ranks and what they cost."""
    lost = f"{layer.spatial_rank} {percent(layer.kernel_errors[0])}" if layer.kernel_ranks else "-"
    cells: list[object] = [layer.path, "x".join(map(str, layer.weight_shape)), lost]
    for name in FORMS:
        form = layer.form(name)
        ranks = ",".join(map(str, form.ranks_within)) if form else ""
        cells.append(f"{ranks} {percent(form.cost)}" if form else "-")
    if grouped:
        found = len(layer.hidden_groups)
        cells.append(
            str(layer.groups) if found == layer.groups else f"{layer.groups}, found {found}"
        )
    return cells
