"""What a network has learned and what it makes of an image: filters, maps, spectra."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from convariant.drawing._numbers import by, short
from convariant.drawing._picture import Picture
from convariant.drawing._pixels import as_bytes, mosaic, one_sign, picture_of, two_signs
from convariant.drawing._scene import (
    Line,
    Panel,
    Polygon,
    Shape,
    Text,
    beside,
    rectangle,
    text_width,
)
from convariant.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDEST, TALLEST = 640.0, 460.0
MOST_TILES = 256


def filters(module: nn.Conv2d, *, name: str = "filters") -> Picture:
    """Draw the filters of a convolution, all on one scale around zero.

    A filter of three channels is drawn in colour, mid-grey where it is zero; of any other, every
    channel by itself, blue above zero and orange below, the channels of a filter in a row. The
    first 256 tiles are drawn.

    Raises OptionError for what is no 2-D convolution.

    >>> filters(nn.Conv2d(3, 8, 5, bias=False)).title
    'filters: 8 filters of 3 × 5 × 5'

    Source: lecture, "AlexNet", "LeNet demo".
    """
    weight = _weight(module)
    outer, inner, kh, kw = weight.shape
    largest = float(np.abs(weight).max()) or 1.0
    weight = weight / largest
    if inner == 3:
        shown, of = min(outer, MOST_TILES), outer
        columns = _columns(shown, kh, kw)
        planes = [mosaic(weight[:shown, c], columns) for c in range(3)]
        colours = as_bytes((np.nan_to_num(np.stack(planes, axis=2)) + 1) / 2)
    else:
        shown, of = min(outer * inner, MOST_TILES), outer * inner
        tiles = weight.reshape(-1, kh, kw)[:shown]
        whole = inner * max(round(_columns(shown, kh, kw) / inner), 1)
        colours = two_signs(mosaic(tiles, min(whole, shown)))
    ends = (-largest, 0.0, largest)
    panel = _pixel_panel(colours, two_sided=True, ends=ends, key=inner != 3)
    title = f"{name}: {outer} filters of {by((inner, kh, kw))}"
    kinds = "filters in colour" if inner == 3 else "kernels"
    count = f"{shown} of {of}" if shown < of else str(of)
    return Picture(f"filters_{name}", title, f"{count} {kinds}", panel, legend=False)


def _columns(count: int, height: int, width: int) -> int:
    """How many tiles in a row make a mosaic about half as wide again as it is tall."""
    most = min(math.ceil(math.sqrt(count * height / width * 1.6)), count)
    return math.ceil(count / math.ceil(count / most))  # no more than fill as many rows


def feature_maps(model: nn.Module, image: np.ndarray, layer: str, *, most: int = 16) -> Picture:
    """Draw an image and the first maps that a layer makes of it, each on its own scale.

    The model runs once in evaluation mode on the image as 0 to 1 `(1, c, h, w)`; colour or grey
    follows the channels that its first convolution takes.

    Raises OptionError for an unknown layer, or one that makes no maps.

    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    >>> feature_maps(net, np.eye(8), "0").title
    '0: 4 maps of 6 × 6'

    Source: lecture, "LeNet demo".
    """
    modules = dict(model.named_modules())
    if layer not in modules or not layer:
        raise OptionError(f"no layer is named {layer!r}; known: {', '.join(filter(None, modules))}")
    photo = as_bytes(image)
    maps = _run(model, photo, modules[layer])
    if maps.ndim != 3:
        raise OptionError(f"{layer} makes no maps but a result of shape {maps.shape}")
    count, h, w = maps.shape
    shown = maps[: max(most, 1)]
    low = shown.min(axis=(1, 2), keepdims=True)
    span = shown.max(axis=(1, 2), keepdims=True) - low
    tiles = (shown - low) / np.where(span == 0, 1, span)
    colours = one_sign(mosaic(tiles, math.ceil(math.sqrt(len(tiles)))))
    side = 260.0 / max(photo.shape[:2])
    ih, iw = photo.shape[:2]
    picture = Panel(iw * side, ih * side, (picture_of(photo, (0.0, 0.0), (iw * side, ih * side)),))
    ends = ("least", "of each map", "most")
    panel = beside([picture, _pixel_panel(colours, two_sided=False, ends=ends)], gap=40)
    title = f"{layer}: {count} maps of {h} × {w}"
    subtitle = f"the first {len(shown)}, each from its least value to its largest"
    return Picture(f"maps_{layer}", title, subtitle, panel, legend=False)


def _run(model: nn.Module, photo: np.ndarray, module: nn.Module) -> np.ndarray:
    """What one module makes of a photo."""
    first = next((m for m in model.modules() if isinstance(m, _ConvNd)), None)
    channels = first.in_channels if first is not None else 3
    pixels = torch.from_numpy(photo.astype(np.float32) / 255).permute(2, 0, 1)
    pixels = pixels.mean(0, keepdim=True).expand(channels, -1, -1) if channels != 3 else pixels
    parameter = next(model.parameters(), pixels)
    kept: list[torch.Tensor] = []
    handle = module.register_forward_hook(lambda _m, _i, output: kept.append(output))
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            model(pixels[None].to(parameter))
    finally:
        handle.remove()
        model.train(training)
    if not kept:
        raise OptionError(f"{type(module).__name__} is not called for this image")
    return kept[-1][0].float().cpu().numpy()


def spectrum(module: nn.Conv2d, *, name: str = "kernel", size: int = 32) -> Picture:
    """Draw which frequencies a layer passes, and how far its kernels are from rank one.

    Left the mean magnitude of the kernels' discrete Fourier transform, zero frequency in the
    middle; right the share of the energy in each singular value of the k × k kernels, mean over
    all of them: a spatially separable layer has all of it in the first.

    Raises OptionError for what is no 2-D convolution.

    >>> layer = nn.Conv2d(1, 1, 3, bias=False)
    >>> _ = nn.init.ones_(layer.weight)
    >>> spectrum(layer).subtitle
    'the first singular value holds 100.0 % of the energy: the kernel has rank 1'

    Source: lecture, "Separable Convolution".
    """
    weight = _weight(module)
    kernels = weight.reshape(-1, *weight.shape[2:])
    passed = np.abs(np.fft.fftshift(np.fft.fft2(kernels, (size, size)), axes=(1, 2))).mean(0)
    energy = np.linalg.svd(kernels, compute_uv=False) ** 2  # (n, min(kh, kw))
    total = energy.sum(1, keepdims=True)
    share = (energy / np.where(total == 0, 1, total)).mean(0)
    ranks = np.linalg.matrix_rank(kernels)
    largest = float(passed.max()) or 1.0
    left = _pixel_panel(
        one_sign(passed / largest), two_sided=False, ends=(0.0, largest / 2, largest), side=240.0
    )
    count = "one kernel" if len(kernels) == 1 else f"{len(kernels)} kernels"
    title = f"{name}: {count} of {by(kernels.shape[1:])}"
    most = int(ranks.max())
    least = int(ranks.min())
    each = "the" if len(kernels) == 1 else "every"
    alike = f"{each} kernel has rank {most}" if least == most else f"ranks {least} to {most}"
    subtitle = f"the first singular value holds {100 * share[0]:.1f} % of the energy: {alike}"
    right = _headed(_bars(share), "Energy in each singular value")
    panel = beside([_headed(left, "Frequencies passed, 0 in the middle"), right], 64, level=True)
    return Picture(f"spectrum_{name}", title, subtitle, panel, legend=False)


def _headed(panel: Panel, heading: str) -> Panel:
    """The panel under a line that says what it shows."""
    below = panel.moved(0, 28)
    text = Text((0, 8), heading, 12.5, "ink", "start", bold=True)
    width = max(panel.width, text_width(heading, 12.5, bold=True))
    return replace(below, width=width, height=panel.height + 28, shapes=(text, *below.shapes))


def _bars(share: np.ndarray) -> Panel:
    """The share of every singular value, as columns."""
    height, width = 200.0, 46.0
    base = height + 24
    shapes: list[Shape] = []
    for i, value in enumerate(share.tolist()):
        tall = max(value * height, 0.75)
        x = i * (width + 14)
        shapes.append(
            Polygon(rectangle(x, round(base - tall, 2), width, round(tall, 2)), "kernel-on")
        )
        shapes.append(Text((x + width / 2, base - tall - 10), f"{100 * value:.1f} %", 11, "muted"))
        shapes.append(Text((x + width / 2, base + 14), f"σ{i + 1}²", 12, "ink"))
    right = len(share) * (width + 14) - 14
    shapes.append(Line(((-6, base), (right + 6, base)), "frame"))
    return Panel(right, base + 26, tuple(shapes))


def _weight(module: nn.Module) -> np.ndarray:
    if not isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        raise OptionError(
            f"{type(module).__name__} has no filters on two axes; give an nn.Conv2d, such as "
            "model.get_submodule('conv1')"
        )
    return module.weight.detach().double().cpu().numpy()


def _pixel_panel(
    colours: np.ndarray,
    *,
    two_sided: bool,
    ends: Sequence[float | str],
    side: float | None = None,
    key: bool = True,
) -> Panel:
    """Pixels as large as fits and, with `key`, the meaning of their colours below."""
    h, w, _ = colours.shape
    unit = side / w if side else min(WIDEST / w, TALLEST / h, 24.0)
    width, height = round(w * unit, 2), round(h * unit, 2)
    whole = picture_of(colours, (0.0, 0.0), (width, height))
    if not key:
        return Panel(width, height, (whole,))
    ramp = np.linspace(-1 if two_sided else 0, 1, 64)[None]
    y = height + 20
    length = 160.0
    x = max((width - length) / 2, 0.0)
    shapes: list[Shape] = [
        whole,
        picture_of((two_signs if two_sided else one_sign)(ramp), (x, y), (length, 10.0)),
    ]
    for fraction, end in zip((0.0, 0.5, 1.0), ends, strict=True):
        text = end if isinstance(end, str) else short(end)
        shapes.append(Text((x + fraction * length, y + 22), text, 11, "muted"))
    return Panel(max(width, length + text_width("least", 11)), y + 32, tuple(shapes))
