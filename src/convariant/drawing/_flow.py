"""A picture as HTML that fits any width: its parts stand side by side, or one below the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import TYPE_CHECKING

from convariant.drawing._palette import INKS
from convariant.drawing._scene import NARROW, Region, Shape, bounds
from convariant.drawing._svg import FONT, group_svg, shape_svg, style_sheet

if TYPE_CHECKING:
    from convariant.drawing._picture import Picture

ROOM = 8.0  # around the shapes of a part, whose texts may be wider than thought
# the frame is what is lost when parts move, title, legend and arrows; kept for saving the whole
STYLE = f"""
.picture{{--scale:1;color:{INKS["ink"][0]};--faint:{INKS["muted"][0]};font-family:{FONT}}}
@media(prefers-color-scheme:dark){{.picture{{color:{INKS["ink"][1]};--faint:{INKS["muted"][1]}}}}}
@media(min-width:1000px){{.picture{{--scale:1.15}}}}
.picture .frame{{display:none}} .picture p{{margin:0;text-align:left}}
.picture .title{{font-weight:600;font-size:1.1rem}}
.picture .subtitle,.picture .legend{{color:var(--faint);font-size:.88rem}}
.rows{{display:flex;flex-wrap:wrap;justify-content:safe center;gap:20px 40px;margin:14px 0 0;
overflow-x:auto}}
.row{{min-width:0}} .row>p{{font-weight:600;font-size:.95rem;margin:0 0 8px}}
.parts{{display:flex;flex-wrap:wrap;align-items:center;justify-content:safe center;gap:14px}}
.part{{display:block;width:calc(var(--wide)*var(--scale)*1px);max-width:100%;height:auto}}
.part.alone{{min-width:calc(var(--wide)*.9px)}}
.part.alone.moves{{min-width:calc(var(--wide)*.7px)}}
.rows.narrow{{display:none}}
@media(max-width:640px){{.rows.narrow{{display:flex}} .rows.wide{{display:none}}}}
.to{{color:var(--faint);font-size:22px}}
.picture .legend{{display:flex;flex-wrap:wrap;justify-content:center;gap:4px 18px;list-style:none;
padding:0;margin:12px 0 0}}
.picture .legend svg{{width:14px;height:14px;margin-right:6px;vertical-align:-2px}}
.hidden{{display:none}} .step,.part text{{pointer-events:none}} [data-shows]{{cursor:pointer}}
"""


def flow(picture: Picture) -> str:
    """The picture with all its steps, hidden but for the still ones."""
    words = "".join(
        f'<p class="{name}">{escape(text)}</p>'
        for name, text in (("title", picture.title), ("subtitle", picture.subtitle))
        if text
    )
    legend = "".join(
        '<li><svg viewBox="0 0 14 14" aria-hidden="true">'
        f'<rect class="{style}" x="1.5" y="1.5" width="11" height="11"/></svg>{escape(text)}</li>'
        for style, text in picture.entries
    )
    legend = f'<ul class="legend">{legend}</ul>' if legend else ""
    described = escape(picture.description, quote=True)
    return (
        f'<div class="picture" role="group" aria-label="{described}"><style>{STYLE}</style>'
        f"{words}{_body(picture)}{legend}{_frame(picture)}</div>"
    )


def _body(picture: Picture) -> str:
    """The parts; where a picture has two forms, the page shows the one that fits it."""
    rows = "".join(_rows(picture))
    if picture.narrow is None:
        return f'<div class="rows"{_scrolled(picture)}>{rows}</div>'
    shapes = picture.narrow.shapes
    part = _window_svg(shapes, "".join(shape_svg(s) for s in shapes))
    return f'<div class="rows wide">{rows}</div><div class="rows narrow">{part}</div>'


def _scrolled(picture: Picture) -> str:
    """Keys can move a part that may be wider than the page, which scrolls by itself."""
    if len(picture.full.regions) > 1 or picture.panel.width <= NARROW:
        return ""
    return ' tabindex="0" role="region" aria-label="picture, scrolls sideways"'


def _frame(picture: Picture) -> str:
    full = picture.full
    shapes = (s for s in full.shapes if not any(r.holds(s) for r in full.regions))
    return (
        f'<svg class="frame" font-family="{FONT}" '
        f'viewBox="0 0 {full.width:g} {full.height:g}">'
        f"<style>{style_sheet(full.styles())}</style>"
        f'<rect class="background" width="100%" height="100%"/>{group_svg(shapes)}</svg>'
    )


def _rows(picture: Picture) -> Iterator[str]:
    """Regions that an arrow joins, as one row under their heading."""
    rows: list[list[Region]] = []
    for region in picture.full.regions:
        if region.follows:
            rows[-1].append(region)
        else:
            rows.append([region])
    alone = len(picture.full.regions) == 1
    for row in rows:
        heading = f"<p>{escape(row[0].heading)}</p>" if row[0].heading else ""
        arrow = '<span class="to" aria-hidden="true">→</span>'
        parts = arrow.join(_part(picture, region, alone=alone) for region in row)
        yield f'<div class="row">{heading}<div class="parts">{parts}</div></div>'


def _part(picture: Picture, region: Region, *, alone: bool) -> str:
    """The shapes of one region, still ones and those of every step, seen through its window."""
    full = picture.full
    still = [s for s in full.shapes if region.holds(s)]
    steps = [
        (f"{t}-{i}", i == track.still, [s for s in step.shapes if region.holds(s)])
        for t, track in enumerate(full.tracks)
        for i, step in enumerate(track.steps)
    ]
    groups = "".join(
        group_svg(shapes, f'class="step{"" if shown else " hidden"}" data-step="{name}"')
        for name, shown, shapes in steps
        if shapes
    )
    body = "".join(shape_svg(s, interactive=True) for s in still)
    moving = (s for *_, shapes in steps for s in shapes)
    # what moves is rather small than out of sight
    kind = " ".join(("part", *["alone"] * alone, *["moves"] * bool(steps)))
    return _window_svg((*still, *moving), body + groups, kind=kind)


def _window_svg(shapes: Iterable[Shape], body: str, *, kind: str = "part") -> str:
    """An SVG just as large as its shapes."""
    corners = [bounds(shape) for shape in shapes]
    left, top = (min(low[axis] for low, _ in corners) - ROOM for axis in (0, 1))
    right, bottom = (max(high[axis] for _, high in corners) + ROOM for axis in (0, 1))
    window = [f"{round(n, 1):g}" for n in (left, top, right - left, bottom - top)]
    return (
        f'<svg class="{kind}" style="--wide:{window[2]}" font-family="{FONT}" '
        f'viewBox="{" ".join(window)}">{body}</svg>'
    )
