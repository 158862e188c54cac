"""Examples in docstrings are built as code."""

import doctest
import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("griffe")
SCRIPT = Path(__file__).parents[2] / "scripts" / "doctests.py"


def test_the_extension_of_the_documentation_does_what_it_shows():
    spec = importlib.util.spec_from_file_location("doctests", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    result = doctest.testmod(module)
    assert result.attempted == 1
    assert result.failed == 0
