"""The network that a command is about: one of ours by name, a saved one, or an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convariant import OptionError

if TYPE_CHECKING:
    from torch import nn

Network = Annotated[
    str,
    typer.Argument(metavar="MODEL", help="A network's name, a model folder, or an .onnx file."),
]
Size = Annotated[
    str | None,
    typer.Option("--size", "-s", help="Input size: 224, 224x320, 3x224x224 or 1x3x224x224."),
]
Options = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", help="NAME=VALUE of a named network, such as width=0.5."),
]


def open_network(
    model: str, size: str | None, options: list[str] | None = None
) -> tuple[nn.Module | str, tuple[int, ...] | None]:
    """The network (a module, or the path of an ONNX file) and the input size to look at it with.

    Without `--size` that is the size a model folder was trained on, or that the network of a
    name is made for; an ONNX file states its own.

    Raises: OptionError, UnknownNameError, ModelFileError.
    """
    from convariant import models
    from convariant.cli._options import read_pairs

    shape = read_shape(size)
    values: dict[str, Any] = read_pairs(options or [])
    path = Path(model)
    if values and (path.is_dir() or path.suffix == ".onnx"):
        raise OptionError(
            f"--option builds a network by name, but {model!r} is a file; leave it out"
        )
    if path.is_dir():
        from convariant.training import read_model

        saved = read_model(path)
        return saved.network, shape or saved.preprocessing.frame
    if path.suffix == ".onnx":
        return model, shape
    created = models.create(model, **values)
    return created, shape or tuple(created.input_size)


def open_module(
    model: str, size: str | None = None, options: list[str] | None = None
) -> tuple[nn.Module, tuple[int, ...] | None]:
    """The network as a module, and the input size.

    Raises: OptionError for an ONNX file, and as `open_network`.
    """
    network, shape = open_network(model, size, options)
    if isinstance(network, str):
        raise OptionError(
            f"{model} is an ONNX file, but this command needs the layers as PyTorch has them; "
            "give a model folder or the name of a network"
        )
    return network, shape


def read_shape(text: str | None) -> tuple[int, ...] | None:
    """`'3x224x224' -> (3, 224, 224)`; None stays None.

    Raises: OptionError.
    """
    if text is None:
        return None
    try:
        sizes = tuple(int(part) for part in text.lower().split("x"))
    except ValueError:
        sizes = ()
    if not sizes or min(sizes) < 1:
        raise OptionError(f"--size is {text!r}; write 224, 224x320, 3x224x224 or 1x3x224x224")
    return sizes
