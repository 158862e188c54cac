"""Measured errors: zero where a symmetry holds, its true size where it does not."""

from __future__ import annotations

import json
import warnings

import pytest
import torch
from torch import nn

import convariant as cv
from convariant import DataError, GraphError, OptionError, ShapeError, UnknownNameError
from convariant.analysis.symmetry import (
    CircularShift,
    Noise,
    Rotation,
    Shift,
    WindowPermutation,
    make_shift_invariant,
    measure,
)
from convariant.analysis.symmetry._motion import Motion, move, quarter_matrix
from convariant.analysis.symmetry._transforms import TRANSFORMS
from convariant.graph import from_torch, to_onnx
from support.compare import assert_close, assert_equal


def images(n: int = 3, side: int = 12, channels: int = 1) -> torch.Tensor:
    return torch.rand(n, channels, side, side, generator=torch.Generator().manual_seed(1))


def circular(ci: int, co: int, stride: int = 1) -> nn.Module:
    return nn.Conv2d(ci, co, 3, stride, 1, padding_mode="circular")


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_quarter_motions_are_rot90_to_the_last_bit(turns, mirrored):
    x = images()
    motion = Motion.about((5.5, 5.5), quarter_matrix(turns, mirrored))
    expected = torch.rot90(x.flip(-1) if mirrored else x, turns, (-2, -1))
    assert_equal(move(x, motion), expected)
    assert motion.quarters == (turns, mirrored)


def test_motions_between_pixels_are_means_of_neighbours():
    x = torch.tensor([1.0, 3.0, 8.0]).reshape(1, 1, 1, 3)
    half = Motion(offset=(0.0, -0.5))
    assert_close(move(x, half).flatten(), torch.tensor([0.5, 2.0, 5.5]))
    assert_close(move(x, half, circular=True).flatten(), torch.tensor([4.5, 2.0, 5.5]))
    assert_close(move(x, half, background=1.0).flatten(), torch.tensor([1.0, 2.0, 5.5]))


def test_rotations_agree_with_scipy():
    from scipy import ndimage

    x = images(1).double()
    expected = ndimage.rotate(x[0, 0].numpy(), 30, reshape=False, order=1, mode="grid-constant")
    assert_close(Rotation().apply(x, 30.0)[0, 0], torch.from_numpy(expected), reduction=256)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_circular_convolution_follows_multiples_of_its_stride_exactly(stride):
    model = circular(1, 4, stride)
    result = measure(model, images(), "circular_shift", amounts=[0, 1, 2, 3, 6])
    for amount, error in zip(result.amounts, result.output.mean, strict=True):
        assert (error == 0) == (amount % stride == 0)


def test_zero_padding_breaks_the_border_alone():
    model = nn.Conv2d(1, 2, 3, padding=1, bias=False)
    inside = torch.zeros(1, 1, 12, 12)
    inside[..., 4:8, 4:8] = images(1, 4)
    amounts = [-2, -1, 0, 1, 2]
    assert measure(model, inside, "shift", amounts=amounts).output.mean == (0,) * 5
    touching = measure(model, images(), "shift", amounts=amounts).output.mean
    assert touching[2] == 0
    assert min(touching[0], touching[-1]) > 0.1


def test_polyphase_follows_every_circular_shift_and_strides_do_not():
    torch.manual_seed(0)
    plain = nn.Sequential(circular(1, 4, 2), nn.ReLU(), circular(4, 4), nn.AdaptiveAvgPool2d(1))
    exact = make_shift_invariant(plain)
    for axis in ("w", "h", "both"):
        kept = measure(exact, images(), CircularShift(axis=axis), amounts=[0, 1, 2, 3, 5])
        lost = measure(plain, images(), CircularShift(axis=axis), amounts=[0, 1, 2, 3, 5])
        assert max(kept.output.mean) < 1e-6
        assert lost.output.mean[1] > 1e-4 > lost.output.mean[2]
        assert [layer.name for layer in kept.layers] == ["0", "0.pool", "1", "2"]
        assert all(max(layer.error.mean) < 1e-6 for layer in kept.layers)


def test_group_planes_permute_and_plain_ones_do_not():
    model = cv.models.create("p4_lenet", num_classes=3).double()
    result = measure(model, images(2, 28).double(), "quarter_turn")
    assert max(result.output.mean) < 1e-12
    assert all(max(layer.error.mean) < 1e-12 for layer in result.layers)
    assert result.layers[0].representations == ("plain", "p4", "p4", "p4")
    assert result.layers[-2].representations == ("plain",) * 4
    plain = measure(cv.models.create("lenet5").double(), images(2, 28).double(), "quarter_turn")
    assert plain.output.mean[1] > 1e-3
    mirrored = cv.models.create("p4_lenet", group="p4m").double()
    assert max(measure(mirrored, images(2, 28).double(), "flip").output.mean) < 1e-12


