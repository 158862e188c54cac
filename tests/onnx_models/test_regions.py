"""What detectors do with boxes: RoiAlign, NonMaxSuppression, and reading a network up to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from convariant.errors import GraphError
from convariant.graph import check_onnx, from_onnx, interpret, to_onnx
from convariant.graph.onnx._regions import roi_align
from support.compare import assert_close, assert_equal
from support.onnx_models import normal, one_node, parsed, run_onnxruntime

X = normal(2, 3, 11, 13)


def some_boxes(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes in and around a map of 40 x 40, the last turned inside out; and the image of each."""
    rng = np.random.default_rng(0)
    low = rng.uniform(-6, 40, (count, 2))
    sizes = rng.uniform(0, 40, (count, 2))
    sizes[-1] = -3
    boxes = np.concatenate([low, low + sizes], 1)
    return boxes.astype(np.float32), rng.integers(0, 2, count)


@pytest.mark.parametrize("opset", [10, 16])
@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("ratio", [0, 1, 3])
@pytest.mark.parametrize("words", [None, "half_pixel", "output_half_pixel"])
def test_roi_align_is_what_onnxruntime_computes(
    opset: int, mode: str, ratio: int, words: str | None, tmp_path: Path
) -> None:
    if opset < 16 and words is not None:
        pytest.skip("opset 10 has no coordinate_transformation_mode")
    boxes, images = some_boxes(9)
    values = {"x": X, "boxes": boxes, "images": images}
    sizes = {"output_height": 3, "output_width": 4, "spatial_scale": 0.3, "sampling_ratio": ratio}
    chosen = {} if words is None else {"coordinate_transformation_mode": words}
    proto = one_node("RoiAlign", values, opset=opset, mode=mode, **sizes, **chosen)
    graph = from_onnx(proto)
    tensors = [torch.from_numpy(v) for v in values.values()]
    (y,) = interpret(graph, *tensors)
    assert_close(y, run_onnxruntime(proto, values)[0], reduction=9 * 12)
    if mode == "max":  # OpenVINO takes the largest sample, ONNX the largest of its four parts
        with pytest.raises(GraphError, match="cannot express the maximum of RoiAlign"):
            to_onnx(graph, tmp_path / "back.onnx")
        return
    tensors[1:] = [t[:-1] for t in tensors[1:]]  # where OpenVINO divides 0 by 0
    graph = graph.with_inputs(*(tuple(t.shape) for t in tensors))
    to_onnx(graph, tmp_path / "back.onnx")
    check = check_onnx(graph, tmp_path / "back.onnx", tensors)
    assert check.agrees, check


def test_roi_align_of_a_ramp_is_the_middle_of_each_bin() -> None:
    """A bilinear sample of `8 y + x` is the value at its own place."""
    ramp = torch.arange(64.0).reshape(1, 1, 8, 8)
    boxes, first = torch.tensor([[1.0, 2.0, 5.0, 4.0]]), torch.tensor([0])
    y = roi_align(ramp, boxes, first, "avg", (1, 2), 0, 1.0, 0.0)
    assert_equal(y, torch.tensor([[[[8 * 3 + 2.0, 8 * 3 + 4.0]]]]))
    assert roi_align(ramp, boxes[:0], first[:0], "avg", (1, 2), 0, 1.0, 0.0).shape == (0, 1, 1, 2)


def test_roi_align_refuses_boxes_without_sense() -> None:
    graph = from_onnx(one_node("RoiAlign", {"x": X, "b": normal(1, 4), "i": np.array([0])}))
    huge, first = torch.tensor([[0.0, 0.0, 1e30, 1e30]]), torch.tensor([0])
    with pytest.raises(GraphError, match="a box asks for .* samples of the feature map"):
        interpret(graph, torch.from_numpy(X), huge, first)
    for image in (-1, 2):
        with pytest.raises(GraphError, match=f"in image {image}, but there are 2, from 0"):
            interpret(graph, torch.from_numpy(X), huge / 1e30, first + image)
    with pytest.raises(GraphError, match=r"boxes \[1, 5\].*it takes \(n, c, h, w\), \(k, 4\)"):
        from_onnx(one_node("RoiAlign", {"x": X, "b": normal(1, 5), "i": np.array([0])}))


