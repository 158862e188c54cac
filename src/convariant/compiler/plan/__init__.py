"""The plan of a program: layouts, algorithms and memory for every step."""

from convariant.compiler.plan._choice import Choice, Way
from convariant.compiler.plan._memory import liveness_bound
from convariant.compiler.plan._model import (
    Address,
    Buffer,
    Call,
    Constants,
    Emitter,
    External,
    Located,
    Plan,
    Step,
)
from convariant.compiler.plan._planner import make_plan

__all__ = [
    "Address",
    "Buffer",
    "Call",
    "Choice",
    "Constants",
    "Emitter",
    "External",
    "Located",
    "Plan",
    "Step",
    "Way",
    "liveness_bound",
    "make_plan",
]