def test_permuting_inside_windows_does_not_change_their_maximum():
    pool = nn.MaxPool2d(2)
    kept = measure(pool, images(), "permutation", amounts=[1, 2, 3])
    assert kept.output.mean[:2] == (0, 0)
    assert kept.output.mean[2] > 0
    x = torch.arange(25.0).reshape(1, 1, 5, 5)
    mixed = WindowPermutation(seed=3).apply(x, 2)
    assert not torch.equal(mixed, x)
    assert_equal(mixed[..., 4, :], x[..., 4, :])
    assert_equal(nn.functional.max_pool2d(mixed, 2), nn.functional.max_pool2d(x, 2))


def test_noise_grows_with_its_amount_and_is_the_same_each_time():
    result = measure(nn.Conv2d(1, 2, 3), images(), Noise(seed=5))
    assert list(result.output.mean) == sorted(result.output.mean)
    assert result.output.mean[0] == 0
    assert_equal(Noise(seed=5).apply(images(), 0.1), Noise(seed=5).apply(images(), 0.1))


class LeftOrRight(nn.Module):
    """Class 1 where the right half is brighter: shifts change it at a known amount."""

    def forward(self, x):
        half = x.shape[-1] // 2
        return torch.stack([x[..., :half].sum((1, 2, 3)), x[..., half:].sum((1, 2, 3))], 1)


def test_the_first_change_is_the_least():
    x = torch.zeros(3, 1, 8, 8)
    for i, column in enumerate((3, 1, 0)):
        x[i, :, :, column] = 1
    labels = torch.zeros(3, dtype=torch.int64)
    result = measure(
        LeftOrRight(), x, Shift(), amounts=[4, 3, 2, 1, 0], labels=labels, batch_size=2
    )
    assert [(c.index, c.amount) for c in result.changes] == [(0, 1), (1, 3), (2, 4)]
    first = result.first_change
    assert (first.before, first.after) == (0, 1)
    assert_equal(first.image, x[0])
    assert_equal(first.changed, x[0].roll(1, -1))
    thirds = (0, 1 / 3, 2 / 3, 2 / 3, 1)
    assert result.consistency.mean == pytest.approx(thirds)
    assert result.accuracy.mean == pytest.approx(thirds)
    assert all(
        low <= mean <= high
        for low, mean, high in zip(
            result.consistency.low, thirds, result.consistency.high, strict=True
        )
    )


def test_graphs_onnx_and_modules_agree(tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(75, 4))
    x = images(5)
    path = tmp_path / "model.onnx"
    warnings.simplefilter("ignore")  # the exporter warns of its own imports
    torch.onnx.export(model, (x[:2],), path, dynamo=False)
    by_module = measure(model, x, "shift", per_layer=False, batch_size=2)
    for source in (model, from_torch(model, x[:2]), path):
        result = measure(source, x, "shift", batch_size=2)
        assert_close(
            torch.tensor(result.output.mean), torch.tensor(by_module.output.mean), reduction=256
        )
        assert result.consistency == by_module.consistency
        assert len(result.layers) == 2


