"""Replacements as data, so that another network of the same kind can be built the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import torch
from torch import nn

from convariant.analysis._convolution import Convolution, take_apart
from convariant.analysis._layers import convolutions_in, replace_module
from convariant.analysis.separable._chains import Form, build
from convariant.analysis.separable._decompositions import DECOMPOSITIONS
from convariant.analysis.separable._mobile import mobile_block
from convariant.errors import OptionError

Operation: TypeAlias = Form | Literal["mobile"]

_FORMS = {kind.form: kind for kind in DECOMPOSITIONS}


def record(model: nn.Module, path: str, form: Operation, ranks: Sequence[int]) -> None:
    """Write a replacement into the configuration of a network that keeps one."""
    config: Any = getattr(model, "config", None)
    if isinstance(config, dict):
        step = {"path": path, "form": form, "ranks": list(ranks)}
        model.config = {**config, "surgery": [*config.get("surgery", []), step]}  # type: ignore[assignment]


@torch.no_grad()
def restructure(model: nn.Module, steps: Sequence[Mapping[str, Any]]) -> nn.Module:
    """Make in a network, in place, the replacements that another's `config["surgery"]` records.

    Shapes only: the new weights are to be loaded afterwards.

    Raises OptionError where a step does not fit the network.

    >>> from convariant import models
    >>> step = {"path": "c3", "form": "spatial", "ranks": [4]}
    >>> restructure(models.create("lenet5"), [step]).get_submodule("c3.0").kernel_size
    (5, 1)
    """
    for step in steps:
        try:
            path, form, ranks = step["path"], step["form"], tuple(int(r) for r in step["ranks"])
        except (KeyError, TypeError, ValueError):
            raise OptionError(
                f"surgery: {step!r} is no step; it needs a path, a form and ranks"
            ) from None
        layer = next((x for x in convolutions_in(model, "surgery") if path in x.paths), None)
        if layer is None:
            raise OptionError(
                f"surgery: {type(model).__name__} has no convolution {path!r}; the steps belong to "
                "another network"
            )
        parts = take_apart(layer.module, f"surgery of {path}")
        model = replace_module(model, layer.paths, _empty(parts, form, ranks))
        record(model, path, form, ranks)
    return model


def _empty(parts: Convolution, form: str, ranks: tuple[int, ...]) -> nn.Module:
    """What the step puts in place of a convolution, with weights of zero."""
    if form == "mobile":
        return mobile_block(parts, activation=True)
    kind = _FORMS.get(form)  # type: ignore[call-overload]
    if kind is None or not kind.applies(parts) or len(ranks) != kind.cuts(parts) or min(ranks) < 1:
        raise OptionError(
            f"surgery: form {form!r} with ranks {ranks} does not fit a weight of size "
            f"{list(parts.weight.shape)}; the forms are {', '.join(_FORMS)} and mobile"
        )
    chain = kind(parts).chain(ranks)
    blocks = [
        parts.weight.new_zeros(
            link.groups,
            link.out_channels // link.groups,
            link.in_channels // link.groups,
            *link.geometry.kernel_size,
        )
        for link in chain
    ]
    return build(chain, blocks, parts.bias)
