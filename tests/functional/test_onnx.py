"""The ONNX conformance cases of convolution and pooling, run through our operators."""

import warnings

import numpy as np
import onnx
import pytest
import torch
from onnx.backend.test.loader import load_node_model_tests

from convariant import functional, reference
from convariant.geometry import Geometry
from support.compare import assert_close, assert_equal

OPERATORS = ("AveragePool", "Col2Im", "Conv", "ConvTranspose", "LpPool", "MaxPool")
# four digits, and not the nearest: 0.2841 stands for (0.8816 + 0.4353 + 0.5772 + 0.6623) / 9
STORED_ROUGHLY = "test_averagepool_2d_ceil_last_window_starts_on_pad"
PADDING = {"VALID": "valid", "SAME_UPPER": "same_upper", "SAME_LOWER": "same_lower"}


def conformance_cases() -> list:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other operators overflow and divide by zero on purpose
        cases = load_node_model_tests()
    return [
        pytest.param(case, id=case.name.removeprefix("test_"))
        for case in cases
        if len(case.model.graph.node) == 1 and case.model.graph.node[0].op_type in OPERATORS
    ]


def pairs(pads) -> tuple[tuple[int, int], ...]:
    """ONNX lists all beginnings, then all ends."""
    return tuple(zip(pads[: len(pads) // 2], pads[len(pads) // 2 :], strict=True))


def padding(attributes: dict, axes: int):
    if "auto_pad" in attributes and attributes["auto_pad"] != b"NOTSET":
        return PADDING[attributes["auto_pad"].decode()]
    return pairs(attributes.get("pads", [0] * 2 * axes))


def convolution(attributes, x, weight, bias=None):
    axes = x.dim() - 2
    return getattr(functional, f"conv{axes}d")(
        x,
        weight,
        bias,
        attributes.get("strides", 1),
        padding(attributes, axes),
        attributes.get("dilations", 1),
        attributes.get("group", 1),
    )


def transposed(attributes, x, weight, bias=None):
    axes = x.dim() - 2
    return getattr(functional, f"conv_transpose{axes}d")(
        x,
        weight,
        bias,
        attributes.get("strides", 1),
        padding(attributes, axes),
        attributes.get("output_padding", 0),
        attributes.get("group", 1),
        attributes.get("dilations", 1),
        output_size=attributes.get("output_shape"),
    )


def pooling(reducer):
    def pool(attributes, x):
        return functional.pool(
            x,
            reducer,
            attributes["kernel_shape"],
            attributes.get("strides", 1),
            padding(attributes, x.dim() - 2),
            attributes.get("dilations", 1),
            ceil_mode=bool(attributes.get("ceil_mode", 0)),
            count_include_pad=bool(attributes.get("count_include_pad", 0)),
            p=float(attributes.get("p", 2)),
        )

    return pool


def col2im(attributes, patches, image_shape, block_shape):
    axes = len(image_shape)
    geometry = Geometry(
        block_shape.tolist(),
        attributes.get("strides", 1),
        pairs(attributes.get("pads", [0] * 2 * axes)),
        attributes.get("dilations", 1),
    )
    return reference.patch2im(patches.numpy(), geometry, image_shape.tolist())


RUN = {
    "AveragePool": pooling("mean"),
    "Col2Im": col2im,
    "Conv": convolution,
    "ConvTranspose": transposed,
    "LpPool": pooling("lp"),
    "MaxPool": pooling("max"),
}


@pytest.mark.parametrize("case", conformance_cases())
def test_conformance(case):
    (node,) = case.model.graph.node
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    for inputs, outputs in case.data_sets:
        y = RUN[node.op_type](attributes, *(torch.from_numpy(a) for a in inputs))
        if case.name == STORED_ROUGHLY:
            assert np.abs(y.numpy() - outputs[0]).max() < 6e-5
        else:
            assert_close(y, outputs[0], reduction=256)


def test_the_cases_cover_every_operator():
    operators = [case.values[0].model.graph.node[0].op_type for case in conformance_cases()]
    assert set(operators) == set(OPERATORS)
    assert len(operators) >= 60


def test_indices_of_maxima():
    x = torch.from_numpy(np.arange(1, 26, dtype=np.float32).reshape(1, 1, 5, 5))
    _, index = functional.max_pool2d(x, 5, 1, 2, return_indices=True)
    expected = [
        [12, 13, 14, 14, 14],
        [17, 18, 19, 19, 19],
        [22, 23, 24, 24, 24],
        [22, 23, 24, 24, 24],
        [22, 23, 24, 24, 24],
    ]
    assert_equal(index, torch.tensor([[expected]]))
