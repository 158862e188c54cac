"""What a network keeps when its input moves: measured, certified, guaranteed."""

from convariant.analysis.symmetry._rewrite import (
    ShiftChange,
    make_shift_invariant,
    shift_changes,
)

__all__ = ["ShiftChange", "make_shift_invariant", "shift_changes"]
