"""Operands that cannot be what they should: one clear sentence, of the project's own classes."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch import nn

import convariant as cv
from convariant import ConvariantError, DataError, GeometryError, OptionError, ShapeError

E, R = cv.equivalent, cv.reference
NAN = float("nan")


def lazy() -> nn.Module:
    return nn.LazyConv2d(4, 3)


def empty() -> nn.Module:
    conv = nn.Conv2d(1, 4, 3)
    conv.weight = nn.Parameter(torch.zeros(0, 1, 3, 3))
    return conv


def on_meta() -> nn.Module:
    return nn.Conv2d(3, 8, 3, device="meta")


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1))


ONE_MODULE = [
    "split_groups",
    "merge_groups",
    "densify",
    "stuff_kernel",
    "insert_zeros",
    "remove_zeros",
    "split_phases",
    "merge_phases",
    "depthwise_to_pool",
    "pointwise_to_linear",
    "linear_to_pointwise",
    "convolution_to_linear",
    "stride_to_subsampling",
    "subsampling_to_stride",
    "separate_spatially",
    "separate_depthwise",
    "merge_separable",
    "sum_paths",
    "concatenate_paths",
    "group_paths",
]
MORE = {
    "regroup": 2,
    "dilate_kernel": 2,
    "pool_to_depthwise": 4,
    "linear_to_convolution": (1, 1),
    "fold_batch_norm": nn.BatchNorm2d(4),
    "fold_batch_norm_before": nn.Conv2d(4, 4, 3),
}


@pytest.mark.parametrize(
    "wrong", [None, 3, [], nn.ReLU(), nn.Sequential(), nn.Embedding(2, 2)], ids=str
)
@pytest.mark.parametrize("name", [*ONE_MODULE, *MORE])
def test_a_rewrite_refuses_what_it_does_not_rewrite(name, wrong):
    """The message names the rewrite; nothing of Python's own comes through."""
    rest = (MORE[name],) if name in MORE else ()
    with pytest.raises(OptionError, match=f"^{name}"):
        getattr(E, name)(wrong, *rest)


def test_the_lists_above_are_the_whole_catalogue():
    named = {*ONE_MODULE, *MORE}
    for rewrite in E.CATALOGUE:
        assert rewrite.there.__name__ in named
        assert rewrite.back is None or rewrite.back.__name__ in named


@pytest.mark.parametrize("make", [lazy, empty, on_meta])
@pytest.mark.parametrize(
    "call",
    [
        E.densify,
        E.split_phases,
        cv.separability,
        lambda conv: cv.factorize(conv, budget=0.5, input_size=(8, 8)),
        lambda conv: cv.mobilize(conv, input_size=(8, 8), keep_first=False),
    ],
)
def test_weights_that_are_not_there_are_told(make, call):
    with pytest.raises(ConvariantError, match="no weights yet|is empty|not take an input"):
        call(make())