@pytest.mark.parametrize("transform", sorted(TRANSFORMS))
def test_every_transform_is_measured_on_an_onnx_file(transform, tmp_path):
    """A file of ours, layer by layer: the same figures as the module that it was made of."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(75, 4))
    model.eval()
    x = images(3)
    to_onnx(from_torch(model, x), tmp_path / "model.onnx")
    of_file, of_module = (measure(m, x, transform) for m in (tmp_path / "model.onnx", model))
    assert of_file.amounts == of_module.amounts
    pairs = [(of_file.output, of_module.output)]
    pairs += [(a.error, b.error) for a, b in zip(of_file.layers, of_module.layers, strict=True)]
    for a, b in pairs:
        assert_close(torch.tensor(a.mean), torch.tensor(b.mean), reduction=256)
    assert len(of_file.layers) == 2
    assert of_file.consistency == of_module.consistency


def test_maps_of_classes_move_with_the_image():
    torch.manual_seed(0)
    model = nn.Sequential(circular(1, 4), nn.ReLU(), circular(4, 3))
    result = measure(model, images(), "circular_shift", amounts=[0, 3])
    assert result.consistency.mean == (1, 1)
    turned = measure(model, images(), "rotation", amounts=[0, 90])
    assert turned.consistency.mean[1] < 1


def test_the_result_prints_and_is_saved(tmp_path):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(200, 3))
    result = measure(model, images(6), "rotation")
    text = str(result)
    assert text.startswith("rotation on 6 images")
    assert "same class" in text
    saved = json.loads(result.save(tmp_path / "r.json").read_text())
    assert saved == json.loads(json.dumps(result.to_json()))
    assert saved["output"]["mean"][12] == 0
    for ending in ("png", "svg"):
        assert result.save(tmp_path / f"r.{ending}").stat().st_size > 3000
    with pytest.raises(OptionError, match=r"cannot be saved as 'r.doc'; end the name with .json"):
        result.save(tmp_path / "r.doc")
    with pytest.raises(cv.StorageError, match="cannot write"):
        result.save(tmp_path / "no" / "r.json")


def test_training_mode_comes_back():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5)).train()
    before = model[1].running_mean.clone()
    for per_layer in (True, False):
        measure(model, images(), "flip", per_layer)
    assert [part.training for part in model.modules()] == [True] * 4
    assert_equal(model[1].running_mean, before)


class Branching(nn.Module):
    def forward(self, x):
        return x if x.sum() > 1 else -x


def test_bad_input_is_answered():
    conv, x = nn.Conv2d(1, 1, 3), images()
    with pytest.raises(DataError, match=r"expected floating-point images .* got torch.uint8"):
        measure(conv, (x * 255).byte(), "shift")
    with pytest.raises(DataError, match=r"size \[1, 12, 12\]; .*images\[None\]"):
        measure(conv, x[0], "shift")
    with pytest.raises(DataError, match=r"of size \[0, 1, 12, 12\]"):
        measure(conv, x[:0], "shift")
    with pytest.raises(DataError, match=r"only square images .* 12x9; pad them to 12x12, or use"):
        measure(conv, x[..., :9], "quarter_turn")
    with pytest.raises(OptionError, match="whole quarters"):
        measure(conv, x, "quarter_turn", amounts=[0.5])
    with pytest.raises(OptionError, match="factors above 0"):
        measure(conv, x, "scale", amounts=[0])
    with pytest.raises(OptionError, match="finite amounts"):
        measure(conv, x, "shift", amounts=[float("nan")])
    with pytest.raises(OptionError, match="axis 'w', 'h' or 'both', but got 'x'"):
        measure(conv, x, Shift(axis="x"))
    with pytest.raises(OptionError, match="flip takes 0"):
        measure(conv, x, "flip", amounts=[4])
    with pytest.raises(OptionError, match="deviations of at least 0"):
        measure(conv, x, "noise", amounts=[-1])
    with pytest.raises(OptionError, match="window sides of 1 to 12"):
        measure(conv, x, "permutation", amounts=[13])
    with pytest.raises(OptionError, match="at least one amount"):
        measure(conv, x, "shift", amounts=[])
    with pytest.raises(OptionError, match="batch_size of at least 1"):
        measure(conv, x, "shift", batch_size=0)
    with pytest.raises(UnknownNameError, match="did you mean 'rotation'"):
        measure(conv, x, "rotations")
    with pytest.raises(DataError, match=r"labels of size \[2\] for 3 images"):
        measure(conv, x, "shift", labels=torch.zeros(2))
    with pytest.raises(GraphError, match="per_layer=False"):
        measure(Branching(), x, "shift")
    assert measure(Branching(), x, "shift", per_layer=False).images == 3
    with pytest.raises(GraphError, match="wrap a function in a module"):
        measure(torch.sin, x, "shift")
    pair = nn.MaxPool2d(2, return_indices=True)
    with pytest.raises(ShapeError, match="returns tuple, but symmetry is measured on one tensor"):
        measure(pair, x, "shift", per_layer=False)
    with pytest.raises(ShapeError, match="returns 2 tensors"):
        measure(pair, x, "shift")


@pytest.mark.parametrize(
    ("images", "told"),
    [
        ([torch.zeros(1, 8, 8)] * 2, "got list; make a tensor of them, as with torch.stack"),
        (torch.zeros(0, 1, 8, 8), r"size \[0, 1, 8, 8\], which has nothing to move"),
        (torch.zeros(2, 1, 8), r"only motions in the plane are measured: add missing axes"),
        (torch.zeros(2, 1, 8, 8, 8), "only motions in the plane are measured: merge or take axes"),
    ],
    ids=["list", "no image", "one axis", "three axes"],
)
def test_what_are_no_images_is_told_apart(images, told):
    with pytest.raises(DataError, match=told):
        measure(nn.Identity(), images, "shift")
