"""Show the examples of docstrings as code in the built documentation (mkdocs.yml names this file).

Markdown takes `>>>` for three quotations in each other, and a list that is printed for a link.
"""

from __future__ import annotations

from typing import Any

import griffe


def fenced(docstring: str) -> str:
    """Every paragraph that begins with `>>>` as a block of code.

    >>> fenced("Add.\\n\\n>>> 1 + 1\\n2\\n\\nSource: school.")
    'Add.\\n\\n```pycon\\n>>> 1 + 1\\n2\\n```\\n\\nSource: school.'
    """
    paragraphs = docstring.split("\n\n")
    return "\n\n".join(f"```pycon\n{p}\n```" if p.startswith(">>>") else p for p in paragraphs)


class Doctests(griffe.Extension):
    """Rewrites every docstring as it is read."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for modules, classes, functions and attributes alike."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)