CASES = {
    "regroup in words": (lambda: E.regroup(nn.Conv2d(4, 4, 3), "a"), OptionError, "groups='a'"),
    "pool of no channels": (
        lambda: E.pool_to_depthwise(nn.AvgPool2d(2), 0),
        OptionError,
        "channels=0 is no whole number from 1 on",
    ),
    "linear to a number": (
        lambda: E.linear_to_convolution(nn.Linear(8, 2), 3),
        OptionError,
        "8 features are no whole number of maps of size 3",
    ),
    "linear to a negative size": (
        lambda: E.linear_to_convolution(nn.Linear(8, 2), (-2, -2)),
        OptionError,
        "maps of size (-2, -2)",
    ),
    "convolution and another layer": (
        lambda: E.convolution_to_linear(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(2, 2))),
        OptionError,
        "takes Sequential(convolution, Flatten())",
    ),
    "prove nothing": (lambda: E.prove(None, E.densify, (1, 3, 8, 8)), OptionError, "got NoneType"),
    "prove by nothing": (
        lambda: E.prove(nn.Conv2d(3, 8, 3), None, (1, 3, 8, 8)),
        OptionError,
        "got Conv2d and NoneType",
    ),
    "prove on a number": (
        lambda: E.prove(nn.Conv2d(3, 8, 3), E.densify, 3),
        ShapeError,
        "input_shape=3 is no shape",
    ),
    "prove on less than nothing": (
        lambda: E.prove(nn.Conv2d(3, 8, 3), E.densify, (1, 3, -8, 8)),
        ShapeError,
        "is no shape",
    ),
    "prove on other channels": (
        lambda: E.prove(nn.Conv2d(3, 8, 3), E.densify, (1, 4, 8, 8)),
        ShapeError,
        "Conv2d does not take an input of shape (1, 4, 8, 8)",
    ),
    "factorise nothing": (
        lambda: cv.factorize(None, budget=0.5),
        OptionError,
        "factorize takes a torch module, but got NoneType",
    ),
    "factorise a name": (
        lambda: cv.factorize("lenet5", budget=0.5),
        OptionError,
        "models.create('lenet5')",
    ),
    "budget in words": (
        lambda: cv.factorize(network(), budget="half"),
        OptionError,
        "budget='half' is not between 0 and 1",
    ),
    "error is nan": (
        lambda: cv.factorize(network(), error=NAN),
        OptionError,
        "error=nan is not in [0, 1)",
    ),
    "negative image": (
        lambda: cv.factorize(network(), budget=0.5, input_size=(-8, 8)),
        ShapeError,
        "input_size=(-8, 8) is no size",
    ),
    "image in words": (
        lambda: cv.inspect(network(), "8x8"),
        ShapeError,
        "input_size='8x8' is no size",
    ),
    "images of numpy": (
        lambda: cv.factorize(network(), budget=0.5, images=np.ones((2, 3, 8, 8))),
        DataError,
        "images are of type ndarray; give a tensor",
    ),
    "images with nan": (
        lambda: cv.factorize(network(), budget=0.5, images=torch.full((2, 3, 8, 8), NAN)),
        DataError,
        "have 384 values that are NaN",
    ),
    "separable in words": (
        lambda: cv.separability(network(), error="a"),
        OptionError,
        "error='a' is not in [0, 1]",
    ),
    "separable below zero": (
        lambda: cv.separability(network(), error=-1),
        OptionError,
        "error=-1 is not in [0, 1]",
    ),
    "trace at a number": (
        lambda: cv.trace(network(), torch.rand(1, 3, 8, 8), 3),
        ShapeError,
        "output_index=3 is no place",
    ),
    "trace between two places": (
        lambda: cv.trace(network(), torch.rand(1, 3, 8, 8), (0, 0, 1.5, 0)),
        ShapeError,
        "(0, 0, 1.5, 0) is no place",
    ),
    "trace a layer by number": (
        lambda: cv.trace(network(), torch.rand(1, 3, 8, 8), (0, 0, 0, 0), layer=7),
        cv.UnknownNameError,
        "no layer is named '7'",
    ),
    "trace without weights": (
        lambda: cv.trace(on_meta(), torch.rand(1, 3, 8, 8), (0, 0, 0, 0)),
        DataError,
        "weights without data",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_meant_is_answered(case):
    call, kind, sentence = CASES[case]
    with pytest.raises(kind, match=re.escape(sentence)):
        call()


WEIGHT, WINDOW = np.ones((2, 3, 3, 3)), cv.Geometry(3)
Y = np.ones((1, 2, 4, 4))
MATRICES = {
    "list": (lambda: R.toeplitz([[[1, 2]]], WINDOW, (5,)), DataError, "weight is of type list"),
    "tensor": (
        lambda: R.deconvolve(torch.ones(1, 2, 4, 4), WEIGHT, WINDOW, (6, 6)),
        DataError,
        "y is of type Tensor; give a NumPy array",
    ),
    "words": (
        lambda: R.toeplitz(np.array([[["a", "b", "c"]]]), WINDOW, (6,)),
        DataError,
        "which are no real numbers",
    ),
    "complex": (
        lambda: R.deconvolve(Y, WEIGHT * 1j, WINDOW, (6, 6)),
        DataError,
        "weight holds complex128",
    ),
    "one axis": (lambda: R.toeplitz(np.ones(3), WINDOW, (5,)), ShapeError, "two channel axes"),
    "size as a number": (
        lambda: R.toeplitz(WEIGHT, WINDOW, 6),
        GeometryError,
        "input_size=6 is no tuple",
    ),
    "operator size": (
        lambda: R.toeplitz_operator(WEIGHT, WINDOW, 6),
        GeometryError,
        "input_size=6 is no tuple",
    ),
    "no window": (lambda: R.spectrum(WEIGHT, 3, (6, 6)), GeometryError, "geometry is of type int"),
    "too large": (
        lambda: R.toeplitz(np.ones((256, 256, 3, 3)), WINDOW, (224, 224)),
        GeometryError,
        "use toeplitz_operator",
    ),
    "no channels": (
        lambda: R.null_space(np.ones((0, 3, 3, 3)), WINDOW, (6, 6)),
        ShapeError,
        "joins no channels",
    ),
    "no axes": (lambda: R.im2patch(np.ones(5), WINDOW), ShapeError, "no batch of images"),
    "patches": (
        lambda: R.patch2im(np.ones((9, 4)), WINDOW, (4, 4)),
        ShapeError,
        "are not those of im2patch",
    ),
    "bias": (
        lambda: R.deconvolve(Y, WEIGHT, WINDOW, (6, 6), bias=np.ones(5)),
        ShapeError,
        "bias has size (5,)",
    ),
    "bias of nan": (
        lambda: R.deconvolve(Y, WEIGHT, WINDOW, (6, 6), bias=np.array([NAN, 0])),
        DataError,
        "bias of size [2] has 1 values that are NaN",
    ),
    "damping": (
        lambda: R.deconvolve(Y, WEIGHT, WINDOW, (6, 6), damping=-1.0),
        OptionError,
        "damping=-1.0 is no number from 0 on",
    ),
    "damping of nan": (
        lambda: R.deconvolve(Y, WEIGHT, WINDOW, (6, 6), damping=NAN),
        OptionError,
        "damping=nan",
    ),
    "iterations": (
        lambda: R.deconvolve(Y, WEIGHT, WINDOW, (6, 6), iterations=0),
        OptionError,
        "iterations=0 is no whole number from 1 on",
    ),
}


@pytest.mark.parametrize("case", MATRICES)
def test_matrices_are_made_of_arrays_that_fit(case):
    call, kind, sentence = MATRICES[case]
    with pytest.raises(kind, match=re.escape(sentence)):
        call()


def test_a_matrix_without_channels_is_empty():
    assert R.toeplitz(np.ones((0, 3, 3, 3)), WINDOW, (6, 6)).shape == (0, 108)
    assert R.toeplitz(np.ones((2, 0, 3, 3)), WINDOW, (6, 6)).shape == (32, 0)
