"""What a picture marks is what the operator computes with, cell by cell."""

import functools
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

import convariant as cv
from convariant.errors import GeometryError, OptionError, ShapeError
from convariant.geometry import Geometry
from convariant.reference import pool, toeplitz
from support.compare import assert_close
from support.configs import CONVOLUTIONS, POOLS, TRANSPOSED, Config, each

# a window on three axes is drawn for one channel; many channels are refused as too many cells
SMALL = {"2d many channels"}


def drawn(configs):
    return each(
        tuple(
            replace(c, groups=1, in_channels=1, out_channels=1) if c.axes == 3 else c
            for c in configs
            if c.name not in SMALL
        )
    )


@functools.cache
def picture_of(config: Config, padding_mode="zeros", view="both"):
    x, weight, _ = replace(config, batch=1).arrays()
    return cv.draw.arithmetic(
        config.geometry,
        config.input_size,
        groups=config.groups,
        padding_mode=padding_mode,
        x=x[0],
        weight=weight,
        view=view,
    )


def rows_of(config: Config, padding_mode="zeros"):
    """The inputs that each output depends on: the non-zeros of the rows of the Toeplitz matrix."""
    matrix = toeplitz(
        np.ones(config.weight_shape),
        config.geometry,
        config.input_size,
        config.groups,
        padding_mode=padding_mode,
    )
    shape = (config.in_channels, *config.input_size)
    return [places(row, shape) for row in matrix.toarray()]


def places(vector, shape):
    return {tuple(int(i) for i in np.unravel_index(j, shape)) for j in np.flatnonzero(vector)}


def lit(step, *styles):
    return [s for s in step.shapes if getattr(s, "style", "") in styles]


def assert_lit(picture, shape, rows):
    """The filled cells of every step stand where the elements of its row stand, and no others."""
    (track,) = picture.tracks
    assert [set(step.marked) for step in track.steps] == rows
    cells = [s.points for s in picture.panel.shapes if getattr(s, "style", "") == "input"]
    elements = list(np.ndindex(shape))
    if len(cells) < len(elements):  # a padding larger than the kernel crops those that none reads
        elements = sorted(set().union(*rows))
    stands = dict(zip(elements, cells, strict=True))
    assert len(set(cells)) == len(cells)
    for step, row in zip(track.steps, rows, strict=True):
        filled = [s.points for s in lit(step, "input-on")]
        assert len(filled) == len(row)
        assert set(filled) == {stands[place] for place in row}
        assert len(lit(step, "output-on")) == 1


@drawn(CONVOLUTIONS)
def test_marked_cells_are_the_toeplitz_row(config):
    assert_lit(picture_of(config), (config.in_channels, *config.input_size), rows_of(config))


ONE = {"in_channels": 1, "out_channels": 1}
REPEATED = (
    Config("1d", (6,), 3, 1, 2, **ONE),
    Config("2d", (4, 5), 3, 1, 2, **ONE),
    Config("1d stride 2 dilation 2", (7,), 3, 2, 3, 2, in_channels=2, out_channels=1),
    Config("2d asymmetric, grouped", (4, 5), 3, (2, 1), ((0, 2), (3, 1)), groups=2, out_channels=2),
    Config("2d dilated", (5, 4), 2, 1, 3, (2, 3), **ONE),
    Config("3d", (2, 3, 3), 2, 1, 1, **ONE),
)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@each(REPEATED)
def test_marked_cells_with_padding_that_repeats_the_input(config, mode):
    picture = picture_of(config, mode)
    assert_lit(picture, (config.in_channels, *config.input_size), rows_of(config, mode))
    assert lit(picture.tracks[0].steps[0], "copy-on")


@drawn(TRANSPOSED)
def test_both_views_of_a_transposed_convolution_mark_the_toeplitz_matrix(config):
    gradient, insertion = picture_of(config).tracks
    rows = rows_of(config)
    shape = (config.in_channels, *config.input_size)
    assert_lit(picture_of(config, view="zero insertion"), shape, rows)
    assert [set(step.marked) for step in insertion.steps] == rows
    assert [set(step.marked) for step in gradient.steps[gradient.length :]] == rows
    sources = np.ndindex(config.in_channels, *config.input_size)
    assert [set(s.marked) for s in gradient.steps[: gradient.length]] == [{s} for s in sources]
    last = gradient.steps[gradient.length - 1]
    assert len(lit(last, "output-part", "output-on")) == sum(bool(row) for row in rows)


