"""Runs the Python in README.md and docs/ as tests: each page top to bottom, in its own folder."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser


def enter_own_folder(namespace: dict[str, Any]) -> None:
    """Set up a page: what it writes goes to a folder that is removed afterwards."""
    namespace["_folder"] = tempfile.TemporaryDirectory()
    namespace["_home"] = Path.cwd()
    os.chdir(namespace["_folder"].name)


def leave_own_folder(namespace: dict[str, Any]) -> None:
    """Tear a page down."""
    os.chdir(namespace["_home"])
    namespace["_folder"].cleanup()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` writes the files that golden tests compare with, instead of comparing."""
    parser.addoption("--update-golden", action="store_true", help="refresh the golden files")


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/**/*.md", "docs/*.md"],
    setup=enter_own_folder,
    teardown=leave_own_folder,
).pytest()
