"""Writes to tensors that no version counter tells of."""

from __future__ import annotations

import pytest
import torch

from convariant.compiler._watch import Watch


def storage(size: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.arange(size).to(dtype)


TENSORS = {
    "empty": lambda: storage(0),
    "rows of nothing": lambda: torch.empty(3, 0),
    "one number": lambda: storage(1),
    "16384 numbers": lambda: storage(16384),
    "channels last": lambda: storage(960).view(4, 5, 6, 8).to(memory_format=torch.channels_last),
    "every third": lambda: storage(999)[1::3],
    "float64": lambda: storage(1000, torch.float64),
    "int64": lambda: storage(1, torch.int64),
    "float16, odd": lambda: storage(37, torch.float16)[1:],
    "bool, odd": lambda: storage(13, torch.bool)[3:10],
}


@pytest.mark.parametrize("name", TENSORS)
def test_every_number_of_a_small_tensor_is_watched(name):
    tensor = TENSORS[name]()
    flat = tensor.data  # shares memory, but not the version
    places = [tuple(place) for place in torch.ones(tensor.shape).nonzero().tolist()]
    for place in places[:: max(7, len(places) // 99)]:
        watch = Watch([storage(3), tensor])
        assert not watch.changed()
        flat[place] = flat[place].logical_not() if tensor.dtype == torch.bool else flat[place] + 1
        assert watch.changed(), place
    assert tensor._version == 0
    assert not Watch([tensor]).changed()


def test_a_run_of_numbers_in_a_large_tensor_is_seen_wherever_it_lies():
    tensor = torch.zeros(70, 33, 3, 3)
    flat = tensor.view(-1).numpy()
    for start in [*range(0, flat.size - 528, 199), flat.size - 528]:
        watch = Watch([tensor])
        flat[start : start + 528] += 1
        assert watch.changed(), start


def test_nan_and_signs_of_zero_are_compared_as_they_are_stored():
    tensor = torch.tensor([float("nan"), 0.0])
    watch = Watch([tensor])
    assert not watch.changed()
    tensor.data.neg_()
    assert watch.changed()


def test_tensors_elsewhere_are_left_alone():
    assert not Watch([torch.empty(3, device="meta")]).changed()
