"""The digit tab: what is drawn becomes an image, three networks read it under any motion.

LeNet-5 keeps no symmetry; the second network keeps its answer under circular shifts (polyphase
sub-sampling, a mean over all places), the third under quarter turns (p4 group convolutions). They
are trained on first use and kept in the user's cache folder.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from convariant import models
from convariant.analysis.symmetry import (
    Noise,
    Rotation,
    Scale,
    Shift,
    Squeeze,
    make_shift_invariant,
)
from convariant.drawing._pixels import mosaic, one_sign
from convariant.errors import ConvariantError, DataError
from convariant.nn import GroupMaxPool2d
from convariant.nn._phases import PhaseMaxPool
from convariant.training._digit_recipe import FIELD, digits, fit_digits
from convariant.training._files import write_file

EPOCHS = 4
PAD_SIDE = 56
INK_SIDE = 20  # pixels that the longer side of a digit takes, as in MNIST
_FORMAT = "1"  # changes when the networks below do
_ASKING = threading.Lock()  # one image at a time: hooks and phases are kept in the modules
_POOLINGS = (nn.MaxPool2d, PhaseMaxPool, GroupMaxPool2d)


def _pooled_network() -> nn.Sequential:
    """Three convolutions, pooling after each, a mean over all places."""
    return nn.Sequential(
        *(nn.Conv2d(1, 12, 5, padding=2), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(12, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(24, 48, 3, padding=1), nn.BatchNorm2d(48), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(48, 10)),
    )


@dataclass(frozen=True)
class Reader:
    """A network that reads digits: how it is built, and what it should keep its answer under."""

    build: Callable[[], nn.Module]
    keeps: str
    polyphase: bool = False


READERS: dict[str, Reader] = {
    "LeNet-5": Reader(lambda: models.create("lenet5"), "nothing exactly"),
    "Polyphase": Reader(_pooled_network, "circular shifts", polyphase=True),
    "p4 LeNet": Reader(lambda: models.create("p4_lenet"), "quarter turns"),
}


@dataclass(frozen=True)
class Motion:
    """Where the sliders stand; applied from the last to the first."""

    right: float = 0.0
    down: float = 0.0
    rotation: float = 0.0
    scale: float = 1.0
    squeeze: float = 1.0
    noise: float = 0.0


@dataclass(frozen=True)
class Answer:
    """What one network says: ten probabilities, and maps of each pooling `(h, w, 3)`."""

    name: str
    scores: tuple[float, ...]
    before: int  # the digit it says without the motion
    maps: tuple[np.ndarray, ...]

    @property
    def digit(self) -> int:
        """The digit it takes the image for."""
        return max(range(10), key=self.scores.__getitem__)


class Trainer:
    """Trains or reads every network, in the background, once."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()
        self.networks: dict[str, nn.Module] = {}
        self.status = ""
        self.failure = ""
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    @property
    def ready(self) -> bool:
        """Whether all networks can be asked."""
        return len(self.networks) == len(READERS)

    @property
    def busy(self) -> bool:
        """Whether it is still at work."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin, unless that is done; after a failure begin again."""
        with self._lock:
            if not self.ready and not self.busy:
                self.failure = ""
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()

    def wait(self) -> None:
        """Until all is trained."""
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        for number, (name, reader) in enumerate(READERS.items(), start=1):
            self.status = f"{name} learns 4,000 real digits ({number} of {len(READERS)})"
            try:
                self.networks[name] = self._network(name, reader)
            except (ConvariantError, OSError) as error:
                self.failure = str(error)
                return
        self.status = ""

    def _network(self, name: str, reader: Reader) -> nn.Module:
        path = self.folder / f"{name.lower().replace(' ', '-')}-{_FORMAT}.safetensors"
        torch.manual_seed(0)
        network = _as_used(reader.build(), reader)
        if _loaded(network, path):
            return network.eval()
        network = _trained(reader)
        _save(network, path)
        return network


def _as_used(network: nn.Module, reader: Reader) -> nn.Module:
    return make_shift_invariant(network, "polyphase") if reader.polyphase else network


def _trained(reader: Reader) -> nn.Module:
    """Plain first; a polyphase network is trained on for an epoch after its strides changed."""
    images, labels = digits("train")
    torch.manual_seed(0)
    network = reader.build()
    fit_digits(network, images, labels, EPOCHS)
    if reader.polyphase:
        network = _as_used(network, reader)
        fit_digits(network, images, labels, 1)
    return network.eval()


