"""The digit tab without a browser: drawings, motions, answers, the trainer."""

import numpy as np
import pytest
import torch

from convariant.errors import DataError
from convariant.models import create
from convariant.nn import GroupMaxPool2d
from convariant.studio import _digits
from convariant.studio._digits import Motion, Trainer, example, from_ink, moved, read
from convariant.training._digit_recipe import FIELD, digits


def hexadecimal(ink):
    return np.asarray(ink, np.uint8).tobytes().hex()


def test_a_drawing_is_scaled_to_20_pixels_and_centred():
    ink = np.zeros((56, 56))
    ink[2:42, 30:34] = 255  # a stroke at the side
    field = from_ink(hexadecimal(ink))
    rows, columns = np.nonzero(field[0, 0].numpy())
    assert (rows.min(), rows.max()) == (6, 25)
    assert (columns.min(), columns.max()) == (15, 16)
    assert field.max() == 1


def test_a_single_dot_is_a_drawing():
    ink = np.zeros((56, 56))
    ink[0, 0] = 255
    assert float(from_ink(hexadecimal(ink)).sum()) == 400


@pytest.mark.parametrize("text", ["", "00" * 56**2, "zz" * 56**2, "ff" * 10, "FF" * 56**2])
def test_what_is_no_drawing(text):
    with pytest.raises(DataError, match="nothing is drawn yet|a drawing is 56 x 56"):
        from_ink(text)


def test_no_motion_changes_nothing():
    assert torch.equal(moved(example(0), Motion()), example(0))


def test_motions_move_as_they_say():
    image = torch.zeros(1, 1, FIELD, FIELD)
    image[..., 10, 12] = 1
    assert moved(image, Motion(right=3, down=-2))[0, 0, 8, 15] == 1
    turned = moved(example(5), Motion(rotation=90))
    torch.testing.assert_close(turned, torch.rot90(example(5), 1, (2, 3)), atol=1e-5, rtol=0)
    assert moved(example(5), Motion(scale=0.5)).sum() < 0.4 * example(5).sum()
    noisy = moved(example(5), Motion(noise=0.3))
    assert 0 <= noisy.min() < noisy.max() <= 1


def test_an_answer_has_scores_and_maps():
    network = create("p4_lenet").eval()
    pools = [m for m in network.modules() if isinstance(m, GroupMaxPool2d)]
    answer = read("p4 LeNet", network, example(1), Motion(rotation=90))
    assert sum(answer.scores) == pytest.approx(1, abs=1e-5)
    assert answer.digit == answer.before  # exact for quarter turns, whatever the weights
    assert len(answer.maps) == len(pools)
    assert all(m.dtype == np.uint8 and m.shape[2] == 3 for m in answer.maps)
    assert not any(m._forward_hooks for m in network.modules())


def test_the_trainer_keeps_what_it_trained(tmp_path, monkeypatch):
    trained = []

    def instead(reader):
        trained.append(reader)
        torch.manual_seed(1)
        return _digits._as_used(reader.build(), reader).eval()

    monkeypatch.setattr(_digits, "_trained", instead)
    first = Trainer(tmp_path)
    first.start()
    first.wait()
    assert first.ready
    assert len(trained) == len(_digits.READERS)
    again = Trainer(tmp_path)
    again.start()
    again.wait()
    assert len(trained) == len(_digits.READERS)  # read, not trained
    for name, network in first.networks.items():
        other = again.networks[name].state_dict()
        assert all(torch.equal(t, other[key]) for key, t in network.state_dict().items())
    (tmp_path / "lenet-5-1.safetensors").write_bytes(b"damaged")
    third = Trainer(tmp_path)
    third.start()
    third.wait()
    assert len(trained) == len(_digits.READERS) + 1


def test_a_trainer_that_fails_says_why_and_may_try_again(tmp_path, monkeypatch):
    def fails(reader):
        raise DataError("no digits here")

    monkeypatch.setattr(_digits, "_trained", fails)
    trainer = Trainer(tmp_path)
    trainer.start()
    trainer.wait()
    assert trainer.failure == "no digits here"
    assert not trainer.busy


@pytest.mark.slow
def test_every_reader_learns(tmp_path):
    trainer = Trainer(tmp_path)
    trainer.start()
    trainer.wait()
    images, labels = digits("held_out")
    for name, network in trainer.networks.items():
        with torch.inference_mode():
            right = (network(images).argmax(1) == labels).float().mean()
        assert right > 0.88, name