@each(POOLS)
def test_pooling_marks_what_the_window_covers(config):
    if config.axes == 3 or config.batch == 0:
        config = replace(config, channels=1, batch=1)
    x = config.tensor(torch.float64)[0].numpy()
    picture = cv.draw.arithmetic(config.geometry, config.input_size, reducer="max", x=x)
    ones = np.ones((len(x), 1, *config.geometry.kernel_size))
    matrix = toeplitz(ones, config.geometry, config.input_size, len(x)).toarray()
    assert_lit(picture, x.shape, [places(row, x.shape) for row in matrix])
    truth = pool(x[None], "max", config.geometry)[0]
    for step, value in zip(picture.tracks[0].steps, truth.ravel(), strict=True):
        covered = [x[place] for place in step.marked]
        assert max(covered, default=-np.inf) == value


def test_pooling_has_a_window_and_no_kernel():
    picture = cv.draw.arithmetic(Geometry(2), (4, 4), in_channels=2, reducer="max")
    assert picture.subtitle == "window 2 × 2, stride 1, padding 0, channels 2 → 2"
    assert "where the window lies" in dict(picture.entries).values()
    assert "kernel" not in re.sub(r'class="[^"]*"|<style>.*?</style>', "", picture.svg())
    assert "groups" not in picture.svg()
    mixed = cv.draw.chain([torch.nn.Conv2d(1, 1, 2), torch.nn.MaxPool2d(2)], (5, 5))
    assert "where the kernel or window lies" in dict(mixed.entries).values()


def evaluated(note: str) -> tuple[float, float]:
    """A note's sum, worked out, and the result that it states."""
    _, total, result = note.split(" = ")
    total = total.replace("·", "*").replace("−", "-").replace("mean", "").replace("max", "max")
    assert re.fullmatch(r"[-0-9.+*/(), max]+", total)
    return eval(total), float(result.replace("−", "-"))


@drawn(CONVOLUTIONS + TRANSPOSED)
def test_notes_add_up(config):
    tracks = picture_of(config).tracks
    steps = tracks[-1].steps
    if config.transposed:
        steps += tracks[0].steps[tracks[0].length :]
    sums = [evaluated(step.note) for step in steps if "more" not in step.note]
    assert sums
    assert all(total == result for total, result in sums)


def test_the_numbers_are_those_of_torch():
    module = torch.nn.Conv2d(2, 2, 3, stride=2, padding=1, groups=2, bias=False).double()
    x = torch.randn(1, 2, 5, 4, dtype=torch.float64)
    with torch.no_grad():
        module.weight.copy_(module.weight.mul(8).round())
        x = x.mul(4).round()
        y = module(x)
    picture = cv.draw.arithmetic(module, (5, 4), x=x[0].numpy())
    assert picture.name == "conv_i5x4_k3x3_s2_p1_g2_c2-2"
    stated = [evaluated(step.note)[1] for step in picture.tracks[0].steps]
    assert_close(np.array(stated).reshape(y.shape), y)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (torch.nn.Conv1d(1, 1, 3, dilation=2), "conv_i9_k3_d2"),
        (
            torch.nn.ConvTranspose2d(1, 1, 3, 2, 1, output_padding=1),
            "conv_transpose_i9x9_k3x3_s2_p1_op1",
        ),
        (torch.nn.MaxPool2d(2), "max_pool_i9x9_k2x2_s2"),
        (torch.nn.AvgPool2d(3, 2, 1, ceil_mode=True), "mean_pool_i9x9_k3x3_s2_p1_ceil"),
        (torch.nn.Conv2d(1, 1, 3, padding="same", padding_mode="circular"), None),
    ],
)
def test_modules_tell_their_window(module, name):
    size = (9,) * (1 if isinstance(module, torch.nn.Conv1d) else 2)
    picture = cv.draw.arithmetic(module, size)
    assert picture.name == (name or "conv_i9x9_k3x3_psame_circular")


