"""What a network computes: shapes, parameters, operations, memory, receptive field."""

from convariant.analysis.inspection._diff import Change, Comparison, diff
from convariant.analysis.inspection._inspect import inspect, inspect_graph
from convariant.analysis.inspection._result import Count, Inspection, Layer, LayerField, Memory
from convariant.analysis.inspection._valid_sizes import InputSizes, valid_input_sizes

__all__ = [
    "Change",
    "Comparison",
    "Count",
    "InputSizes",
    "Inspection",
    "Layer",
    "LayerField",
    "Memory",
    "diff",
    "inspect",
    "inspect_graph",
    "valid_input_sizes",
]
