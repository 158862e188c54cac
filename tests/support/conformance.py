"""The onnx package's own test cases, run through from_onnx and interpret.

`python tests/support/conformance.py [operator ...]` prints passed / total for each operator, and
every declined case with its reason; it exits with 1 if a case fails. A declined case is one that
from_onnx refuses in a sentence; a failed one gives a wrong value, shape or type, or crashes.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import torch
from onnx.backend.test.loader import load_node_model_tests

from convariant.errors import ConvariantError
from convariant.graph import from_onnx, interpret
from convariant.graph.onnx._tensors import to_tensor

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
SUITES = ("node", "simple", "pytorch-converted", "pytorch-operator", "light")

Outcome = Literal["passed", "declined", "failed"]


@dataclass(frozen=True)
class Case:
    """A model with inputs and the outputs that ONNX expects of them."""

    suite: str
    operator: str
    name: str
    load: Callable[[], onnx.ModelProto]
    data: Callable[[], list[tuple[list[Any], list[Any]]]]
    relative: float = 1e-3
    absolute: float = 1e-7
    exact: bool = False  # compute in float64, for an answer that float32's rounding decides


@dataclass(frozen=True)
class Result:
    """What became of a case, and why."""

    case: Case
    outcome: Outcome
    reason: str = ""


@dataclass
class Row:
    """A line of the table: how many cases of an operator passed, were declined, failed."""

    passed: int = 0
    declined: int = 0
    failed: int = 0
    notes: list[str] = field(default_factory=list)

    def add(self, result: Result) -> None:
        setattr(self, result.outcome, getattr(self, result.outcome) + 1)
        if result.outcome != "passed":
            self.notes.append(f"{result.outcome}: {result.case.name}: {result.reason}")

    @property
    def total(self) -> int:
        return self.passed + self.declined + self.failed


def cases() -> Iterator[Case]:
    """Every case of every suite."""
    yield from _node_cases()
    for suite in SUITES[1:-1]:
        for folder in sorted((DATA / suite).iterdir()):
            if (folder / "model.onnx").exists():
                yield _folder_case(suite, folder)
    for path in sorted((DATA / "light").glob("*.onnx")):
        # their weights are all alike: a softmax of 1,000 equal logits, as large as 4e12, where one
        # unit of float32's last digit, which the order of a sum decides, makes 0.001 into 0
        yield Case("light", path.stem, path.stem, _loader(path), _light_data(path), exact=True)


def _node_cases() -> Iterator[Case]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the expected values divide by zero on purpose
        loaded = load_node_model_tests()
    operators: dict[str, str] = {}
    for case in loaded:
        # an operator spelled by its definition belongs to the operator's own row
        base = case.name.partition("_expanded")[0]
        operator = operators.setdefault(base, case.model.graph.node[0].op_type)
        yield Case(
            "node",
            operator,
            case.name,
            _given(case.model),
            _given(case.data_sets),
            case.rtol,
            case.atol,
        )


def _given(value: Any) -> Callable[[], Any]:
    return lambda: value


def _loader(path: Path) -> Callable[[], onnx.ModelProto]:
    return lambda: onnx.load(str(path))


def _folder_case(suite: str, folder: Path) -> Case:
    def data() -> list[tuple[list[Any], list[Any]]]:
        return [
            (_protos(part, "input"), _protos(part, "output"))
            for part in sorted(folder.glob("test_data_set_*"))
        ]

    return Case(suite, suite, folder.name, _loader(folder / "model.onnx"), data)


def _protos(folder: Path, stem: str) -> list[onnx.TensorProto]:
    count = len(list(folder.glob(f"{stem}_*.pb")))
    return [
        onnx.TensorProto.FromString((folder / f"{stem}_{i}.pb").read_bytes()) for i in range(count)
    ]


def _light_data(path: Path) -> Callable[[], list[tuple[list[Any], list[Any]]]]:
    """The one image that the onnx package computed its outputs for: a ramp from 0 to 1."""

    def data() -> list[tuple[list[Any], list[Any]]]:
        graph = onnx.load(str(path)).graph
        weights = {w.name for w in graph.initializer}
        images = []
        for value in graph.input:
            if value.name not in weights:
                shape = [d.dim_value for d in value.type.tensor_type.shape.dim]
                numbers = np.arange(np.prod(shape)).reshape(shape) / np.prod(shape)
                images.append(numbers.astype(np.float32))
        outputs = sorted(path.parent.glob(f"{path.stem}_output_*.pb"))
        return [(images, [onnx.TensorProto.FromString(o.read_bytes()) for o in outputs])]

    return data


def run(case: Case) -> Result:
    """Read the model, run it, compare every output."""
    try:
        model = case.load()
        for inputs, outputs in case.data():
            expected = [tensor(o) for o in outputs]
            actual = _outputs(model, [tensor(i) for i in inputs], case.exact)
            _compare(case, actual, expected)
    except ConvariantError as error:
        return Result(case, "declined", " ".join(str(error).split()))
    except AssertionError as error:
        return Result(case, "failed", " ".join(str(error).split())[:400])
    except Exception as error:  # noqa: BLE001  a crash is what this looks for
        return Result(case, "failed", f"{type(error).__name__}: {error}")
    return Result(case, "passed")


def _outputs(
    model: onnx.ModelProto, inputs: list[torch.Tensor], exact: bool
) -> tuple[torch.Tensor, ...]:
    """Inputs that decide sizes are passed as fixed: tried are none, all but the first, all."""
    weights = {w.name for w in model.graph.initializer}
    named = [v.name for v in model.graph.input if v.name not in weights]
    values = dict(zip(named, inputs, strict=True))
    refusal = None
    for fixed in dict.fromkeys(((), tuple(named[1:]), tuple(named))):
        free = [name for name in named if name not in fixed]
        shapes = {name: tuple(values[name].shape) for name in free}
        try:
            graph = from_onnx(model, shapes, fixed={name: values[name] for name in fixed})
            given = [values[name] for name in free]
            if not exact:
                return interpret(graph, *given)
            types = (graph.types[name].dtype for name in graph.outputs)
            doubles = interpret(graph, *given, dtype=torch.float64)
            return tuple(v.to(dtype) for v, dtype in zip(doubles, types, strict=True))
        except ConvariantError as error:
            refusal = refusal or error
    raise refusal  # type: ignore[misc]


def _compare(case: Case, actual: tuple[torch.Tensor, ...], expected: list[torch.Tensor]) -> None:
    assert len(actual) == len(expected), f"{len(actual)} outputs instead of {len(expected)}"
    for a, e in zip(actual, expected, strict=True):
        assert a.dtype == e.dtype, f"{a.dtype} instead of {e.dtype}"
        assert a.shape == e.shape, f"{tuple(a.shape)} instead of {tuple(e.shape)}"
        # a few units in the last place of the short formats are more than ONNX's own tolerance
        unit = torch.finfo(e.dtype).eps if e.dtype in (torch.float16, torch.bfloat16) else 0.0
        if e.dtype == torch.bfloat16:
            a, e = a.float(), e.float()
        np.testing.assert_allclose(
            a.numpy(), e.numpy(), max(case.relative, 4 * unit), max(case.absolute, unit / 4)
        )


def tensor(value: Any) -> torch.Tensor:
    """An input or output of a case; what is no tensor of numbers is declined."""
    if isinstance(value, onnx.TensorProto):
        return to_tensor(value, None, "a value of the case")
    if value is None or isinstance(value, list):
        raise ConvariantError("a value is a sequence or optional; a graph is of tensors only")
    array = np.array(value, order="C")
    if array.dtype.kind in "OSU":
        raise ConvariantError("a value is made of strings; only numbers are computed with")
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.uint16)).view(torch.bfloat16)
    if not array.dtype.isbuiltin:
        raise ConvariantError(f"a value is of {array.dtype}, for which PyTorch has no arithmetic")
    return torch.from_numpy(array)


def table(results: list[Result]) -> dict[str, Row]:
    """The results by operator."""
    rows: dict[str, Row] = {}
    for result in results:
        rows.setdefault(result.case.operator, Row()).add(result)
    return dict(sorted(rows.items()))


def main(operators: list[str]) -> int:
    """Run all cases, or those of some operators, and print the table."""
    start = time.perf_counter()
    results = [run(c) for c in cases() if not operators or c.operator in operators]
    rows = table(results)
    for name, row in rows.items():
        declined = f"  {row.declined} declined" if row.declined else ""
        failed = f"  {row.failed} FAILED" if row.failed else ""
        print(f"{name:28} {row.passed:4} / {row.total:<4}{declined}{failed}")
        for note in row.notes:
            print(f"    {note[:240]}")
    passed, declined, failed = (
        sum(getattr(row, outcome) for row in rows.values())
        for outcome in ("passed", "declined", "failed")
    )
    seconds = time.perf_counter() - start
    print(f"{passed} of {len(results)} cases passed, {declined} declined, {failed} failed", end=" ")
    print(f"({seconds:.0f} s, onnx {onnx.__version__}, torch {torch.__version__})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
