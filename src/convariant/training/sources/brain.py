"""Slices of an averaged human brain with its tissues, from the files inside nilearn."""

from __future__ import annotations

import warnings

import numpy as np

from convariant.training._optional import optional
from convariant.training.sources._source import Part, Source

FRAME = (192, 160)  # (h, w) of a slice; the brain is 181 by 143 mm
LEAST_TISSUE = 0.01  # of the frame; slices with less are left out
GAP = 3  # slices left out on both sides of the held-out block, since neighbours are nearly equal


def open_brain() -> Source:
    """Axial slices of 1 mm with three classes: background, grey matter, white matter.

    A voxel is of the tissue whose probability is above one half. One fifth of the slices, the
    block in the middle, is held out; the three slices on each side of it belong to neither part.

    Source: Fonov et al., Unbiased nonlinear average age-appropriate brain templates, 2009 (MNI
    ICBM152), as distributed with nilearn.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside nilearn's own imports
        datasets = optional("nilearn.datasets", "the brain slices")
        template = _axial(datasets.load_mni152_template(resolution=1))
        grey = _axial(datasets.load_mni152_gm_template(resolution=1))
        white = _axial(datasets.load_mni152_wm_template(resolution=1))
    masks = np.where(white > 0.5, 2, np.where(grey > 0.5, 1, 0)).astype(np.uint8)
    images = np.rint(np.clip(template, 0, 1) * 255).astype(np.uint8)

    kept = np.flatnonzero((masks > 0).mean((1, 2)) >= LEAST_TISSUE)
    images, masks = images[kept], masks[kept]
    n = len(kept)
    first, last = 2 * n // 5, 3 * n // 5  # the block in the middle
    others = np.r_[: first - GAP, last + GAP : n]
    return Source(
        name="brain",
        task="segmentation",
        classes=("background", "grey matter", "white matter"),
        channels=1,
        size=FRAME,
        train=Part(images[others], masks[others]),
        held_out=Part(images[first:last], masks[first:last]),
        description=(
            f"{n} axial slices (1 mm, 192x160, grey) of the MNI ICBM152 averaged brain, as the "
            f"package nilearn has it; slices {first} to {last - 1} are held out, the {GAP} on "
            "each side of them are not used."
        ),
    )


def _axial(volume: object) -> np.ndarray:
    """Slices from the neck up, the forehead at the top: `(n, 192, 160)`."""
    values = np.asarray(volume.dataobj)  # type: ignore[attr-defined]  # (x, y, z), 1 mm
    left, back = 18, 21  # the frame is centred on the brain's bounding box
    inside = values[left : left + FRAME[1], back : back + FRAME[0]]
    return inside.transpose(2, 1, 0)[:, ::-1]
