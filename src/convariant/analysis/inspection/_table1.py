"""MobileNet's Table 1 printed from a network, beside what the paper and the lecture print."""

from __future__ import annotations

import textwrap

from convariant.analysis.inspection._result import Inspection, Layer
from convariant.errors import GraphError

# the paper's rows (Howard et al. 2017, https://arxiv.org/abs/1704.04861): type and stride
_PAPER = (
    ("Conv", 2),
    *(("Conv dw", 1), ("Conv", 1)),
    *(("Conv dw", 2), ("Conv", 1)),
    *(("Conv dw", 1), ("Conv", 1)),
    *(("Conv dw", 2), ("Conv", 1)),
    *(("Conv dw", 1), ("Conv", 1)),
    *(("Conv dw", 2), ("Conv", 1)),
    *((("Conv dw", 1), ("Conv", 1)) * 5),
    *(("Conv dw", 2), ("Conv", 1)),
    *(("Conv dw", 2), ("Conv", 1)),
    ("Avg Pool", 1),
    ("FC", 1),
    ("Softmax", 1),
)
# of the multiply-adds of MobileNet 1.0 at 224 pixels
_FIRST_SHARE = 0.0191
_TYPES = {
    "conv": "Conv",
    "pointwise conv": "Conv",
    "depthwise conv": "Conv dw",
    "global average pool": "Avg Pool",
    "average pool": "Avg Pool",
    "linear": "FC",
}


def table1(result: Inspection) -> str:
    """The table; raises GraphError for a network that is not a MobileNet v1."""
    layers = [layer for layer in result.layers if layer.kind in _TYPES]
    found = tuple(_TYPES[layer.kind] for layer in layers)
    expected = tuple(kind for kind, _ in _PAPER[:-1])
    if found != expected:
        raise GraphError(
            f"Table 1 is about MobileNet v1, whose {len(expected)} layers are convolutions, "
            f"depthwise and pointwise in turn; {result.name} has {len(found)} others; "
            "use convariant.models.create('mobilenet_v1')"
        )
    rows, notes = [], []
    for layer, (kind, stride) in zip(layers, _PAPER, strict=False):
        own = _stride(layer)
        mark = "" if own == stride else " *"
        rows.append(f"{kind} / s{own}{mark:<3}|{_filter(layer, kind)}|{_input(layer)}")
        if mark:
            notes.append(_erratum(layer, kind, stride, own))
    classes = layers[-1].output_size[-1]
    rows.append(f"Softmax / s1   |Classifier|1 x 1 x {classes}")
    first = layers[0].macs / result.macs
    if round(first, 4) == _FIRST_SHARE:
        notes.append(
            f"Table 2 of the paper gives the first convolution 1.19 % of the multiply-adds; "
            f"it has {first:.2%}"
        )
    lines = (textwrap.fill(note, 80, subsequent_indent="  ") for note in notes)
    return "\n".join(["Table 1. MobileNet body architecture", *_aligned(rows), *lines])


def _aligned(rows: list[str]) -> list[str]:
    header = "Type / Stride|Filter Shape|Input Size"
    lines = []
    for row in [header, *_folded(rows)]:
        first, second, third = row.split("|")
        lines.append(f"{first:<22}{second:<24}{third}".rstrip())
    return [lines[0], "-" * 64, *lines[1:], "-" * 64]


def _folded(rows: list[str]) -> list[str]:
    """Five equal pairs in a row are written once, as the paper does."""
    folded: list[str] = []
    at = 0
    while at < len(rows):
        pair, repeats = rows[at : at + 2], 1
        while len(pair) == 2 and rows[at + 2 * repeats : at + 2 * repeats + 2] == pair:
            repeats += 1
        if repeats > 1:
            folded += [f"{repeats} x {pair[0]}", f"    {pair[1]}"]
            at += 2 * repeats
        else:
            folded.append(rows[at])
            at += 1
    return folded


def _stride(layer: Layer) -> int:
    numbers = [p[1:] for p in layer.attributes.split() if p[0] == "s" and p[1:].isdigit()]
    return int(numbers[0]) if numbers else 1


def _input(layer: Layer) -> str:
    size = layer.input_sizes[0][1:]
    return " x ".join(map(str, (*size[1:], size[0]) if len(size) == 3 else (1, 1, *size)))


def _filter(layer: Layer, kind: str) -> str:
    ci, co = layer.input_sizes[0][1], layer.output_size[1]
    kernel = layer.attributes.split()[0].replace("x", " x ") if layer.attributes else ""
    if kind == "FC":
        return f"{ci} x {co}"
    if kind == "Avg Pool":
        h, w = layer.input_sizes[0][2:]
        return f"Pool {h} x {w}"
    return f"{kernel} x {ci} dw" if kind == "Conv dw" else f"{kernel} x {ci} x {co}"


def _erratum(layer: Layer, kind: str, printed: int, own: int) -> str:
    h = layer.input_sizes[0][2]
    halved = -(-h // 2)
    return (
        f"* the paper, and the lecture after it, print '{kind} / s{printed}' in this row; its next "
        f"row takes {h} x {h}, which only stride {own} gives: stride {printed} would leave "
        f"{halved} x {halved}"
    )
