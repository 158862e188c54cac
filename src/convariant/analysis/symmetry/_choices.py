"""How polyphase layers move with their input: each keeps the phase that content chooses.

What goes into such a layer comes out on a grid that has moved as its content chose. Two such maps
move alike only if one choice made both, so the algebra keeps a choice by what it was made from: the
values, or, in the layers that `make_shift_invariant` makes, the memory that they share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from convariant.graph import Graph, Node

if TYPE_CHECKING:
    from convariant.analysis.symmetry._follow import Follow

Choice: TypeAlias = tuple[str, ...]

_UP = ("PolyphaseUnpool1d", "PolyphaseUnpool2d", "PolyphaseUnpool3d")
_SHARED_UP = ("PhaseConvTranspose", "PhaseUpsample")

OPEN = "polyphase choice reads the whole image, also what leaves it"


@dataclass
class Choices:
    """The polyphase layers on a walk along one axis."""

    graph: Graph
    # value made inside a layer -> the values from outside that it was made from
    sources: dict[str, tuple[str, ...]] = field(default_factory=dict)
    # which phase was chosen, a value `(n,)` -> the choice
    made: dict[str, Choice] = field(default_factory=dict)
    # choice -> how the finer grid moved
    before: dict[Choice, Follow] = field(default_factory=dict)
    # circle length -> how a grid of the shared memory moves
    shared: dict[int, Follow] = field(default_factory=dict)

    def follow(self, node: Node, states: Mapping[str, Follow]) -> Follow | str | None:
        """How a value inside such a layer moves, or why not; None for nodes of other layers."""
        kind = self._kind(node.path)
        is_down, is_up = kind.startswith("PolyphasePool"), kind in (*_UP, *_SHARED_UP)
        if not (is_down or is_up):
            return None
        sources = self._sources(node, states)
        floating = [s for s in sources if self.graph.types[s].dtype.is_floating_point]
        chosen = [s for s in sources if s not in floating]
        state = states[(floating or chosen)[0]]
        if not floating or state.axis is None:
            return state  # a phase, or what does not follow or move anyway
        if not state.circle:
            return OPEN
        out = self.graph.types[node.outputs[0]]
        choice: Choice = (floating[0], node.path)
        if chosen:
            choice = self.made.get(chosen[0], (chosen[0],))
        if not out.dtype.is_floating_point:
            self.made.update(dict.fromkeys(node.outputs, choice))
        if out.rank != self.graph.input_types[0].rank:
            return state
        length = out.sizes[state.axis]
        if is_down:
            parent = self._kind(node.path.rpartition(".")[0])
            if parent.startswith("Phase"):
                return self._shared_down(state, length)
            return self._down(state, length, choice)
        if kind in _SHARED_UP:
            return self._shared_up(state, length)
        return self._up(state, length, choice)

    def _kind(self, path: str) -> str:
        return self.graph.modules.get(path, "").rpartition(".")[2]

    def _sources(self, node: Node, states: Mapping[str, Follow]) -> tuple[str, ...]:
        producers = self.graph.producers()
        found: dict[str, None] = {}
        for name in node.inputs:
            if name not in states:
                continue
            inside = name in producers and producers[name].path == node.path
            found |= dict.fromkeys(self.sources[name] if inside else (name,))
        self.sources.update(dict.fromkeys(node.outputs, tuple(found)))
        return tuple(found)

    def _down(self, state: Follow, length: int, choice: Choice) -> Follow:
        if length >= state.circle:
            return state
        self.before.setdefault(choice, state)
        return replace(state, step=1, circle=length, chosen=(*state.chosen, choice))

    def _up(self, state: Follow, length: int, choice: Choice) -> Follow:
        """Back to the grid that the choice was made on, if it was made for this map."""
        if length <= state.circle:
            return state
        finer = self.before.get(choice)
        if finer and finer.circle == length and state.chosen == (*finer.chosen, choice):
            return replace(finer, axis=state.axis)
        return replace(state, step=1, circle=length, chosen=(*state.chosen, ("back", *choice)))

    def _shared_down(self, state: Follow, length: int) -> Follow:
        if length >= state.circle:
            return state
        self.shared.setdefault(state.circle, state)
        free = replace(state, step=1, circle=length, chosen=(("shared", str(length)),))
        return replace(self.shared.setdefault(length, free), axis=state.axis)

    def _shared_up(self, state: Follow, length: int) -> Follow:
        """Back to a grid that was left, or to one that is finer than all so far."""
        self.shared.setdefault(state.circle, state)
        if length in self.shared:
            return replace(self.shared[length], axis=state.axis)
        root = max(self.shared.values(), key=lambda grid: grid.circle)
        if length < root.circle:
            return replace(state, step=1, circle=length, chosen=(("shared", str(length)),))
        step = root.step * length // root.circle
        return replace(root, axis=state.axis, step=step, circle=length)
