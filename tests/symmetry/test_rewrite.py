"""A rewritten network follows circular shifts exactly; its weights and sizes stay."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch import nn

import convariant as cv
from convariant import OptionError, ShapeError
from convariant.analysis.symmetry import certify, make_shift_invariant, shift_changes
from support.compare import assert_close, assert_equal

SHIFTS = [(0, 1), (1, 0), (3, 5), (-1, -2)]


def network(name: str, **options) -> nn.Module:
    torch.manual_seed(0)
    model = cv.models.create(name, **options).double()
    for module in model.modules():  # statistics of the weights at hand, so that signals live
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    model(torch.randn(8, model.in_channels, 32, 32, dtype=torch.float64))
    return model.eval()


def change_of_answer(model: nn.Module, x: torch.Tensor) -> float:
    """The largest change of the output under shifts, as a part of the output's spread."""
    with torch.no_grad():
        y = model(x)
        return max(float((model(x.roll(s, (2, 3))) - y).abs().max() / y.std()) for s in SHIFTS)


CLASSIFIERS = [
    pytest.param("resnet", {"depths": (1, 1, 1), "width": 8, "small_input": True}, id="basic"),
    pytest.param("resnet", {"depths": (1, 1), "width": 8, "block": "bottleneck"}, id="stem, pool"),
    pytest.param("mobilenet_v1", {"width": 0.25, "small_input": True}, id="depthwise"),
]


@pytest.mark.parametrize(("name", "options"), CLASSIFIERS)
def test_classifiers_become_exactly_invariant(name, options):
    model = network(name, num_classes=5, **options)
    x = torch.randn(3, 3, 32, 48, dtype=torch.float64)
    exact, blurred = make_shift_invariant(model), make_shift_invariant(model, "blur")
    assert change_of_answer(model, x) > 1e-3
    assert change_of_answer(exact, x) < 1e-11
    assert change_of_answer(blurred, x) < change_of_answer(model, x)
    assert exact.state_dict().keys() == model.state_dict().keys() == blurred.state_dict().keys()


@pytest.mark.parametrize("name", ["resnet50", "resnext50_32x4d"])
def test_deep_networks_are_rewritten_in_whole(name):
    """Every stride, grouped convolutions among them; one image, of two different sides."""
    model = network(name, num_classes=7)
    strided = {
        path
        for path, layer in model.named_modules()
        if isinstance(layer, (nn.Conv2d, nn.MaxPool2d)) and layer.stride not in (1, (1, 1))
    }
    assert len(strided) == 8
    assert strided <= {c.path for c in shift_changes(model) if c.layer is not None}
    exact = make_shift_invariant(model)
    x = torch.randn(1, 3, 32, 64, dtype=torch.float64)
    assert change_of_answer(model, x) > 1e-2
    assert change_of_answer(exact, x) < 1e-11
    mine, given = exact.state_dict(), model.state_dict()
    assert mine.keys() == given.keys()
    assert all(torch.equal(mine[key], given[key]) for key in given)


def test_alexnet_has_no_circle_but_can_be_blurred():
    """Its windows do not fill their input, so polyphase choice leaves them alone, and says so."""
    model = network("alexnet", num_classes=4, hidden=32, small_input=True)
    with pytest.warns(UserWarning, match="3 of 8 layers stay .* keep_sizes=False.* method='blur'"):
        make_shift_invariant(model)
    changes = shift_changes(model, "blur")
    assert [c.path for c in changes] == ["features.pool1", "features.pool2", "features.pool5"]
    assert all(c.layer is not None for c in changes)
    large = cv.models.create("alexnet", num_classes=4, hidden=32)
    assert shift_changes(large, "blur")[0].path == "features.conv1"
    blurred = make_shift_invariant(large.double().eval(), "blur")
    x = torch.zeros(1, 3, 227, 227, dtype=torch.float64)
    x[..., 60:160, 60:160] = torch.randn(3, 100, 100)
    assert blurred(x).shape == (1, 4)
    assert change_of_answer(blurred, x) < change_of_answer(large, x)
    assert torch.equal(blurred.features.conv1.weight, large.features.conv1.weight)


@pytest.mark.parametrize("up", ["transpose", "resize"])
def test_a_unet_becomes_exactly_equivariant(up):
    model = network("unet", mode="same", widths=(4, 8, 16), up=up)
    exact = make_shift_invariant(model)
    x = torch.randn(2, 1, 16, 24, dtype=torch.float64)
    with torch.no_grad():
        y = exact(x)
        assert y.shape == model(x).shape
        for shift in SHIFTS:
            assert_close(exact(x.roll(shift, (2, 3))), y.roll(shift, (2, 3)), reduction=1000)


