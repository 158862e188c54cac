"""A network on its way through the compiler: as captured, after the passes, as steps of a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from convariant.compiler.passes import op_title
from convariant.compiler.plan import Call as Fallback
from convariant.compiler.plan import Plan, Step
from convariant.drawing._numbers import by
from convariant.drawing._picture import Picture
from convariant.drawing._scene import Line, Panel, Polygon, Shape, Text, rectangle, text_width
from convariant.errors import OptionError
from convariant.graph import Graph, Node

WIDTH, GAP = 198.0, 22.0
BOX, BETWEEN, APART, TOP = 33.0, 5.0, 12.0, 26.0
MOST_NODES = 400


@dataclass(frozen=True)
class Stage:
    """What is done for one value that the passes have kept, from the values kept before it."""

    value: str
    before: tuple[Node, ...]
    after: tuple[Node, ...]
    steps: tuple[Step | Fallback, ...]

    @property
    def rows(self) -> int:
        """Boxes, one below the other."""
        return max(len(self.before), len(self.after), len(self.steps), 1)


def compilation(graph: Graph, plan: Plan) -> Picture:
    """Draw a network as captured, after the passes, and as the steps of its plan, side by side.

    A line parts what is done for one value from what is done for the next: the values are those
    that captured and rewritten graph have in common.

    Raises OptionError for more nodes than one picture can hold.

    >>> import torch, convariant as cv
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 16, 3), torch.nn.ReLU()).eval()
    >>> fast = cv.compile(net, torch.zeros(1, 3, 8, 8), threads=1)
    >>> compilation(fast.graph, fast.prepare().plan).subtitle
    '2 nodes as captured, 1 after the passes, 2 steps'
    """
    if len(graph.nodes) > MOST_NODES:
        raise OptionError(
            f"{graph.name} has {len(graph.nodes)} nodes, more than the {MOST_NODES} that one "
            "picture can hold; compile a part of the network"
        )
    counts = (len(graph.nodes), len(plan.graph.nodes), len(plan.steps))
    subtitle = "{} nodes as captured, {} after the passes, {} steps".format(*counts)
    name = f"compilation_{graph.name.lower()}_{plan.target.name}"
    title = f"{graph.name} on its way through the compiler"
    return Picture(name, title, subtitle, _panel(graph, plan), legend=False)


def stages(graph: Graph, plan: Plan) -> list[Stage]:
    """The inputs, then every value that is in both graphs, in the order of the captured one."""
    after = {name for node in plan.graph.nodes for name in node.outputs}
    kept = {*graph.inputs, *(n for node in graph.nodes for n in node.outputs if n in after)}
    old, new = _homes(graph, kept), _homes(plan.graph, kept)
    values = [*graph.inputs, *(n for node in graph.nodes for n in node.outputs if n in kept)]

    def home(step: Step | Fallback) -> str:
        if isinstance(step, Step) and step.value:
            return new.get(step.value, step.value)
        assert step.node is not None
        return new[step.node.name]

    return [
        Stage(
            value,
            tuple(node for node in graph.nodes if old[node.name] == value),
            tuple(node for node in plan.graph.nodes if new[node.name] == value),
            tuple(step for step in plan.steps if home(step) == value),
        )
        for value in values
    ]


def _homes(graph: Graph, kept: set[str]) -> Mapping[str, str]:
    """For each value the first kept one that it leads to: itself, if it is kept."""
    homes: dict[str, str] = {}
    for node in reversed(graph.nodes):
        own = next((name for name in node.outputs if name in kept), None)
        readers = (n for n in graph.nodes if set(node.outputs) & set(n.inputs))
        home = own or next((homes[reader.name] for reader in readers), graph.outputs[0])
        homes.update(dict.fromkeys((node.name, *node.outputs), home))
    return homes


def _panel(graph: Graph, plan: Plan) -> Panel:
    lefts = [column * (WIDTH + GAP) for column in range(3)]
    width = lefts[-1] + WIDTH
    shapes: list[Shape] = [
        Text((left, 6), text, 12.5, "ink", "start", bold=True)
        for left, text in zip(lefts, ("as captured", "after the passes", "the plan"), strict=True)
    ]
    y = TOP
    for stage in stages(graph, plan):
        height = stage.rows * (BOX + BETWEEN) - BETWEEN
        shapes.append(Line(((0, y - APART / 2), (width, y - APART / 2)), "frame"))
        columns = [*_columns(stage, graph, plan)]
        for left, boxes in zip(lefts, columns, strict=True):
            for i, (heading, detail, style) in enumerate(boxes):
                shapes += _box((left, y + i * (BOX + BETWEEN)), heading, detail, style)
        for left, boxes, following in zip(lefts, columns, columns[1:], strict=False):
            if boxes and following:
                middle = y + BOX / 2
                ends = ((left + WIDTH + 4, middle), (left + WIDTH + GAP - 4, middle))
                shapes.append(Line(ends, arrow=True))
        y += height + APART
    return Panel(width, y - APART / 2, tuple(shapes))


def _columns(stage: Stage, graph: Graph, plan: Plan) -> Iterator[list[tuple[str, str, str]]]:
    """Heading, detail and style of the boxes of each column."""
    if stage.value in graph.inputs:
        shape = by(graph.types[stage.value].sizes)
        yield [(f"input {stage.value}", shape, "box")]
        yield [(f"input {stage.value}", shape, "box")]
    else:
        yield [_node(node, graph, "input") for node in stage.before]
        yield [_node(node, plan.graph, "kernel") for node in stage.after]
    yield [_step(step) for step in stage.steps]


def _node(node: Node, graph: Graph, style: str) -> tuple[str, str, str]:
    shape = by(graph.types[node.outputs[0]].sizes)
    return op_title(node.op), f"{node.path}: {shape}" if node.path else shape, style


def _step(step: Step | Fallback) -> tuple[str, str, str]:
    if isinstance(step, Fallback):
        return "PyTorch", step.reason, "extra"
    tile = getattr(step.kernel, "tiling", "")
    detail = type(step.kernel).__name__ + (f", tile {tile}" if tile else "")
    return step.algorithm, detail, "box" if step.value else "output"


def _box(at: tuple[float, float], heading: str, detail: str, style: str) -> list[Shape]:
    x, y = at
    return [
        Polygon(rectangle(x, y, WIDTH, BOX), style),
        Text((x + 8, y + 11), _fitted(heading, 10.5, bold=True), 10.5, "ink", "start", bold=True),
        Text((x + 8, y + 24), _fitted(detail, 10.5), 10.5, "muted", "start"),
    ]


def _fitted(text: str, size: float, *, bold: bool = False) -> str:
    """The text, its end cut off where it does not fit a box."""
    room = WIDTH - 14
    if text_width(text, size, bold=bold) <= room:
        return text
    while text_width(f"{text}…", size, bold=bold) > room:
        text = text[:-1]
    return f"{text}…"
