"""Networks whose every buffer lies against a forbidden page: `python -m tests.compiler.guard_stream
end SEED COUNT` draws random ones, `... end known` takes those of the library, on every target.

Each is printed before it runs, so that the last line names the one that ended the process.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator

import torch
from tests.compiler import guard
from tests.compiler.harness import HERE
from tests.compiler.test_stream import CHANNELS, KINDS, SIZES, Stream
from torch import Tensor, nn

import convariant as cv
from convariant.compiler.program import Program
from convariant.graph import from_torch, interpret


def drawn(seed: int, count: int) -> Iterator[tuple[str, nn.Module, Tensor]]:
    """Random networks, and what tells them."""
    draw = random.Random(seed)
    for number in range(count):
        axes = draw.randint(1, 3)
        size = (draw.randint(*SIZES[axes]) for _ in range(axes))
        shape = (draw.randint(1, 3), draw.randint(1, CHANNELS), *size)
        steps = [
            (draw.randrange(len(KINDS)), draw.randrange(1000)) for _ in range(draw.randint(1, 5))
        ]
        with torch.no_grad():
            model = Stream(shape, steps).eval()
        if model.steps:
            yield f"{number} of seed {seed}: {shape} {steps}", model, torch.randn(shape)


def known() -> Iterator[tuple[str, nn.Module, Tensor]]:
    """Networks that take every algorithm: Winograd's, Strassen's, strips, phases, groups."""
    for name, options, shape in (
        ("lenet5", {}, (3, 1, 28, 28)),
        ("mobilenet_v1", {"width": 0.5}, (1, 3, 96, 96)),
        ("unet", {"mode": "same", "widths": (8, 20, 32)}, (1, 1, 48, 64)),
        ("resnet18", {}, (1, 3, 64, 64)),
        ("resnext50_32x4d", {}, (1, 3, 64, 64)),
    ):
        yield name, cv.models.create(name, **options).eval(), torch.randn(shape)
    strips = nn.Sequential(
        nn.Conv2d(96, 96, 7, padding=3, groups=96), nn.Conv2d(96, 192, 1), nn.Conv2d(192, 96, 1)
    )
    yield "strips", strips.eval(), torch.randn(1, 96, 56, 56)
    yield "strassen", nn.Conv2d(512, 256, 1).eval(), torch.randn(1, 512, 14, 14)
    phases = nn.Sequential(nn.ConvTranspose2d(128, 64, 4, 2, 1), nn.Conv2d(64, 20, 5, 2, 2))
    yield "phases", phases.eval(), torch.randn(1, 128, 13, 14)


def main(side: guard.Side, *what: str) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    networks = known() if what == ("known",) else drawn(*map(int, what))
    with guard.guarded(side):
        for number, (text, model, x) in enumerate(networks):
            for target in HERE if what == ("known",) else [HERE[number % len(HERE)]]:
                print(target.name, text, flush=True)
                graph = from_torch(model, x)
                truth = interpret(graph, x, dtype=torch.float64)[0]
                mine = Program(graph, threads=1 + number % 2, target=target)(guard.tensor(x, side))
                assert (mine - truth).abs().max() <= 1e-3 * (truth.abs().max() + 1e-3)


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]
