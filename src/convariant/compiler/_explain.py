"""The code of one layer, for reading."""

from __future__ import annotations

import re
import textwrap

from convariant.compiler._listing import InnerLoop, inner_block, inner_loop
from convariant.compiler.llvm import assembly
from convariant.compiler.passes import op_title
from convariant.compiler.plan import Plan, Step
from convariant.errors import UnknownNameError

__all__ = ["explain_layer"]

_WIDTH = 80
_INSTRUCTION = re.compile(r"\t[a-z]\w*")


def explain_layer(plan: Plan, layer: str, *, whole: bool) -> str:
    """Heading, IR and assembly of each kernel of a layer; see `Program.explain`."""
    steps = [step for step in plan.steps if isinstance(step, Step) and step.node]
    names = {name for s in steps if s.node for name in (s.node.path, s.node.name)} - {""}
    if layer not in names:
        raise UnknownNameError("layer with a kernel", layer, names)
    asked = [s for s in steps if s.node and layer in (s.node.path, s.node.name)]
    texts = [
        _explained(plan, step, f"{i} of {len(asked)}", whole=whole)
        for i, step in enumerate(asked, 1)
    ]
    return "\n".join(texts)


def _explained(plan: Plan, step: Step, number: str, *, whole: bool) -> str:
    source = step.kernel.emit(plan.target, "kernel")
    code = assembly(source, plan.target)
    loop = inner_loop(code)
    rule = "; " + "-" * (_WIDTH - 2)
    heading = _heading(plan, step, number, code, loop)
    target = f"{plan.target.name}: {plan.target.triple}, {plan.target.cpu}"
    if whole or loop is None:
        parts = ["; LLVM IR", source, rule, f"; assembly for {target}", code]
    else:
        parts = [
            "; LLVM IR of the inner loop, before LLVM's own passes",
            inner_block(source, loop.products),
            rule,
            f"; assembly of the inner loop, for {target}",
            loop.text,
        ]
    return "\n".join([rule, *heading, rule, *parts])


def _heading(plan: Plan, step: Step, number: str, code: str, loop: InnerLoop | None) -> list[str]:
    """What the kernel is, as comments of 80 columns."""
    node, tile = step.node, getattr(step.kernel, "tiling", "")
    assert node is not None
    types = plan.graph.types
    shapes = " and ".join(
        str(types[name]) for name in node.inputs if name not in plan.graph.constants
    )
    choice = plan.choices.get(node.name)
    words = {
        "layer": f"{node.path or node.name}, kernel {number}: {step.algorithm}",
        "computes": f"{op_title(node.op)}: {shapes} -> {types[node.name]}",
        "why": "" if choice is None or step.value else choice.why,
        "tile": f"{tile} (rows x columns x channels kept in registers)" if tile else "",
        "code": f"{sum(bool(_INSTRUCTION.match(line)) for line in code.splitlines())} instructions",
        "loop": loop.summary if loop else "",
        "formula": (type(step.kernel).__doc__ or "").split("\n\n")[0],
    }
    lines = []
    for name, text in words.items():
        if text:
            lines += textwrap.wrap(
                " ".join(text.split()),
                _WIDTH,
                initial_indent=f"; {name:9}",
                subsequent_indent=";" + 10 * " ",
            )
    return lines
