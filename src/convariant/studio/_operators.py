"""The Operators tab: one operator on a photo, what comes out, what it costs, its rank."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from convariant import functional as F
from convariant.drawing import Picture, spectrum
from convariant.errors import OptionError
from convariant.functional import PaddingMode
from convariant.nn import BlurPool2d

T = TypeVar("T")

LARGEST = 31  # of a kernel's sides
HEAVIEST = 1_000_000  # of its weights
MOST_OUTPUT = 4_000_000  # values of one channel of the result

Name = Literal[
    "Convolution",
    "Transposed convolution",
    "Max pooling",
    "Mean pooling",
    "Median pooling",
    "Blur pooling",
    "Pointwise convolution",
]
OPERATORS: tuple[Name, ...] = (
    "Convolution",
    "Transposed convolution",
    "Max pooling",
    "Mean pooling",
    "Median pooling",
    "Blur pooling",
    "Pointwise convolution",
)
_REDUCERS = {"Max pooling": "max", "Mean pooling": "mean", "Median pooling": "median"}
WITH_KERNEL = ("Convolution", "Transposed convolution")

KERNELS: dict[str, str] = {
    "Gaussian 5 × 5": "1 4 6 4 1\n4 16 24 16 4\n6 24 36 24 6\n4 16 24 16 4\n1 4 6 4 1",
    "Mean 3 × 3": "1 1 1\n1 1 1\n1 1 1",
    "The lecture's, of rank one": "3 6 9\n4 8 12\n5 10 15",
    "Sharpen": "0 -1 0\n-1 5 -1\n0 -1 0",
    "Laplacian": "0 1 0\n1 -4 1\n0 1 0",
    "Sobel, left to right": "-1 0 1\n-2 0 2\n-1 0 1",
    "Sobel, top to bottom": "-1 -2 -1\n0 0 0\n1 2 1",
    "Emboss": "-2 -1 0\n-1 1 1\n0 1 2",
    "Diagonal motion 5 × 5": "1 0 0 0 0\n0 1 0 0 0\n0 0 1 0 0\n0 0 0 1 0\n0 0 0 0 1",
    "Identity": "0 0 0\n0 1 0\n0 0 0",
}
MIXES: dict[str, tuple[tuple[float, ...], ...]] = {
    "Grey": ((0.299, 0.587, 0.114),) * 3,
    "Red and blue swapped": ((0, 0, 1), (0, 1, 0), (1, 0, 0)),
    "Sepia": ((0.393, 0.769, 0.189), (0.349, 0.686, 0.168), (0.272, 0.534, 0.131)),
    "Complement": ((-1, 0, 0), (0, -1, 0), (0, 0, -1)),
}


@dataclass(frozen=True)
class Request:
    """What is applied to the photo; `rank` 0 keeps the kernel as it is."""

    operator: Name = "Convolution"
    kernel: str = KERNELS["Gaussian 5 × 5"]
    normalise: bool = True
    rank: int = 0
    window: int = 3
    mix: str = "Grey"
    stride: int = 1
    dilation: int = 1
    padding: str = "same"
    padding_mode: PaddingMode = "zeros"


@dataclass(frozen=True)
class Result:
    """The picture that came out, what is known of it, and the kernel's spectrum if it has one."""

    pixels: np.ndarray
    caption: str
    facts: dict[str, str] = field(default_factory=dict)
    spectrum: Picture | None = None


