"""Blocks of published networks, each as small as shows what its arithmetic asks of an engine."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Apply(nn.Module):
    """Layers, and a function that is given the module and the inputs."""

    def __init__(self, function: Callable[..., Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(self, *inputs)


def conv(ci: int, co: int, k: int = 3, **options: int) -> nn.Conv2d:
    return nn.Conv2d(ci, co, k, padding=k // 2, **options)


def conv_bn(ci: int, co: int, k: int = 3, activation: type[nn.Module] = nn.ReLU, **options: int):
    return nn.Sequential(conv(ci, co, k, **options), nn.BatchNorm2d(co), activation())


def squeeze_excite(m: nn.Module, x: Tensor) -> Tensor:
    return x * torch.sigmoid(m.up(F.silu(m.down(x.mean((2, 3), keepdim=True)))))


def mobile_v3(m: nn.Module, x: Tensor) -> Tensor:
    y = m.wide(x)
    return x + m.narrow(y * F.hardsigmoid(m.up(F.relu(m.down(F.adaptive_avg_pool2d(y, 1))))))


def shuffle_unit(m: nn.Module, x: Tensor) -> Tensor:
    kept, moved = x.chunk(2, 1)
    return F.channel_shuffle(torch.cat((kept, m.branch(moved)), 1), 2)


def dense(m: nn.Module, x: Tensor) -> Tensor:
    for layer in (m.one, m.two, m.three):
        x = torch.cat((x, layer(x)), 1)
    return F.avg_pool2d(m.transition(x), 2)


def inception(m: nn.Module, x: Tensor) -> Tensor:
    return torch.cat((m.one(x), m.three(x), m.five(x), m.pooled(F.max_pool2d(x, 3, 1, 1))), 1)


def sppf(m: nn.Module, x: Tensor) -> Tensor:
    parts = [m.first(x)]
    for _ in range(3):
        parts.append(F.max_pool2d(parts[-1], 5, 1, 2))
    return m.last(torch.cat(parts, 1))


def anchors_head(m: nn.Module, x: Tensor) -> Tensor:
    """YOLOv5's: three anchors, centre and size of each box decoded."""
    y = m.conv(x)
    n, _, h, w = y.shape
    y = y.view(n, 3, -1, h, w).permute(0, 1, 3, 4, 2).sigmoid()
    place, size, rest = y.split((2, 2, y.shape[-1] - 4), 4)
    rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    grid = torch.stack((columns, rows), 2).float() - 0.5
    sizes = torch.tensor([[10.0, 13], [16, 30], [33, 23]]).view(1, 3, 1, 1, 2)
    boxes = torch.cat(((place * 2 + grid) * 8, (size * 2) ** 2 * sizes, rest), 4)
    return boxes.view(n, -1, boxes.shape[-1])


def distance_head(m: nn.Module, x: Tensor) -> Tensor:
    """YOLOv8's: each side of a box is the mean of a distribution over 16 distances."""
    n, _, h, w = x.shape
    sides = m.conv(x).view(n, 4, 16, h * w).transpose(1, 2).softmax(1)
    sides = (sides * torch.arange(16.0).view(1, 16, 1, 1)).sum(1)
    low, high = sides.chunk(2, 1)
    rows, columns = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
    centres = torch.stack((columns.reshape(-1), rows.reshape(-1)))
    first, last = centres - low, centres + high
    return torch.cat(((first + last) / 2, last - first), 1) * 8


def feature_pyramid(m: nn.Module, x: Tensor) -> Tensor:
    c3 = m.down1(x)
    c4 = m.down2(c3)
    top = m.side4(c4)
    return m.smooth(m.side3(c3) + F.interpolate(top, size=c3.shape[2:], mode="nearest"))


def aspp(m: nn.Module, x: Tensor) -> Tensor:
    pooled = F.relu(m.pooled(F.adaptive_avg_pool2d(x, 1)))
    pooled = F.interpolate(pooled, size=x.shape[2:], mode="bilinear", align_corners=False)
    return m.project(torch.cat((m.one(x), m.six(x), m.twelve(x), pooled), 1))


def hr_fusion(m: nn.Module, x: Tensor) -> Tensor:
    low = m.down(x)
    up = F.interpolate(m.up(low), size=x.shape[2:], mode="bilinear", align_corners=False)
    return torch.relu(m.high(x) + up)


