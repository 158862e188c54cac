"""Photographs, blurred and brought back by deconvolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convariant.drawing._picture import Picture
from convariant.drawing._pixels import as_bytes, picture_of
from convariant.drawing._scene import Panel, Text, beside, stacked
from convariant.errors import MissingDependencyError
from convariant.geometry import Geometry
from convariant.reference import Deconvolution, cross_correlate, deconvolve, transposed_by_scatter

SIDE = 200  # pixels of the photograph
MOTION = 15, 30.0  # the path of the camera over it: pixels, degrees
MOVED = 37  # of the clock; of the lengths tried, the one that shows its hands


@dataclass(frozen=True)
class Deblurred:
    """A photograph `(h, w)` that was blurred by a known motion, and what became of it.

    All are of the part that the blurred one shows. `decibels` are peak signal to noise ratios.
    """

    truth: np.ndarray
    blurred: np.ndarray
    transposed: np.ndarray
    deconvolved: np.ndarray
    found: Deconvolution

    def decibels(self, image: np.ndarray) -> float:
        """How near an image is to the photograph: `-10 log10 mean (image - truth)^2`."""
        return float(-10 * np.log10(np.mean((image.clip(0, 1) - self.truth) ** 2)))


def photograph(name: str) -> np.ndarray:
    """One of scikit-image's photographs, `(h, w)` or `(h, w, 3)` bytes.

    Raises MissingDependencyError without scikit-image.
    """
    try:
        from skimage import data
    except ImportError as error:
        purpose = "the gallery's photos"
        raise MissingDependencyError("scikit-image", purpose, extra="test") from error
    return np.asarray(getattr(data, name)())


def motion(length: int, degrees: float) -> np.ndarray:
    """The path of a camera that moves straight on: a kernel that sums to one."""
    kernel, middle = np.zeros((length, length)), length // 2
    angle = np.deg2rad(degrees)
    for step in np.linspace(-middle, middle, 20 * length):
        y, x = middle + step * np.sin(angle), middle + step * np.cos(angle)
        i, j = int(y), int(x)
        for di, dj in np.ndindex(2, 2):
            if i + di < length and j + dj < length:
                kernel[i + di, j + dj] += (1 - abs(y - i - di)) * (1 - abs(x - j - dj))
    return kernel / kernel.sum()


def blurred_photograph() -> Deblurred:
    """A photograph, blurred by a known motion, stored in 8 bits, and brought back.

    The scene goes on beyond the frame of the blurred picture, as with a real camera: fewer numbers
    are kept than there were, so some directions are lost.

    Raises MissingDependencyError without scikit-image.
    """
    scene = photograph("camera")[60 : 60 + SIDE, 160 : 160 + SIDE] / 255
    kernel = motion(*MOTION)
    weight, window = kernel[None, None], Geometry(kernel.shape)
    blurred = np.round(cross_correlate(scene[None, None], weight, window) * 255) / 255
    turned = transposed_by_scatter(blurred, weight, window.transpose(scene.shape))
    found = deconvolve(blurred, weight, window, scene.shape, damping=0.015, iterations=60)
    margin = len(kernel) // 2
    inside = (slice(margin, -margin),) * 2
    return Deblurred(
        scene[inside], blurred[0, 0], turned[0, 0][inside], found.x[0, 0][inside], found
    )


def clock() -> tuple[np.ndarray, np.ndarray]:
    """A photograph that was blurred by the hand that took it, and sharper: nobody knows the truth.

    Raises MissingDependencyError without scikit-image.
    """
    blurred = photograph("clock")[60:220, 100:320] / 255
    h, w = blurred.shape
    mean = blurred.mean()
    found = deconvolve(
        (blurred - mean)[None, None],
        np.full((1, 1, 1, MOVED), 1 / MOVED),
        Geometry((1, MOVED)),
        (h, w + MOVED - 1),
        damping=0.05,
        iterations=100,
    )
    margin = MOVED // 2
    return blurred, mean + found.x[0, 0][:, margin:-margin]


def deconvolution() -> Picture:
    """Both photographs, with the decibels of the one whose truth is known."""
    known = blurred_photograph()
    images = {
        "blurred, 8 bits": known.blurred,
        "transposed convolution": known.transposed,
        "deconvolved": known.deconvolved,
    }
    upper = [_panel(known.truth, "photograph", "")]
    upper += [_panel(x, name, f"{known.decibels(x):.1f} dB") for name, x in images.items()]
    before, after = clock()
    lower = [
        _panel(before, "taken with a moving camera", ""),
        _panel(after, "deconvolved", f"as if moved by {MOVED} pixels"),
    ]
    panel = stacked([beside(upper, 16), beside(lower, 16)])
    return Picture(
        "deconvolution",
        "Deconvolution inverts values, as far as they were kept",
        "the transposed convolution returns the shape, and blurs once more",
        panel,
        legend=False,
    )


def _panel(image: np.ndarray, name: str, note: str) -> Panel:
    """An image at its own size under two lines of text."""
    h, w = image.shape
    texts = (Text((w / 2, 8), name, 12.5), Text((w / 2, 26), note, 12, "muted"))
    return Panel(w, h + 38, (*texts, picture_of(as_bytes(image), (0.0, 38.0), (w, h))))
