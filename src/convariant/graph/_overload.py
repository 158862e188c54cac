"""Operators of ATen, by what their schemas say."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils import _pytree as pytree

from convariant.errors import GraphError
from convariant.graph._aten import Value
from convariant.graph._types import Dim


def bound_arguments(
    overload: torch._ops.OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Arguments by the names of the schema, defaults filled in."""
    schema = overload._schema.arguments
    bound = {a.name: a.default_value for a in schema if a.has_default_value()}
    bound.update((a.name, value) for a, value in zip(schema, args, strict=False))
    return bound | kwargs


def out_of_place(overload: str) -> str:
    """`relu_.default -> relu.default`."""
    packet, _, rest = overload.partition(".")
    return f"{packet.removesuffix('_')}.{rest}"


def is_constant(target: Any, arguments: Any) -> bool:
    """Whether an operator gives the same small tensor whatever the inputs, as `arange` does."""
    if not isinstance(target, torch._ops.OpOverload) or target.namespace != "aten":
        return False
    leaves = pytree.tree_leaves(arguments)
    return (
        not any(isinstance(leaf, (Value, Dim)) for leaf in leaves)
        and torch.Tag.nondeterministic_seeded not in target.tags
        and not target._schema.is_mutable
    )


def without_writing(target: Any) -> Any:
    """The operator that computes the same and leaves its arguments alone."""
    if not isinstance(target, torch._ops.OpOverload) or not target._schema.is_mutable:
        return target
    packet, overload = str(target).removeprefix("aten.").split(".")
    plain = getattr(torch.ops.aten, packet.removesuffix("_"), None)
    if not packet.endswith("_") or plain is None:
        raise GraphError(
            f"{target} writes to its argument and has no form that does not; "
            "replace it in the module"
        )
    return getattr(plain, overload)