def convnext(m: nn.Module, x: Tensor) -> Tensor:
    y = m.norm(m.depthwise(x).permute(0, 2, 3, 1))
    return x + (m.second(F.gelu(m.first(y))) * m.scale.weight[0]).permute(0, 3, 1, 2)


def convnext_v2(m: nn.Module, x: Tensor) -> Tensor:
    """Global response normalisation between the two linear layers."""
    y = F.gelu(m.first(m.norm(m.depthwise(x).permute(0, 2, 3, 1))))
    size = torch.norm(y, p=2, dim=(1, 2), keepdim=True)
    y = y * (size / (size.mean(-1, keepdim=True) + 1e-6)) * m.scale.weight[0] + y
    return x + m.second(y).permute(0, 3, 1, 2)


def coord_conv(m: nn.Module, x: Tensor) -> Tensor:
    n, _, h, w = x.shape
    rows = torch.linspace(-1, 1, h).view(1, 1, h, 1).expand(n, 1, h, w)
    columns = torch.linspace(-1, 1, w).view(1, 1, 1, w).expand(n, 1, h, w)
    radius = torch.sqrt(rows**2 + columns**2)
    return m.conv(torch.cat((x, rows, columns, radius), 1))


def up_fir_down(m: nn.Module, x: Tensor) -> Tensor:
    """StyleGAN2's: zeros between pixels, a blur per channel, every second pixel."""
    n, c, h, w = x.shape
    y = F.pad(x.view(n, c, h, 1, w, 1), (0, 1, 0, 0, 0, 1)).view(n, c, 2 * h, 2 * w)
    taps = torch.tensor([1.0, 3, 3, 1])
    kernel = (taps[:, None] * taps / 16).expand(c, 1, 4, 4)
    y = F.leaky_relu(F.conv2d(F.pad(y, (2, 1, 2, 1)), kernel, groups=c), 0.2) * math.sqrt(2)
    return F.conv2d(F.pad(y, (1, 1, 1, 1)), kernel / 4, groups=c)[:, :, ::2, ::2]


def modulated(m: nn.Module, x: Tensor, style: Tensor) -> Tensor:
    """StyleGAN2's modulated convolution, as scaling before and demodulation behind."""
    scale = m.affine(style)
    weight = m.conv.weight
    y = F.conv2d(x * scale[:, :, None, None], weight, padding=1)
    shrink = torch.rsqrt((scale**2) @ weight.square().sum((2, 3)).t() + 1e-8)
    return F.leaky_relu(y * shrink[:, :, None, None], 0.2)


def adaptive_instance_norm(m: nn.Module, x: Tensor, style: Tensor) -> Tensor:
    gain, shift = m.affine(style)[:, :, None, None].chunk(2, 1)
    return F.instance_norm(m.conv(x)) * (1 + gain) + shift


def wave(m: nn.Module, x: Tensor) -> Tensor:
    x, total = m.first(x), 0
    for layer, out, d in ((m.one, m.out1, 1), (m.two, m.out2, 2), (m.three, m.out3, 4)):
        y = layer(F.pad(x, (2 * d, 0)))
        y = torch.tanh(y[:, :32]) * torch.sigmoid(y[:, 32:])
        total, x = total + out(y), x + y
    return total


def unet_3d(m: nn.Module, x: Tensor) -> Tensor:
    high = m.first(x)
    low = F.interpolate(m.low(F.max_pool3d(high, 2)), scale_factor=2, mode="trilinear")
    return m.last(torch.cat((high, low), 1))


def seg_net(m: nn.Module, x: Tensor) -> Tensor:
    y, places = F.max_pool2d(m.encoder(x), 2, return_indices=True)
    return m.decoder(F.max_unpool2d(m.middle(y), places, 2))


def cbam(m: nn.Module, x: Tensor) -> Tensor:
    def shared(v: Tensor) -> Tensor:
        return m.up(F.relu(m.down(v)))

    x = x * torch.sigmoid(shared(F.adaptive_avg_pool2d(x, 1)) + shared(F.adaptive_max_pool2d(x, 1)))
    both = torch.cat((x.mean(1, keepdim=True), x.amax(1, keepdim=True)), 1)
    return x * torch.sigmoid(m.spatial(both))


def cbam_max(m: nn.Module, x: Tensor) -> Tensor:
    both = torch.cat((torch.mean(x, 1, True), torch.max(x, 1, True)[0]), 1)
    return x * torch.sigmoid(m.spatial(both))


