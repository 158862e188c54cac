"""The tile that a direct kernel keeps in registers, lane by lane."""

from __future__ import annotations

from dataclasses import dataclass

from convariant.compiler.kernels import Tile, choose_tile
from convariant.compiler.llvm import Target
from convariant.drawing._picture import Picture
from convariant.drawing._scene import Panel, Polygon, Shape, Step, Text, Track, rectangle, stacked

LANE, ROW, LEFT, GAP = 8.2, 22.0, 92.0, 5.0
REGISTER, PER_ROW = 30.0, 16


@dataclass(frozen=True)
class Registers:
    """One tile of a target: its sums, one vector of weights for each block, one broadcast."""

    target: Target
    tile: Tile

    @property
    def pixels(self) -> int:
        """Rows of sums."""
        return self.tile.rows * self.tile.columns

    @property
    def used(self) -> int:
        """Vectors that live at once."""
        return self.pixels * self.tile.vectors + self.tile.vectors + 1

    def sum(self, pixel: int, vector: int) -> int:
        """The number of the register that holds a vector of sums."""
        return pixel * self.tile.vectors + vector

    def vector_left(self, vector: int) -> float:
        """Where a vector of 16, 8 or 4 lanes begins on paper."""
        return LEFT + vector * (self.target.lanes * LANE + GAP)

    def lane(self, row: int, vector: int, lane: int) -> tuple[tuple[float, float], ...]:
        """The corners of one lane; row 0 holds the weights, below it are the pixels."""
        top = 54.0 + (ROW if row else -GAP) + (row - 1 if row else 0) * ROW
        left = round(self.vector_left(vector) + lane * LANE, 2)
        return rectangle(left, round(top, 2), LANE, ROW - 4)


def register_tile(targets: tuple[Target, ...], channels: int, size: tuple[int, int]) -> Picture:
    """Draw the tile of a pointwise layer of that many output channels for each target.

    Every step is one multiply-add: a pixel's input channel, broadcast to all lanes, times a vector
    of weights, added to a vector of sums.
    """
    tiles = [
        Registers(t, choose_tile(t, -(-channels // t.lanes), 1, size[0] * size[1])) for t in targets
    ]
    names = "_".join(target.name for target in targets)
    return Picture(
        f"register_tile_c{channels}_i{size[0]}x{size[1]}_{names}",
        "What a direct kernel keeps in registers",
        f"pointwise, {channels} output channels, {size[0]} × {size[1]} pixels; each small box is "
        "one float of a vector",
        stacked([_panel(registers) for registers in tiles], gap=30),
        legend=False,
    )


def _panel(registers: Registers) -> Panel:
    tile, target = registers.tile, registers.target
    lanes = target.lanes
    shapes: list[Shape] = [
        Text((0, 7), f"{target.name}: tile {tile.text(lanes)}", 13, "ink", "start", bold=True),
        Text((0, 58), "weights", 11, "orange", "start"),
        Text((0, 34), "channels", 10.5, "muted", "start"),
    ]
    for vector in range(tile.vectors):
        left = registers.vector_left(vector)
        first = vector * lanes
        words = f"{first} to {first + lanes - 1}"
        shapes.append(Text((left + lanes * LANE / 2, 34), words, 10.5, "muted"))
        for row in range(registers.pixels + 1):
            style = "output" if row else "kernel"
            shapes += (Polygon(registers.lane(row, vector, lane), style) for lane in range(lanes))
    for pixel in range(registers.pixels):
        y = registers.lane(pixel + 1, 0, 0)[0][1] + (ROW - 4) / 2
        shapes.append(Text((0, y), f"pixel {pixel}", 11, "muted", "start"))
        shapes.append(Polygon(_input(registers, pixel), "input"))
    bottom = registers.lane(registers.pixels, 0, 0)[2][1]
    file = _file(registers, bottom + 38)
    steps = tuple(
        _step(registers, pixel, vector, bottom + 38)
        for pixel in range(registers.pixels)
        for vector in range(tile.vectors)
    )
    rows = -(-(target.registers + 1) // PER_ROW)
    height = bottom + 38 + rows * 18 + 40
    track = Track(
        steps, still=len(steps) // 2 + 1, note_at=(LEFT + 270, height - 10), note_width=640
    )
    return Panel(640.0, height, (*shapes, *file), (track,))


def _input(registers: Registers, pixel: int) -> tuple[tuple[float, float], ...]:
    """The corners of the one float that a pixel brings: its value in the input channel at hand."""
    top = registers.lane(pixel + 1, 0, 0)[0][1]
    return rectangle(LEFT - 24, top, LANE, ROW - 4)


def _style_of(registers: Registers, register: int) -> str:
    """What a register holds, in the order sums, weights, the broadcast, none."""
    sums = registers.pixels * registers.tile.vectors
    if register < sums:
        return "output"
    if register < sums + registers.tile.vectors:
        return "kernel"
    return "input" if register < registers.used else "padding"


def _file(registers: Registers, top: float) -> list[Shape]:
    """All registers of the target that a kernel may use."""
    count, tile = registers.target.registers, registers.tile
    held = f"{registers.pixels * tile.vectors} sums, {tile.vectors} of weights, 1 broadcast"
    return [
        Text((0, top + 7), "registers", 11, "muted", "start"),
        Text(
            (LEFT, top - 12), f"{held}: {registers.used} of {count} vectors", 10.5, "muted", "start"
        ),
        *(Polygon(_register(number, top), _style_of(registers, number)) for number in range(count)),
    ]


def _register(number: int, top: float) -> tuple[tuple[float, float], ...]:
    row, column = divmod(number, PER_ROW)
    return rectangle(LEFT + column * (REGISTER + 4), top + row * 18, REGISTER, 14)


def _step(registers: Registers, pixel: int, vector: int, top: float) -> Step:
    """One multiply-add: what it reads and what it adds to, as lanes and as registers."""
    tile, lanes = registers.tile, registers.target.lanes
    sums = registers.pixels * tile.vectors
    shapes: list[Shape] = [Polygon(_input(registers, pixel), "input-on")]
    for lane in range(lanes):
        shapes.append(Polygon(registers.lane(0, vector, lane), "kernel-on"))
        shapes.append(Polygon(registers.lane(pixel + 1, vector, lane), "output-on"))
    touched = {
        sums + registers.tile.vectors: "input-on",
        sums + vector: "kernel-on",
        registers.sum(pixel, vector): "output-on",
    }
    shapes += (Polygon(_register(number, top), style) for number, style in touched.items())
    first, last = vector * lanes, (vector + 1) * lanes - 1
    note = (
        f"sums[{pixel}, {first}..{last}] += broadcast x[pixel {pixel}, i] · w[i, {first}..{last}]: "
        f"{lanes} products in one instruction"
    )
    return Step(tuple(shapes), note)
