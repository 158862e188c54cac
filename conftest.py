"""Runs the Python in README.md and docs/ as tests, each page from top to bottom in a folder of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser


def enter_own_folder(namespace: dict[str, Any]) -> None:
    import tempfile

    namespace["_folder"] = tempfile.TemporaryDirectory()
    namespace["_home"] = Path.cwd()
    os.chdir(namespace["_folder"].name)


def leave_own_folder(namespace: dict[str, Any]) -> None:
    os.chdir(namespace["_home"])
    namespace["_folder"].cleanup()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/**/*.md", "docs/*.md"],
    setup=enter_own_folder,
    teardown=leave_own_folder,
).pytest()
