"""On what a run is trained."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """Handed to Lightning's Trainer as they are, but for `workers`.

    `devices` is a number of processes, a list such as "0,1", or "auto"; `precision` is one of
    Lightning's names, such as "32-true" or "bf16-mixed"; `workers` are extra processes that
    prepare batches.
    """

    accelerator: str = "auto"
    devices: int | str = "auto"
    nodes: int = 1
    strategy: str = "auto"
    precision: str = "32-true"
    workers: int = 0
