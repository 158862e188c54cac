"""Networks of other people's making: the blocks that published networks are built of, in small."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, channels // 4, 1)
        self.expand = nn.Conv2d(channels // 4, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        weight = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.expand(F.silu(self.reduce(weight))))


class InvertedResidual(nn.Module):
    def __init__(self, ci: int, co: int, stride: int = 1) -> None:
        super().__init__()
        hidden = 4 * ci
        self.net = nn.Sequential(
            nn.Conv2d(ci, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.Hardswish(),
            nn.Conv2d(hidden, hidden, 5, stride, 2, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(),
            SqueezeExcite(hidden),
            nn.Conv2d(hidden, co, 1, bias=False),
            nn.BatchNorm2d(co),
        )
        self.residual = stride == 1 and ci == co

    def forward(self, x: Tensor) -> Tensor:
        return x + self.net(x) if self.residual else self.net(x)


class Mobile(nn.Sequential):
    def __init__(self) -> None:
        blocks = InvertedResidual(8, 8), InvertedResidual(8, 12, 2), InvertedResidual(12, 12)
        head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 10)
        super().__init__(nn.Conv2d(3, 8, 3, 2, 1), *blocks, *head)


class PyramidOfDilations(nn.Module):
    """ASPP, with sizes taken from the input."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.branches = nn.ModuleList(
            nn.Conv2d(8, 8, 3, padding=d, dilation=d) for d in (1, 2, 4, 6)
        )
        self.pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1))
        self.out = nn.Conv2d(40, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem(x)
        whole = F.interpolate(self.pooled(y), size=y.shape[-2:], mode="bilinear")
        z = self.out(torch.cat([F.relu(b(y)) for b in self.branches] + [whole], 1))
        return F.interpolate(z, size=x.shape[-2:], mode="bilinear", align_corners=False)


class DenseBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.MaxPool2d(3, 2, 1, ceil_mode=True)
        )
        self.layers = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, 4, 3, padding=1, bias=False))
            for c in (8, 12, 16, 20)
        )
        self.shrink = nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for layer in self.layers:
            x = torch.cat((x, layer(x)), 1)
        return self.shrink(x)


class ConvNeXtBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 4, 4)
        self.depthwise = nn.Conv2d(16, 16, 7, padding=3, groups=16)
        self.norm = nn.LayerNorm(16, eps=1e-6)
        self.wide, self.narrow = nn.Linear(16, 64), nn.Linear(64, 16)
        self.scale = nn.Parameter(torch.full((16,), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.narrow(F.gelu(self.wide(y))) * self.scale
        return x + y.permute(0, 3, 1, 2)


class ShiftedWindows(nn.Module):
    """Attention inside windows of 4 x 4 with a table of relative positions, as in Swin."""

    def __init__(self, channels: int = 16, heads: int = 4) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 4, 4)
        self.norm = nn.LayerNorm(channels)
        self.qkv, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.table = nn.Parameter(torch.randn(49, heads) * 0.02)
        place = torch.cartesian_prod(torch.arange(4), torch.arange(4))
        offset = place[:, None] - place[None] + 3
        self.register_buffer("index", offset[..., 0] * 7 + offset[..., 1])
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).permute(0, 2, 3, 1)
        n, h, w, c = x.shape
        y = torch.roll(self.norm(x), (-2, -2), (1, 2))
        y = y.view(n, h // 4, 4, w // 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, c)
        qkv = self.qkv(y).reshape(y.shape[0], 16, 3, self.heads, c // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        bias = self.table[self.index.view(-1)].view(16, 16, -1).permute(2, 0, 1)
        scores = (q * (c // self.heads) ** -0.5) @ k.transpose(-2, -1) + bias[None]
        y = self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(-1, 16, c))
        y = y.view(n, h // 4, w // 4, 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(n, h, w, c)
        return x + torch.roll(y, (2, 2), (1, 2))


class VisionTransformer(nn.Module):
    """A class token in front of the patches, one for each image of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 32, 8, 8)
        self.token = nn.Parameter(torch.randn(1, 1, 32))
        self.places = nn.Parameter(torch.randn(1, 17, 32) * 0.02)
        layer = nn.TransformerEncoderLayer(
            32, 4, 64, batch_first=True, norm_first=True, dropout=0.0
        )
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.patches(x).flatten(2).transpose(1, 2)
        y = torch.cat((self.token.expand(x.shape[0], -1, -1), y), 1) + self.places
        return self.encoder(y)[:, 0]


class LineOfText(nn.Module):
    """Convolutions, then a recurrent layer that reads the columns, as in CRNN."""

    def __init__(self, recurrent: nn.Module) -> None:
        super().__init__()
        self.columns = nn.Sequential(
            nn.Conv2d(1, 8, 3, (2, 1), 1), nn.ReLU(), nn.AdaptiveAvgPool2d((1, None))
        )
        self.recurrent = recurrent

    def forward(self, x: Tensor) -> tuple[Tensor, object]:
        y = self.columns(x).squeeze(2)
        batch_first = bool(self.recurrent.batch_first)
        y, states = self.recurrent(y.permute(0, 2, 1) if batch_first else y.permute(2, 0, 1))
        return F.log_softmax(y, -1), states


class ChannelAndSpatialAttention(nn.Module):
    """CBAM: the mean and the maximum of each channel, then of each position."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 2, 1)
        self.shared = nn.Sequential(nn.Linear(16, 4), nn.ReLU(), nn.Linear(4, 16))
        self.spatial = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        mean, largest = (f(x, 1).flatten(1) for f in (F.adaptive_avg_pool2d, F.adaptive_max_pool2d))
        x = x * (self.shared(mean) + self.shared(largest)).sigmoid()[..., None, None]
        both = torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True).values], 1)
        return x * self.spatial(both).sigmoid()


class SegNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)
        self.first, self.last = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y, places = self.down(self.first(x).relu())
        return self.last(self.up(y * 2, places)).argmax(1)


