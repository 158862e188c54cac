"""How much a file may ask for before its network has run once."""

from __future__ import annotations

from convariant.errors import GraphError
from convariant.graph.ops import Expand, Op, Permute, Reshape, Slice
from convariant.graph.ops._base import Types

# what is computed from constants may take this much memory and work in all; weights that are
# unpacked, turned or multiplied stay far below it
_BYTES = 2**30
_BYTES_PER_WEIGHT_BYTE = 16
_OPERATIONS = 2 * 10**10

_VIEWS = (Expand, Permute, Reshape, Slice)  # the same numbers in memory


class Budget:
    """Counts the constants that a file has us compute; a file of a few bytes could fill memory."""

    def __init__(self, weight_bytes: int) -> None:
        self.bytes = _BYTES + _BYTES_PER_WEIGHT_BYTE * weight_bytes
        self.operations = _OPERATIONS

    def spend(self, op: Op, inputs: Types, outputs: Types) -> None:
        """Raise GraphError where a computed constant takes more than what is left."""
        if not isinstance(op, _VIEWS):
            self.spend_bytes(sum(t.nbytes for t in outputs))
        cost = op.cost(inputs, outputs)
        self.spend_operations(cost.macs + cost.other)

    def spend_operations(self, count: int) -> None:
        """Raise GraphError where this much arithmetic is beyond what is left."""
        self.operations -= count
        if self.operations < 0:
            raise _beyond("arithmetic")

    def spend_bytes(self, size: int) -> None:
        """Raise GraphError where a constant of this many bytes is beyond what is left."""
        self.bytes -= size
        if self.bytes < 0:
            raise _beyond("memory")


def _beyond(what: str) -> GraphError:
    return GraphError(
        f"what the file computes from its constants alone, up to here, takes too much {what}; "
        "compute it once and save the result as a weight"
    )
