"""File names and titles of window pictures: the parameters, those that differ from the default."""

from __future__ import annotations

from collections.abc import Sequence

from convariant.drawing._numbers import by
from convariant.drawing._operator import Operator


def file_name(operator: Operator) -> str:
    """`conv_i5x5_k3x3_s2_p1`, `conv_transpose_i3x3_k3x3_s2_p1_op1`, `max_pool_i4x4_k2x2_s2`."""
    g, size = operator.geometry, operator.input_size
    kind = f"{operator.reducer}_pool" if operator.reducer else "conv"
    kind += "_transpose" if g.transposed else ""
    parts = [kind, "i" + "x".join(map(str, size)), "k" + "x".join(map(str, g.kernel_size))]
    padding = _padding(operator, "-", "x")
    settings = (
        ("s", _compact(g.stride, "x"), "1"),
        ("p", padding, "0"),
        ("d", _compact(g.dilation, "x"), "1"),
        ("op", _compact(g.output_padding, "x"), "0"),
    )
    parts += [letter + value for letter, value, default in settings if value != default]
    if operator.padding_mode != "zeros":
        parts.append(operator.padding_mode)
    if g.ceil_mode:
        parts.append("ceil")
    if operator.groups > 1 and not operator.reducer:
        parts.append(f"g{operator.groups}")
    ci, co = operator.x.shape[0], operator.y.shape[0]
    if max(ci, co) > 1:
        parts.append(f"c{ci}" if operator.reducer else f"c{ci}-{co}")
    return "_".join(parts)


def title(operator: Operator) -> str:
    """`Transposed convolution 3 × 3 → 5 × 5`, named after what makes it special."""
    g = operator.geometry
    sizes = f"{by(operator.input_size)} → {by(operator.output_size)}"
    if operator.reducer:
        return f"{operator.reducer.capitalize()} pooling {sizes}"
    words = []
    if operator.groups > 1:
        words.append("depthwise" if operator.groups == operator.x.shape[0] else "grouped")
    if any(d > 1 for d in g.dilation):
        words.append("dilated")
    if g.transposed:
        words.append("transposed")
    elif any(s > 1 for s in g.stride):
        words.append("strided")
    if _is_causal(operator):
        words.append("causal")
    words.append("convolution")
    text = " ".join(words)
    return f"{text[0].upper()}{text[1:]} {sizes}"


def subtitle(operator: Operator) -> str:
    """The parameters in words: `kernel 3 × 3, stride 2, padding 1`."""
    g = operator.geometry
    parts = [f"{operator.slides} {by(g.kernel_size)}", f"stride {_compact(g.stride, ' × ')}"]
    parts.append(f"padding {_padding(operator, '/', ' × ')}")
    if operator.padding_mode != "zeros":
        parts[-1] += f" ({operator.padding_mode})"
    if any(d > 1 for d in g.dilation):
        parts.append(f"dilation {_compact(g.dilation, ' × ')}")
    if g.transposed:
        parts.append(f"output padding {_compact(g.output_padding, ' × ')}")
    if g.ceil_mode:
        parts.append("ceil mode")
    if operator.groups > 1 and not operator.reducer:
        parts.append(f"{operator.groups} groups")
    ci, co = operator.x.shape[0], operator.y.shape[0]
    if max(ci, co) > 1:
        parts.append(f"channels {ci} → {co}")
    return ", ".join(parts)


def _is_causal(operator: Operator) -> bool:
    g = operator.geometry
    if g.axes != 1 or g.transposed:
        return False
    begin, end = g.pads(operator.input_size)[0]
    return end == 0 and begin > 0 and begin == g.extent[0] - 1


def _padding(operator: Operator, between: str, axes: str) -> str:
    """`1`, `1x2` for axes that differ, `2-0` for sides that differ, `same` as it was given."""
    g = operator.geometry
    if isinstance(g.padding, str):
        return g.padding
    sides = [str(b) if b == e else f"{b}{between}{e}" for b, e in g.padding]
    return sides[0] if len(set(sides)) == 1 else axes.join(sides)


def _compact(values: Sequence[int], between: str) -> str:
    """One number where all axes agree."""
    return str(values[0]) if len(set(values)) == 1 else between.join(str(v) for v in values)
