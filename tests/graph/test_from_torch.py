"""Any eval-mode module becomes a graph that computes the same: layers, activations, functions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from tests.graph.capturing import Apply, X, assert_agrees, kinds
from torch import Tensor, nn

LAYERS = {
    "conv": nn.Conv2d(6, 4, 3, stride=2, padding=1, dilation=2, groups=2),
    "conv same": nn.Conv2d(6, 4, (4, 3), padding="same"),
    "conv valid": nn.Conv2d(6, 4, 3, padding="valid", bias=False),
    "conv circular": nn.Conv2d(6, 4, 3, padding=1, padding_mode="circular"),
    "conv reflect": nn.Conv2d(6, 4, 3, padding=2, padding_mode="reflect"),
    "conv transpose": nn.ConvTranspose2d(6, 4, 3, 2, 1, output_padding=1, groups=2, dilation=2),
    "max pool": nn.MaxPool2d(3, 2, 1, ceil_mode=True),
    "max pool dilated": nn.MaxPool2d(3, 1, 1, dilation=2),
    "average pool": nn.AvgPool2d(3, 2, 1, ceil_mode=True),
    "average pool without padding": nn.AvgPool2d(3, 2, 1, count_include_pad=False),
    "average pool divisor": nn.AvgPool2d(2, divisor_override=3),
    "lp pool": nn.LPPool2d(2, 3, 2),
    "adaptive average": nn.AdaptiveAvgPool2d((3, 5)),
    "adaptive average global": nn.AdaptiveAvgPool2d(1),
    "adaptive maximum": nn.AdaptiveMaxPool2d((3, None)),
    "batch norm": nn.BatchNorm2d(6),
    "group norm": nn.GroupNorm(3, 6),
    "instance norm": nn.InstanceNorm2d(6, affine=True),
    "instance norm tracked": nn.InstanceNorm2d(6, track_running_stats=True),
    "layer norm": nn.LayerNorm((8, 9)),
    "rms norm": nn.RMSNorm(9),
    "local response norm": nn.LocalResponseNorm(5, k=2.0),
    "linear": nn.Linear(9, 4),
    "bilinear": nn.Upsample(scale_factor=2, mode="bilinear"),
    "bilinear corners": nn.Upsample(size=(5, 20), mode="bilinear", align_corners=True),
    "bicubic": nn.Upsample(scale_factor=1.7, mode="bicubic"),
    "nearest": nn.Upsample(size=(13, 5), mode="nearest"),
    "nearest exact": nn.Upsample(scale_factor=1.5, mode="nearest-exact"),
    "pixel shuffle": nn.Sequential(nn.Conv2d(6, 8, 1), nn.PixelShuffle(2)),
    "pixel unshuffle": nn.Sequential(nn.ZeroPad2d((0, 1, 0, 0)), nn.PixelUnshuffle(2)),
    "channel shuffle": nn.ChannelShuffle(3),
    "softmax": nn.Softmax(1),
    "softmax 2d": nn.Softmax2d(),
    "log softmax": nn.LogSoftmax(-1),
    "dropout": nn.Dropout2d(0.5),
    "flatten": nn.Flatten(),
    "flatten middle": nn.Flatten(1, 2),
    "unflatten": nn.Unflatten(1, (2, 3)),
    "reflection pad": nn.ReflectionPad2d((1, 2, 3, 0)),
    "replication pad": nn.ReplicationPad2d((1, 2, 3, 0)),
    "circular pad": nn.CircularPad2d((1, 2, 3, 0)),
    "constant pad crop": nn.ConstantPad2d((-1, 2, 3, -2), 0.5),
    "prelu": nn.PReLU(6, init=0.3),
    "prelu single": nn.PReLU(),
}
ACTIVATIONS = (
    nn.ReLU(), nn.ReLU6(), nn.Hardtanh(-0.5, 2), nn.LeakyReLU(0.2), nn.ELU(0.7), nn.SELU(),
    nn.CELU(0.5), nn.Sigmoid(), nn.Hardsigmoid(), nn.LogSigmoid(), nn.Tanh(), nn.SiLU(),
    nn.Hardswish(), nn.Mish(), nn.GELU(), nn.GELU("tanh"), nn.Softplus(2, 5), nn.Softsign(),
    nn.Hardshrink(0.3), nn.Softshrink(0.3), nn.Tanhshrink(), nn.Threshold(0.1, -1), nn.GLU(1),
)  # fmt: skip
FUNCTIONS: dict[str, Callable[..., object]] = {
    "arithmetic": lambda x: (2 - x) * 0.5 + x / 3 - x**2,
    "scaled": lambda x: torch.add(x, x, alpha=3) - torch.sub(x, 1, alpha=2),
    "division": lambda x: torch.floor_divide(x, 0.3) + torch.div(x, 0.7, rounding_mode="trunc"),
    "comparison": lambda x: torch.where((x > 0.5) & (x < 1), x, torch.zeros_like(x)),
    "clamp": lambda x: x.clamp(min=0) + x.clamp_max(1) + x.clamp(-1, 1),
    "functions": lambda x: x.abs().sqrt() + x.exp().log1p() + x.sin() * x.cos() + x.erf(),
    "rounding": lambda x: x.floor() + x.ceil() * 2 + x.round() * 4 + x.trunc() * 8,
    "reductions": lambda x: (x.mean((2, 3)), x.sum(1), x.amax(-1, keepdim=True), x.mean(), x.sum()),
    "standard deviation": lambda x: (x.std(1), x.var((2, 3)), x.norm(dim=1)),
    "maximum with index": lambda x: x.max(1),
    "argmax": lambda x: x.argmax(1),
    "slices": lambda x: x[:, 1:5:2, ..., -3:] + x[:, :2, :, 2:5],
    "select": lambda x: x[:, 2] + x[:, -1] + x.select(1, 0),
    "splits": lambda x: (*x.chunk(4, 1), *x.split(4, 2), *x.split([1, 8], 3), *x.unbind(1)),
    "joins": lambda x: torch.cat([x, torch.stack([x, x], 1).flatten(1, 2)], 1),
    "views": lambda x: x.view(2, 3, 2, 72).transpose(1, 2).reshape(2, -1, 9).permute(2, 0, 1),
    "squeezes": lambda x: x[:, :1].squeeze(1).unsqueeze(-1).squeeze() + x[None].squeeze(0)[:, 0],
    "expand": lambda x: x[:, :1].expand(-1, 4, -1, -1) + x[:1, :1].expand_as(x[:, :4]),
    "movedim": lambda x: x.movedim(1, -1) + x.permute(0, 2, 3, 1).contiguous(),
    "in place": lambda x: F.relu_(x * 1).add_(x).mul_(2),
    "in place on a view": lambda x: _in_place_on_a_view(x),
    "cast": lambda x: x.to(torch.float64).to(torch.float32) + x.half().float() * 0,
    "integers": lambda x: (x * 10).int() // 3 + torch.arange(9),
    "matmul": lambda x: x @ x.transpose(2, 3) + torch.matmul(x, x.mT),
    "einsum": lambda x: torch.einsum("nchw,ndhw->ncd", x, x),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x),
    "roll": lambda x: torch.roll(x, (1, 2), (2, 3)),
    "roll and flip": lambda x: torch.roll(x, (-1, 20, 0), (1, 3, 2)).flip(1, -1),
    "roll through everything": lambda x: torch.roll(x, 5),
    "norms": lambda x: F.normalize(x, dim=1) + x.norm(p=1, dim=(2, 3), keepdim=True),
    "norm of a third order": lambda x: torch.linalg.vector_norm(x, 3, 1),
    "extremes": lambda x: torch.max(x, x * 2) + torch.min(x, x.square()),
    "masked": lambda x: x.masked_fill(x > 0, -1.0) + torch.addcmul(x, x, x, value=0.5),
    "causal attention": lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True),
    "cumulative": lambda x: x.cumsum(1),
    "gather": lambda x: x[:, torch.tensor([2, 0, 1])],
    "fold": lambda x: F.fold(F.unfold(x, 3, padding=1), (8, 9), 3, padding=1),
    "grid": lambda x: F.grid_sample(x, torch.zeros(2, 4, 4, 2), align_corners=False),
    "max pool with indices": lambda x: F.max_pool2d(x, 2, return_indices=True),
    "unpool": lambda x: F.max_unpool2d(
        *F.max_pool2d(x, 2, return_indices=True), 2, output_size=(8, 9)
    ),
    "adaptive maximum with indices": lambda x: F.adaptive_max_pool2d(x, 1, return_indices=True),
    "nested": lambda x: {"a": (x + 1, [x * 2, None]), "b": 3, "c": x},
    "sort": lambda x: torch.sort(x, 1),
    "bucket": lambda x: torch.logical_not(x > 0).float() + torch.isnan(x),
}  # fmt: skip


def _in_place_on_a_view(x: Tensor) -> Tensor:
    y = x * 1
    y[:, 1:3] += 1
    y[:, :, 0].zero_()
    return y * 2


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name: str) -> None:
    graph = assert_agrees(LAYERS[name], torch.randn(X))
    assert "Torch" not in kinds(graph), graph


@pytest.mark.parametrize("layer", ACTIVATIONS, ids=str)
def test_activation(layer: nn.Module) -> None:
    graph = assert_agrees(layer, torch.randn(X))
    assert set(kinds(graph)) <= {"Elementwise", "Slice"}, graph


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str) -> None:
    assert_agrees(Apply(FUNCTIONS[name]), torch.randn(X))


@pytest.mark.parametrize("axes", [1, 3])
def test_other_numbers_of_axes(axes: int) -> None:
    conv = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[axes - 1](4, 6, 3, stride=2, padding=1)
    back = (nn.ConvTranspose1d, None, nn.ConvTranspose3d)[axes - 1](6, 4, 4, 2, 1)
    pool = (nn.MaxPool1d, None, nn.MaxPool3d)[axes - 1](3, 2, 1)
    mean = (nn.AvgPool1d, None, nn.AvgPool3d)[axes - 1](2, 1)
    grow = nn.Upsample(scale_factor=2, mode=("linear", None, "trilinear")[axes - 1])
    norm = (nn.BatchNorm1d, None, nn.BatchNorm3d)[axes - 1](6)
    net = nn.Sequential(conv, norm, nn.ReLU(), pool, grow, mean, back, nn.Flatten())
    graph = assert_agrees(net, torch.randn(2, 4, *(9, 10, 11)[:axes]), reduction=500)
    assert "Torch" not in kinds(graph)


@pytest.mark.parametrize("size", [(3, 9), (9, 3), (6, 9), (7, 13), (20, 11), (5, 1), (1, 4)])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "linear", "corners"])
def test_resize_follows_torch_at_every_size(mode: str, size: tuple[int, int]) -> None:
    options = {"corners": {"mode": "linear", "align_corners": True}}.get(mode, {"mode": mode})
    x = torch.randn(1, 2, size[0], dtype=torch.float64)
    assert_agrees(Apply(lambda x: F.interpolate(x, size=size[1], **options)), x)
    scale = size[1] / size[0] * 1.01
    assert_agrees(Apply(lambda x: F.interpolate(x, scale_factor=scale, **options)), x)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_antialiased_resize(mode: str) -> None:
    x = torch.randn(1, 2, 23, 17, dtype=torch.float64)
    assert_agrees(
        Apply(lambda x: F.interpolate(x, size=(7, 30), mode=mode, antialias=True)), x, reduction=512
    )
