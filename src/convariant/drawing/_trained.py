"""The gallery's pictures of a network that has learned: LeNet-5 and handwritten digits."""

from __future__ import annotations

import functools
from dataclasses import replace

import torch
from torch import nn

from convariant.drawing._figure import Figure
from convariant.drawing._learned import feature_maps, filters, spectrum
from convariant.drawing._picture import Picture
from convariant.models import create
from convariant.training._digit_recipe import digits, fit_digits

EXAMPLE = 203  # the digit whose maps are drawn, of those held out


@functools.cache
def lenet() -> nn.Module:
    """LeNet-5 after three epochs of 4,000 real digits; some seconds."""
    torch.manual_seed(0)
    network = create("lenet5")
    fit_digits(network, *digits("train"), epochs=3)
    return network


def learned() -> list[Figure]:
    """Filters, feature maps and spectra, in the order of the gallery."""
    return [
        Figure(
            "The first layer of LeNet-5 after three epochs of 4,000 handwritten digits: blue "
            "weights add ink, orange ones subtract it.",
            _filters,
            name="filters_lenet5_c1",
        ),
        Figure(
            "What they make of a digit that the network has not learned from,",
            lambda: _maps("c1"),
            name="maps_lenet5_c1",
        ),
        Figure(
            "and what the next convolution makes of that.",
            lambda: _maps("c3"),
            name="maps_lenet5_c3",
        ),
        Figure(
            "Which frequencies the first layer passes; and how far its kernels are from rank "
            "one, that is from a column times a row.",
            _spectrum,
            name="spectrum_lenet5_c1",
        ),
    ]


def _filters() -> Picture:
    picture = filters(_first_layer(), name="lenet5_c1")
    return replace(picture, title="Filters of LeNet-5, layer c1")


def _maps(layer: str) -> Picture:
    digit = digits("held_out")[0][EXAMPLE, 0]
    picture = feature_maps(lenet(), digit.numpy(), layer)
    title = f"Feature maps of LeNet-5, layer {layer}"
    return replace(picture, name=f"maps_lenet5_{layer}", title=title)


def _spectrum() -> Picture:
    picture = spectrum(_first_layer(), name="lenet5_c1")
    return replace(picture, title="Spectrum of the kernels of LeNet-5, layer c1")


def _first_layer() -> nn.Conv2d:
    layer = lenet().get_submodule("c1")
    assert isinstance(layer, nn.Conv2d)
    return layer
