"""Drawing tensors: a board of cells with numbers in them, its caption, and marked cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from convariant.drawing._board import Board
from convariant.drawing._canvas import Canvas, Place
from convariant.drawing._numbers import short
from convariant.drawing._scene import Polygon, Shape, Text

INK_OF = {"input-on": "on", "output-on": "on"}
ZERO_KINDS = ("padding", "inserted", "extra")


def cell(channel: int, place: Sequence[int]) -> tuple[int, int, int]:
    """(channel, *place) as (plane, row, column); of three axes the depth is the plane."""
    if len(place) == 1:
        return channel, 0, place[0]
    if len(place) == 2:
        return channel, place[0], place[1]
    return place[0], place[1], place[2]


def places_of(axes: int, spot: tuple[int, int, int]) -> tuple[int, Place]:
    """The inverse of `cell`."""
    plane, row, column = spot
    if axes == 1:
        return plane, (column,)
    if axes == 2:
        return plane, (row, column)
    return 0, (plane, row, column)


def text_size(board: Board, text: str) -> float:
    """As large as fits into a cell, at most 14."""
    room = board.unit * (0.42 if board.slanted else 0.46)
    return round(
        min(14.0, room, board.unit * (1.1 if board.slanted else 1.35) / max(len(text), 1)), 1
    )


def number(board: Board, spot: tuple[int, int, int], value: float, ink: str = "ink") -> Text:
    """A number in the middle of a cell."""
    text = short(value)
    bold = ink == "on"
    return Text(board.centre(*spot), text, text_size(board, text), ink, bold=bold)


def grid(
    board: Board,
    style_of: Callable[[tuple[int, int, int]], str],
    value_of: Callable[[tuple[int, int, int]], float | None],
    shows: Callable[[tuple[int, int, int]], tuple[int, int] | None] = lambda _: None,
) -> list[Shape]:
    """Every cell of a board, with its number where it has one."""
    shapes: list[Shape] = []
    for spot in board.places():
        style = style_of(spot)
        shapes.append(Polygon(board.corners(*spot), style, shows(spot)))
        value = value_of(spot)
        if value is not None:
            ink = INK_OF.get(style, "faint" if style in ZERO_KINDS else "ink")
            shapes.append(number(board, spot, value, ink))
    return shapes


def canvas_grid(board: Board, canvas: Canvas, x: np.ndarray, *, values: bool) -> list[Shape]:
    """The canvas under a kernel: inputs, copies of them and zeros, each in its style."""
    axes = len(canvas.size)

    def style_of(spot: tuple[int, int, int]) -> str:
        return canvas.kind(places_of(axes, spot)[1])

    def value_of(spot: tuple[int, int, int]) -> float | None:
        channel, position = places_of(axes, spot)
        source = canvas.source(position)
        if not values:
            return None
        return 0.0 if source is None else float(x[(channel, *source)])

    return grid(board, style_of, value_of)


def caption(board: Board, text: str, second: str = "") -> list[Shape]:
    """What a board shows, under it."""
    middle, y = board.at[0] + board.width / 2, board.at[1] + board.height + 18
    lines: list[Shape] = [Text((middle, y), text, 12.5, "ink", bold=True)]
    if second:
        lines.append(Text((middle, y + 17), second, 11.5, "muted"))
    return lines
