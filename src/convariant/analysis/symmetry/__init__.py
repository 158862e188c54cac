"""What a network keeps when its input moves: measured, certified, guaranteed."""

from convariant.analysis.symmetry._certificate import (
    Certificate,
    Counterexample,
    LayerVerdict,
    NumericCheck,
)
from convariant.analysis.symmetry._certify import certify
from convariant.analysis.symmetry._demonstration import demonstrate
from convariant.analysis.symmetry._measure import measure
from convariant.analysis.symmetry._measurement import Change, Curve, LayerCurve, Measurement
from convariant.analysis.symmetry._report import ShiftReport, ShiftRow, shift_report
from convariant.analysis.symmetry._rewrite import (
    ShiftChange,
    make_shift_invariant,
    shift_changes,
)
from convariant.analysis.symmetry._transforms import (
    CircularShift,
    Flip,
    Noise,
    QuarterTurn,
    Rotation,
    Scale,
    Shift,
    Squeeze,
    Transform,
    WindowPermutation,
)

__all__ = [
    "Certificate",
    "Change",
    "CircularShift",
    "Counterexample",
    "Curve",
    "Flip",
    "LayerCurve",
    "LayerVerdict",
    "Measurement",
    "Noise",
    "NumericCheck",
    "QuarterTurn",
    "Rotation",
    "Scale",
    "Shift",
    "ShiftChange",
    "ShiftReport",
    "ShiftRow",
    "Squeeze",
    "Transform",
    "WindowPermutation",
    "certify",
    "demonstrate",
    "make_shift_invariant",
    "measure",
    "shift_changes",
    "shift_report",
]