class Meeting(nn.Module):
    """Strides of 2, 2 and of 4 that lead to one grid, and all ways back."""

    def __init__(self, large_first: bool) -> None:
        super().__init__()
        self.large_first = large_first
        self.middle, self.quarter = nn.Conv2d(1, 2, 3, 2, 1), nn.Conv2d(2, 2, 3, 2, 1)
        self.large, self.enlarged = nn.Conv2d(1, 2, 4, 4), nn.ConvTranspose2d(2, 1, 4, 4)
        self.up, self.last = nn.ConvTranspose2d(2, 2, 2, 2), nn.ConvTranspose2d(2, 1, 2, 2)

    def forward(self, x):
        first = self.large(x) if self.large_first else 0
        half = self.middle(x)
        y = self.quarter(half) + (first if self.large_first else self.large(x))
        return self.enlarged(y) + self.last(half + self.up(y))


class OnlyBetween(nn.Module):
    """Down by 4 at once, up to a grid that nothing led down to before."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(1, 2, 4, 4), nn.ConvTranspose2d(2, 2, 2, 2)
        self.middle, self.last = nn.Conv2d(1, 2, 2, 2), nn.ConvTranspose2d(2, 1, 2, 2)

    def forward(self, x):
        return self.last(self.up(self.down(x)) + self.middle(x))


class FinerFirst(nn.Module):
    """Enlarged first, then down to meet the image, and further down than that."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.ConvTranspose2d(1, 2, 2, 2), nn.Conv2d(2, 1, 3, 2, 1)
        self.low, self.back = nn.Conv2d(2, 2, 4, 4), nn.ConvTranspose2d(2, 1, 2, 2)

    def forward(self, x):
        fine, half = self.up(x), self.down(x.expand(-1, 2, -1, -1))
        back = self.back(self.low(fine) + half)
        return self.down(fine) + x + back


@pytest.mark.parametrize(
    "model",
    [Meeting(False), Meeting(True), OnlyBetween(), FinerFirst()],
    ids=lambda model: type(model).__name__,
)
def test_one_choice_holds_on_every_way_to_a_grid(model):
    """Whole numbers: the output is the same to the last bit, moved."""
    generator = torch.Generator().manual_seed(0)
    exact = make_shift_invariant(model).double()
    with torch.no_grad():
        for p in exact.parameters():
            p.copy_(torch.randint(-2, 3, p.shape, generator=generator))
        x = torch.randint(-3, 4, (3, 1, 8, 16), generator=generator).double()
        y = exact(x)
        assert y.std() > 1
        for shift in SHIFTS:
            assert_equal(exact(x.roll(shift, (2, 3))), y.roll(shift, (2, 3)))
    certificate = certify(exact, (1, 1, 8, 16))
    assert (certificate.verdict, certificate.output.modulus) == ("exact", (1, 1))


def test_windows_that_do_not_fill_their_input_can_be_closed_with_another_size():
    model = network("alexnet", num_classes=4, hidden=32, small_input=True).features
    changes = shift_changes(model, keep_sizes=False)
    assert all(c.layer is not None for c in changes)
    assert "size 128 to 64 instead of 63" in str(changes[1])
    exact = make_shift_invariant(nn.Sequential(model, nn.AdaptiveAvgPool2d(1)), keep_sizes=False)
    x = torch.randn(2, 3, 32, 48, dtype=torch.float64)
    assert exact[0](x).shape[2:] == (4, 6)
    assert change_of_answer(exact, x) < 1e-11
    valid = nn.Sequential(nn.Conv2d(1, 2, 5)).double()
    closed = make_shift_invariant(valid, keep_sizes=False)(x[:, :1])
    assert closed.shape[2:] == (32, 48)
    assert_close(closed[..., :28, :44], valid(x[:, :1]), reduction=25)
    up = make_shift_invariant(nn.Sequential(nn.ConvTranspose2d(1, 1, 3, 2)), keep_sizes=False)
    assert up(torch.rand(1, 1, 4, 6)).shape[2:] == (8, 12)


def test_one_and_three_axes():
    for conv, x in ((nn.Conv1d, torch.randn(1, 1, 12)), (nn.Conv3d, torch.randn(1, 1, 4, 8, 4))):
        model = make_shift_invariant(nn.Sequential(conv(1, 3, 3, 2, 1)).double())
        y = model(x.double())
        for shift in (1, 3):
            moved = model(x.double().roll(shift, -1))
            axes = tuple(range(2, y.dim()))
            found = (
                torch.allclose(moved, y.roll((*[0] * (len(axes) - 1), k), axes)) for k in range(6)
            )
            assert any(found)


def test_without_strides_only_the_border_changes():
    model = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 2, 1), nn.Conv2d(2, 1, 5))
    changes = shift_changes(model)
    assert [(c.path, c.layer is None) for c in changes] == [("0", False), ("2", True)]
    assert "maps size 64 to 60 instead of 64" in str(changes[1])
    x = torch.rand(1, 1, 8, 8)
    circular = make_shift_invariant(model[:1])
    by_hand = nn.functional.conv2d(
        nn.functional.pad(x, (1, 1, 1, 1), "circular"), model[0].weight, model[0].bias
    )
    assert_close(circular(x), by_hand, reduction=9)