@pytest.mark.parametrize("centred", [0, 1])
@pytest.mark.parametrize("least", [None, 0.4])
def test_suppression_of_known_boxes(centred: int, least: float | None) -> None:
    """The same rows as onnxruntime, of 60 boxes with scores that tie."""
    rng = np.random.default_rng(1)
    weights = {
        "boxes": rng.uniform(0, 10, (2, 60, 4)).astype(np.float32),
        "scores": rng.integers(0, 10, (2, 3, 60)).astype(np.float32) / 10,
        "most": np.array([7]),
        "overlap": np.array([0.3], np.float32),
    }
    if least is not None:
        weights["least"] = np.array([least], np.float32)
    proto = one_node("NonMaxSuppression", {}, weights=weights, center_point_box=centred)
    proto.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    (rows,) = interpret(from_onnx(proto))
    assert_equal(rows, run_onnxruntime(proto, {})[0])
    assert 2 * 3 * 3 <= len(rows) <= 2 * 3 * 7


def test_suppression_that_nothing_survives() -> None:
    weights = {"boxes": normal(1, 5, 4), "scores": normal(1, 2, 5)}
    proto = one_node("NonMaxSuppression", {}, weights=weights)  # keep 0 boxes, says the default
    assert interpret(from_onnx(proto))[0].shape == (0, 3)
    weights["scores"] = normal(1, 2, 6)
    with pytest.raises(GraphError, match=r"boxes \[1, 5, 4\] and scores \[1, 2, 6\] do not fit"):
        from_onnx(one_node("NonMaxSuppression", {}, weights=weights))


DETECTOR = parsed(
    "detector (float[1, 3, 8, 8] x, float[4, 3, 1, 1] w, float[2, 3, 1, 1] v, int64 most)"
    " => (int64[k, 3] rows) {"
    "  a = Conv (x, w) four = Constant <value = int64[3] {1, 4, 64}> ()"
    "  b = Reshape (a, four) boxes = Transpose <perm = [0, 2, 1]> (b)"
    "  c = Conv (x, v) two = Constant <value = int64[3] {1, 2, 64}> ()"
    "  scores = Reshape (c, two)"
    "  rows = NonMaxSuppression (boxes, scores, most)"
    "}"
)


def test_a_detector_is_read_up_to_its_boxes(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match=r"depends on the input's values.*outputs=\['boxes', 'sco"):
        from_onnx(DETECTOR)
    graph = from_onnx(DETECTOR, outputs=["scores", "boxes"])
    assert graph.inputs == ("x", "w", "v")  # nothing reads how many boxes to keep
    assert [str(t) for t in graph.output_types] == ["f32[1,2,64]", "f32[1,64,4]"]
    x, w, v = (torch.from_numpy(normal(*t.sizes)) for t in graph.input_types)
    scores, boxes = interpret(graph, x, w, v)
    assert_close(scores, torch.einsum("nchw,oc->nohw", x, v[:, :, 0, 0]).flatten(2), reduction=3)
    assert_close(boxes, torch.einsum("nchw,oc->nhwo", x, w[:, :, 0, 0]).flatten(1, 2), reduction=3)
    assert from_onnx(DETECTOR, outputs=("boxes",)).inputs == ("x", "w")
    larger = graph.with_inputs((1, 3, 8, 8), (4, 3, 1, 1), (2, 3, 1, 1))
    assert larger.outputs == ("scores", "boxes")


def test_a_cut_keeps_what_branches_read() -> None:
    model = parsed(
        "m (float[2] x) => (float[2] y) {"
        "  a = Relu (x) yes = Constant <value = bool {1}> ()"
        "  y = If (yes) <then_branch = p () => (float[2] u) { u = Neg (a) },"
        "                else_branch = q () => (float[2] v) { v = Abs (a) }>"
        "  z = Unknown (y)"
        "}"
    )
    graph = from_onnx(model, outputs=["y"])
    assert_equal(interpret(graph, torch.tensor([-1.0, 2.0]))[0], torch.tensor([-0.0, -2.0]))


def test_cuts_at_names_that_are_not_there() -> None:
    with pytest.raises(GraphError, match="detector has no value 'box'; its own outputs are rows"):
        from_onnx(DETECTOR, outputs=["boxes", "box"])
    with pytest.raises(GraphError, match="detector has to end somewhere"):
        from_onnx(DETECTOR, outputs=[])
