"""The rules of the house that a reader relies on: import order, small files, a light front door."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import convariant

SOURCE = Path(convariant.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))

# the folders in the order that data passes through them; each imports only from those before it
ORDER = [
    "_garbage",
    "errors",
    "geometry",
    "reference",
    "functional",
    "nn",
    "models",
    "graph",
    "analysis",
    "compiler",
    "training",
    "drawing",
    "studio",
    "cli",
]
OPTIONAL = {
    *("lightning", "torchmetrics", "tensorboard", "kornia", "PIL", "mlxtend", "nilearn"),
    *("onnx", "onnxruntime", "openvino", "matplotlib", "gradio", "ncnn", "MNN"),
}


def parts_imported(tree: ast.Module) -> set[str]:
    """The convariant folders that a module imports, also inside functions."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "convariant":
                names = [f"convariant.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {n.split(".")[1] for n in names if n.startswith("convariant.")}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_folder_imports_only_from_those_before_it(path: Path) -> None:
    part = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    if part in ("__init__", "__main__"):
        return
    assert part in ORDER, f"{part} has no place in the order of folders"
    imported = parts_imported(ast.parse(path.read_text()))
    later = {name for name in imported if name in ORDER and ORDER.index(name) > ORDER.index(part)}
    assert not later, f"{part} may not import {sorted(later)}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            # the statements alone: a command's signature is the data sheet of its options
            first = node.body[1:2] if ast.get_docstring(node) else node.body[:1]
            body = node.end_lineno - first[0].lineno + 1 if first else 0
            assert body <= 60, f"{node.name} has {body} lines"


def test_the_front_door_is_light() -> None:
    """`import convariant` takes no 0.3 s and loads neither torch nor any optional dependency."""
    script = (
        "import sys, time; start = time.process_time(); import convariant; "
        "assert time.process_time() - start < 0.3; "
        f"heavy = sorted(({OPTIONAL!r} | {{'torch', 'numpy', 'scipy', 'llvmlite'}}) "
        "& set(sys.modules)); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_no_optional_dependency_is_imported_by_the_core() -> None:
    """Every public name resolves with the optional packages out of reach."""
    script = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {OPTIONAL!r}:
            raise ImportError(f"{{name}} is optional")
sys.meta_path.insert(0, Refuse())
import convariant
for name in convariant.__all__:
    getattr(convariant, name)
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def public_modules() -> list[str]:
    found = ["convariant"]
    for path in SOURCE.rglob("__init__.py"):
        parts = path.parent.relative_to(SOURCE).parts
        if parts and not any(part.startswith("_") for part in parts):
            found.append(".".join(("convariant", *parts)))
    return sorted(found)


@pytest.mark.parametrize("name", public_modules())
def test_all_is_what_can_be_imported(name: str) -> None:
    module = __import__(name, fromlist=["__all__"])
    exported = getattr(module, "__all__", [])
    assert len(set(exported)) == len(exported)
    for entry in exported:
        assert getattr(module, entry) is not None


def test_unknown_attribute_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Geometri'"):
        convariant.Geometri  # noqa: B018


def test_size_formulas_live_in_geometry_alone() -> None:
    """`d * (k - 1)` and its spellings are written once; everything else asks Geometry."""
    pattern = "* (kernel_size - 1)", "*(kernel_size-1)", "* (k - 1)"
    for path in FILES:
        if path.relative_to(SOURCE).parts[0] in ("geometry", "reference"):
            continue
        code = ast.unparse(_without_docstrings(ast.parse(path.read_text())))
        assert not any(p in code for p in pattern), f"{path} computes a kernel's extent by itself"


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module)) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def test_every_test_asserts_something() -> None:
    """A test without an assertion cannot fail for the right reason."""
    root = Path(__file__).parents[1]
    for path in root.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                assert _asserts(node), f"{path.name}::{node.name} asserts nothing"


def _asserts(function: ast.FunctionDef) -> bool:
    """An assert, a pytest.raises / warns, or a call to something named assert_* or check*."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            if name.startswith(("assert_", "check", "raises", "warns")) or name == "run":
                return True
    return False
