"""Groups that nobody declared: channels that a weight of zeros keeps apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from convariant.analysis._convolution import Convolution

ZERO = 1e-6  # a kernel of this part of the largest kernel's norm counts as zero


@dataclass(frozen=True)
class HiddenGroup:
    """Channels that meet no others: these inputs are read by these outputs alone."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def hidden_groups(parts: Convolution, zero: float = ZERO) -> tuple[HiddenGroup, ...]:
    """The finest groups of channels that no kernel joins, in the order of their first channel.

    An input that nothing reads, or an output that reads nothing, is a group with an empty side.
    """
    g, co, ci, *_ = parts.blocks.shape
    norms = parts.blocks.detach().double().flatten(3).norm(dim=3).cpu().numpy()  # (g, co, ci)
    joined = np.argwhere(norms > zero * norms.max())
    block, out, inside = joined.T
    inputs, outputs = g * ci, g * co
    edges = csr_array(
        (np.ones(len(joined)), (block * ci + inside, inputs + block * co + out)),
        shape=(inputs + outputs, inputs + outputs),
    )
    count, label = connected_components(edges, directed=False)
    groups = [
        HiddenGroup(
            tuple(int(i) for i in np.flatnonzero(label[:inputs] == n)),
            tuple(int(o) for o in np.flatnonzero(label[inputs:] == n)),
        )
        for n in range(count)
    ]
    return tuple(sorted(groups, key=lambda group: (group.inputs or (inputs,), group.outputs)))


def equal_groups(groups: tuple[HiddenGroup, ...]) -> bool:
    """Whether the groups have one shape, so that a grouped convolution can hold them."""
    shapes = {(len(group.inputs), len(group.outputs)) for group in groups}
    return len(shapes) == 1 and all(min(shape) > 0 for shape in shapes)
