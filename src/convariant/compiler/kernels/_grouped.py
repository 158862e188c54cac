"""Convolution whose groups are narrower than a vector: depthwise, and groups of a few channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convariant.compiler.kernels._epilogue import Epilogue, Output, address
from convariant.compiler.kernels._lanes import picked
from convariant.compiler.kernels._pack import filled_up
from convariant.compiler.kernels._taps import useful_taps
from convariant.compiler.kernels._tile import Tile
from convariant.compiler.layout import SINGLE, Axis, Floats, Layout
from convariant.compiler.llvm import Builder, Cell, Index, Pointer, Target, Vector
from convariant.compiler.llvm.deal import deal

__all__ = ["GroupedConv", "Plane", "turns"]


@dataclass(frozen=True)
class GroupedConv:
    """`y[n,o,p] = epilogue(bias[o] + sum over t, k < used of w[o,k,t] * x[n, o//v*u + k, p,t])`.

    Groups of u inputs and v outputs, `widths`, both of which divide the lanes (1, 1: depthwise), so
    that a vector of outputs needs u / v vectors of inputs, their lanes permuted once for each k.
    Where all inputs of groups of u = v are used, nothing is permuted: lane l of turn k multiplies
    its own input for output l xor k of the group, into sums of that turn alone; when all is summed
    up, u - 1 permutations bring the u sums of a pixel together.
    Arguments: x, weights, bias, y, then the epilogue's operands. The weights are packed as they are
    read: [output block][kd][kh][k][kw][lane]. Registers: `tile_rows` x `tile_columns` x `turns`
    sums, the kw weights of a kernel row, and an input vector, loaded once for all the taps of its
    row.
    """

    x: Layout
    y: Layout
    rows: Axis
    columns: Axis
    widths: tuple[int, int]
    used: int
    tile_rows: int
    tile_columns: int
    band: int
    epilogue: Epilogue = ()
    planes: Axis = SINGLE

    @property
    def tiling(self) -> str:
        """What a tile keeps in registers, as rows x columns x channels."""
        return Tile(self.tile_rows, self.tile_columns, 1).text(self.y.lanes)

    @property
    def turns(self) -> int:
        """Sums that a pixel has, each of other pairs of inputs and outputs."""
        return turns(self.widths, self.used)

    @property
    def plane_weights(self) -> int:
        """Weights of one output block for one plane of the kernel."""
        return self.rows.taps * self.used * self.columns.taps * self.y.lanes

    @property
    def weights(self) -> int:
        """Weights of all output blocks."""
        return self.y.blocks * self.planes.taps * self.plane_weights

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b = Builder(target, name)
        x, weights, bias = (b.argument(i) for i in range(3))
        output = Output(b, self.y, self.epilogue, first=3)
        bands = -(-self.rows.count // self.band)
        with deal(b, self.x.batch * self.planes.count * self.y.blocks * bands) as item:
            there, band = item // bands, item % bands
            plane, block = there // self.y.blocks, there % self.y.blocks
            image, z = plane // self.planes.count, plane % self.planes.count
            first = band * self.band
            last = b.minimum_index(first + self.band, self.rows.count)
            Plane.of(self, output, x, weights, bias, image, z, block).rows(first, last)
        return b.finish()

    @property
    def part(self) -> int:
        """Lanes of an input vector that a vector of outputs needs."""
        u, v = self.widths
        return min(self.x.lanes * u // v, self.x.lanes)

    def sources(self, x: Pointer, image: Index, block: Index) -> list[Pointer]:
        """Where the inputs of an output block start: in a part of a block, or in several."""
        first, (u, v) = image * self.x.depth, self.widths
        if u <= v:
            inside = block % (v // u) * self.part
            return [address(x, self.x, first, block // (v // u)) + inside]
        # groups that fill up the last output block have no inputs, and may read any
        last = self.x.blocks - 1
        blocks = (x.builder.minimum_index(block * (u // v) + i, last) for i in range(u // v))
        return [address(x, self.x, first, source) for source in blocks]

    def pack(self, weight: Floats, room: Floats) -> None:
        """A weight (groups * v, used, kd, kh, kw) in the order of reading, flat."""
        padded = filled_up(weight, self.y.blocks * self.y.lanes)
        blocks = padded.reshape(self.y.blocks, self.y.lanes, *weight.shape[1:])
        if self.turns > 1:
            lane, k = np.arange(self.y.lanes), np.arange(self.turns)[:, None]
            blocks = blocks[:, lane ^ k, lane % self.turns].transpose(0, 2, 1, 3, 4, 5)
        ordered = blocks.transpose(0, 3, 4, 2, 5, 1)
        room.reshape(ordered.shape)[:] = ordered


def turns(widths: tuple[int, int], used: int) -> int:
    """Sums that a pixel has in groups of these widths, of which so many inputs are used."""
    u, v = widths
    return u if u == v == used > 2 else 1


@dataclass(frozen=True)
class Plane:
    """One block of channels over a band of rows of plane z: where everything is."""

    conv: GroupedConv
    b: Builder
    output: Output
    xs: list[Pointer]
    weights: Pointer
    bias: Pointer
    z: Index
    plane: Index
    block: Index

    @classmethod
    def of(
        cls,
        conv: GroupedConv,
        output: Output,
        x: Pointer,
        weights: Pointer,
        bias: Pointer,
        image: Index,
        z: Index,
        block: Index,
    ) -> Plane:
        """That block of plane z of that image; the pointers are the kernel's arguments."""
        b = output.builder
        return cls(
            conv=conv,
            b=b,
            output=output,
            xs=conv.sources(x, image, block),
            weights=weights + block * (conv.planes.taps * conv.plane_weights),
            bias=bias + block * b.lanes,
            z=z,
            plane=image * conv.y.depth + z * conv.planes.spread,
            block=block,
        )

    def rows(self, first: Index, last: Index) -> None:
        """Tiles of full height, then single rows."""
        height = self.conv.tile_rows
        whole = first + (last - first) // height * height
        with self.b.loop(first, whole, height) as row:
            self._columns(row, height)
        if height > 1:
            with self.b.loop(whole, last) as row:
                self._columns(row, 1)

    def _columns(self, row: Index, height: int) -> None:
        """As many full tiles as fit, then a narrower one."""
        width, count = self.conv.tile_columns, self.conv.columns.count
        whole = count // width * width
        with self.b.loop(0, whole, width) as column:
            self._tile(row, column, height, width)
        if whole < count:
            self._tile(row, self.b.index(whole), height, count - whole)

    def _tile(self, row: Index, column: Index, height: int, width: int) -> None:
        b, conv, rows, columns = self.b, self.conv, self.conv.rows, self.conv.columns
        starts = [b.load(self.bias), *[b.constant(0.0)] * (conv.turns - 1)]
        pixels = [(r, c) for r in range(height) for c in range(width)]
        sums = {(r, c, t): b.cell(s) for r, c in pixels for t, s in enumerate(starts)}
        with b.loop(*useful_taps(b, conv.planes, self.z, 1, conv.x.depth)) as h:
            panel = self.weights + h * conv.plane_weights
            behind = (self.z * conv.planes.stride + h * conv.planes.step) + conv.planes.offset
            with b.loop(0, rows.taps) as i:
                at = (
                    row * rows.stride + rows.offset + i * rows.step,
                    column * columns.stride + columns.offset,
                )
                lines = [address(x + behind * conv.x.plane, conv.x, 0, 0, *at) for x in self.xs]
                for k in range(conv.used):
                    b.fence()  # else LLVM keeps the inputs of one turn for the next, and spills
                    group = (i * conv.used + k) * columns.taps
                    weights = [b.load(panel + (group + j) * b.lanes) for j in range(columns.taps)]
                    for r in range(height):
                        self._row(lines, r, k, weights, sums, width)
        place = self.output.at(
            self.plane,
            self.block,
            row * rows.spread,
            column * columns.spread,
        )
        with b.local_constants():
            for r, c in pixels:
                total = self._together([sums[r, c, t].get() for t in range(conv.turns)])
                place.store(total, 0, r * rows.spread, c * columns.spread)

    def _together(self, sums: list[Vector]) -> Vector:
        """Lane l of the sum of turn k belongs to lane l xor k; so does that of turns i + half, to
        turn i, with half of k: they are added first.
        """
        while len(sums) > 1:
            half = len(sums) // 2
            lanes = [lane ^ half for lane in range(self.b.lanes)]
            moved = (self.b.permute(value, lanes) for value in sums[half:])
            sums = [a + m for a, m in zip(sums[:half], moved, strict=True)]
        return sums[0]

    def _row(
        self,
        lines: list[Pointer],
        r: int,
        k: int,
        weights: list[Vector],
        sums: dict[tuple[int, int, int], Cell],
        width: int,
    ) -> None:
        """Each input of a row, in order, to every output that it meets."""
        b, x, columns = self.b, self.conv.x, self.conv.columns
        meetings: dict[int, list[tuple[int, int]]] = {}
        for c in range(width):
            for j in range(columns.taps):
                meetings.setdefault(c * columns.stride + j * columns.step, []).append((c, j))
        (u, v), alone = self.conv.widths, self.conv.turns == 1
        lanes = [lane // v * u + k if alone else lane for lane in range(b.lanes)]
        for place, users in sorted(meetings.items()):
            offset = r * self.conv.rows.stride * x.row + place * x.column
            value = self._load([line + offset for line in lines], lanes)
            for c, j in users:
                cell = sums[r, c, 0 if alone else k]
                cell.set(b.fma(value, weights[j], cell.get()))

    def _load(self, places: list[Pointer], lanes: list[int]) -> Vector:
        """The inputs in the order of the outputs' lanes."""
        vectors = [self.b.load(place, self.conv.part) for place in places]
        if lanes == list(range(self.conv.part)):
            return vectors[0]
        # only those that a lane comes from are worth a load: LLVM drops the others
        return picked(self.b, vectors, lanes)