def parse_kernel(text: str) -> np.ndarray:
    """`'1 2 1; 2 4 2'` or the same on lines, as an array.

    Raises OptionError where rows differ in length, hold no numbers, or are too many.
    """
    rows = [row.replace(",", " ").split() for row in text.replace(";", "\n").splitlines()]
    rows = [row for row in rows if row]
    try:
        values = [[float(entry) for entry in row] for row in rows]
    except ValueError as error:
        raise OptionError(
            f"the kernel holds something that is no number ({error}); write rows such as 1 2 1"
        ) from None
    if not values:
        raise OptionError("the kernel is empty; write rows of numbers such as 1 2 1")
    if len({len(row) for row in values}) != 1:
        lengths = ", ".join(str(len(row)) for row in values)
        raise OptionError(
            f"the kernel's rows have {lengths} entries; give every row the same number"
        )
    kernel = np.array(values, dtype=np.float64)
    if max(kernel.shape) > LARGEST or not (np.abs(kernel) <= HEAVIEST).all():
        raise OptionError(
            f"the kernel is {kernel.shape[0]} × {kernel.shape[1]}, its weights up to "
            f"{np.abs(kernel).max():g}; use at most {LARGEST} × {LARGEST} finite weights up to "
            f"{HEAVIEST:,}"
        )
    return kernel


def apply(pixels: np.ndarray, request: Request) -> Result:
    """Apply an operator to a photo `(h, w, 3)` of bytes, every channel by itself.

    Raises GeometryError, ShapeError or OptionError where sizes do not fit.
    """
    x = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float() / 255  # (1, 3, h, w)
    _check_size(x, request)
    facts: dict[str, str] = {}
    picture = None
    with torch.inference_mode():
        if request.operator in WITH_KERNEL:
            y, facts, picture = _with_kernel(x, request)
        else:
            run = _without_kernel(request)
            y, seconds = _timed(lambda: run(x))
            facts = _window_facts(y, request)
            facts["Time"] = f"{1e3 * seconds:.1f} ms"
    shown, caption = as_picture(y[0].permute(1, 2, 0).numpy())
    facts = {"Size": f"{_by(x.shape[2:])} → {_by(y.shape[2:])}", **facts}
    return Result(shown, caption, facts, picture)


def _check_size(x: Tensor, request: Request) -> None:
    h, w = x.shape[2:]
    values = h * w * request.stride**2 if request.operator == "Transposed convolution" else h * w
    if values > MOST_OUTPUT:
        raise OptionError(
            f"stride {request.stride} would make {values:,} pixels of this photo; the most are "
            f"{MOST_OUTPUT:,}: use a smaller stride"
        )


def _with_kernel(x: Tensor, request: Request) -> tuple[Tensor, dict[str, str], Picture]:
    """A convolution with one kernel for every channel, beside the same by separable parts."""
    kernel = parse_kernel(request.kernel)
    if request.normalise and abs(kernel.sum()) > 1e-9:
        kernel = kernel / kernel.sum()
    left, sigma, right = np.linalg.svd(kernel)
    most = int((sigma > 1e-9 * max(sigma[0], 1e-300)).sum())
    kept = min(request.rank or most, most)
    parts = [
        (sigma[i] * left[:, i : i + 1], right[i : i + 1]) for i in range(kept)
    ]  # kh x 1 and 1 x kw
    used = kernel if request.rank == 0 else sum((u @ v for u, v in parts), np.zeros_like(kernel))
    y, seconds = _timed(lambda: _convolve(x, used, request))
    facts = {"Rank of the kernel": str(most) if most else "0: all weights are zero"}
    if most:
        exact = [s if i < most else 0.0 for i, s in enumerate(sigma[:6])]
        facts["Singular values"] = ", ".join(f"{s:.3g}" for s in exact)
    if 0 < request.rank < most:
        error = np.sqrt((sigma[kept:] ** 2).sum() / (sigma**2).sum())
        facts["Rank kept"] = f"{kept}, relative error of the kernel {error:.1%}"
    kh, kw = kernel.shape
    facts["Products per pixel"] = (
        f"{kh * kw} at once; {kept * (kh + kw)} as {kept} column and row after each other"
    )
    facts["Time"] = f"{1e3 * seconds:.1f} ms"
    if request.operator == "Convolution" and parts and min(kernel.shape) > 1:
        _, apart = _timed(lambda: _separably(x, parts, request))
        facts["Time"] += f"; separably {1e3 * apart:.1f} ms"
    layer = nn.Conv2d(1, 1, (kh, kw), bias=False)
    layer.weight = nn.Parameter(torch.from_numpy(used).float()[None, None], requires_grad=False)
    return y, facts, spectrum(layer)


