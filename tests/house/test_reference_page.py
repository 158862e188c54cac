"""docs/api.md has every public name, and some page every variable of the environment."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import convariant

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "api.md").read_text()
SHOWN = re.findall(r"^::: (\S+)$", PAGE, re.MULTILINE)
LINKS = dict(re.findall(r"\[`cv\.(\w+)`\]\[([\w.]+)\]", PAGE))


def found(path: str) -> Any:
    """What an import would bind; a function where a module has the same name."""
    if path == "convariant":
        return convariant
    owner, _, name = path.rpartition(".")
    parent = found(owner)
    if not isinstance(parent, ModuleType):  # the function hides its module: `spectrum.spectrum`
        parent = importlib.import_module(owner)
    if not hasattr(parent, name):
        importlib.import_module(path)
    return getattr(parent, name)


def test_the_table_has_all_that_the_package_exports() -> None:
    assert {*LINKS, "__version__"} == set(convariant.__all__)
    assert "`cv.__version__`" in PAGE


@pytest.mark.parametrize("name", LINKS)
def test_a_link_leads_to_what_is_exported_and_shown(name: str) -> None:
    target = LINKS[name]
    assert found(target) is getattr(convariant, name)
    owner, _, last = target.rpartition(".")
    shown = owner in SHOWN and last in getattr(found(owner), "__all__", vars(found(owner)))
    assert target in SHOWN or shown


def test_functions_that_hide_a_module_are_shown_by_themselves() -> None:
    """Of `convariant.models.resnet` the page would show neither the module nor the function."""
    hidden = []
    for path in SHOWN:
        package = found(path)
        for name in package.__all__ if hasattr(package, "__path__") else ():
            module = importlib.util.find_spec(f"{path}.{name}")
            if module is not None and not isinstance(getattr(package, name), ModuleType):
                hidden.append(f"{path}.{name}.{name}")
    assert "convariant.models.resnet.resnet" in hidden
    assert set(hidden) <= set(SHOWN)


def test_variables_that_the_package_reads_are_on_a_page() -> None:
    source = Path(convariant.__file__).parent.rglob("*.py")
    read = {name for path in source for name in re.findall(r"CONVARIANT_[A-Z]+", path.read_text())}
    pages = "".join(page.read_text() for page in DOCS.glob("*.md"))
    assert "CONVARIANT_CACHE" in read
    assert {name for name in read if f"`{name}`" not in pages} == set()
