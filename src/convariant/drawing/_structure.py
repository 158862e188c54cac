"""Folding by shape alone, for graphs that do not name their modules, as most ONNX files.

Branches that meet again are one block; what follows each other at one resolution is one stage.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from convariant.drawing._part import INPUT, Part

Group: TypeAlias = range  # of parts that become one


def condensed(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """The same network in fewer parts, by each of three rules."""
    blocks = _merged(parts, _between_cuts(parts), "block")
    yield blocks
    yield _merged(parts, _of_one_size(parts), "stage")
    yield _merged(blocks, _of_one_size(blocks), "stage")


def _between_cuts(parts: Sequence[Part]) -> list[Group]:
    """Parts up to each place that one value alone passes."""
    last_use = {s: i for i, part in enumerate(parts) for s in part.sources}
    groups: list[Group] = []
    start, needed = 0, last_use.get(INPUT, 0)
    for i in range(len(parts)):
        if needed <= i or i == len(parts) - 1:
            groups.append(range(start, i + 1))
            start = i + 1
        needed = max(needed, last_use.get(i, i))
    return groups


def _of_one_size(parts: Sequence[Part]) -> list[Group]:
    """Neighbours whose maps have one height and width."""
    sizes = _without_gates([part.shape[1:] for part in parts])
    groups: list[Group] = []
    for i, size in enumerate(sizes):
        if groups and sizes[i - 1] == size:
            groups[-1] = range(groups[-1].start, i + 1)
        else:
            groups.append(range(i, i + 1))
    return groups


def _without_gates(sizes: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The sizes where a global mean that comes back to its map, as in a gate, takes that size."""
    smooth = list(sizes)
    for i, size in enumerate(sizes):
        if i and math.prod(size) == 1:
            after = next((s for s in sizes[i:] if math.prod(s) > 1), ())
            if after == smooth[i - 1]:
                smooth[i] = after
    return smooth


def _merged(parts: Sequence[Part], groups: Sequence[Group], word: str) -> list[Part]:
    """One part for every group; a group of one stays what it is."""
    place = {i: number for number, group in enumerate(groups) for i in group} | {INPUT: INPUT}
    number = 0
    merged = []
    for at, group in enumerate(groups):
        inside = [parts[i] for i in group]
        sources = {place[s] for part in inside for s in part.sources} - {at}
        part = replace(inside[-1], sources=tuple(sorted(sources)))
        if len(inside) > 1:
            number += 1
            kinds = sum((Counter(dict(p.kinds)) for p in inside), Counter())
            part = replace(
                part,
                first=f"{word} {number}",
                last=f"{word} {number}",
                what=", ".join(f"{n} {kind}" for kind, n in kinds.most_common(4)),
                params=sum(p.params for p in inside),
                macs=sum(p.macs for p in inside),
                kinds=tuple(kinds.items()),
            )
        merged.append(part)
    return merged
