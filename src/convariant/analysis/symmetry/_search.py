"""Trying a verdict in numbers, and searching the smallest image that shows it broken."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from convariant.analysis.symmetry._certificate import Counterexample, NumericCheck
from convariant.analysis.symmetry._constants import in_whole_numbers
from convariant.analysis.symmetry._moves import Move
from convariant.graph import Graph
from convariant.graph._interpret import run_values

# whole numbers beyond this are no longer exact in float64; means over 2, 4, 8... places halve them
_EXACT = 2.0**53
_HALVINGS = 2.0**20

# an output that differs by more than this, relatively, does differ: float64 rounds to 1e-16
DIFFERS = 1e-9

_IMAGES = 3
_RANDOM_TRIES = 6


def check_numbers(graph: Graph, moves: Sequence[Move], seed: int) -> NumericCheck:
    """The largest gap over random whole images; with whole weights where those stay exact."""
    whole = in_whole_numbers(graph)
    cases = [
        (move, move.pair(_random(graph, move, seed + i))) for move in moves for i in range(_IMAGES)
    ]
    found = [_gap_of(whole, *case) for case in cases]
    if all(exact for _, exact in found):
        return NumericCheck("integer", max(gap for gap, _ in found), len(cases))
    own = [_gap_of(graph, *case) for case in cases]
    return NumericCheck("float64", max(gap for gap, _ in own), len(cases))


def find_counterexample(graph: Graph, moves: Sequence[Move], seed: int) -> Counterexample | None:
    """One bright pixel if that suffices, else random pixels, taken away while the rest suffices."""
    for move in moves:
        for scene in _tries(graph, move, seed):
            gap = _gap_of(graph, move, move.pair(scene))[0]
            if gap > DIFFERS:
                return _smallest(graph, move, scene)
    return None


def _smallest(graph: Graph, move: Move, scene: Tensor) -> Counterexample:
    """Halve the pixels as long as the difference stays."""

    def differs(candidate: Tensor) -> bool:
        return _gap_of(graph, move, move.pair(candidate))[0] > DIFFERS

    scene = _fewer(scene, differs)
    before, after = move.pair(scene)
    gap = _gap_of(graph, move, (before, after))[0]
    return Counterexample(move.text(), before, after, gap)


def _fewer(scene: Tensor, differs: Callable[[Tensor], bool]) -> Tensor:
    """Zero ever smaller parts of the pixels (delta debugging)."""
    flat = scene.flatten().clone()
    parts = 2
    while True:
        alive = flat.nonzero().flatten()
        if len(alive) < 2:
            break
        parts = min(parts, len(alive))
        for chunk in alive.chunk(parts):
            trial = flat.clone()
            trial[chunk] = 0
            if trial.any() and differs(trial.reshape(scene.shape)):
                flat, parts = trial, max(parts - 1, 2)
                break
        else:
            if parts >= min(len(alive), 16):
                break
            parts *= 2
    return flat.reshape(scene.shape)


def _tries(graph: Graph, move: Move, seed: int) -> Iterator[Tensor]:
    """Single pixels in the middle, at the corners and edges; then random whole numbers."""
    size = move.scene_size(graph.input_types[0].sizes)
    h, w = size[-2:]
    places = itertools.product(dict.fromkeys((h // 2, 0, h - 1)), dict.fromkeys((w // 2, 0, w - 1)))
    for row, column in places:
        scene = torch.zeros(size, dtype=torch.float64)
        scene[:, 0, row, column] = 1
        yield scene
    for i in range(_RANDOM_TRIES):
        yield _random(graph, move, seed + i)


def _random(graph: Graph, move: Move, seed: int) -> Tensor:
    size = move.scene_size(graph.input_types[0].sizes)
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-3, 4, size, generator=generator).double()


def _gap_of(graph: Graph, move: Move, pair: tuple[Tensor, Tensor]) -> tuple[float, bool]:
    """The gap between both outputs in float64, and whether every value was computed exactly."""
    outputs, exact = [], True
    for x in pair:
        for name, value in run_values(graph, x, dtype=torch.float64, keep=graph.outputs):
            if value.is_floating_point() and name not in graph.constants:
                exact = exact and _is_exact(value)
            if name == graph.outputs[0]:
                output = value
        outputs.append(output)
    return move.gap(outputs[0], outputs[1]), exact


def _is_exact(value: Tensor) -> bool:
    """Whole numbers, or halves of halves of them, that float64 adds without rounding."""
    scaled = value * _HALVINGS
    return bool((scaled == scaled.round()).all() and (scaled.abs() < _EXACT).all())
