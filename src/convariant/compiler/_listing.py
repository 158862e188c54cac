"""Finding one's way in the code of a kernel: its inner loop, and what that is made of."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

__all__ = ["InnerLoop", "inner_block", "inner_loop"]

_WIDTH = 80
# Instructions by their names, on x86 and on Arm. Without a multiply-add (SSE), products count.
_PRODUCT = re.compile(r"\t(?:vfn?m(?:add|sub)\w*|fml[as]\w*|mulps)\t")
_MOVE = re.compile(r"\t(?:v?mov|v?p?broadcast|ld|st|dup|prfm)")
_VECTOR = re.compile(r"%[xyz]mm\d|\b[qvs]\d+\b")
_STACK = re.compile(r"\(%rsp|\[sp")
_LABEL = re.compile(r"(\.?L\w+):")
_JUMP = re.compile(r"\t(?:j[a-z]+|b|b\.[a-z]+|cbn?z|tbn?z)\t(?:.*, )?(\.?L\w+)$")
# What stands for a fence, or is no instruction: comments and directives.
_ASIDE = re.compile(r"\s*(?:#|//|\.p2align)")
# Vectors of one number, for which LLVM has shorter words.
_SHORTER = {
    r"<float undef(?:, float undef)*>": "undef",
    r"<i32 0(?:, i32 0)*>": "zeroinitializer",
    r"<(float [\w.+-]+)(?:, \1)+>": r"splat (\1)",
}
# Lines of a basic block that are shown: of an unrolled loop, more would say the same again.
_FIRST, _LAST = 60, 3


@dataclass(frozen=True)
class InnerLoop:
    """One turn of a loop as assembly: what it computes, and how often it goes to memory.

    A multiply-add that reads its operand from memory is a product and a load; `arithmetic` are the
    vector instructions that do more than move numbers, products among them.
    """

    text: str
    instructions: int
    products: int
    arithmetic: int
    loads: int
    stores: int
    spills: int

    @property
    def cycles(self) -> tuple[float, str]:
        """The least cycles of a turn where two products, two loads and a store fit in each, and
        which of them asks for as many.
        """
        bounds = {
            "arithmetic": self.products / 2,
            "loads": self.loads / 2,
            "stores": float(self.stores),
        }
        name = max(bounds, key=lambda key: bounds[key])
        return bounds[name], name

    @property
    def summary(self) -> str:
        """What it holds, in one sentence."""
        counts = (
            (self.products, "multiply-add" if "\tmulps\t" not in self.text else "product"),
            (self.loads, "vector load"),
            (self.stores, "store"),
            (self.spills, "spill"),
        )
        held = ", ".join(f"{n} {word}{'s' * (n != 1)}" for n, word in counts)
        cycles, name = self.cycles
        least = f"; at least {cycles:g} cycles, for its {name}" if cycles else ""
        return f"{self.instructions} instructions: {held}{least}"


def inner_loop(code: str) -> InnerLoop | None:
    """Of the loops with products those within most others, and of these the one with most products;
    where none multiplies, that with the most vector instructions. None in code without a loop.
    """
    lines = code.splitlines()
    loops = [(_counted(lines[start:end]), depth) for start, end, depth in _innermost(lines)]
    return max(loops, key=lambda pair: _weight(*pair), default=(None, 0))[0]


def _innermost(lines: list[str]) -> list[tuple[int, int, int]]:
    """First and last line of every loop that holds no other, from a label to a jump back to it, and
    how many others it is within.
    """
    labels: dict[str, int] = {}
    spans: dict[int, int] = {}
    for number, line in enumerate(lines):
        if label := _LABEL.match(line):
            labels[label[1]] = number
        elif (jump := _JUMP.match(line)) and jump[1] in labels:
            spans[labels[jump[1]]] = number + 1

    def within(inner: tuple[int, int], outer: tuple[int, int]) -> bool:
        return outer[0] < inner[0] and inner[1] <= outer[1]

    every = list(spans.items())
    return [
        (*span, sum(within(span, other) for other in every))
        for span in every
        if not any(within(other, span) for other in every)
    ]


def _counted(lines: list[str]) -> InnerLoop:
    shown = [line for line in lines if not _ASIDE.match(line)]
    instructions = [line for line in shown if line.startswith("\t")]
    vectors = [line for line in instructions if _VECTOR.search(line)]
    stores = [line for line in vectors if _stores(line)]
    loads = [line for line in vectors if line not in stores and re.search(r"[\[(]", line)]
    return InnerLoop(
        text="\n".join(shown),
        instructions=len(instructions),
        products=sum(bool(_PRODUCT.match(line)) for line in instructions),
        arithmetic=sum(not _MOVE.match(line) for line in vectors),
        loads=sum(map(_moved, loads)),
        stores=sum(map(_moved, stores)),
        spills=sum(bool(_STACK.search(line)) for line in vectors),
    )


def _stores(line: str) -> bool:
    """Memory stands last on x86; Arm has names for it."""
    return line.endswith(")") or line.startswith(("\tst",))


def _moved(line: str) -> int:
    """Arm moves two registers at once."""
    return 2 if line.startswith(("\tldp", "\tstp")) else 1


def _weight(loop: InnerLoop, depth: int) -> tuple[int, int, int]:
    vectors = sum(bool(_VECTOR.search(line)) for line in loop.text.splitlines())
    return depth if loop.products else -1, loop.products, vectors


def inner_block(source: str, products: int) -> str:
    """The basic block of LLVM IR with that many multiply-adds, or the nearest number of them, in
    lines of 80 columns. Vectors of one number are written short, a long middle is left out.
    """
    blocks = re.split(r"^(?=[\w.]+:$)", source, flags=re.MULTILINE)[1:]
    block = min(blocks, key=lambda block: _unlike(block, products)).partition("\n}")[0]
    for pattern, word in _SHORTER.items():
        block = re.sub(pattern, word, block)
    lines = block.strip().splitlines()
    left_out = len(lines) - _FIRST - _LAST
    if left_out > 1:
        lines[_FIRST:-_LAST] = [f"  ; ... {left_out} lines more"]
    return "\n".join(map(_folded, lines))


def _unlike(block: str, products: int) -> tuple[int, bool, int]:
    """How far a block is from the one looked for; the longest that loops on itself is nearest."""
    name = block.partition(":")[0]
    loops = f'label %"{name}"' in block
    return abs(block.count('@"llvm.fm') - products), not loops, -len(block)


def _folded(line: str) -> str:
    return textwrap.fill(
        line.rstrip(),
        _WIDTH,
        subsequent_indent=" " * 6,
        break_long_words=False,
        break_on_hyphens=False,
    )
