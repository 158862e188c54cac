"""Pictures of the compiler: their shapes and numbers are those of plans, kernels and reports."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch
from torch import nn

import convariant as cv
from convariant.compiler.kernels import StripConv
from convariant.compiler.llvm import TARGETS
from convariant.compiler.plan import Step, liveness_bound
from convariant.drawing._compiler import captured, compiler, planned
from convariant.drawing._scene import Polygon, Text, bounds
from convariant.drawing.compiled import minimal_filtering, register_tile, roofline, strips
from convariant.drawing.compiled._arena import LEFT, TALL, TOP, WIDE, fullest
from convariant.drawing.compiled._compilation import stages
from convariant.drawing.compiled._minimal import Filtering, exactly
from convariant.drawing.compiled._roofline import copied, intensity, roof
from convariant.drawing.compiled._strips import CACHE, bands
from convariant.errors import OptionError
from convariant.geometry import Geometry
from convariant.graph import from_torch
from convariant.reference import cross_correlate

# what a page of the docs shows at full size, in pixels
COLUMN = 690


def texts(picture):
    return re.findall(r"<text[^>]*>([^<]*)</text>", picture.svg())


def polygons(picture, *styles):
    return [s for s in picture.panel.shapes if isinstance(s, Polygon) and s.style in styles]


@pytest.mark.parametrize("figure", compiler(), ids=lambda f: f.line[:30])
def test_figures_fit_the_page_at_full_size(figure):
    picture = figure.draw()
    width, height = picture.size
    assert width <= COLUMN
    for shape in (*picture.full.shapes, *(s for t in picture.tracks for s in t.noted(t.still))):
        (left, top), (right, bottom) = bounds(shape)
        assert left >= 0
        assert top >= 0
        assert right <= width + 1, shape
        assert bottom <= height, shape
        assert not isinstance(shape, Text) or shape.size >= 8.5
    ElementTree.fromstring(picture.svg(animated=figure.animated))
    assert figure.name in (None, picture.name)


def test_every_node_and_step_stands_in_one_stage():
    graph, plan = captured("resnet18"), planned("resnet18")
    found = stages(graph, plan)
    for name, whole in (
        ("before", graph.nodes),
        ("after", plan.graph.nodes),
        ("steps", plan.steps),
    ):
        parts = [part for stage in found for part in getattr(stage, name)]
        assert sorted(map(id, parts)) == sorted(map(id, whole)), name


def test_a_stage_holds_what_computes_its_value():
    by_value = {s.value: s for s in stages(captured("lenet5"), planned("lenet5"))}
    first = by_value["relu"]
    assert [node.op.kind for node in first.before] == ["Pad", "Conv", "Elementwise"]
    assert [node.op.text() for node in first.after] == ["Conv 5x5 p2 + relu"]
    assert [step.algorithm for step in first.steps] == ["direct"]
    assert [step.algorithm for step in by_value["images"].steps] == ["halo", "convert"]
    assert [node.op.kind for node in by_value["relu_2"].before] == [
        *("Reshape", "Linear", "Elementwise")
    ]


def test_compilation_shows_each_kernel_with_its_tile():
    plan = planned("lenet5")
    shown = texts(cv.draw.compilation(captured("lenet5"), plan))
    for step in plan.steps:
        tile = getattr(step.kernel, "tiling", "")
        words = type(step.kernel).__name__ + (f", tile {tile}" if tile else "")
        assert words in shown
    assert "13 nodes as captured, 8 after the passes, 10 steps" in shown


def test_what_pytorch_runs_is_drawn_with_its_reason():
    net = nn.Sequential(nn.Conv2d(3, 16, 3), nn.Flatten(2)).eval()

    class Summed(nn.Module):
        def forward(self, x):
            return net(x).cumsum(2)

    fast = cv.compile(Summed().eval(), torch.zeros(1, 3, 8, 8), threads=1)
    assert "PyTorch" in texts(cv.draw.compilation(fast.graph, fast.prepare().plan))


@pytest.mark.parametrize("name", ["lenet5", "resnet18", "mobilenet_v1"])
def test_rectangles_of_the_arena_are_the_buffers_of_the_plan(name):
    plan = planned(name)
    drawn = set()
    across, up = WIDE / len(plan.steps), TALL / plan.arena
    for polygon in cv.draw.arena(plan).panel.shapes:
        if not isinstance(polygon, Polygon) or len(drawn) == len(plan.buffers):
            continue
        (left, top), (right, bottom) = bounds(polygon)
        first, last = round((left - LEFT) / across), round((right - LEFT) / across) - 1
        start, end = ((TOP + TALL - y) / up for y in (bottom, top))
        scratch = polygon.style == "kernel"
        (buffer,) = (
            b
            for b in plan.buffers
            if (b.first, b.last, b.name == "scratch") == (first, last, scratch)
            and abs(b.offset - start) < 0.02 / up
            and abs(b.offset + b.size - end) < 0.02 / up
        )
        drawn.add(id(buffer))
    assert len(drawn) == len(plan.buffers)


def test_the_bound_is_drawn_where_it_is_reached():
    plan = planned("resnet18")
    bound, step = liveness_bound(plan.buffers), fullest(plan)
    assert sum(b.size for b in plan.buffers if b.first <= step <= b.last) == bound
    picture = cv.draw.arena(plan)
    line, tick = (
        next(s for s in picture.panel.shapes if s_style(s) == x) for x in ("bound", "point")
    )
    assert line.points[0][1] == pytest.approx(TOP + TALL * (1 - bound / plan.arena), abs=0.01)
    assert tick.points[0][0] == pytest.approx(
        LEFT + WIDE * (step + 0.5) / len(plan.steps), abs=0.01
    )


def s_style(shape):
    return getattr(shape, "style", "")


@pytest.mark.parametrize("name", ["avx512", "avx2", "sse4.2", "neon"])
def test_a_tile_has_every_lane_and_every_register(name):
    target = TARGETS[name]
    picture = register_tile((target,), 64, (14, 14))
    tile = re.search(r"tile 1x(\d+)x(\d+)", picture.svg())
    pixels, channels = int(tile[1]), int(tile[2])
    vectors = channels // target.lanes
    sums = pixels * vectors
    used = sums + vectors + 1
    assert used <= target.registers
    assert len(polygons(picture, "output")) == pixels * channels + sums
    assert len(polygons(picture, "kernel")) == channels + vectors
    assert len(polygons(picture, "padding")) == target.registers - used
    assert f"{used} of {target.registers} vectors" in picture.svg()
    (track,) = picture.tracks
    assert len(track.steps) == sums
    for step in track.steps:
        lit = [s.style for s in step.shapes if isinstance(s, Polygon)]
        # the lanes of a vector and its register
        assert lit.count("output-on") == lit.count("kernel-on") == target.lanes + 1
        assert lit.count("input-on") == 2


@pytest.mark.parametrize("m", [2, 4, 6])
def test_winograds_numbers_give_the_convolution(m):
    random = np.random.default_rng(0)
    d, g = random.integers(-9, 9, (m + 2, m + 2)), random.integers(-9, 9, (3, 3))
    truth = cross_correlate(d[None, None].astype(float), g[None, None].astype(float), Geometry(3))
    assert np.allclose(Filtering(m, d, g).y, truth[0, 0], atol=1e-9)


def test_winograds_picture_shows_all_numbers():
    picture = minimal_filtering()
    grids = [
        exactly(float(v))
        for matrix in (TILE.u, TILE.v, TILE.products, TILE.y, *TILE.matrices)
        for v in np.ravel(matrix)
    ]
    shown = texts(picture)
    for number in set(grids):
        assert shown.count(number) >= grids.count(number)
    assert picture.subtitle.startswith("16 products for 4 outputs, not 36; ")


TILE = Filtering(
    2,
    np.array([[3, 0, 0, 0], [0, 3, 3, 2], [0, 0, 1, 1], [2, 1, 1, 0]]),
    np.array([[1, 1, -1], [-1, 0, 0], [2, 1, 0]]),
)


@pytest.mark.parametrize(
    ("path", "whole"), [("features.2.conv", "1.53 MiB"), ("features.4.conv", "784 KiB")]
)
def test_strips_read_what_their_taps_reach(path, whole):
    """Of stride 1, and of stride 2; against the geometry of the depthwise layer."""
    plan = planned("mobilenet_v1")
    (kernel,) = (
        s.kernel
        for s in plan.steps
        if isinstance(s, Step) and isinstance(s.kernel, StripConv) and s.node.path == path
    )
    depthwise = kernel.stages[0]
    window = Geometry(3, stride=depthwise.rows.stride)
    height = depthwise.x.height
    every = bands(kernel)
    made = [row for band in every for row in band.made]
    assert made == list(range(depthwise.rows.count))
    for band in every:
        places = {p - 1 for row in band.made for p, _ in window.taps(0, row, (height + 2,))}
        assert list(band.read) == sorted(places & set(range(height)))
        assert band.bytes_kept == 4 * sum(kernel.strips)
        if path == "features.2.conv":  # the one in the docs; of stride 2, twice the rows are read
            parts = (band.bytes_read, band.bytes_kept, band.bytes_weights, band.bytes_written)
            assert sum(parts) <= CACHE
    picture = strips(plan, path)
    assert len(picture.tracks[0].steps) == len(every)
    # 32 channels of 112 x 112, 64 of 56 x 56
    assert picture.subtitle.endswith(f"in place of {whole}")


def test_strips_of_three_layers_show_both_tensors_between():
    net = nn.Sequential(
        nn.Conv2d(32, 32, 3, padding=1, groups=32), nn.Conv2d(32, 64, 1), nn.Conv2d(64, 32, 1)
    )
    program = cv.compile(net.eval(), torch.zeros(1, 32, 96, 96), threads=1)
    plan = program.prepare().plan
    (kernel,) = (s.kernel for s in plan.steps if isinstance(s.kernel, StripConv))
    every, weights = bands(kernel), 32 * 9 + 32 * 64 + 64 * 32
    assert {band.bytes_kept for band in every} == {4 * kernel.band * 96 * (32 + 64)}
    assert {band.bytes_weights for band in every} == {4 * weights}
    picture = strips(plan, "2")
    assert picture.title == "2 and the 2 layers before it, in strips"
    assert picture.subtitle.endswith("in place of 3.38 MiB")  # 96 channels of 96 x 96
    assert len(picture.tracks[0].steps) == len(every)


def test_a_layer_without_strips_is_named():
    with pytest.raises(OptionError, match=r"does not compute 'fc' in strips"):
        strips(planned("mobilenet_v1"), "fc")


def test_points_of_a_roofline_are_the_rows_of_the_report(tmp_path):
    net = nn.Sequential(nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 16, 1))
    report = cv.compile(net.eval(), torch.zeros(1, 16, 34, 34), threads=1).report
    picture = roofline(report)
    rows = [row for row in report.rows if row.operations]
    assert [row.path for row in rows] == ["0", "3"]
    moved = 4 * (16 * 34 * 34 + 32 * 16 * 9 + 32 + 32 * 32 * 32)
    assert rows[0].operations == 2 * 32 * 16 * 9 * 32 * 32
    assert rows[0].bytes == moved
    assert intensity(rows[0]) == rows[0].operations / moved
    points = polygons(picture, "input-on", "kernel-on")
    assert len(points) == len(rows) + 2  # two more are the key
    for row in rows:
        assert 0 < roof(report, row) <= 1
        seconds = row.milliseconds / 1e3
        assert copied(row) * row.bandwidth == pytest.approx(row.bytes / seconds)
        assert row.path in texts(picture)


def test_pictures_of_what_is_not_there_are_refused():
    pool = cv.compile(nn.MaxPool2d(2).eval(), torch.zeros(1, 16, 8, 8), threads=1)
    with pytest.raises(OptionError, match="no step has a place under a roof"):
        roofline(pool.report)
    deep = from_torch(nn.Sequential(*(nn.ReLU() for _ in range(401))), (torch.zeros(1),))
    with pytest.raises(OptionError, match="has 401 nodes, more than the 400"):
        cv.draw.compilation(deep, planned("lenet5"))
