"""The wiring of the Networks tab: a choice of network in, one view of it at a time out."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape
from typing import Any, get_args

import gradio as gr

from convariant import models
from convariant.analysis.symmetry._certify import Group
from convariant.errors import ConvariantError
from convariant.studio import _html, _networks
from convariant.studio._networks import Choice
from convariant.studio._photos import NAMES, photo
from convariant.studio._wiring import in_turn, slider

_QUICK, _SLOW = in_turn("networks"), in_turn("networks", slow=True)
_WORDS = ("Circular shifts", "Shifts", "Mirror", "Quarter turns", "Quarter turns and mirrors")
_GROUPS: dict[str, Group] = dict(zip(_WORDS, get_args(Group), strict=True))


@dataclass(frozen=True)
class View:
    """One view of a network: its inner tab, its controls, and how its HTML is made from them."""

    tab: gr.Tab
    controls: list[Any]
    output: gr.HTML
    draw: Callable[..., str]


def networks_tab() -> None:
    """Build what stands in the tab."""
    start = Choice()
    choice, open_view = gr.State(start), gr.State(0)
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=280):
            name = gr.Dropdown(models.names(), value=start.name, label="Network")
            size = gr.Textbox(
                start.size,
                label="Input size: a side, or height x width",
                max_lines=1,
                elem_id="network-size",
            )
            upload = gr.UploadButton("Use an ONNX file", size="sm", elem_id="network-upload")
            gr.HTML(_html.quiet(_networks.LIMITS))
            totals = gr.HTML(elem_id="network-totals")
        with gr.Column(scale=3, min_width=320), gr.Tabs(overflow_behavior="wrap"):
            views = _views()
    inputs = [choice, open_view, *(c for view in views for c in view.controls)]
    outputs = [totals, *(view.output for view in views)]

    def show(choice: Choice, number: int, *values: Any) -> list[Any]:
        return shown(views, choice, number, values)

    def opened(number: int, choice: Choice, _: int, *values: Any) -> list[Any]:
        return [number, *show(choice, number, *values)]

    for number, view in enumerate(views):
        view.tab.select(functools.partial(opened, number), inputs, [open_view, *outputs], **_SLOW)
        for control in view.controls:
            control.input(show, inputs, outputs, **_SLOW)
    changes = [
        name.input(_named, name, [choice, size], **_QUICK),
        gr.on([size.submit, size.blur], _resized, [choice, size], choice, **_QUICK),
        upload.upload(_uploaded, [upload, size], choice, **_QUICK),
    ]
    for change in changes:
        change.then(show, inputs, outputs, **_SLOW)


def _views() -> list[View]:
    """The inner tabs with their controls."""
    views = [
        _view("Diagram", lambda c: _html.player(_networks.diagram(c))),
        _view("Cost by layer", lambda c: _html.player(_networks.cost(c))),
        _view("Table", _table),
    ]
    with gr.Tab("Receptive field") as tab:
        with gr.Row():
            controls = [
                gr.Dropdown(list(NAMES), value=NAMES[0], label="Photo"),
                slider(0, 1, 0.5, "Unit, across", step=0.05),
                slider(0, 1, 0.5, "Unit, down", step=0.05),
            ]
        views.append(View(tab, controls, gr.HTML(elem_id="network-field"), _field))
    with gr.Tab("Symmetry") as tab:
        group = gr.Dropdown(list(_GROUPS), value=_WORDS[0], label="Does it follow")
        views.append(View(tab, [group], gr.HTML(elem_id="network-symmetry"), _symmetry))
    views.append(_view("Speed", _speed))
    return views


def _view(title: str, draw: Callable[[Choice], str]) -> View:
    with gr.Tab(title) as tab:
        output = gr.HTML(elem_id=f"network-{title.split()[0].lower()}")
    return View(tab, [], output, draw)


def _named(name: str) -> tuple[Choice, str]:
    size = str(_networks.first_side(name))
    return Choice(name, size), size


def _resized(choice: Choice, size: str) -> Choice:
    """The network, ours or a file's, at another size."""
    return replace(choice, size=size)


def _uploaded(path: str, size: str) -> Choice:
    return Choice(size=size, path=path)


def shown(
    views: list[View], choice: Choice, number: int, values: tuple[Any, ...]
) -> list[str | dict[str, Any]]:
    """The totals and the open view; the others stay as they are."""
    result: list[Any] = [gr.skip()] * (1 + len(views))
    try:
        title = f"<h3>{escape(choice.title)}</h3>"
        result[0] = title + _html.facts(_networks.summary(choice))
    except ConvariantError as error:
        result[0] = _html.message(str(error), "This network cannot be used")
        result[1 + number] = ""
        return result
    before = sum(len(view.controls) for view in views[:number])
    view = views[number]
    try:
        result[1 + number] = view.draw(choice, *values[before : before + len(view.controls)])
    except ConvariantError as error:
        result[1 + number] = _html.message(str(error), "There is nothing to show here")
    return result


def _table(choice: Choice) -> str:
    """The layers, and all their figures to download."""
    result = _networks.inspection(choice)
    links = " ".join(
        f'<a download="{escape(choice.title)}.{kind}" href="data:{mime};base64,{data}">{kind}</a>'
        for kind, mime, data in (
            ("csv", "text/csv", _base64(result.to_csv())),
            ("json", "application/json", _base64(result.to_json())),
        )
    )
    layers = _html.table(_networks.COLUMNS, _networks.rows(choice), numbers=_networks.NUMBERS)
    return f"{layers}<p class='cv-quiet'>All figures as {links}</p>"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _field(choice: Choice, name: str, across: float, down: float) -> str:
    return _html.player(_networks.field(choice, photo(name), across, down))


def _symmetry(choice: Choice, words: str) -> str:
    """The verdict, its proof in numbers, and that of every layer."""
    found = _networks.certificate(choice, _GROUPS[words])
    facts = {"Verdict on the network": str(found.output)}
    if found.check is not None:
        facts["Tried in numbers"] = str(found.check)
    if found.counterexample is not None:
        facts["Counterexample"] = str(found.counterexample)
    layers = _html.table(
        ("layer", "kind", "verdict"),
        [(layer.name, layer.kind, str(layer)) for layer in found.layers],
    )
    return _html.facts(facts) + layers


def _speed(choice: Choice) -> str:
    """The network as native code beside PyTorch, and every step against the machine's peak."""
    found = _networks.speed(choice)
    report = found.report
    tiles = {
        "Compiled": f"{found.compiled:.2f} ms an image",
        "PyTorch": f"{found.pytorch:.2f} ms an image",
        "Ratio": f"{found.pytorch / found.compiled:.2f} times as fast",
        "Of the peak measured": f"{report.gflops / report.peak_gflops:.0%} of "
        f"{report.peak_gflops:.0f} GFLOP/s",
        "Compiling took": f"{found.compiling:.1f} s",
        "Largest error": f"{report.error:.1e} of the largest output",
    }
    steps = [
        (row.path, row.algorithm, f"{row.milliseconds:.3f}", row.share_text, row.why)
        for row in report.rows
    ]
    columns = ("layer", "algorithm", "ms", "of its limit", "why")
    note = (
        "The least time of one call on one thread, measured in turn for a second each; other work "
        "on this machine shows in it. All engines, on all threads: convariant bench."
    )
    return (
        _html.facts(tiles)
        + _html.quiet(note)
        + _html.table(columns, steps, numbers=frozenset(columns[2:4]))
    )
