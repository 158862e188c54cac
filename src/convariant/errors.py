"""Every error that convariant raises on purpose.

```
ConvariantError
├── GeometryError            numbers of a window that do not fit together (also a ValueError)
├── ShapeError               a tensor that does not fit an operator or network (also a RuntimeError)
├── OptionError              an option unknown to a model, task... or out of range (also ValueError)
├── UnknownNameError         no model, data set, transform... of that name (also a ValueError)
├── DataError                images, masks or labels that cannot be used
├── ModelFileError           a model folder, checkpoint or ONNX file that cannot be read
├── StorageError             a file that cannot be written: no room, no permission (also an OSError)
├── TrainingInterruptedError training that was stopped from outside; a checkpoint remains
├── GraphError               a network that cannot be captured, or a graph that breaks its own rules
├── CompileError             a program that cannot be built or called this way
└── MissingDependencyError   an optional package that is not installed (also an ImportError)
```

A message names the module or operator, the shapes received, the rule, and one concrete fix. The
built-in second bases keep `except ValueError` around torch-style code working.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "CompileError",
    "ConvariantError",
    "DataError",
    "GeometryError",
    "GraphError",
    "MissingDependencyError",
    "ModelFileError",
    "OptionError",
    "ShapeError",
    "StorageError",
    "TrainingInterruptedError",
    "UnknownNameError",
]


class ConvariantError(Exception):
    """The base of every error convariant raises on purpose."""


class GeometryError(ConvariantError, ValueError):
    """Numbers of a window (kernel, stride, padding...) that do not fit together."""


class ShapeError(ConvariantError, RuntimeError):
    """A tensor whose shape, type or device does not fit an operator or a network."""


class OptionError(ConvariantError, ValueError):
    """An option that a model, task... does not have, or a value that it does not take."""


class UnknownNameError(ConvariantError, ValueError):
    """No model, data set, transform... of that name; the message suggests the nearest.

    >>> raise UnknownNameError("model", "resnet19", ["resnet18", "unet"])
    Traceback (most recent call last):
    convariant.errors.UnknownNameError: no model is named 'resnet19'; did you mean 'resnet18'?
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
        super().__init__(f"no {kind} is named {name!r}; {hint}")


class DataError(ConvariantError, ValueError):
    """Images, masks or labels that cannot be used."""


class ModelFileError(ConvariantError, ValueError):
    """A model folder, checkpoint, safetensors or ONNX file that cannot be read."""


class StorageError(ConvariantError, OSError):
    """A file that cannot be written: no room on the disk, no permission, a folder in its place."""


class TrainingInterruptedError(ConvariantError):
    """Training that Ctrl-C or a termination signal stopped; a checkpoint to go on from remains."""


class GraphError(ConvariantError, ValueError):
    """A network that cannot be captured, or a graph that breaks its own rules."""


class CompileError(ConvariantError, RuntimeError):
    """A program that cannot be built, or was called with inputs it was not built for."""


class MissingDependencyError(ConvariantError, ImportError):
    """An optional package that is not installed; the message is the command that installs it.

    >>> raise MissingDependencyError("onnx", "reading ONNX files", extra="onnx")
    Traceback (most recent call last):
    convariant.errors.MissingDependencyError: reading ONNX files needs the package 'onnx'; \
install it with: pip install 'convariant[onnx]'
    """

    def __init__(self, package: str, purpose: str, *, extra: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}; "
            f"install it with: pip install 'convariant[{extra}]'"
        )
