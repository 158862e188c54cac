"""Draw docs/pictures/deconvolution.png: real photographs, blurred and brought back.

    python scripts/deconvolution.py [FOLDER]

Needs scikit-image (its photographs) and matplotlib.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import numpy as np
from skimage import data
from skimage.metrics import peak_signal_noise_ratio

from convariant.geometry import Geometry
from convariant.reference import cross_correlate, deconvolve, transposed_by_scatter

matplotlib.use("Agg")
from matplotlib import pyplot as plt

SIDE = 280  # pixels of the photograph


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


def photograph() -> list[tuple[str, np.ndarray]]:
    """A photograph, blurred by a known motion, stored in 8 bits, and brought back.

    The scene goes on beyond the frame of the blurred picture, as with a real camera: 266 x 266
    numbers have to tell 280 x 280, so some directions are lost.
    """
    scene = data.camera()[60 : 60 + SIDE, 120 : 120 + SIDE] / 255
    kernel = motion(15, 30)
    weight, window = kernel[None, None], Geometry(kernel.shape)
    blurred = np.round(cross_correlate(scene[None, None], weight, window) * 255) / 255
    turned = transposed_by_scatter(blurred, weight, window.transpose(scene.shape))
    found = deconvolve(blurred, weight, window, scene.shape, damping=0.015, iterations=60)
    print(found)
    margin = len(kernel) // 2
    inside = (slice(margin, -margin),) * 2
    truth = scene[inside]

    def noted(name: str, image: np.ndarray) -> tuple[str, np.ndarray]:
        image = image.clip(0, 1)
        ratio = peak_signal_noise_ratio(truth, image, data_range=1)
        return f"{name}\n{ratio:.1f} dB", image

    return [
        ("photograph\n", truth),
        noted("blurred, 8 bits", blurred[0, 0]),
        noted("transposed convolution", turned[0, 0][inside]),
        noted("deconvolved", found.x[0, 0][inside]),
    ]


def clock() -> list[tuple[str, np.ndarray]]:
    """A photograph that was blurred by the hand that took it; nobody knows the sharp one."""
    blurred = data.clock()[60:220, 100:320] / 255
    length = 37  # pixels of horizontal motion: of the lengths tried, the one that shows the hands
    weight = np.full((1, 1, 1, length), 1 / length)
    mean = blurred.mean()
    found = deconvolve(
        (blurred - mean)[None, None],
        weight,
        Geometry((1, length)),
        (blurred.shape[0], blurred.shape[1] + length - 1),
        damping=0.05,
        iterations=100,
    )
    print(found)
    margin = length // 2
    sharp = (mean + found.x[0, 0][:, margin:-margin]).clip(0, 1)
    return [("taken with a moving camera\n", blurred), ("deconvolved, 37 pixels\n", sharp)]


def main(folder: Path) -> None:
    rows = [photograph(), clock()]
    figure, axes = plt.subplots(2, 4, figsize=(11, 6), height_ratios=(1, 0.72))
    for ax in axes.flat:
        ax.axis("off")
    for row, places in zip(rows, axes, strict=True):
        for (name, image), ax in zip(row, places, strict=False):
            ax.imshow(image, cmap="gray", vmin=0, vmax=1)
            ax.set_title(name, fontsize=9)
    figure.tight_layout()
    target = folder / "deconvolution.png"
    figure.savefig(target, dpi=80)
    print(f"wrote {target}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/pictures"))