def test_even_kernels_patches_and_poolings_keep_their_sizes():
    for layer in (
        nn.Conv2d(1, 1, 4, 4),
        nn.Conv2d(1, 1, 4, 2, 1),
        nn.MaxPool2d(2),
        nn.MaxPool2d(3, 2, 1),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.AvgPool2d(2),
        nn.ConvTranspose2d(1, 1, 4, 2, 1),
        nn.ConvTranspose2d(1, 1, 3, 2, 1, output_padding=1),
    ):
        model = nn.Sequential(layer)
        x = torch.rand(1, 1, 16, 16)
        for method in ("polyphase", "blur"):
            stays = any(change.layer is None for change in shift_changes(model, method))
            with pytest.warns(match="1 of 1 layers stay") if stays else nullcontext():
                made = make_shift_invariant(model, method)
            assert made(x).shape == model(x).shape


def test_what_cannot_be_closed_is_left_alone_and_said():
    model = nn.Sequential(
        nn.MaxPool2d(3, 2),
        nn.Upsample(scale_factor=1.5),
        nn.Upsample(size=(8, 8)),
        nn.ConvTranspose2d(1, 1, 3, 2),
    )
    reasons = [str(c) for c in shift_changes(model)]
    assert [c.layer for c in shift_changes(model)] == [None] * 4
    assert "0: left alone: it maps size 128 to 63 instead of 64" in reasons[0]
    assert "the factor 1.5 is no whole number" in reasons[1]
    assert "only nearest and linear by a factor" in reasons[2]
    assert "3: left alone: it maps size 128 to 257 instead of 256" in reasons[3]
    assert "ceil_mode" in str(shift_changes(nn.MaxPool2d(3, 2, ceil_mode=True), "blur")[0])


def test_the_given_model_stays_and_the_new_one_trains_and_exports():
    model = network("resnet", num_classes=2, depths=(1, 1), width=4, small_input=True).float()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    exact = make_shift_invariant(model)
    x = torch.randn(2, 3, 8, 8)
    exact.train()(x).sum().backward()
    assert all(p.grad is not None for p in exact.parameters())
    for name, value in model.state_dict().items():
        assert_equal(value, before[name])
    exact.eval()
    exported = torch.export.export(exact, (x,), strict=False).module()
    assert_close(exported(x), exact(x), reduction=100)


class Functional(nn.Module):
    """A network that pools and resizes by functions."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 3, 3, padding=1)
        self.second = nn.Conv2d(3, 2, 3, padding=1)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.first(x), 2)
        x = nn.functional.avg_pool2d(self.second(torch.max_pool2d(x, 2)), 2, stride=2)
        return nn.functional.interpolate(x, scale_factor=2.0).relu().mean((2, 3))


def test_poolings_by_function_are_rewritten():
    torch.manual_seed(0)
    model, x = Functional().double(), torch.randn(2, 1, 16, 24, dtype=torch.float64)
    assert len(shift_changes(model)) == 6
    exact = make_shift_invariant(model)
    assert change_of_answer(model, x) > 1e-3
    assert change_of_answer(exact, x) < 1e-12
    assert exact.state_dict().keys() == model.state_dict().keys()


class OwnConv(nn.Conv2d):
    """Derived, so that nobody knows what it does."""


def test_layers_of_other_classes_are_named_and_plain_group_networks_fit():
    assert "derived from Conv2d" in str(shift_changes(nn.Sequential(OwnConv(1, 1, 3)))[0])
    group = network("p4m_resnet", depths=(1, 1), width=2)
    assert all("to_plain" in str(c) for c in shift_changes(group) if "Group" in c.reason)
    assert any("Group" in c.reason for c in shift_changes(group))
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    assert change_of_answer(make_shift_invariant(cv.nn.to_plain(group)), x) < 1e-11


def test_rewritten_networks_go_to_onnx_and_the_compiler(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    from convariant.graph import from_torch, to_onnx

    model = make_shift_invariant(network("unet", mode="same", widths=(2, 4)).float())
    x = torch.randn(2, 1, 8, 12)
    with torch.no_grad():
        y = model(x)
    to_onnx(from_torch(model, x), tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    assert_close(found, y, reduction=1000)
    assert_close(cv.compile(model, x)(x), y, reduction=1000)


def test_bad_input():
    with pytest.raises(OptionError, match="method='aps' is not known; use 'polyphase' or 'blur'"):
        make_shift_invariant(nn.Conv2d(1, 1, 3), "aps")
    exact = make_shift_invariant(nn.Sequential(nn.Conv2d(1, 1, 3, 2, 1)))
    with pytest.raises(ShapeError, match=r"pad the input to \(8, 10\)"):
        exact(torch.rand(1, 1, 7, 9))
