"""Circular convolutions in the Fourier basis, where each is one small matrix per frequency."""

from __future__ import annotations

import itertools

import numpy as np

from convariant.geometry import Geometry


def is_circulant(geometry: Geometry, size: tuple[int, ...], padding_mode: str) -> bool:
    """Whether the convolution wraps round exactly: one output for each `stride` inputs."""
    if padding_mode != "circular":
        return False
    wide, narrow = size, geometry.output_size(size)
    if geometry.transposed:
        wide, narrow = narrow, wide
    return all(n * s == w for w, n, s in zip(wide, narrow, geometry.stride, strict=True))


def transfer(
    weight: np.ndarray, geometry: Geometry, size: tuple[int, ...], groups: int
) -> np.ndarray:
    """What a circular convolution does to each frequency: `(frequencies g, outputs, inputs)`.

    In the unitary Fourier basis the output at frequency f is `H(f) x(f)`, where
    `H(f) = sum over k of weight[k] exp(2 pi i f (k d - p) / n)`. A stride s folds s frequencies
    onto each one that is left: their matrices stand side by side, divided by sqrt(s).
    """
    forward = geometry.transpose(size) if geometry.transposed else geometry.explicit(size)
    wide = geometry.output_size(size) if geometry.transposed else size
    co, ci_of_group = weight.shape[:2]
    response = weight.reshape(groups, co // groups, ci_of_group, *forward.kernel_size)
    for axis, (n, (begin, _)) in enumerate(zip(wide, forward.pads(wide), strict=True)):
        offset = np.arange(forward.kernel_size[axis]) * forward.dilation[axis] - begin
        waves = np.exp(2j * np.pi * np.outer(offset, np.arange(n)) / n)
        # contract the kernel axis; the frequency axis goes to the end
        response = np.tensordot(response, waves, axes=(3, 0))
    blocks = _fold_aliases(response, wide, forward.stride)
    return blocks.conj().swapaxes(-1, -2) if geometry.transposed else blocks


def _fold_aliases(
    response: np.ndarray, wide: tuple[int, ...], stride: tuple[int, ...]
) -> np.ndarray:
    """`(g, o, i, *wide) -> (g narrow, o, aliases i)`, frequencies that a stride folds together."""
    g, o, i = response.shape[:3]
    split, aliases, kept = _split_frequencies(wide, stride)
    moved = response.reshape(g, o, i, *split).transpose(0, *kept, 1, *aliases, 2)
    count = int(np.prod(stride))
    return moved.reshape(-1, o, count * i) / np.sqrt(count)


def frequencies(x: np.ndarray, groups: int, stride: tuple[int, ...]) -> np.ndarray:
    """Images as `transfer` meets them: `(n, c, *size) -> (frequencies g, aliases c / g, n)`."""
    n, c, *size = x.shape
    axes = tuple(range(2, x.ndim))
    split, aliases, kept = _split_frequencies(tuple(size), stride)
    spectra = np.fft.fftn(x, axes=axes, norm="ortho")
    moved = spectra.reshape(n, groups, c // groups, *split).transpose(1, *kept, *aliases, 2, 0)
    narrow = int(np.prod(size)) // int(np.prod(stride))
    return moved.reshape(groups * narrow, int(np.prod(stride)) * (c // groups), n)


def images(
    spectra: np.ndarray, groups: int, stride: tuple[int, ...], size: tuple[int, ...]
) -> np.ndarray:
    """The inverse of `frequencies`: back to `(n, c, *size)`, real."""
    _, folded, n = spectra.shape
    narrow = [i // s for i, s in zip(size, stride, strict=True)]
    parts = spectra.reshape(groups, *narrow, *stride, folded // int(np.prod(stride)), n)
    axes = len(size)
    pairs = itertools.chain.from_iterable((1 + axes + a, 1 + a) for a in range(axes))
    moved = parts.transpose(parts.ndim - 1, 0, parts.ndim - 2, *pairs)
    channels = groups * folded // int(np.prod(stride))
    whole = moved.reshape(n, channels, *size)
    return np.fft.ifftn(whole, axes=tuple(range(2, 2 + axes)), norm="ortho").real


def _split_frequencies(
    size: tuple[int, ...], stride: tuple[int, ...]
) -> tuple[list[int], range, range]:
    """Frequency f of n is f mod (n / s) of alias f // (n / s): split sizes, axes of each part.

    The axes count from 3: before them stand the groups (or images), outputs and inputs.
    """
    split = [part for n, s in zip(size, stride, strict=True) for part in (s, n // s)]
    stop = 3 + len(split)
    return split, range(3, stop, 2), range(4, stop, 2)
