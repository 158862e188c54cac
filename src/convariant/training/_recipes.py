"""How each network is trained when nothing else is said: one table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from convariant import models
from convariant.errors import OptionError
from convariant.training._augmentation import Augmentation

MILD = Augmentation(shift=0.08, rotation=10, scale=0.1)
SMALL = 64  # pixels a side, up to which a network is built in its form for small images


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The numbers of a training run.

    The learning rate rises over `warmup` epochs and then falls along half a cosine to zero.

    Raises: OptionError.
    """

    epochs: int = 30
    batch_size: int = 64  # of all processes together
    optimizer: Literal["adamw", "sgd"] = "adamw"  # sgd has Nesterov momentum
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    momentum: float = 0.9  # of sgd
    warmup: float = 1.0  # epochs
    label_smoothing: float = 0.1  # of cross_entropy
    loss: Literal["cross_entropy", "map"] = "cross_entropy"  # map: the criterion of lenet5_1998
    augmentation: Augmentation = MILD  # applied only where augmentation is asked for
    options: Mapping[str, Any] = field(default_factory=dict)  # of the network

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise OptionError(
                    f"training takes {name} of at least 1, but got {getattr(self, name)}"
                )
        if not 0 < self.learning_rate < math.inf:
            raise OptionError(
                f"training takes a learning_rate above 0, but got {self.learning_rate}; try 0.002"
            )
        for name, end in (("weight_decay", math.inf), ("warmup", math.inf)):
            _within(name, getattr(self, name), end)
        _within("momentum", self.momentum, 1)
        _within("label_smoothing", self.label_smoothing, 1)
        _one_of("optimizer", self.optimizer, ("adamw", "sgd"))
        _one_of("loss", self.loss, ("cross_entropy", "map"))

    def to_json(self) -> dict[str, Any]:
        """All numbers of the run; the augmentation and the options are recorded as used."""
        values = asdict(self)
        del values["augmentation"], values["options"]
        return values

    def rate(self, step: int, steps_per_epoch: int) -> float:
        """The learning rate at a step, as a part of `learning_rate`.

        >>> recipe = Recipe(epochs=11, warmup=1)
        >>> [round(recipe.rate(step, steps_per_epoch=10), 3) for step in (0, 9, 10, 60, 109)]
        [0.1, 1.0, 1.0, 0.5, 0.0]
        """
        warm, all_steps = self.warmup * steps_per_epoch, self.epochs * steps_per_epoch
        if step < warm:
            return min(1.0, (step + 1) / warm)
        return (1 + math.cos(math.pi * (step - warm) / max(1, all_steps - warm))) / 2


def _within(name: str, value: float, end: float) -> None:
    if not 0 <= value < end:
        rule = "at least 0" if end == math.inf else f"0 to below {end:g}"
        raise OptionError(f"training takes {name} of {rule}, but got {value}")


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        known = " or ".join(map(repr, choices))
        raise OptionError(f"training takes {name} {known}, but got {value!r}")


_TABLE = {
    "lenet5": Recipe(learning_rate=5e-3),
    "lenet5_1998": Recipe(loss="map"),
    "mobilenet_v1": Recipe(epochs=20, learning_rate=5e-3),
    **{
        name: Recipe(epochs=10, learning_rate=1e-3)
        for name in models.names()
        if name.startswith(("resnet", "resnext"))
    },
    "unet": Recipe(
        epochs=20,
        batch_size=8,
        learning_rate=5e-3,
        label_smoothing=0,
        options={"mode": "same", "widths": (16, 32, 64, 128), "norm": True},
    ),
}
_OTHERS = Recipe()


def recipe_of(model: str) -> Recipe:
    """The recipe of a network; those without an entry of their own share one.

    Raises: UnknownNameError.
    """
    models.info(model)
    return _TABLE.get(model, _OTHERS)


def network_options(
    model: str, recipe: Recipe, size: tuple[int, int], given: Mapping[str, Any]
) -> dict[str, Any]:
    """The options a network is built with: those given, then the recipe's, then what `size` asks.

    Networks that have a form for small images get it for sides up to 64 pixels.
    """
    known = models.info(model).options
    options = {**recipe.options, **given}
    if "small_input" in known:
        options.setdefault("small_input", max(size) <= SMALL)
    for name in ("input_size", "resolution"):
        if name in known and (known[name] is None or known[name] < max(size)):
            options.setdefault(name, max(size))
    return options
