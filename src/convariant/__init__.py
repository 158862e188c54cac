"""convariant: convolutional networks built, understood, and run as fast as their arithmetic allows.

This file only re-exports. Everything but the errors loads on first use, so that importing the
package costs milliseconds and never touches torch or an optional dependency.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from convariant._garbage import no_collection
from convariant.errors import (
    CompileError,
    ConvariantError,
    DataError,
    GeometryError,
    GraphError,
    MissingDependencyError,
    ModelFileError,
    OptionError,
    ShapeError,
    StorageError,
    TrainingInterruptedError,
    UnknownNameError,
)

if TYPE_CHECKING:
    from convariant import drawing as draw
    from convariant import functional, geometry, graph, models, nn, reference, training
    from convariant.analysis import claims, equivalent, symmetry
    from convariant.analysis.comparison import compare
    from convariant.analysis.inspection import diff, inspect, valid_input_sizes
    from convariant.analysis.linting import lint
    from convariant.analysis.separable import factorize, mobilize, separability
    from convariant.analysis.tracing import trace
    from convariant.compiler import Program, compile
    from convariant.compiler.saving import load
    from convariant.drawing import report
    from convariant.geometry import Geometry
    from convariant.training import load_model

__version__ = "0.1.0"

__all__ = [
    "CompileError",
    "ConvariantError",
    "DataError",
    "Geometry",
    "GeometryError",
    "GraphError",
    "MissingDependencyError",
    "ModelFileError",
    "OptionError",
    "Program",
    "ShapeError",
    "StorageError",
    "TrainingInterruptedError",
    "UnknownNameError",
    "__version__",
    "claims",
    "compare",
    "compile",
    "diff",
    "draw",
    "equivalent",
    "factorize",
    "functional",
    "geometry",
    "graph",
    "inspect",
    "lint",
    "load",
    "load_model",
    "mobilize",
    "models",
    "nn",
    "reference",
    "report",
    "separability",
    "symmetry",
    "trace",
    "training",
    "valid_input_sizes",
]

# public name -> the module that has it; a name that is itself a module maps to its own path
_LAZY = {
    "Geometry": "convariant.geometry",
    "Program": "convariant.compiler.program",
    "claims": "convariant.analysis.claims",
    "compare": "convariant.analysis.comparison",
    "compile": "convariant.compiler.program",
    "diff": "convariant.analysis.inspection",
    "draw": "convariant.drawing",
    "equivalent": "convariant.analysis.equivalent",
    "factorize": "convariant.analysis.separable",
    "functional": "convariant.functional",
    "geometry": "convariant.geometry",
    "graph": "convariant.graph",
    "inspect": "convariant.analysis.inspection",
    "lint": "convariant.analysis.linting",
    "load": "convariant.compiler.saving",
    "load_model": "convariant.training",
    "mobilize": "convariant.analysis.separable",
    "models": "convariant.models",
    "nn": "convariant.nn",
    "reference": "convariant.reference",
    "report": "convariant.drawing",
    "separability": "convariant.analysis.separable",
    "symmetry": "convariant.analysis.symmetry",
    "trace": "convariant.analysis.tracing",
    "training": "convariant.training",
    "valid_input_sizes": "convariant.analysis.inspection",
}

# modules whose public name, a verb, differs from their folder's
_RENAMED = {"draw": "drawing"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'convariant' has no attribute {name!r}")
    with no_collection():
        module = importlib.import_module(_LAZY[name])
    is_module = _LAZY[name].rpartition(".")[2] == _RENAMED.get(name, name)
    value = module if is_module else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
