"""The convolutions inside a network, and what passes through them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin

import convariant.nn as extended
from convariant.analysis._convolution import CONVOLUTIONS, check_finite
from convariant.analysis._source import InputSize, example_tensors
from convariant.errors import OptionError

# subclasses may compute something else, so only these exact classes count
_EXACT = {*CONVOLUTIONS} | {getattr(extended, kind.__name__) for kind in CONVOLUTIONS}


@dataclass(frozen=True)
class Layer:
    """A convolution of a network; one that is used under several names is one layer."""

    module: nn.Module
    paths: tuple[str, ...]

    @property
    def path(self) -> str:
        """Its first name in the network; '' where it is the network itself."""
        return self.paths[0]


def convolutions_in(model: nn.Module, operator: str) -> list[Layer]:
    """Every convolution of a network, in the order of its modules.

    Raises OptionError where there is none, or for what is no network.
    """
    if not isinstance(model, nn.Module):
        raise OptionError(
            f"{operator} takes a torch module, but got {type(model).__name__}; give a network, "
            "such as models.create('lenet5')"
        )
    paths: dict[nn.Module, list[str]] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        if isinstance(module, CONVOLUTIONS) and isinstance(module, LazyModuleMixin):
            check_finite(module.weight, f"{operator} of {path or 'model'}")  # type: ignore[arg-type]
        if type(module) in _EXACT:
            paths.setdefault(module, []).append(path)
    if not paths:
        raise OptionError(
            f"{operator}: {type(model).__name__} has no convolution (Conv1d, Conv2d, Conv3d or "
            "their transposed forms); pass a network that has one"
        )
    return [Layer(module, tuple(names)) for module, names in paths.items()]


@dataclass
class Calls:
    """The inputs and outputs that one module saw, in order; `plain` unless it got more than x."""

    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    plain: bool = True


@contextmanager
def watched(modules: Mapping[str, nn.Module]) -> Iterator[dict[str, Calls]]:
    """Keep what passes through these modules, by name, while the block runs."""
    calls = {name: Calls() for name in modules}

    def keeper(seen: Calls) -> Callable[..., None]:
        def keep(_: nn.Module, args: Any, kwargs: Any, output: Tensor) -> None:
            seen.plain = seen.plain and len(args) == 1 and not kwargs
            if args:
                seen.inputs.append(args[0].detach().clone())  # the next layer may work in place
                seen.outputs.append(output.detach().clone())

        return keep

    handles = [
        module.register_forward_hook(keeper(calls[name]), with_kwargs=True)
        for name, module in modules.items()
    ]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def example_image(model: nn.Module, input_size: InputSize | None, operator: str) -> Tensor:
    """One image of zeros for a network: of `input_size`, or of the size that it is made for.

    Raises OptionError where neither is known.
    """
    size: Any = getattr(model, "input_size", None) if input_size is None else input_size
    if size is None:
        raise OptionError(
            f"{operator}: {type(model).__name__} does not say for what size of image it is made; "
            "give input_size=(height, width)"
        )
    return torch.zeros_like(example_tensors(model, size)[0])


def replace_module(model: nn.Module, paths: Sequence[str], new: nn.Module) -> nn.Module:
    """Put another module in place of one, under all its names; returns the network."""
    for path in paths:
        if not path:
            return new
        parent, _, name = path.rpartition(".")
        setattr(model.get_submodule(parent), name, new)
    return model