class Pyramid(nn.Module):
    """A feature pyramid with two heads; a dict comes out."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Conv2d(a, b, 3, 2, 1) for a, b in ((3, 8), (8, 16), (16, 32))
        )
        self.lateral = nn.ModuleList(nn.Conv2d(c, 8, 1) for c in (8, 16, 32))
        self.classes, self.boxes = nn.Conv2d(8, 6, 3, padding=1), nn.Conv2d(8, 4, 3, padding=1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        stages = []
        for stage in self.stages:
            x = stage(x).relu()
            stages.append(x)
        levels = [self.lateral[2](stages[2])]
        for lateral, stage in zip(reversed(self.lateral[:2]), reversed(stages[:2]), strict=True):
            levels.append(lateral(stage) + F.interpolate(levels[-1], size=stage.shape[-2:]))
        rows = [self.classes(p).permute(0, 2, 3, 1).reshape(x.shape[0], -1, 6) for p in levels]
        boxes = [F.softplus(self.boxes(p)).flatten(2) for p in levels]
        return {"logits": torch.cat(rows, 1), "boxes": torch.cat(boxes, 2)}


class Conditioned(nn.Module):
    """An image and a vector go in; a result and a pair of results come out."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.vector = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(5, 8)

    def forward(self, image: Tensor, vector: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        y = self.image(image) * self.vector(vector)[:, :, None, None].sigmoid()
        return y, (y.amax((2, 3)), y.topk(3, 1).values)


class Turned(nn.Module):
    """A spatial transformer: the network turns its own input."""

    def __init__(self) -> None:
        super().__init__()
        self.angle = nn.Sequential(
            nn.Conv2d(1, 4, 7), nn.ELU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(64, 6)
        )

    def forward(self, x: Tensor) -> Tensor:
        grid = F.affine_grid(self.angle(x).view(-1, 2, 3), x.shape, align_corners=False)
        return F.grid_sample(x, grid, align_corners=False)


class Upscaler(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 16, 5, padding=2), nn.PReLU(16), nn.Conv2d(16, 27, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(self.body(x), 3) + F.interpolate(x, scale_factor=3, mode="bicubic")


class Volume(nn.Sequential):
    """Every normalisation that keeps no statistics, on three axes."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv3d(1, 4, 3, padding=1), nn.InstanceNorm3d(4, affine=True), nn.LeakyReLU(0.1),
            nn.MaxPool3d(2), nn.Conv3d(4, 8, 3, padding=1, groups=2), nn.GroupNorm(2, 8), nn.ELU(),
            nn.ConvTranspose3d(8, 2, 2, 2), nn.Softmax(1),
        )  # fmt: skip


class Causal(nn.Module):
    """Gated dilated convolutions of a wave that look back only, as in WaveNet."""

    def __init__(self) -> None:
        super().__init__()
        self.widen = nn.Conv1d(1, 8, 1)
        self.layers = nn.ModuleList(nn.Conv1d(8, 16, 2, dilation=2**i) for i in range(5))

    def forward(self, x: Tensor) -> Tensor:
        x = self.widen(x)
        for i, layer in enumerate(self.layers):
            value, gate = layer(F.pad(x, (2**i, 0))).chunk(2, 1)
            x = x + value.tanh() * gate.sigmoid()
        return x


class Standardised(nn.Module):
    """Statistics of the input itself, and branches that Python takes by sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.register_buffer("mean", torch.tensor([0.4, 0.5, 0.6]))

    def forward(self, x: Tensor) -> Tensor:
        x = x - self.mean.view(1, 3, 1, 1)
        x = (x - x.mean((1, 2, 3), keepdim=True)) / (x.std((1, 2, 3), keepdim=True) + 1e-5)
        if x.shape[-1] > 8:
            for _ in range(3):
                x = self.conv(x).clamp(-2, 2)
        if x.shape[2] % 2:
            x = F.pad(x, (0, 0, 0, 1), mode="replicate")
        return torch.where(x > 0, x, x.exp() - 1).repeat(1, 2, 1, 1)


# name -> how to make it, the shapes of its inputs
STRANGERS: dict[str, tuple[Callable[[], nn.Module], tuple[tuple[int, ...], ...]]] = {
    "inverted residuals": (Mobile, ((2, 3, 64, 64),)),
    "ASPP": (PyramidOfDilations, ((2, 3, 33, 38),)),
    "dense block": (DenseBlock, ((2, 3, 61, 64),)),
    "ConvNeXt": (ConvNeXtBlock, ((2, 3, 32, 32),)),
    "Swin": (ShiftedWindows, ((2, 3, 32, 32),)),
    "ViT": (VisionTransformer, ((2, 3, 32, 32),)),
    "GRU": (
        lambda: LineOfText(nn.GRU(8, 12, 2, batch_first=True, bidirectional=True)),
        ((2, 1, 16, 20),),
    ),
    "LSTM": (lambda: LineOfText(nn.LSTM(8, 6, bias=False)), ((2, 1, 16, 20),)),
    "CBAM": (ChannelAndSpatialAttention, ((2, 3, 32, 32),)),
    "SegNet": (SegNet, ((2, 3, 16, 16),)),
    "feature pyramid": (Pyramid, ((2, 3, 64, 48),)),
    "image and vector": (Conditioned, ((2, 3, 8, 8), (2, 5))),
    "spatial transformer": (Turned, ((2, 1, 28, 28),)),
    "super-resolution": (Upscaler, ((2, 3, 10, 12),)),
    "volume": (Volume, ((2, 1, 8, 8, 8),)),
    "wave": (Causal, ((2, 1, 64),)),
    "standardised": (Standardised, ((2, 3, 15, 16),)),
}
