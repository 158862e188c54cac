"""Rules about windows that read too little, shift, or waste; each with a fix."""

from __future__ import annotations

from convariant.analysis._source import InputSize, Network, as_graph
from convariant.analysis.linting._context import Context
from convariant.analysis.linting._finding import Finding, LintReport
from convariant.analysis.linting._rules import RULES

__all__ = ["Finding", "LintReport", "lint"]


def lint(
    network: Network, input_size: InputSize | None = None, *, object_size: int | None = None
) -> LintReport:
    """What in a network reads too little, shifts by half a position, or computes for nothing.

    `object_size`, the size in input positions of what the network should recognise, is compared
    with the receptive field. Each finding names the module, the reason, a fix, and the section of
    the documentation that explains its rule.

    Raises GraphError where the network cannot be captured.

    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3, stride=2))
    >>> print(lint(net, (1, 6, 5)).findings[0].message)
    the last row of 6 on axis 0 is never read: 2 windows of 3 at stride 2 end before
    """
    graph = as_graph(network, input_size)
    if any(not isinstance(size, int) for t in graph.input_types for size in t.shape):
        graph = graph.at_batch(1)
    context = Context(graph, object_size)
    findings = tuple(finding for rule in RULES for finding in rule(context))
    return LintReport(graph.name, graph.input_types[0].sizes, findings)
