"""Which errors mean that there is not enough memory."""

from __future__ import annotations


def lacks_memory(error: Exception) -> bool:
    """Also in torch's words, for it raises a RuntimeError."""
    return isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error)
