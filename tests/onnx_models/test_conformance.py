"""The onnx package's own cases: none fails, and the families a CNN is made of pass in full."""

from __future__ import annotations

import pytest

from support.conformance import Case, Result, Row, cases, run, table

ALL = list(cases())
OPERATORS = sorted({case.operator for case in ALL})

# every case of these passes; those of other operators may be declined, with a reason
COMPLETE = {
    *("CausalConvWithState", "Col2Im", "Conv", "ConvInteger", "ConvTranspose", "DeformConv"),
    *("QLinearConv", "Gemm", "MatMul", "MatMulInteger", "QLinearMatMul"),
    *("AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LpPool", "MaxPool", "MaxUnpool"),
    *("BatchNormalization", "GroupNormalization", "InstanceNormalization", "LRN"),
    *("LayerNormalization", "LpNormalization", "MeanVarianceNormalization", "RMSNormalization"),
    *("Resize", "Upsample", "Pad", "DepthToSpace", "SpaceToDepth", "GridSample"),
    *("Celu", "Clip", "Elu", "Gelu", "HardSigmoid", "HardSwish", "Hardmax", "LeakyRelu"),
    *("LogSoftmax", "Mish", "PRelu", "Relu", "Selu", "Shrink", "Sigmoid", "Softmax", "Softplus"),
    *("Softsign", "Swish", "Tanh", "ThresholdedRelu"),
    *("Concat", "Expand", "Flatten", "Gather", "Reshape", "Shape", "Slice", "Split"),
    *("Squeeze", "Tile", "Transpose", "Unsqueeze", "Where", "NonMaxSuppression", "RoiAlign"),
    *("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean"),
    *("ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "ArgMax", "ArgMin"),
    *("pytorch-converted", "pytorch-operator"),
    *(case.operator for case in ALL if case.suite == "light"),
}


@pytest.mark.parametrize("operator", OPERATORS)
def test_cases_of(operator: str) -> None:
    results = [run(case) for case in ALL if case.operator == operator]
    allowed = ("passed",) if operator in COMPLETE else ("passed", "declined")
    others = [f"{r.case.name}: {r.reason}" for r in results if r.outcome not in allowed]
    assert not others, "\n".join(others)
    assert all(r.reason for r in results if r.outcome == "declined")


def test_the_whole_suite_is_there() -> None:
    """A newer onnx package may add cases, but none may go missing unseen."""
    assert set(OPERATORS) >= COMPLETE
    assert {case.suite for case in ALL} == {
        *("node", "simple", "pytorch-converted", "pytorch-operator", "light")
    }
    assert len(ALL) > 2000


def test_a_wrong_value_fails() -> None:
    """The harness itself notices a wrong number, a wrong shape, and a crash."""
    good = next(case for case in ALL if case.name == "test_relu")
    (inputs, outputs) = good.data()[0]
    assert run(good).outcome == "passed"
    for wrong in (outputs[0] + 1, outputs[0][:1], outputs[0].astype("float64")):
        assert run(_expecting(good, inputs, wrong)).outcome == "failed"
    assert run(_expecting(good, [], outputs[0])).outcome == "failed"


def _expecting(case: Case, inputs: list[object], output: object) -> Case:
    return Case(case.suite, case.operator, case.name, case.load, lambda: [(inputs, [output])])


def test_the_table_counts_by_operator() -> None:
    case = ALL[0]
    rows = table([Result(case, "passed"), Result(case, "declined", "why")])
    row = rows[case.operator]
    assert (row.passed, row.declined, row.failed, row.total) == (1, 1, 0, 2)
    assert row.notes == [f"declined: {case.name}: why"]
    assert isinstance(row, Row)