def attention_gate(m: nn.Module, x: Tensor) -> Tensor:
    gate = F.interpolate(m.gate(F.avg_pool2d(x, 2)), scale_factor=2, mode="bilinear")
    return x * torch.sigmoid(m.mask(F.relu(m.side(x) + gate)))


def coordinate_attention(m: nn.Module, x: Tensor) -> Tensor:
    h, w = x.shape[2:]
    rows, columns = x.mean(3, keepdim=True), x.mean(2, keepdim=True).permute(0, 1, 3, 2)
    y = F.hardswish(m.down(torch.cat((rows, columns), 2)))
    rows, columns = torch.split(y, [h, w], 2)
    return x * torch.sigmoid(m.rows(rows)) * torch.sigmoid(m.columns(columns.permute(0, 1, 3, 2)))


def efficient_channel_attention(m: nn.Module, x: Tensor) -> Tensor:
    y = m.conv1d(x.mean((2, 3)).unsqueeze(1)).sigmoid()
    return x * y.view(x.shape[0], x.shape[1], 1, 1)


def split_attention(m: nn.Module, x: Tensor) -> Tensor:
    """ResNeSt's and SKNet's: a softmax over branches weighs them."""
    n, c = x.shape[:2]
    y = torch.stack((m.one(x), m.two(x)), 1)
    weights = m.up(F.relu(m.down(y.sum(1).mean((2, 3), keepdim=True))))
    weights = weights.view(n, 2, c, 1, 1).softmax(1)
    return (y * weights).sum(1)


def non_local(m: nn.Module, x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    q, k, v = (layer(x).flatten(2) for layer in (m.q, m.k, m.v))
    weights = (q.transpose(1, 2) @ k).softmax(-1)
    return x + (v @ weights.transpose(1, 2)).view(n, c, h, w)


def gem(m: nn.Module, x: Tensor) -> Tensor:
    y = m.conv(x).clamp(min=1e-6).pow(m.power.weight[0])
    return F.normalize(F.avg_pool2d(y, y.shape[2:]).pow(1 / m.power.weight[0]).flatten(1), dim=1)


def gem_cubed(m: nn.Module, x: Tensor) -> Tensor:
    return m.conv(x).clamp(min=1e-6).pow(3).mean((-2, -1)).pow(1 / 3)


def soft_argmax(m: nn.Module, x: Tensor) -> Tensor:
    y = m.conv(x)
    n, c, h, w = y.shape
    p = y.view(n, c, -1).softmax(-1).view(n, c, h, w)
    across = (p.sum(2) * torch.linspace(-1, 1, w)).sum(-1)
    down = (p.sum(3) * torch.linspace(-1, 1, h)).sum(-1)
    return torch.stack((across, down), -1)


def log_sum_exp_pool(m: nn.Module, x: Tensor) -> Tensor:
    return torch.logsumexp(m.conv(x) * 5, (2, 3)) / 5


def energy(m: nn.Module, x: Tensor) -> Tensor:
    return -torch.logsumexp(m.conv(x), 1, keepdim=True)


def masked(m: nn.Module, x: Tensor) -> Tensor:
    y = m.conv(x)
    y = torch.where(y > 0.5, y, -y * 0.1)
    keep = ((x.mean(1, keepdim=True) > 0) & (x.amax(1, keepdim=True) < 3)).float()
    return torch.clamp(y * keep, -1, 1).masked_fill(y.isnan(), 0)


def partial_conv(m: nn.Module, x: Tensor, mask: Tensor) -> Tensor:
    """Convolution of what is known (inpainting): scaled by how much of a window that is."""
    known = F.conv2d(mask, torch.ones(1, 1, 3, 3), padding=1)
    scale = 9 / (known + 1e-8) * known.clamp(0, 1)
    y = F.conv2d(x * mask, m.conv.weight, padding=1) * scale + m.conv.bias.view(1, -1, 1, 1)
    return torch.where(known == 0, torch.zeros_like(y), y)


def peaks(m: nn.Module, x: Tensor) -> Tensor:
    """CenterNet's: what is not the maximum of its window is zero."""
    heat = m.conv(x).sigmoid()
    return heat * (F.max_pool2d(heat, 3, 1, 1) == heat).float()


def fourier_features(m: nn.Module, x: Tensor) -> Tensor:
    y = 2 * math.pi * m.conv(x)
    return m.mix(torch.cat((torch.sin(y), torch.cos(y)), 1))


def siren(m: nn.Module, x: Tensor) -> Tensor:
    return m.third(torch.sin(30 * m.second(torch.sin(30 * m.first(x)))))


def snake(m: nn.Module, x: Tensor) -> Tensor:
    """x + sin(a x)**2 / a, in BigVGAN's vocoder."""
    a = m.alpha.weight[0].abs().view(1, -1, 1) + 0.1
    y = m.first(x)
    return m.second(y + (1 / a) * torch.sin(y * a).pow(2))


def time_embedding(m: nn.Module, x: Tensor, t: Tensor) -> Tensor:
    """A diffusion network's block: sines of the time shift the channels."""
    waves = t[:, None] * torch.exp(-torch.arange(16) * (math.log(10000) / 16))
    shift = m.second(F.silu(m.first(torch.cat((waves.sin(), waves.cos()), 1))))
    y = m.conv(F.silu(m.norm(x))) + shift[:, :, None, None]
    return x + m.last(F.silu(m.norm2(y)))


def gated_conv(m: nn.Module, x: Tensor) -> Tensor:
    return F.glu(m.conv(x), 1)


def simple_gate(m: nn.Module, x: Tensor) -> Tensor:
    """NAFNet's: half of the channels times the other half."""
    one, other = m.depthwise(m.wide(m.norm(x))).chunk(2, 1)
    y = one * other
    return x + m.narrow(y * m.attend(F.adaptive_avg_pool2d(y, 1)))


def standardised(m: nn.Module, x: Tensor) -> Tensor:
    w = m.conv.weight
    mean = w.mean((1, 2, 3), keepdim=True)
    w = (w - mean) / (w.var((1, 2, 3), keepdim=True, unbiased=False) + 1e-5).sqrt()
    return F.relu(m.norm(F.conv2d(x, w, padding=1)))


def octave(m: nn.Module, x: Tensor) -> Tensor:
    low = m.to_low(F.avg_pool2d(x, 2))
    return m.to_high(x) + F.interpolate(m.back(low), scale_factor=2)


def ghost(m: nn.Module, x: Tensor) -> Tensor:
    y = m.primary(x)
    return torch.cat((y, m.cheap(y)), 1)[:, :60]


def residual_dense(m: nn.Module, x: Tensor) -> Tensor:
    y = F.leaky_relu(m.one(x), 0.2)
    return x + 0.2 * m.two(torch.cat((x, y), 1))


def espcn(m: nn.Module, x: Tensor) -> Tensor:
    return torch.clip(F.pixel_shuffle(m.last(torch.tanh(m.first(x))), 3), 0, 1)


def edsr(m: nn.Module, x: Tensor) -> Tensor:
    y = m.head(x - m.mean.weight.view(1, -1, 1, 1))
    y = y + m.second(F.relu(m.first(y))) * 0.1
    return m.tail(F.pixel_shuffle(m.up(y), 2))


def focus(m: nn.Module, x: Tensor) -> Tensor:
    corners = x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]
    return m.conv(torch.cat(corners, 1))


