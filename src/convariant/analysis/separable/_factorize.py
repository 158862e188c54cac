"""Networks whose convolutions are replaced by cheaper chains, or by MobileNet's block."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Real

import torch
from torch import Tensor, nn

from convariant.analysis._layers import (
    Calls,
    convolutions_in,
    example_image,
    replace_module,
    watched,
)
from convariant.analysis._source import InputSize
from convariant.analysis._timing import modules_in_turn, on_threads
from convariant.analysis.separable._candidates import (
    Site,
    add_candidates,
    make_site,
    output_error,
    within_budget,
    within_error,
)
from convariant.analysis.separable._chains import FORMS, Form
from convariant.analysis.separable._decompositions import Depthwise
from convariant.analysis.separable._mobile import mobile_block, worthwhile
from convariant.analysis.separable._refine import refine
from convariant.analysis.separable._steps import Operation, record
from convariant.analysis.separable._surgery import LayerChange, Surgery
from convariant.errors import DataError, OptionError, ShapeError, UnknownNameError


@torch.no_grad()
def factorize(
    model: nn.Module,
    *,
    budget: float | None = None,
    error: float | None = None,
    images: Tensor | None = None,
    input_size: InputSize | None = None,
    forms: Sequence[Form] = FORMS,
    timed: bool = False,
) -> Surgery:
    """A copy of the network whose convolutions are chains of smaller ones where that is cheaper.

    Either `budget`, the share of the convolutions' multiply-adds to spend, divided among the layers
    so that the sum of their squared errors is small; or `error`, what each layer may lose: of its
    weight, or with `images` of its outputs on them. The chains start as the best approximations of
    the weights (singular value decomposition, higher-order for Tucker); with `images` they are
    refined, layer after layer, by least squares against what the layer of the given network put
    out. `forms` are those allowed: 'spatial', 'depthwise', 'tucker'. Any stride, dilation, groups
    and padding, plain and transposed, 1 to 3 axes. `timed` measures milliseconds for one image, on
    one thread, old and new in turn.

    Shapes: images `(n, ci, h, w)`, or one `input_size` where there are none.

    Raises OptionError for a network with nothing to factorise or a budget that nothing meets,
    DataError for weights or images with NaN, ShapeError for images that do not fit. The given
    network is never changed.

    >>> conv = nn.Conv2d(1, 1, 3, bias=False)
    >>> _ = conv.weight.data.copy_(torch.tensor([[3.0, 6, 9], [4, 8, 12], [5, 10, 15]]))
    >>> result = factorize(conv, error=1e-6, input_size=(8, 8))
    >>> result.layers[0].form, result.params, result.macs
    ('spatial', (9, 6), (324, 252))

    Sources: Jaderberg et al. 2014, arXiv 1405.3866; Kim et al. 2016, arXiv 1511.06530; Zhang et al.
    2015, arXiv 1505.06798 (errors that are not passed on).
    """
    _check_goal(budget, error, forms)
    sites, calls, x = _examine(model, "factorize", images, input_size)
    for site in sites:
        add_candidates(site, forms, None if images is None else calls[site.layer.path])
    if not any(site.candidates for site in sites):
        raise OptionError(
            f"factorize: {type(model).__name__} has nothing to factorise with forms "
            f"{tuple(forms)}: {_why(sites)}; give other forms or a larger network"
        )
    if budget is not None:
        chosen = within_budget(sites, budget)
    else:
        chosen = [within_error(site, error or 0.0) for site in sites]
    network, changes = copy.deepcopy(model), []
    for site, candidate in zip(sites, chosen, strict=True):
        change = LayerChange.of(site, candidate)
        if candidate.decomposition is not None:
            chain = candidate.decomposition.build(candidate.ranks)
            if images is not None:
                seen = Calls(
                    _calls(network, {"": site.layer.path}, images)[""].inputs,
                    calls[site.layer.path].outputs,
                )
                lost = output_error(chain, seen)
                refine(chain, seen)
                change = replace(change, output_error=lost, refined_error=output_error(chain, seen))
            network = replace_module(network, site.layer.paths, chain)
            record(network, site.layer.path, candidate.decomposition.form, candidate.ranks)
        changes.append(change)
    result = Surgery(network, tuple(changes))
    return with_times(result, model, sites, calls, x) if timed else result


@torch.no_grad()
def mobilize(
    model: nn.Module,
    *,
    input_size: InputSize | None = None,
    activation: bool = True,
    keep_first: bool = True,
    timed: bool = False,
) -> Surgery:
    """A copy of the network with a depthwise separable block for each dense convolution.

    MobileNet's move: a k x k convolution of all channels becomes one filter for each channel, a
    norm, a ReLU (both left out with `activation=False`) and a 1x1 convolution. Convolutions that
    are grouped, 1x1 or too narrow to gain stay, and so does the first one, as in MobileNet. The
    weights start as the nearest ones; the network has to be trained again, for example by
    `convariant train --init`.

    Raises OptionError for a network without a convolution to replace. The given network is never
    changed.

    >>> from convariant import models
    >>> result = mobilize(models.create("resnet18", small_input=True))
    >>> result.params
    (11159232, 1424896)

    Source: Howard et al. 2017, arXiv 1704.04861; lecture, "MobileNet".
    """
    sites, calls, x = _examine(model, "mobilize", None, input_size)
    for number, site in enumerate(sites):
        if keep_first and number == 0:
            site.note = site.note or "the first layer"
        elif site.parts.groups > 1 or not worthwhile(site.parts):
            site.note = site.note or "nothing to gain"
    if all(site.note for site in sites):
        raise OptionError(
            f"mobilize: {type(model).__name__} has no convolution to replace: {_why(sites)}; a "
            "dense one with a kernel larger than 1x1, behind the first layer, is needed"
        )
    network, changes = copy.deepcopy(model), []
    for site in sites:
        if site.note:
            changes.append(LayerChange.of(site, site.kept))
            continue
        separated = Depthwise(site.parts)
        candidate = site.candidate(separated, (1,))
        form: Operation = "mobile" if activation else "depthwise"
        network = replace_module(network, site.layer.paths, mobile_block(site.parts, activation))
        record(network, site.layer.path, form, (1,))
        changes.append(replace(LayerChange.of(site, candidate), form=form))
    result = Surgery(network, tuple(changes))
    return with_times(result, model, sites, calls, x) if timed else result


def _examine(
    model: nn.Module, operator: str, images: Tensor | None, input_size: InputSize | None
) -> tuple[list[Site], dict[str, Calls], Tensor]:
    """The convolutions of a network, what passed through each, and one image."""
    layers = convolutions_in(model, operator)
    if images is None:
        images = example_image(model, input_size, operator)
    else:
        _check_images(images, operator)
    calls = _calls(model, {layer.path: layer.path for layer in layers}, images)
    sites = [make_site(layer, calls[layer.path], operator) for layer in layers]
    return sites, calls, images[:1]


def _check_images(images: Tensor, operator: str) -> None:
    if not isinstance(images, Tensor):
        raise DataError(
            f"{operator}: images are of type {type(images).__name__}; give a tensor, for example "
            "torch.from_numpy(images).float()"
        )
    if images.dim() < 3 or not len(images) or not images.is_floating_point():
        raise ShapeError(
            f"{operator}: images of shape {tuple(images.shape)} and type {images.dtype} are no "
            "batch; give floating-point images (n, channels, height, width)"
        )
    bad = int((~torch.isfinite(images)).sum())
    if bad:
        raise DataError(
            f"{operator}: images of shape {tuple(images.shape)} have {bad} values that are NaN or "
            "infinite; leave those images out"
        )


def _calls(model: nn.Module, paths: Mapping[str, str], images: Tensor) -> dict[str, Calls]:
    """What passes through the modules at these paths when the evaluated network sees images."""
    network = copy.deepcopy(model).eval()
    with watched({name: network.get_submodule(path) for name, path in paths.items()}) as calls:
        try:
            network(images)
        except RuntimeError as error:
            raise ShapeError(
                f"{type(model).__name__} does not take an input of shape {tuple(images.shape)}: "
                f"{error}; give images or an input_size that it takes"
            ) from error
    return calls


def with_times(
    result: Surgery, model: nn.Module, sites: Sequence[Site], calls: Mapping[str, Calls], x: Tensor
) -> Surgery:
    """The result with milliseconds, on one thread: of every replaced layer, and of the whole."""
    layers = []
    with on_threads(1):
        for site, change in zip(sites, result.layers, strict=True):
            if change.form is not None:
                inside = calls[site.layer.path].inputs[0][:1]
                new = result.model.get_submodule(site.layer.path)
                before, after = modules_in_turn([site.layer.module, new], inside, seconds=0.03)
                change = replace(change, ms_before=before, ms_after=after)
            layers.append(change)
        before, after = modules_in_turn([model, result.model], x)
    return replace(result, layers=tuple(layers), ms_before=before, ms_after=after)


def _check_goal(budget: float | None, error: float | None, forms: Sequence[Form]) -> None:
    if (budget is None) == (error is None):
        raise OptionError(
            f"factorize takes either budget or error, but got budget={budget} and error={error}; "
            "for half of the multiply-adds give budget=0.5"
        )
    if budget is not None and not (isinstance(budget, Real) and 0 < budget < 1):
        raise OptionError(
            f"factorize: budget={budget!r} is not between 0 and 1; it is the share of the "
            "multiply-adds to spend, such as 0.5"
        )
    if error is not None and not (isinstance(error, Real) and 0 <= error < 1):
        raise OptionError(
            f"factorize: error={error!r} is not in [0, 1); it is the part of each layer that may "
            "be lost, such as 0.1"
        )
    for form in forms:
        if form not in FORMS:
            raise UnknownNameError("form", form, FORMS)


def _why(sites: Sequence[Site]) -> str:
    """The reasons for which layers stay, each once."""
    return "; ".join(dict.fromkeys(site.note for site in sites))
