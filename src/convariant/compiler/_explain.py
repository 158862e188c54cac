"""The code of one layer, for reading."""

from __future__ import annotations

import re
import textwrap

from convariant.compiler.llvm import Target, assembly
from convariant.compiler.plan import Plan, Step
from convariant.errors import UnknownNameError

__all__ = ["explain_layer"]

_WIDTH = 80
# Instructions that a heading counts, by what their names look like on x86 and on Arm.
_COUNTED = {
    "multiply-adds": r"vfn?m(?:add|sub)\w*|fml[as]\w*",
    "multiplications": r"v?mulps|fmul",
    "broadcasts": r"vbroadcast\w*|ld1r\w*",
    "permutations": r"vperm\w*|tbl",
}
_INSTRUCTION = re.compile(r"^\t([a-z]\w*)", re.MULTILINE)


def explain_layer(plan: Plan, layer: str) -> str:
    """Heading, IR and assembly of each kernel of a layer; see `Program.explain`."""
    steps = [step for step in plan.steps if isinstance(step, Step) and step.node]
    names = {name for s in steps if s.node for name in (s.node.path, s.node.name)} - {""}
    if layer not in names:
        raise UnknownNameError("layer with a kernel", layer, names)
    asked = [s for s in steps if s.node and layer in (s.node.path, s.node.name)]
    texts = [_explained(plan, step, f"{i} of {len(asked)}") for i, step in enumerate(asked, 1)]
    return "\n".join(texts)


def _explained(plan: Plan, step: Step, number: str) -> str:
    source = step.kernel.emit(plan.target, "kernel")
    code = assembly(source, plan.target)
    rule = "; " + "-" * (_WIDTH - 2)
    heading = _heading(plan, step, number, code)
    parts = [rule, *heading, rule, "; LLVM IR", source, rule, f"; {_assembly_of(plan.target)}"]
    return "\n".join([*parts, code])


def _heading(plan: Plan, step: Step, number: str, code: str) -> list[str]:
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
        "computes": f"{node.op.text() or node.op.kind}: {shapes} -> {types[node.name]}",
        "why": "" if choice is None or step.value else choice.why,
        "tile": f"{tile} (rows x columns x channels kept in registers)" if tile else "",
        "code": _counts(code),
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


def _counts(code: str) -> str:
    """How many instructions there are, and of which the arithmetic is made."""
    names = _INSTRUCTION.findall(code)
    kinds = {
        kind: sum(bool(re.fullmatch(pattern, name)) for name in names)
        for kind, pattern in _COUNTED.items()
    }
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    return f"{len(names)} instructions" + (f", of them {counted}" if counted else "")


def _assembly_of(target: Target) -> str:
    return f"assembly for {target.name}: {target.triple}, {target.cpu}"