def csp(m: nn.Module, x: Tensor) -> Tensor:
    parts = list(m.first(x).chunk(2, 1))
    parts.append(parts[-1] + m.inner(parts[-1]))
    return m.last(torch.cat(parts, 1))


def depth_regression(m: nn.Module, x: Tensor) -> Tensor:
    """A stereo network's end: the expected disparity under a softmax over a cost volume."""
    cost = m.conv3d(x.unsqueeze(1)).squeeze(1)
    return (cost.softmax(1) * torch.arange(float(cost.shape[1])).view(1, -1, 1, 1)).sum(1)


def correlation(m: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """FlowNet's: products of two maps at nine shifts, summed over channels."""
    a, b = m.conv(x), F.pad(m.conv(y), (1, 1, 1, 1))
    h, w = a.shape[2:]
    shifts = [b[:, :, i : i + h, j : j + w] for i in range(3) for j in range(3)]
    return torch.cat([(a * s).mean(1, keepdim=True) for s in shifts], 1)


def style(m: nn.Module, x: Tensor) -> Tensor:
    """A Gram matrix."""
    y = m.conv(x).flatten(2)
    return y @ y.transpose(1, 2) / y.shape[2]


def whiten(m: nn.Module, x: Tensor) -> Tensor:
    """Each image's own mean and standard deviation, in the graph."""
    mean, std = x.mean((1, 2, 3), keepdim=True), x.std((1, 2, 3), keepdim=True)
    return m.conv((x - mean) / (std + 1e-5))


def batch_statistic(m: nn.Module, x: Tensor) -> Tensor:
    """A discriminator's standard deviation over the batch, averaged, as one more channel."""
    y = m.conv(x)
    spread = torch.sqrt(y.var(0, unbiased=False) + 1e-8).mean()
    n, _, h, w = y.shape
    return m.last(torch.cat((y, spread.expand(n, 1, h, w)), 1))


def total_extremes(m: nn.Module, x: Tensor) -> Tensor:
    y = m.conv(x)
    return (y - y.amin((0, 2), keepdim=True)) / (y.amax((0, 2), keepdim=True) + 5)


def vector_operands(m: nn.Module, x: Tensor) -> Tensor:
    """Operands computed with fewer axes than what they meet."""
    rows = m.conv(x).mean((0, 1))
    return x * rows + x.mean((0, 1, 2)).cos()


def scores(m: nn.Module, x: Tensor) -> Tensor:
    return F.log_softmax(m.conv(x).mean((2, 3)), 1)


def angles(m: nn.Module, x: Tensor) -> Tensor:
    y = m.conv(x)
    a, b = y.chunk(2, 1)
    return torch.atan2(a, b) + torch.atan(a) + torch.acos(torch.clamp(b, -0.99, 0.99))


def colour(m: nn.Module, x: Tensor) -> Tensor:
    """RGB to a YUV-like space by a matrix over channels, and a gamma."""
    matrix = torch.tensor([[0.3, 0.6, 0.1], [-0.1, -0.3, 0.4], [0.6, -0.5, -0.1]])
    y = torch.einsum("nchw,dc->ndhw", x.clamp(0, 1) ** 2.2, matrix)
    return m.conv(torch.remainder(y + 0.5, 1.0))


def maxout(m: nn.Module, x: Tensor) -> Tensor:
    n, _, h, w = x.shape
    return m.conv(x).view(n, 32, 2, h, w).amax(2)


def hyper(m: nn.Module, x: Tensor) -> Tensor:
    """A 1x1 convolution whose weight the network computes, as CondInst's heads have."""
    weight = m.head(x.mean((2, 3))).view(-1, 8, x.shape[1])
    return F.relu(torch.bmm(weight, x.flatten(2)).view(x.shape[0], 8, *x.shape[2:]))


def dynamic_depthwise(m: nn.Module, x: Tensor, template: Tensor) -> Tensor:
    """A siamese tracker's: the template's features are the kernel."""
    a, b = m.conv(x), m.conv(template)
    return F.conv2d(a, b[0].unsqueeze(1), groups=a.shape[1])


def line_of_text(m: nn.Module, x: Tensor) -> Tensor:
    y = m.conv(x).mean(2).permute(2, 0, 1)
    return F.log_softmax(m.last(y), -1)


def _embed(width: int, value: float = 0.5) -> nn.Embedding:
    table = nn.Embedding(1, width)
    nn.init.uniform_(table.weight, value, value + 0.5)
    return table


_C, _S = 64, (2, 64, 28, 28)

# name -> (module, shapes of its inputs)
BLOCKS: dict[str, tuple[Callable[[], nn.Module], tuple[tuple[int, ...], ...]]] = {
    "EfficientNet squeeze-excite": (
        lambda: Apply(squeeze_excite, down=conv(_C, 16, 1), up=conv(16, _C, 1)), (_S,)),
    "MobileNetV3": (
        lambda: Apply(
            mobile_v3,
            wide=nn.Sequential(conv_bn(_C, 96, 1, nn.Hardswish), conv(96, 96, 5, groups=96)),
            down=conv(96, 24, 1), up=conv(24, 96, 1), narrow=conv(96, _C, 1)), (_S,)),
    "ShuffleNetV2": (
        lambda: Apply(
            shuffle_unit,
            branch=nn.Sequential(conv_bn(32, 32, 1), conv(32, 32, groups=32), conv_bn(32, 32, 1))),
        (_S,)),
    "DenseNet": (
        lambda: Apply(
            dense, one=conv_bn(_C, 12), two=conv_bn(76, 12), three=conv_bn(88, 12),
            transition=conv(100, 50, 1)), (_S,)),
    "Inception": (
        lambda: Apply(
            inception, one=conv_bn(_C, 24, 1), pooled=conv(_C, 8, 1),
            three=nn.Sequential(conv(_C, 32, 1), conv_bn(32, 48)),
            five=nn.Sequential(conv(_C, 8, 1), conv_bn(8, 16, 5))), (_S,)),
    "GoogLeNet response norm": (
        lambda: nn.Sequential(
            nn.Conv2d(3, _C, 7, 2, 3), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.LocalResponseNorm(5), conv(_C, _C, 1)), ((2, 3, 112, 112),)),
    "YOLO SPPF": (lambda: Apply(sppf, first=conv(_C, 32, 1), last=conv(128, _C, 1)), (_S,)),
    "YOLO anchors": (lambda: Apply(anchors_head, conv=conv(_C, 3 * 25, 1)), (_S,)),
    "YOLO distances": (lambda: Apply(distance_head, conv=conv(_C, 64, 1)), (_S,)),
    "YOLO focus": (lambda: Apply(focus, conv=conv_bn(12, 32, 3, nn.SiLU)), ((2, 3, 64, 64),)),
    "YOLO CSP": (
        lambda: Apply(csp, first=conv(_C, _C, 1), inner=conv_bn(32, 32, 3, nn.SiLU),
                      last=conv(96, _C, 1)), (_S,)),
    "feature pyramid": (
        lambda: Apply(
            feature_pyramid, down1=conv(_C, _C, stride=2), down2=conv(_C, 128, stride=2),
            side3=conv(_C, 32, 1), side4=conv(128, 32, 1), smooth=conv(32, 32)),
        ((2, 64, 56, 53),)),
    "DeepLab ASPP": (
        lambda: Apply(
            aspp, one=conv_bn(_C, 32, 1), six=nn.Conv2d(_C, 32, 3, padding=6, dilation=6),
            twelve=nn.Conv2d(_C, 32, 3, padding=12, dilation=12), pooled=conv(_C, 32, 1),
            project=conv_bn(128, 32, 1)), (_S,)),
    "HRNet fusion": (
        lambda: Apply(hr_fusion, down=conv_bn(_C, 96, stride=2), up=conv(96, _C, 1),
                      high=conv(_C, _C)), (_S,)),
    "ConvNeXt": (
        lambda: Apply(
            convnext, depthwise=conv(_C, _C, 7, groups=_C), norm=nn.LayerNorm(_C),
            first=nn.Linear(_C, 256), second=nn.Linear(256, _C), scale=_embed(_C)), (_S,)),
    "ConvNeXt V2": (
        lambda: Apply(
            convnext_v2, depthwise=conv(_C, _C, 7, groups=_C), norm=nn.LayerNorm(_C),
            first=nn.Linear(_C, 256), second=nn.Linear(256, _C), scale=_embed(256)), (_S,)),
    "RepVGG": (
        lambda: Apply(
            lambda m, x: F.relu(m.three(x) + m.one(x) + m.norm(x)), three=conv(_C, _C),
            one=conv(_C, _C, 1), norm=nn.BatchNorm2d(_C)), (_S,)),
    "CoordConv": (lambda: Apply(coord_conv, conv=conv(_C + 3, _C)), (_S,)),
    "ESPCN": (lambda: Apply(espcn, first=conv(1, _C, 5), last=conv(_C, 9)), ((2, 1, 32, 30),)),
    "EDSR": (
        lambda: Apply(
            edsr, mean=_embed(3), head=conv(3, 32), first=conv(32, 32), second=conv(32, 32),
            up=conv(32, 128), tail=conv(32, 3)), ((2, 3, 24, 25),)),
    "StyleGAN up-fir-down": (lambda: Apply(up_fir_down), ((2, 32, 28, 28),)),
    "StyleGAN modulation": (
        lambda: Apply(modulated, affine=nn.Linear(16, _C), conv=conv(_C, 48)), (_S, (2, 16))),
    "adaptive instance norm": (
        lambda: Apply(adaptive_instance_norm, affine=nn.Linear(16, 2 * _C), conv=conv(_C, _C)),
        (_S, (2, 16))),
    "WaveNet": (
        lambda: Apply(
            wave, first=nn.Conv1d(1, 32, 1),
            **{name: nn.Conv1d(32, 64, 3, dilation=d)
               for name, d in (("one", 1), ("two", 2), ("three", 4))},
            **{name: nn.Conv1d(32, 16, 1) for name in ("out1", "out2", "out3")}),
        ((2, 1, 800),)),
    "3-D U-Net": (
        lambda: Apply(
            unet_3d, first=nn.Conv3d(1, 16, 3, padding=1), low=nn.Conv3d(16, 32, 3, padding=1),
            last=nn.Conv3d(48, 2, 1)), ((1, 1, 16, 18, 20),)),
    "SegNet": (
        lambda: Apply(seg_net, encoder=conv_bn(_C, _C), middle=conv(_C, _C), decoder=conv(_C, 32)),
        (_S,)),
    "squeeze-excite 3-D": (
        lambda: Apply(
            lambda m, x: x * torch.sigmoid(m.up(F.relu(m.down(x.mean((2, 3, 4), keepdim=True))))),
            down=nn.Conv3d(32, 8, 1), up=nn.Conv3d(8, 32, 1)), ((2, 32, 8, 9, 10),)),
    "CBAM": (
        lambda: Apply(cbam, down=conv(_C, 8, 1), up=conv(8, _C, 1), spatial=conv(2, 1, 7)), (_S,)),
    "CBAM with torch.max": (lambda: Apply(cbam_max, spatial=conv(2, 1, 7)), (_S,)),
    "attention gate": (
        lambda: Apply(attention_gate, gate=conv(_C, 32, 1), side=conv(_C, 32, 1),
                      mask=conv(32, 1, 1)), (_S,)),
    "coordinate attention": (
        lambda: Apply(coordinate_attention, down=conv(_C, 16, 1), rows=conv(16, _C, 1),
                      columns=conv(16, _C, 1)), (_S,)),
    "ECA": (
        lambda: Apply(efficient_channel_attention, conv1d=nn.Conv1d(1, 1, 3, padding=1)), (_S,)),
    "split attention": (
        lambda: Apply(split_attention, one=conv(_C, _C), two=conv(_C, _C, 1),
                      down=conv(_C, 16, 1), up=conv(16, 2 * _C, 1)), (_S,)),
    "non-local": (
        lambda: Apply(non_local, q=conv(_C, 16, 1), k=conv(_C, 16, 1), v=conv(_C, _C, 1)),
        ((2, 64, 14, 14),)),
    "GeM": (lambda: Apply(gem, conv=conv(_C, _C, 1), power=_embed(1, 2.5)), (_S,)),
    "GeM cubed": (lambda: Apply(gem_cubed, conv=conv(_C, _C, 1)), (_S,)),
    "Lp pooling": (lambda: nn.Sequential(conv(_C, _C), nn.LPPool2d(2, 3, 2)), (_S,)),
    "L3 pooling": (lambda: nn.Sequential(conv(_C, _C), nn.ReLU(), nn.LPPool2d(3, 2)), (_S,)),
    "soft argmax": (lambda: Apply(soft_argmax, conv=conv(_C, 17, 1)), (_S,)),
    "log-sum-exp pooling": (lambda: Apply(log_sum_exp_pool, conv=conv(_C, 20, 1)), (_S,)),
    "energy of channels": (lambda: Apply(energy, conv=conv(_C, 20, 1)), (_S,)),
    "group norm": (
        lambda: nn.Sequential(conv(_C, _C), nn.GroupNorm(8, _C), nn.SiLU(), conv(_C, _C)), (_S,)),
    "instance norm": (
        lambda: nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(_C, _C, 3), nn.InstanceNorm2d(_C), nn.ReLU(),
            conv(_C, _C)), (_S,)),
    "masks": (lambda: Apply(masked, conv=conv(_C, 32)), (_S,)),
    "partial convolution": (lambda: Apply(partial_conv, conv=conv(_C, 32)), (_S, (2, 1, 28, 28))),
    "CenterNet peaks": (lambda: Apply(peaks, conv=conv(_C, 20, 1)), (_S,)),
    "Fourier features": (
        lambda: Apply(fourier_features, conv=conv(2, 32, 1), mix=conv(_C, _C, 1)),
        ((2, 2, 28, 28),)),
    "SIREN": (
        lambda: Apply(siren, first=conv(2, 32, 1), second=conv(32, 32, 1), third=conv(32, 3, 1)),
        ((2, 2, 28, 28),)),
    "snake": (
        lambda: Apply(snake, first=nn.Conv1d(16, 32, 7, padding=3),
                      second=nn.Conv1d(32, 16, 7, padding=3), alpha=_embed(32)), ((2, 16, 400),)),
    "diffusion block": (
        lambda: Apply(
            time_embedding, first=nn.Linear(32, _C), second=nn.Linear(_C, _C),
            norm=nn.GroupNorm(8, _C), norm2=nn.GroupNorm(8, _C), conv=conv(_C, _C),
            last=conv(_C, _C)), (_S, (2,))),
    "gated convolution": (lambda: Apply(gated_conv, conv=conv(_C, 64)), (_S,)),
    "gated odd": (lambda: Apply(gated_conv, conv=conv(_C, 42)), (_S,)),
    "NAFNet": (
        lambda: Apply(
            simple_gate, norm=nn.GroupNorm(1, _C), wide=conv(_C, 128, 1),
            depthwise=conv(128, 128, groups=128), attend=conv(_C, _C, 1), narrow=conv(_C, _C, 1)),
        (_S,)),
    "standardised weights": (
        lambda: Apply(standardised, conv=conv(_C, _C), norm=nn.GroupNorm(8, _C)), (_S,)),
    "octave": (
        lambda: Apply(octave, to_low=conv(_C, 32), to_high=conv(_C, _C), back=conv(32, _C, 1)),
        (_S,)),
    "GhostNet": (
        lambda: Apply(ghost, primary=conv_bn(_C, 30, 1), cheap=conv_bn(30, 30, groups=30)), (_S,)),
    "residual dense": (
        lambda: Apply(residual_dense, one=conv(_C, 32), two=conv(96, _C)), (_S,)),
    "stereo": (
        lambda: Apply(depth_regression, conv3d=nn.Conv3d(1, 1, 3, padding=1)),
        ((2, 24, 20, 30),)),
    "FlowNet correlation": (lambda: Apply(correlation, conv=conv(_C, 32)), (_S, _S)),
    "Gram matrix": (lambda: Apply(style, conv=conv(_C, 32)), (_S,)),
    "own statistics": (lambda: Apply(whiten, conv=conv(3, 32)), ((2, 3, 32, 32),)),
    "batch statistic": (
        lambda: Apply(batch_statistic, conv=conv(_C, 32), last=conv(33, 16)), (_S,)),
    "extremes over axes apart": (lambda: Apply(total_extremes, conv=conv(_C, 32)), (_S,)),
    "operands with fewer axes": (lambda: Apply(vector_operands, conv=conv(_C, 32)), (_S,)),
    "scores": (lambda: Apply(scores, conv=conv(_C, 10, 1)), (_S,)),
    "angles": (lambda: Apply(angles, conv=conv(_C, 32, 1)), (_S,)),
    "colours": (lambda: Apply(colour, conv=conv(3, 16)), ((2, 3, 32, 32),)),
    "maxout": (lambda: Apply(maxout, conv=conv(_C, _C, 1)), (_S,)),
    "hyper-network": (lambda: Apply(hyper, head=nn.Linear(_C, 8 * _C)), (_S,)),
    "siamese tracker": (
        lambda: Apply(dynamic_depthwise, conv=conv(16, 32)), ((1, 16, 31, 31), (1, 16, 7, 7))),
    "line of text": (
        lambda: Apply(line_of_text, conv=conv_bn(1, 32, stride=2), last=nn.Linear(32, 40)),
        ((2, 1, 32, 100),)),
    "adaptive pools": (
        lambda: Apply(
            lambda m, x: torch.cat([F.adaptive_avg_pool2d(m.conv(x), s).flatten(2)
                                    for s in (1, 2, 3, 6)], 2),
            conv=conv(_C, 32)), (_S,)),
    "adaptive maxima": (
        lambda: Apply(lambda m, x: F.adaptive_max_pool2d(m.conv(x), 5), conv=conv(_C, 32)), (_S,)),
    "anti-aliased resize": (
        lambda: Apply(
            lambda m, x: F.interpolate(m.conv(x), size=(9, 11), mode="bilinear", antialias=True),
            conv=conv(_C, 32)), (_S,)),
    "bicubic": (
        lambda: Apply(
            lambda m, x: F.interpolate(m.conv(x), scale_factor=2, mode="bicubic"),
            conv=conv(_C, 32)), (_S,)),
    "nearest 3-D": (
        lambda: Apply(lambda m, x: F.interpolate(m.conv(x), scale_factor=2),
                      conv=nn.Conv3d(4, 8, 3, padding=1)), ((1, 4, 6, 7, 8),)),
    "threshold logits": (
        lambda: Apply(lambda m, x: (m.conv(x).sigmoid() > 0.5).float(), conv=conv(_C, 3)), (_S,)),
    "arg max": (lambda: Apply(lambda m, x: m.conv(x).argmax(1), conv=conv(_C, 21, 1)), (_S,)),
}  # fmt: skip
