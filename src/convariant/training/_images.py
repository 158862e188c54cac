"""Image files: read whatever a camera, scanner or drawing program wrote; write masks."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convariant.errors import DataError
from convariant.training._files import write_file
from convariant.training._optional import optional
from convariant.training._preprocessing import Placement

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
IGNORED = 255  # the label of pixels that count neither for training nor for the scores

# only these decoders are tried, so that no file can start one that runs other programs
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

_ORIENTATION = 0x0112  # the EXIF entry; 5 to 8 swap height and width


class TooManyPixelsError(DataError):
    """More pixels than Pillow takes for an image, as its header says."""


# what Pillow's decoders raise on damaged files, found by cutting and changing files at random
_DAMAGE = (OSError, SyntaxError, ValueError, TypeError, EOFError, OverflowError, MemoryError)


def list_images(folder: Path) -> list[Path]:
    """The image files directly in a folder, by name; hidden ones are left out."""
    files = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    return sorted(path for path in files if path.is_file() and not path.name.startswith("."))


def peek(path: Path) -> tuple[tuple[int, int], bool] | None:
    """(h, w) and whether it is grey, as the header says; None where that is damaged."""
    module = optional("PIL.Image", "reading images")
    try:
        with module.open(path, formats=_FORMATS) as image:
            turned = image.getexif().get(_ORIENTATION, 1) >= 5
            size = (image.width, image.height) if turned else (image.height, image.width)
            return size, image.mode in ("1", "L", "LA", "F") or image.mode.startswith("I")
    except (*_DAMAGE, module.DecompressionBombError):
        return None


def read_image(path: Path, channels: int) -> Image:
    """The first picture of a file, upright, 8 bits, grey for one channel and RGB for three.

    16-bit values are scaled, palettes and transparency resolved (on white), EXIF rotation applied.

    Raises: DataError, naming the file.
    """
    if channels not in (1, 3):
        raise DataError(
            f"image files have 1 or 3 channels, but the network takes {channels}; "
            "build it with in_channels=1 or 3"
        )
    image = _eight_bits(_decode(path), path)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = optional("PIL.Image", "reading images").new("RGBA", image.size, "white")
        white.alpha_composite(image)
        image = white.convert("RGB")
    return image.convert("L" if channels == 1 else "RGB")


def read_mask(path: Path) -> np.ndarray:
    """The labels in a mask file, `(h, w)` bytes: its grey values or palette numbers, unchanged.

    Raises: DataError, naming the file.
    """
    image = _decode(path)
    if image.mode == "1":
        return np.asarray(image, dtype=np.uint8)
    if image.mode.startswith("I"):
        labels = np.asarray(image).astype(np.int64)
        if labels.min() < 0 or labels.max() > IGNORED:
            raise DataError(
                f"the mask {path} has labels from {labels.min()} to {labels.max()}; labels are "
                "0 to 254, and 255 for pixels to ignore"
            )
        return labels.astype(np.uint8)
    if image.mode not in ("L", "P"):
        raise DataError(
            f"the mask {path} has colours (mode {image.mode}); save it with one class number "
            "per pixel, as a grey or palette PNG"
        )
    return np.array(image, dtype=np.uint8)


def frame_image(image: Image, size: tuple[int, int]) -> np.ndarray:
    """The whole image scaled into a frame, its edges continued: `(c, h, w)` bytes."""
    placement = Placement.of((image.height, image.width), size)
    resampling = optional("PIL.Image", "reading images").Resampling.BILINEAR
    if placement.scaled != placement.image:
        image = image.resize(placement.scaled[::-1], resampling)
    pixels = np.asarray(image)
    pixels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return np.pad(pixels, ((0, 0), *placement.border), mode="edge")


def frame_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The mask of an image that `frame_image` scales; around it stands `IGNORED`."""
    placement = Placement.of((mask.shape[0], mask.shape[1]), size)
    if placement.scaled != placement.image:
        module = optional("PIL.Image", "reading masks")
        scaled = module.fromarray(mask).resize(placement.scaled[::-1], module.Resampling.NEAREST)
        mask = np.asarray(scaled)
    return np.pad(mask, placement.border, constant_values=IGNORED)


def write_image(path: Path, pixels: np.ndarray) -> None:
    """Write bytes `(h, w)` or `(h, w, 3)` as a PNG.

    Raises: StorageError.
    """
    content = io.BytesIO()
    optional("PIL.Image", "writing images").fromarray(pixels).save(content, "PNG")
    write_file(path, content.getvalue())


def write_mask(path: Path, mask: np.ndarray) -> None:
    """Write `(h, w)` class numbers as a palette PNG: the values are the classes, shown coloured.

    Raises: StorageError.
    """
    image = optional("PIL.Image", "writing masks").fromarray(mask.astype(np.uint8))
    image.putpalette(_palette())
    content = io.BytesIO()
    image.save(content, "PNG")
    write_file(path, content.getvalue())


def _decode(path: Path) -> Any:
    """Open and decode a file and turn it upright; a damaged one is a DataError."""
    module = optional("PIL.Image", "reading images")
    upright = optional("PIL.ImageOps", "reading images").exif_transpose
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata and large sizes are no reason to stop
            with module.open(path, formats=_FORMATS) as image:
                image.load()
                return upright(image)
    except FileNotFoundError:
        raise DataError(f"there is no image {path}") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder; name the images in it, as {path}/*.png") from None
    except PermissionError:
        raise DataError(f"no permission to read the image {path}") from None
    except module.UnidentifiedImageError:
        raise DataError(f"{path} is not an image, or is damaged from its first bytes on") from None
    except module.DecompressionBombError:
        raise TooManyPixelsError(
            f"the image {path} is larger than {2 * module.MAX_IMAGE_PIXELS:,} pixels; scale it down"
        ) from None
    except _DAMAGE as error:
        raise DataError(f"the image {path} is damaged or cut short: {error}") from None


def _eight_bits(image: Any, path: Path) -> Any:
    """16-bit, integer and floating images as bytes; other modes have 8 bits already."""
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.asarray(image).astype(np.float64)
    largest = 65535.0 if image.mode.startswith("I") else 1.0
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= largest):  # also true of NaN
        raise DataError(
            f"the image {path} has values from {low:g} to {high:g}, but mode {image.mode} is read "
            f"as 0 to {largest:g}; save it with 8 or 16 bits"
        )
    scaled = np.rint(values * (255 / largest)).astype(np.uint8)
    return optional("PIL.Image", "reading images").fromarray(scaled)


def _palette() -> list[int]:
    """256 colours: black for class 0, then colours that stay apart, bit by bit of the number."""
    colours = []
    for number in range(256):
        colour = [0, 0, 0]
        for bit in range(8):
            colour[bit % 3] |= (number >> bit & 1) << (7 - bit // 3)
        colours += colour
    return colours
