"""A module's weights as they were at one moment, for every later capture of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, InputSpec

from convariant.errors import GraphError
from convariant.graph._types import TensorType


class Held:
    """Copies of a module's parameters, buffers and other tensors, by their names in programs."""

    def __init__(self, module: nn.Module, program: ExportedProgram) -> None:
        self._copies: dict[str, torch.Tensor] = {}
        same: dict[int, torch.Tensor] = {}
        for spec in program.graph_signature.input_specs:
            tensor = constant_of(program, spec)
            if isinstance(tensor, torch.Tensor) and _belongs(spec, module):
                if id(tensor) not in same:  # one that has two names stays one
                    same[id(tensor)] = tensor.detach().clone()
                self._copies[target_of(spec)] = same[id(tensor)]

    def copy_of(self, spec: InputSpec, tensor: torch.Tensor) -> torch.Tensor:
        """What the tensor held, or itself where the module's code worked it out.

        Raises GraphError where it is another than the module had.
        """
        held = self._copies.get(target_of(spec), None if _is_state(spec) else tensor)
        if held is None or TensorType.of(held) != TensorType.of(tensor):
            raise GraphError(
                f"the model's {target_of(spec)!r} is now {TensorType.of(tensor)}, which it was not "
                "when its weights were copied; compile the model again"
            )
        return held


def constant_of(program: ExportedProgram, spec: InputSpec) -> Any:
    """What a program holds for one of its inputs that no caller gives."""
    target = target_of(spec)
    return program.state_dict.get(target, program.constants.get(target))


def target_of(spec: InputSpec) -> str:
    """The name of an input of a program: for what the module holds, where it holds it."""
    return spec.target or spec.arg.name


def _is_state(spec: InputSpec) -> bool:
    return spec.kind in (InputKind.PARAMETER, InputKind.BUFFER)


def _belongs(spec: InputSpec, module: nn.Module) -> bool:
    """Whether a constant is the module's, and not worked out by its code, perhaps from shapes."""
    if _is_state(spec):
        return True
    found: Any = module
    for part in target_of(spec).split("."):
        found = getattr(found, part, None)
    return isinstance(found, torch.Tensor)
