"""The rules, each a function from a network to what it finds; RULES lists them in order.

A rule's name is the anchor of its section in docs/inspect.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TypeAlias

from convariant.analysis._windows import unread_padding, unread_rows, windows_of_padding
from convariant.analysis.linting._context import Context, Window
from convariant.analysis.linting._finding import Finding, Severity
from convariant.graph import receptive_fields
from convariant.graph.ops import BatchNorm, Conv, Linear, Pool

Rule: TypeAlias = Callable[[Context], Iterator[Finding]]


def rows_never_read(context: Context) -> Iterator[Finding]:
    """The window does not fit a whole number of strides, and the last rows fall off."""
    for w in context.distinct():
        lost = unread_rows(w.geometry, w.axis, w.size, w.output)
        if lost:
            yield Finding(
                "rows-never-read",
                "warning",
                w.module,
                f"{_rows(lost, 'the last')} of {w.size} on axis {w.axis} {_is(lost)} never read: "
                f"{w.output} windows of {w.extent} at stride "
                f"{w.stride} end before",
                f"give it {w.size - lost} rows, or {w.stride - lost} more, or set "
                "ceil_mode=True; convariant.valid_input_sizes(model) lists inputs that fit",
            )


def stride_exceeds_kernel(context: Context) -> Iterator[Finding]:
    """Between two windows lie rows that neither reads."""
    for w in context.distinct():
        stride, extent = w.stride, w.extent
        if stride > extent and w.output > 1:
            severity: Severity = "note" if extent == 1 else "warning"
            kept = Fraction(extent, stride)
            yield Finding(
                "stride-exceeds-kernel",
                severity,
                w.module,
                f"stride {stride} exceeds the window of {extent} on axis {w.axis}: it reads only "
                f"{kept.numerator} of {kept.denominator} rows",
                f"use a kernel of at least {stride}, or average over {stride} rows before it",
            )


def even_same_shift(context: Context) -> Iterator[Finding]:
    """A kernel of even extent has no centre: an output of the same size lies half way between."""
    for w in context.distinct():
        begin, end = context.all_pads(w)
        extent = w.extent
        causal = w.geometry.axes == 1 and end == 0  # a wave that looks back only, on purpose
        if extent % 2 == 0 and w.stride == 1 and begin + end == extent - 1 and not causal:
            yield Finding(
                "even-same-shift",
                "warning",
                w.module,
                f"a window of even extent {extent} with 'same' padding ({begin}, {end}) moves what "
                f"it sees by half a position on axis {w.axis}",
                f"use an odd extent, {extent - 1} or {extent + 1}",
            )


def bias_before_batch_norm(context: Context) -> Iterator[Finding]:
    """Batch normalisation subtracts the mean, and any bias with it."""
    graph = context.graph
    for node in graph.nodes:
        if not isinstance(node.op, (Conv, Linear)) or len(node.inputs) < 3:
            continue
        readers = context.users[node.name]
        if node.name in graph.outputs or not readers:
            continue
        if all(isinstance(r.op, BatchNorm) and r.inputs[0] == node.name for r in readers):
            count = graph.types[node.inputs[2]].numel
            yield Finding(
                "bias-before-batch-norm",
                "note",
                context.names[node.name],
                f"its bias of {count} numbers has no effect in training: "
                f"{context.names[readers[0].name]} behind it subtracts the mean",
                "set bias=False; the norm has a bias of its own",
            )


def checkerboard(context: Context) -> Iterator[Finding]:
    """Where the stride does not divide the kernel, some outputs collect more terms than others."""
    for w in context.distinct(transposed=True):
        k, s = w.geometry.kernel_size[w.axis], w.stride
        d = w.geometry.dilation[w.axis]
        counts = sorted({sum((o - d * t) % s == 0 for t in range(k)) for o in range(s)})
        if len(counts) > 1:
            up = -(-k // s) * s
            yield Finding(
                "checkerboard",
                "warning",
                w.module,
                f"kernel {k} at stride {s} on axis {w.axis}: outputs collect {counts[0]} or "
                f"{counts[-1]} terms in turn, a checkerboard that training has to undo",
                f"use a kernel of {up}, a multiple of the stride, or resize and then convolve",
            )


def small_receptive_field(context: Context) -> Iterator[Finding]:
    """What the last windowed layer sees is smaller than what it should recognise."""
    if context.object_size is None:
        return
    fields = receptive_fields(context.graph)
    for node in reversed(context.graph.nodes):
        axes = fields.of(node.name)
        if axes and all(f is not None and f.known and f.jump for f in axes):
            sizes = [f.size for f in axes if f is not None]
            if min(sizes) < context.object_size:
                short = context.object_size - min(sizes)
                yield Finding(
                    "small-receptive-field",
                    "warning",
                    context.names[node.name],
                    f"its receptive field of {min(sizes)} is smaller than objects of "
                    f"{context.object_size}: {short} positions are missing",
                    "add a stride or a dilated layer before it, or shrink the images",
                )
            return


def dead_padding(context: Context) -> Iterator[Finding]:
    """Padding that no window reads, or windows that read nothing else."""
    for w in context.distinct():
        yield from _windows_of_padding(w)
        begin, end = w.pads
        unread = unread_padding(w.geometry, w.axis, w.size, w.output)
        if unread and isinstance(w.geometry.padding, tuple):
            yield Finding(
                "dead-padding",
                "note",
                w.module,
                f"{_rows(unread, 'the last')} of its padding ({begin}, {end}) on axis {w.axis} "
                f"{_is(unread)} never read at {w.size} rows, so borders are treated unevenly",
                f"pad ({begin}, {end - unread}), which computes the same, or change the size",
            )


def _windows_of_padding(w: Window) -> Iterator[Finding]:
    begin, end = w.pads
    empty = windows_of_padding(w.geometry, w.axis, w.size, w.output)
    if empty:
        result = "constants" if isinstance(w.node.op, Pool) else "its bias alone"
        yield Finding(
            "dead-padding",
            "warning",
            w.module,
            f"{empty} of {w.output} windows on axis {w.axis} read only padding ({begin}, {end}) "
            f"and give {result}",
            f"pad less than the extent {w.extent}, or give it more than {w.size} rows",
        )


def ceil_mode_trap(context: Context) -> Iterator[Finding]:
    """ceil_mode adds a last window that hangs over the end; what it divides by is a convention."""
    for w in context.distinct():
        op = w.node.op
        if not w.geometry.ceil_mode:
            continue
        begin, end = w.pads
        last = (w.output - 1) * w.stride + w.extent
        over = last - (w.size + begin + end)
        if over <= 0:
            continue
        average = isinstance(op, Pool) and op.mode == "avg"
        why = (
            "an average over fewer elements, by a divisor on which libraries differ"
            if average
            else "which other libraries and older ONNX files leave out"
        )
        yield Finding(
            "ceil-mode-trap",
            "warning" if average else "note",
            w.module,
            f"ceil_mode adds a window that hangs {over} over the end of {w.size} on axis "
            f"{w.axis}: {why}",
            f"pad {over} at the end and set ceil_mode=False, or give it {w.size + over} rows",
        )


def _rows(count: int, lead: str) -> str:
    return f"{lead} row" if count == 1 else f"{lead} {count} rows"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


RULES: tuple[Rule, ...] = (
    rows_never_read,
    stride_exceeds_kernel,
    even_same_shift,
    bias_before_batch_norm,
    checkerboard,
    small_receptive_field,
    dead_padding,
    ceil_mode_trap,
)
