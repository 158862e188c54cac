"""What a rule finds, and all findings together."""

from __future__ import annotations

import json
import textwrap
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

Severity: TypeAlias = Literal["warning", "note"]
DOCS = "docs/inspect.md"


@dataclass(frozen=True)
class Finding:
    """One thing that a rule has to say: where, what, why it matters, and what to do about it.

    A `warning` is a loss or an error; a `note` a choice that should be a conscious one.
    """

    rule: str
    severity: Severity
    module: str
    message: str
    fix: str

    @property
    def link(self) -> str:
        """Where the rule is explained."""
        return f"{DOCS}#{self.rule}"

    def __str__(self) -> str:
        head = f"{self.severity}: {self.module}: {self.message} [{self.rule}]"
        lines = textwrap.wrap(head, 80, subsequent_indent="  ", break_on_hyphens=False)
        lines += textwrap.wrap(f"fix: {self.fix}", 80, initial_indent="  ", subsequent_indent="  ")
        return "\n".join([*lines, f"  see {self.link}"])


@dataclass(frozen=True)
class LintReport:
    """The findings about one network at one input size; empty where nothing is to be said."""

    name: str
    input_size: tuple[int, ...]
    findings: tuple[Finding, ...]

    def __bool__(self) -> bool:
        return bool(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def of(self, rule: str) -> tuple[Finding, ...]:
        """The findings of one rule."""
        return tuple(f for f in self.findings if f.rule == rule)

    def __str__(self) -> str:
        size = "x".join(map(str, self.input_size))
        if not self.findings:
            return f"{self.name} at {size}: nothing found"
        warnings = sum(f.severity == "warning" for f in self.findings)
        head = f"{self.name} at {size}: {warnings} warnings, {len(self) - warnings} notes"
        return "\n".join([head, *map(str, self.findings)])

    def to_json(self) -> str:
        """The findings as JSON text."""
        findings = [asdict(f) | {"link": f.link} for f in self.findings]
        return json.dumps(
            {"name": self.name, "input_size": self.input_size, "findings": findings}, indent=2
        )
