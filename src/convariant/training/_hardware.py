"""On what a run is trained."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields

from convariant.errors import OptionError

# where torchrun, Lightning and SLURM write which of several processes this one is
_RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID")


def is_first_process() -> bool:
    """Whether this process is alone, or the one of several that speaks and writes."""
    ranks = [os.environ[name] for name in _RANKS if name in os.environ]
    return not ranks or ranks[0] == "0"


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """Handed to Lightning's Trainer as they are, but for `workers`.

    Raises: OptionError.

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

    def __post_init__(self) -> None:
        for name, least in (("nodes", 1), ("workers", 0)):
            if getattr(self, name) < least:
                raise OptionError(
                    f"training takes {name} of at least {least}, but got {getattr(self, name)}"
                )
        if any(kind in self.strategy for kind in ("spawn", "fork", "notebook")):
            raise OptionError(
                f"strategy {self.strategy!r} trains in copies of this process, which cannot give "
                "their history back; use 'ddp'"
            )

    def __str__(self) -> str:
        chosen = [f for f in fields(self) if getattr(self, f.name) != f.default]
        return ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in chosen)
