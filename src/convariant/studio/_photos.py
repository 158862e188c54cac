"""Photos for the tabs: those that scikit-image carries, and uploads from anyone."""

from __future__ import annotations

import base64
import functools
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from convariant.errors import DataError, MissingDependencyError, UnknownNameError

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_BYTES = 32 * 2**20
MOST_PIXELS = 50_000_000
LONGEST = 320  # pixels: larger photos are scaled down to this before anything is computed
LIMITS = (
    f"Up to {MOST_BYTES // 2**20} MB and {MOST_PIXELS // 10**6} million pixels; scaled down to "
    f"{LONGEST} pixels. Nothing leaves this machine."
)

# those of scikit-image that need no download
_FILES = {
    "Astronaut": "astronaut.png",
    "Cat": "chelsea.png",
    "Coffee": "coffee.png",
    "Rocket": "rocket.jpg",
    "Cameraman": "camera.png",
    "Coins": "coins.png",
    "Moon": "moon.png",
    "Printed page": "page.png",
    "Bricks": "brick.png",
}
NAMES = tuple(_FILES)


@functools.lru_cache(maxsize=len(_FILES))
def photo(name: str) -> np.ndarray:
    """An example photo by name, `(h, w, 3)` bytes.

    Raises UnknownNameError, MissingDependencyError without scikit-image.
    """
    if name not in _FILES:
        raise UnknownNameError("photo", name, _FILES)
    try:
        import skimage
    except ImportError:
        raise MissingDependencyError(
            "scikit-image", "showing example photos", extra="studio"
        ) from None
    pixels = read_upload(Path(skimage.__file__).parent / "data" / _FILES[name])
    pixels.flags.writeable = False  # shared by all who ask for it
    return pixels


def read_upload(path: str | Path) -> np.ndarray:
    """Any image file as `(h, w, 3)` bytes, no side longer than 320 pixels.

    Raises DataError for what is no image, is damaged, or is too large.
    """
    from convariant.training._images import TooManyPixelsError, peek, read_image

    file = Path(path)
    size = file.stat().st_size
    if size > MOST_BYTES:
        raise DataError(
            f"{file.name} has {size / 2**20:.0f} MB; the most for a photo are "
            f"{MOST_BYTES // 2**20} MB"
        )
    header = peek(file)
    if header is not None and header[0][0] * header[0][1] > MOST_PIXELS:
        h, w = header[0]
        raise DataError(
            f"{file.name} has {h:,} × {w:,} pixels; the most are {MOST_PIXELS:,} in all: "
            "save it smaller"
        )
    try:
        image = read_image(file, 3)
    except TooManyPixelsError:
        raise DataError(
            f"{file.name} has more than the {MOST_PIXELS:,} pixels that a photo may have: save it "
            "smaller"
        ) from None
    except DataError as error:
        raise DataError(str(error).replace(str(file), file.name)) from None
    return np.asarray(_fitted(image))


def _fitted(image: Image) -> Image:
    """The image, scaled down where it is longer than `LONGEST`."""
    longest = max(image.size)
    if longest <= LONGEST:
        return image
    w, h = (max(1, round(side * LONGEST / longest)) for side in image.size)
    return image.resize((w, h))


def data_address(pixels: np.ndarray) -> str:
    """Bytes `(h, w)` or `(h, w, 3)` as the address of a picture inside a page."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