def _convolve(x: Tensor, kernel: np.ndarray, request: Request) -> Tensor:
    weight = torch.from_numpy(kernel).to(x).expand(3, 1, *kernel.shape)
    if request.operator == "Convolution":
        return F.conv2d(
            x,
            weight,
            stride=request.stride,
            padding=request.padding,
            dilation=request.dilation,
            groups=3,
            padding_mode=request.padding_mode,
        )
    return F.conv_transpose2d(
        x,
        weight,
        stride=request.stride,
        padding=0 if request.padding == "valid" else request.padding,
        groups=3,
        dilation=request.dilation,
    )


def _separably(
    x: Tensor, parts: list[tuple[np.ndarray, np.ndarray]], request: Request
) -> list[Tensor]:
    """Every part as a column and then a row; their sum is the result."""

    def along(x: Tensor, kernel: np.ndarray, stride: tuple[int, int]) -> Tensor:
        weight = torch.from_numpy(kernel).to(x).expand(3, 1, *kernel.shape)
        return F.conv2d(
            x,
            weight,
            stride=stride,
            padding=request.padding,
            dilation=request.dilation,
            groups=3,
            padding_mode=request.padding_mode,
        )

    s = request.stride
    return [along(along(x, u, (s, 1)), v, (1, s)) for u, v in parts]


def _without_kernel(request: Request) -> Callable[[Tensor], Tensor]:
    """A pooling or a mix of colours."""
    if request.operator == "Pointwise convolution":
        weight = torch.tensor(MIXES[request.mix])[:, :, None, None]
        bias = torch.ones(3) if request.mix == "Complement" else None
        return lambda x: F.conv2d(x, weight, bias, stride=request.stride)
    if request.operator == "Blur pooling":
        return BlurPool2d(request.window, request.stride)
    padding = 0 if request.padding == "valid" else request.padding
    return lambda x: F.pool(
        x,
        _REDUCERS[request.operator],
        request.window,
        request.stride,
        padding,
        request.dilation,
        count_include_pad=False,
    )


def _window_facts(y: Tensor, request: Request) -> dict[str, str]:
    if request.operator == "Pointwise convolution":
        return {
            "Cost": f"{9 * y[0, 0].numel():,} products: 9 for each pixel, 3 colours into 3",
            "Window": "1 × 1: a pixel sees no other pixel",
        }
    window = request.window**2
    return {
        "Window": f"{request.window} × {request.window}, stride {request.stride}",
        "Cost": f"{y.numel() * window:,} values read, no weights to learn",
        "Inside a window": "weights fixed by place, as in a convolution"
        if request.operator == "Blur pooling"
        else "the order of the values does not matter",
    }


def as_picture(values: np.ndarray) -> tuple[np.ndarray, str]:
    """Any finite values `(h, w, 3)` as bytes, and in words how they were mapped."""
    low, high = float(values.min()), float(values.max())
    if low < -1e-4:
        reach = max(-low, high)
        shown, words = 0.5 + values / (2 * reach), f"zero is mid-grey, ±{reach:.2g} black and white"
    elif high > 1 + 1e-4:
        shown, words = values / high, f"0 is black, {high:.3g} white"
    else:
        shown, words = values, "0 is black, 1 white"
    return (np.clip(shown, 0, 1) * 255).round().astype(np.uint8), words


def _timed(run: Callable[[], T]) -> tuple[T, float]:
    """The result, and the faster of two runs."""
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        result = run()
        seconds.append(time.perf_counter() - start)
    return result, min(seconds)


def _by(size: torch.Size) -> str:
    return " × ".join(map(str, size))