@pytest.mark.parametrize(
    ("geometry", "size", "options", "title", "name"),
    [
        (Geometry(3), (4, 4), {}, "Convolution 4 × 4 → 2 × 2", "conv_i4x4_k3x3"),
        (
            Geometry(3, padding=((4, 0),), dilation=2),
            (8,),
            {},
            "Dilated causal convolution 8 → 8",
            "conv_i8_k3_p4-0_d2",
        ),
        (
            Geometry(3, padding=((1, 1), (0, 1)), stride=(1, 2)),
            (5, 5),
            {},
            "Strided convolution 5 × 5 → 5 × 2",
            "conv_i5x5_k3x3_s1x2_p1x0-1",
        ),
        (
            Geometry(3),
            (5, 5),
            {"groups": 3},
            "Depthwise convolution 5 × 5 → 3 × 3",
            "conv_i5x5_k3x3_g3_c3-3",
        ),
        (
            Geometry(3),
            (5, 5),
            {"groups": 2, "in_channels": 4, "out_channels": 2},
            "Grouped convolution 5 × 5 → 3 × 3",
            "conv_i5x5_k3x3_g2_c4-2",
        ),
    ],
)
def test_titles_and_file_names_are_the_parameters(geometry, size, options, title, name):
    picture = cv.draw.arithmetic(geometry, size, **options)
    assert (picture.title, picture.name) == (title, name)


def test_one_view_of_a_transposed_convolution():
    geometry = Geometry(3, stride=2, padding=1, transposed=True)
    gradient = cv.draw.arithmetic(geometry, (3, 3), view="gradient")
    insertion = cv.draw.arithmetic(geometry, (3, 3), view="zero insertion")
    assert gradient.name.endswith("_gradient")
    assert insertion.name.endswith("_zero_insertion")
    assert [t.length for t in gradient.tracks] == [9]
    assert [t.length for t in insertion.tracks] == [25]


def test_without_values_no_number_is_in_a_cell():
    picture = cv.draw.arithmetic(Geometry(3), (4, 4), values=False)
    assert ">5<" not in picture.svg()
    assert ">5<" in cv.draw.arithmetic(Geometry(3), (4, 4)).svg()


def test_the_still_picture_shows_the_output_asked_for():
    picture = cv.draw.arithmetic(Geometry(3), (5, 5), output=(2, 1))
    assert picture.tracks[0].still == 7
    assert picture.description.rpartition(". ")[2].startswith("y[2, 1] = ")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"output": (3, 0)}, OptionError, r"output=\(3, 0\) is not an element.*output=\(0, 2, 2\)"),
        ({"view": "front"}, OptionError, "view='front' is none of 'both', 'gradient'"),
        ({"x": [[1, 2]]}, ShapeError, r"x has shape \(1, 2\).*\(1, 5, 5\) are wanted"),
        ({"x": [["a"] * 5] * 5}, ShapeError, "x has shape .* and type <U1"),
        ({"groups": 2, "in_channels": 3}, ShapeError, "divisible by groups=2; use multiples of 2"),
        ({"groups": 0}, ShapeError, "divisible by groups=0"),
        ({"padding_mode": "mirror"}, GeometryError, "padding_mode must be one of"),
        ({"reducer": "max", "padding_mode": "reflect"}, OptionError, "for convolution only"),
        ({"reducer": "most"}, cv.UnknownNameError, "no reducer is named 'most'"),
    ],
)
def test_bad_options_are_answered(options, error, message):
    with pytest.raises(error, match=message):
        cv.draw.arithmetic(Geometry(3), (5, 5), **options)


def test_bad_operators_are_answered():
    with pytest.raises(OptionError, match="Linear cannot be drawn as window arithmetic"):
        cv.draw.arithmetic(torch.nn.Linear(2, 2), (5,))
    with pytest.raises(GeometryError, match="reducer='max' needs a window that is not transposed"):
        cv.draw.arithmetic(Geometry(3, transposed=True), (3, 3), reducer="max")
    with pytest.raises(OptionError, match="3 axes is drawn for one channel"):
        cv.draw.arithmetic(Geometry(2), (3, 3, 3), in_channels=2)
    with pytest.raises(GeometryError, match="input_size=5 is not a tuple of integers"):
        cv.draw.arithmetic(Geometry(3), 5)
    with pytest.raises(GeometryError, match="Kernel size can't be greater"):
        cv.draw.arithmetic(Geometry(7), (3, 3))


@pytest.mark.parametrize("transposed", [False, True])
def test_a_million_cells_are_refused_at_once(transposed):
    with pytest.raises(OptionError, match=r"would draw [\d,]+ cells.*such as \((5|3), (5|3)\)"):
        cv.draw.arithmetic(Geometry(3, transposed=transposed), (100_000, 100_000))
