"""How many threads a network is worth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from convariant.training._counts import count_macs
from convariant.training._preprocessing import Preprocessing

WORK = 3 * 10**8  # multiply-adds of a batch that are worth a thread


@contextmanager
def enough_threads(network: nn.Module, preprocessing: Preprocessing, images: int) -> Iterator[None]:
    """Within, torch has a thread for each `WORK` of a batch of images, and no more than it had.

    The threads of a small network wait for each other longer than they compute, and on a busy
    machine many times longer. The network is put into evaluation mode.
    """
    threads = torch.get_num_threads()
    work = images * count_macs(network.eval(), preprocessing)
    torch.set_num_threads(max(1, min(threads, work // WORK)))
    try:
        yield
    finally:
        torch.set_num_threads(threads)