def default_folder() -> Path:
    """`$CONVARIANT_CACHE/studio`, else in the user's cache folder."""
    from convariant.compiler.llvm.cache import default_cache_dir

    return default_cache_dir().parent / "studio"


def _loaded(network: nn.Module, path: Path) -> bool:
    """Fill the network from a file of before; False where there is none that fits."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        network.load_state_dict(load(path.read_bytes()))
    except (OSError, SafetensorError, RuntimeError):
        return False
    return True


def _save(network: nn.Module, path: Path) -> None:
    from safetensors.torch import save

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    tensors = {name: t.contiguous() for name, t in network.state_dict().items()}
    write_file(path, save(tensors))


def example(number: int) -> Tensor:
    """A digit that no network has learned from, `(1, 1, 32, 32)`."""
    images = digits("held_out")[0]
    return images[number % len(images)][None]


def from_ink(text: str) -> Tensor:
    """What `pad.js` sends, 56 x 56 bytes in hexadecimal, as a digit of MNIST: `(1, 1, 32, 32)`.

    Scaled so that its longer side takes 20 pixels, its centre of mass in the middle.

    Raises DataError where nothing is drawn, or the text is no drawing.
    """
    if len(text) != 2 * PAD_SIDE**2 or set(text) - set("0123456789abcdef"):
        raise DataError(
            f"a drawing is {PAD_SIDE} x {PAD_SIDE} bytes in hexadecimal, but got "
            f"{len(text)} characters; draw it on the page"
        )
    ink = np.frombuffer(bytes.fromhex(text), np.uint8).reshape(PAD_SIDE, PAD_SIDE) / 255
    rows, columns = np.flatnonzero(ink.max(1) > 0.2), np.flatnonzero(ink.max(0) > 0.2)
    if len(rows) == 0:
        raise DataError("nothing is drawn yet: draw a digit, or choose an example")
    cut = torch.from_numpy(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])[None, None]
    ratio = INK_SIDE / max(cut.shape[-2:])
    size = [max(1, round(side * ratio)) for side in cut.shape[-2:]]
    small = nn.functional.interpolate(cut.float(), size=size, mode="area")
    h, w = size
    ys, xs = torch.arange(h) + 0.5, torch.arange(w) + 0.5
    total = small.sum()
    top = round(FIELD / 2 - float((small[0, 0].sum(1) * ys).sum() / total))
    left = round(FIELD / 2 - float((small[0, 0].sum(0) * xs).sum() / total))
    top, left = min(max(top, 0), FIELD - h), min(max(left, 0), FIELD - w)
    field = torch.zeros(1, 1, FIELD, FIELD)
    field[..., top : top + h, left : left + w] = small
    return field


def moved(image: Tensor, motion: Motion) -> Tensor:
    """The image after squeeze, scale, rotation, shift and noise, `(1, 1, h, w)`."""
    steps = (
        (Squeeze(), motion.squeeze),
        (Scale(), motion.scale),
        (Rotation(), motion.rotation),
        (Shift(axis="w"), motion.right),
        (Shift(axis="h"), motion.down),
        (Noise(), motion.noise),
    )
    for transform, amount in steps:
        image = transform.apply(image, amount)
    return image.clamp(0, 1)


@torch.inference_mode()
def read(name: str, network: nn.Module, image: Tensor, motion: Motion) -> Answer:
    """What one network makes of the image after the motion, and what it said before."""
    seen: list[np.ndarray] = []
    with _ASKING:
        hooks = [
            module.register_forward_hook(lambda _m, _x, y: seen.append(_mosaic(y)))
            for module in network.modules()
            if isinstance(module, _POOLINGS)
        ]
        try:
            scores = network(moved(image, motion)).softmax(1)[0]
        finally:
            for hook in hooks:
                hook.remove()
        before = int(network(image).argmax())
    return Answer(name, tuple(scores.tolist()), before, tuple(seen))


def _mosaic(maps: Tensor, most: int = 16) -> np.ndarray:
    """The first maps of one image in two rows, each on its own scale; groups are put in a row."""
    planes = maps[0].flatten(0, -3)[:most].float()
    low, high = planes.amin((1, 2), keepdim=True), planes.amax((1, 2), keepdim=True)
    scaled = (planes - low) / (high - low).clamp(min=1e-9)
    return one_sign(mosaic(scaled.numpy(), -(-len(planes) // 2)))
