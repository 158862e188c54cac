"""The table of networks: names, what is known of each, checked options, configurations."""

from __future__ import annotations

import dataclasses
import inspect
import json

import numpy as np
import pytest

from convariant import OptionError, UnknownNameError, models
from models.counting import on_meta

# options of every type, none at its default
CHANGED = {
    "alexnet": {"groups": 1, "dropout": 0.25, "input_size": 195, "hidden": 64},
    "lenet5": {"activation": "tanh", "pooling": "average", "input_size": 28},
    "lenet5_1998": {"num_classes": 4},
    "mobilenet_v1": {"width": 0.25, "resolution": 96, "activation": "relu6", "small_input": True},
    "resnet": {"block": "aggregated", "depths": (1, 2), "paths": 4, "path_width": 2, "width": 8},
    "resnet50": {"v": 1, "small_input": True},
    "unet": {"mode": "same", "widths": (4, 8), "up": "resize", "norm": True},
}


def test_names_are_those_of_the_lecture():
    assert models.names() == sorted(
        [
            *("lenet5", "lenet5_1998", "alexnet", "unet", "mobilenet_v1", "resnet"),
            *("p4_lenet", "p4m_resnet"),
            *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
            *("resnext50_32x4d", "resnext101_32x4d", "resnext101_32x8d", "resnext101_64x4d"),
        ]
    )


@pytest.mark.parametrize("name", models.names())
def test_info_says_how_to_build_it(name):
    known = models.info(name)
    parameters = inspect.signature(known.builder).parameters
    assert known.options == {option: p.default for option, p in parameters.items()}
    assert list(known.options)[:2] == ["num_classes", "in_channels"]
    assert known.task == ("segmentation" if name == "unet" else "classification")
    assert known.builder is getattr(models, name)
    assert known.paper[-4:].isdigit() or "arXiv" in known.paper
    with pytest.raises(dataclasses.FrozenInstanceError):
        known.params = 0
    with pytest.raises(TypeError, match="does not support item assignment"):
        known.options["num_classes"] = 3


@pytest.mark.parametrize("name", models.names())
def test_a_configuration_survives_json_and_builds_the_same_network(name):
    first = on_meta(name, in_channels=2, num_classes=3) if name not in CHANGED else None
    first = first or on_meta(name, **CHANGED[name])
    config = json.loads(json.dumps(first.config))
    again = on_meta(**config)
    assert again.config == first.config == config
    assert (
        config
        | {k: list(v) if isinstance(v, tuple) else v for k, v in CHANGED.get(name, {}).items()}
        == config
    )
    assert {k: v.shape for k, v in again.state_dict().items()} == {
        k: v.shape for k, v in first.state_dict().items()
    }


def test_a_builder_called_directly_is_remembered_too():
    network = models.lenet5(num_classes=7)
    assert network.config == models.create("lenet5", num_classes=7).config
    assert network.config["num_classes"] == 7


def test_numbers_of_numpy_are_numbers():
    network = models.create("mobilenet_v1", num_classes=np.int64(3), width=np.float32(0.25))
    assert json.loads(json.dumps(network.config)) == network.config
    assert network.config["num_classes"] == 3


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(
        UnknownNameError, match="no model is named 'resnet19'; did you mean 'resnet"
    ):
        models.create("resnet19")
    with pytest.raises(UnknownNameError, match="no model is named 'unnet'; did you mean 'unet'?"):
        models.info("unnet")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lenet5", {"act": "relu"}, "lenet5 has no option 'act'.*options are num_classes, .*poo"),
        ("lenet5", {"activaton": "relu"}, "no option 'activaton', perhaps 'activation'"),
        ("lenet5", {"activation": "gelu"}, "takes activation as 'relu' or 'tanh', but got 'gelu'"),
        ("lenet5", {"num_classes": 0}, "num_classes as a whole number of at least 1, but got 0"),
        ("lenet5", {"num_classes": "10"}, "num_classes as a whole number of at least 1, .*'10'"),
        ("lenet5", {"in_channels": True}, "in_channels as a whole number .* but got True"),
        ("lenet5", {"in_channels": 1.0}, "in_channels as a whole number .* but got 1.0"),
        ("lenet5", {"input_size": 15}, "input_size of at least 16, but got 15; resize"),
        ("lenet5_1998", {"num_classes": 11}, "codes for the ten digits, .*11; use lenet5"),
        ("alexnet", {"groups": 3}, "alexnet takes groups as 1 or 2, but got 3"),
        ("alexnet", {"groups": True}, "alexnet takes groups as 1 or 2, but got True"),
        ("alexnet", {"dropout": 1.0}, "dropout from 0 to below 1, but got 1.0"),
        ("alexnet", {"input_size": 66}, "input_size of at least 67, but got 66"),
        ("alexnet", {"input_size": "227"}, "input_size as a whole number of at least 1"),
        ("alexnet", {"small_input": 1}, "small_input as True or False, but got 1"),
        ("unet", {"widths": ()}, "widths as a list of whole numbers of at least 1, but got \\(\\)"),
        ("unet", {"widths": 64}, "widths as a list of whole numbers of at least 1, but got 64"),
        ("unet", {"widths": (8, 0)}, "widths as a whole number of at least 1, but got \\(8, 0\\)"),
        ("unet", {"mode": "valid"}, "mode as 'paper' or 'same', but got 'valid'"),
        ("mobilenet_v1", {"width": 0}, "width above 0, but got 0.0; try 0.25"),
        ("mobilenet_v1", {"width": float("nan")}, "width as a number, but got nan"),
        ("mobilenet_v1", {"width": "half"}, "width as a number, but got 'half'"),
        ("resnet50", {"v": 2}, "takes v as 1 or 1.5, but got 2.0; 1 is the paper's"),
        ("resnet", {"block": "wide"}, "block as 'basic' or 'bottleneck' or 'aggregated'"),
    ],
)
def test_an_option_that_does_not_fit_is_named(name, options, message):
    with pytest.raises(OptionError, match=message):
        on_meta(name, **options)
