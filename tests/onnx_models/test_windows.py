"""Convolution and pooling with attributes drawn at random, against onnxruntime."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from convariant.errors import ConvariantError
from convariant.graph import from_onnx, interpret
from support.compare import assert_close
from support.onnx_models import normal, one_node, run_onnxruntime

OPERATORS = ("Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool")


def attributes_of(operator: str, axes: int, chance: random.Random) -> dict[str, Any]:
    """Each attribute present or left out; padding in numbers, by rule, or none."""
    attributes: dict[str, Any] = {"kernel_shape": [chance.randint(1, 3) for _ in range(axes)]}
    if chance.random() < 0.8:
        attributes["strides"] = [chance.randint(1, 3) for _ in range(axes)]
    if chance.random() < 0.5:
        attributes["dilations"] = [chance.randint(1, 2) for _ in range(axes)]
    rule = chance.random()
    if rule < 0.5:
        limit = min(attributes["kernel_shape"]) - 1 if "Pool" in operator else 2
        attributes["pads"] = [chance.randint(0, limit) for _ in range(2 * axes)]
    elif rule < 0.8 and "dilations" not in attributes:  # engines forget the dilation there
        attributes["auto_pad"] = chance.choice(["SAME_UPPER", "SAME_LOWER", "VALID"])
    return attributes


def windowed(operator: str, chance: random.Random) -> tuple[onnx.ModelProto, np.ndarray]:
    axes = chance.choice([1, 2, 2, 3])
    size = [chance.randint(4, 9) for _ in range(axes)]
    attributes = attributes_of(operator, axes, chance)
    kernel, channels, weights = attributes["kernel_shape"], 4, {}
    if operator in ("Conv", "ConvTranspose"):
        groups = attributes["group"] = chance.choice([1, 2, 4])
        shape = (8, 4 // groups) if operator == "Conv" else (4, 8 // groups)
        weights["w"] = normal(*shape, *kernel, seed=1)
        if chance.random() < 0.5:
            weights["b"] = normal(8, seed=2)
    elif chance.random() < 0.5:
        attributes["ceil_mode"] = 1
    strides = attributes.get("strides", [1] * axes)
    if operator == "ConvTranspose":
        if any(s > k for s, k in zip(strides, kernel, strict=True)):
            attributes.pop("auto_pad", None)  # engines give less than input times stride then
        if chance.random() < 0.4 and "auto_pad" not in attributes:
            attributes["output_padding"] = [chance.randint(0, s - 1) for s in strides]
        elif chance.random() < 0.5 and "pads" not in attributes:
            sizes = zip(size, strides, strict=True)
            attributes["output_shape"] = [chance.randint(i * s - 1, i * s + 2) for i, s in sizes]
    if operator == "AveragePool":
        attributes["count_include_pad"] = chance.choice([0, 1])
    if operator == "LpPool":
        attributes["p"] = chance.choice([1, 2, 3])
    x = normal(2, channels, *size)
    return one_node(operator, {"x": x}, weights=weights, opset=19, **attributes), x


@pytest.mark.parametrize("operator", OPERATORS)
def test_random_windows(operator: str) -> None:
    chance = random.Random(operator)
    compared = 0
    for _ in range(40):
        proto, x = windowed(operator, chance)
        try:
            (truth,) = run_onnxruntime(proto, {"x": x})
        except Exception:  # noqa: BLE001  attributes that this engine refuses
            continue
        if not truth.numel():
            with pytest.raises(ConvariantError, match="Kernel size can't be greater"):
                from_onnx(proto)
            continue
        (actual,) = interpret(from_onnx(proto), torch.from_numpy(x))
        assert_close(actual, truth, reduction=8 * 27)
        compared += 1
    assert compared >= 12, "most windows were refused"


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("storage_order", [0, 1])
def test_indices_of_maxima(axes: int, storage_order: int) -> None:
    x = normal(2, 3, *(5, 6, 4)[:axes])
    proto = one_node(
        "MaxPool",
        {"x": x},
        outputs=("y", "index"),
        kernel_shape=[2] * axes,
        strides=[2] * axes,
        pads=[1] + [0] * (2 * axes - 1),
        storage_order=storage_order,
    )
    proto.graph.output[1].type.tensor_type.elem_type = onnx.TensorProto.INT64
    truth = run_onnxruntime(proto, {"x": x})
    for actual, expected in zip(
        interpret(from_onnx(proto), torch.from_numpy(x)), truth, strict=True
    ):
        assert_close(actual, expected)
