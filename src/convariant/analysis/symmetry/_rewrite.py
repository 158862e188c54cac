"""Rewriting a trained network so that shifts of its input matter less, or not at all."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from torch import nn

from convariant.analysis.symmetry._modular import with_modules
from convariant.errors import OptionError
from convariant.geometry import Geometry
from convariant.nn._blur import BLUR_POOLS, BlurConv
from convariant.nn._group import GroupConv2d, GroupConvTranspose2d, GroupLift2d
from convariant.nn._group_layers import GroupAvgPool2d, GroupMaxPool2d
from convariant.nn._phase_memory import Phases
from convariant.nn._phases import (
    PhaseAvgPool,
    PhaseConv,
    PhaseConvTranspose,
    PhaseMaxPool,
    PhaseUpsample,
)

Method: TypeAlias = Literal["polyphase", "blur"]

_CONVS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_MAX_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
_AVG_POOLS = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
_AXES: dict[type[nn.Module], int] = {
    kind: axes
    for kinds in (_CONVS, _TRANSPOSED, _MAX_POOLS, _AVG_POOLS)
    for axes, kind in enumerate(kinds, start=1)
}
_GROUP = (GroupLift2d, GroupConv2d, GroupConvTranspose2d, GroupMaxPool2d, GroupAvgPool2d)


@dataclass(frozen=True)
class ShiftChange:
    """What `make_shift_invariant` does with one layer; `layer` is None where it is left alone."""

    path: str
    layer: nn.Module | None
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def make_shift_invariant(
    model: nn.Module, method: Method = "polyphase", *, keep_sizes: bool = True
) -> nn.Module:
    """A copy of the network in which every stride follows the content of the image.

    `polyphase`: each strided convolution or pooling runs with stride 1 on the circularly closed
    image and keeps the phase with the largest norm; all layers that sub-sample the same grid keep
    the same phase, transposed convolutions and resizings return to it, and zero padding becomes
    circular. Circular shifts of the input then shift every feature map exactly, and after a global
    pooling change nothing. Sizes must be divisible by the strides.
    `blur`: a binomial low-pass filter before each sub-sampling; any size, approximate.

    Windows that do not fill their input (3 without padding maps 8 to 6) cannot be closed to a
    circle without another size, so `polyphase` leaves them alone. With `keep_sizes=False` it closes
    them too: a layer of stride s then maps i to i / s, with other values at the border, and what
    depends on the size (flatten + Linear) needs images of another one.

    The weights and their names stay; the network should be trained on a little with them. Poolings
    and resizings that `forward` calls as functions are found by torch.fx; the copy is then a
    `torch.fx.GraphModule`. `shift_changes` lists what becomes of each layer, and which are left
    alone, and why (a warning says so too); what it cannot see (strided slices, control flow)
    `certify` finds.

    Raises: OptionError for another method.

    >>> import convariant as cv
    >>> network = cv.models.create("resnet18", num_classes=10, small_input=True).eval()
    >>> exact = make_shift_invariant(network)
    >>> exact.state_dict().keys() == network.state_dict().keys()
    True

    Source: Chaman and Dokmanic 2021, https://arxiv.org/abs/2011.14214; Zhang 2019,
    https://arxiv.org/abs/1904.11486.
    """
    made, changes = rewritten(model, method, keep_sizes=keep_sizes)
    left = [change for change in changes if change.layer is None]
    if left:
        warnings.warn(
            f"make_shift_invariant: {len(left)} of {len(changes)} layers stay as they are, so "
            f"shifts go on to matter; the first is {left[0]}",
            stacklevel=2,
        )
    return made


def rewritten(
    model: nn.Module, method: Method, *, keep_sizes: bool = True
) -> tuple[nn.Module, list[ShiftChange]]:
    """The copy, and what became of each layer."""
    model = with_modules(copy.deepcopy(model))
    phases = Phases()
    changes = _changes(model, method, phases, keep_sizes)
    for change in changes:
        if change.layer is not None:
            parent, _, name = change.path.rpartition(".")
            setattr(model.get_submodule(parent), name, change.layer)
    if method == "polyphase":
        model.register_forward_pre_hook(phases.start)
    return model, changes


def shift_changes(
    model: nn.Module, method: Method = "polyphase", *, keep_sizes: bool = True
) -> tuple[ShiftChange, ...]:
    """What `make_shift_invariant` would do, layer by layer; the network stays as it is."""
    return tuple(_changes(with_modules(copy.deepcopy(model)), method, Phases(), keep_sizes))


def _changes(
    model: nn.Module, method: Method, phases: Phases, keep_sizes: bool
) -> list[ShiftChange]:
    if method not in ("polyphase", "blur"):
        raise OptionError(f"method={method!r} is not known; use 'polyphase' or 'blur'")
    changes = []
    for path, module in model.named_modules():
        if type(module) in _AXES:
            window = _window(module)
            if method == "blur":
                change = _blurred(path, module, window)
            else:
                change = _polyphase(path, module, window, phases, keep_sizes)
        elif isinstance(module, nn.Upsample) and method == "polyphase":
            change = _resized(path, module, phases)
        else:
            change = _foreign(path, module)
        if change is not None:
            changes.append(change)
    return changes


def _foreign(path: str, module: nn.Module) -> ShiftChange | None:
    """A layer of a class that only its author knows how to replace; None for all others."""
    name = type(module).__name__
    if isinstance(module, _GROUP):
        return ShiftChange(
            path,
            None,
            f"left alone: {name} turns with its image; rewrite what convariant.nn.to_plain makes "
            "of the network, which shifts with it instead",
        )
    if isinstance(module, tuple(_AXES)):
        base = next(kind.__name__ for kind in _AXES if isinstance(module, kind))
        reason = f"left alone: {name} is a class of its own, derived from {base}; use {base} itself"
        return ShiftChange(path, None, reason)
    return None


def _window(module: Any) -> Geometry:
    return Geometry.of(
        _AXES[type(module)],
        module.kernel_size,
        module.stride,
        module.padding,
        getattr(module, "dilation", 1),
        getattr(module, "output_padding", 0),
        transposed=type(module) in _TRANSPOSED,
        ceil_mode=getattr(module, "ceil_mode", False),
    )


def _polyphase(
    path: str, module: Any, window: Geometry, phases: Phases, keep_sizes: bool
) -> ShiftChange | None:
    unit = tuple(s * 64 for s in window.stride)  # any large size that the strides divide
    explicit = window.explicit(unit)
    expected = tuple(
        i * s if window.transposed else i // s for i, s in zip(unit, window.stride, strict=True)
    )
    found = window.output_size(unit)
    if keep_sizes and found != expected:
        return ShiftChange(
            path,
            None,
            f"left alone: it maps size {unit[0]} to {found[0]} instead of {expected[0]}, so it "
            "cannot be closed to a circle; change its padding, or use keep_sizes=False, which "
            "closes it with another size, or method='blur', which fits any size",
        )
    if type(module) in _TRANSPOSED:
        layer = PhaseConvTranspose(module, explicit, phases)
        return ShiftChange(path, layer, "returns to the phase that its grid was left by")
    if max(window.stride) == 1:
        if found == expected and window.pads(unit) == ((0, 0),) * window.axes:
            return None  # pointwise: nothing to close
        kind = "circular padding"
    else:
        kind = f"stride {window.stride} by polyphase choice, circular padding"
    if found != expected:
        kind += f", size {unit[0]} to {expected[0]} instead of {found[0]}"
    if type(module) in _CONVS:
        return ShiftChange(path, PhaseConv(module, explicit, phases), kind)
    if type(module) in _MAX_POOLS:
        return ShiftChange(path, PhaseMaxPool(explicit, phases), kind)
    return ShiftChange(path, PhaseAvgPool(explicit, phases), kind)


def _resized(path: str, module: nn.Upsample, phases: Phases) -> ShiftChange:
    axes = {"nearest": 2, "linear": 1, "bilinear": 2, "trilinear": 3}.get(module.mode)
    factor = module.scale_factor
    if axes is None or factor is None or module.align_corners:
        return ShiftChange(path, None, "left alone: only nearest and linear by a factor fit")
    factors = factor if isinstance(factor, tuple) else (factor,) * axes
    if not all(float(f).is_integer() for f in factors):
        return ShiftChange(path, None, f"left alone: the factor {factor} is no whole number")
    layer = PhaseUpsample(tuple(int(f) for f in factors), module.mode, phases)
    return ShiftChange(path, layer, "resized on the circle, on the phase that its grid was left by")


def _blurred(path: str, module: Any, window: Geometry) -> ShiftChange | None:
    if window.transposed or max(window.stride) == 1:
        return None
    if window.ceil_mode:
        return ShiftChange(path, None, "left alone: ceil_mode has no blurred form; pad instead")
    reason = f"stride {window.stride} after a blur"
    if type(module) in _CONVS:
        return ShiftChange(path, BlurConv(module, window), reason)
    dense = copy.copy(module)
    dense.stride = (1,) * window.axes
    if type(module) in _MAX_POOLS:
        return ShiftChange(
            path, nn.Sequential(dense, BLUR_POOLS[window.axes](3, window.stride)), reason
        )
    return None  # a mean is a low-pass filter already
