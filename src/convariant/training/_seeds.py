"""Random numbers that depend on where training is, not on how it came there.

The order of an epoch and the chances of a batch follow from the seed and the position alone. A
run that was stopped anywhere goes on with the very numbers it would have had.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum

import numpy as np
import torch

from convariant.errors import OptionError


class Use(IntEnum):
    """What numbers are drawn for; each use has its own sequence."""

    WEIGHTS = 0
    ORDER = 1
    BATCH = 2
    VALIDATION = 3


def derive(seed: int, use: Use, *position: int) -> int:
    """A seed for torch from the run's seed, a use and a position in training."""
    state = np.random.SeedSequence((seed, use, *position)).generate_state(2, np.uint32)
    return int(state[0]) << 31 | int(state[1]) >> 1  # 63 bits


def generator(seed: int, use: Use, *position: int) -> torch.Generator:
    """A generator of torch that starts from the derived seed."""
    return torch.Generator().manual_seed(derive(seed, use, *position))


@contextmanager
def global_numbers(seed: int, use: Use) -> Iterator[None]:
    """Within, torch's global numbers follow from the seed; after, they go on as before."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(derive(seed, use))
        yield


def check_seeds(seeds: Sequence[int]) -> None:
    """Refuse what cannot be the seeds of a study: a run twice is no second run.

    Raises: OptionError.
    """
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0 or max(seeds) >= 2**63:
        raise OptionError(
            f"a study takes at least one seed, whole numbers from 0 on, none of them twice, but "
            f"got {list(seeds)}; try 0, 1, 2"
        )
