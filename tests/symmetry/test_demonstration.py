"""The lecture's demonstration and its experiment, on small numbers."""

from __future__ import annotations

import json

import pytest
import torch

import convariant as cv
from convariant import DataError, OptionError, StorageError
from convariant.analysis.symmetry import demonstrate
from convariant.analysis.symmetry._demonstration import _Sweep
from convariant.analysis.symmetry._observe import observe
from convariant.training.symmetry_study import CONTENDERS, run_study, small_network


def test_each_sweep_becomes_a_moving_picture(tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    torch.manual_seed(0)
    image = torch.rand(1, 1, 28, 28)
    page = demonstrate(cv.models.create("lenet5"), image, tmp_path / "demo", ["flip"])
    text = page.read_text()
    assert text.count("data:image/gif;base64,") == 1
    assert "<p>Answer: " in text
    with image_module.open(page.parent / "flip.gif") as gif:
        assert gif.n_frames == 6  # none, three mirrors, and back
        assert min(gif.size) > 200
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write into"):
        demonstrate(cv.models.create("lenet5"), image, tmp_path / "file", ["flip"])
    with pytest.raises(DataError, match="takes one image"):
        demonstrate(cv.models.create("lenet5"), torch.rand(2, 1, 28, 28), tmp_path)


def test_a_frame_has_every_layer_and_the_answer_of_its_image(tmp_path):
    pytest.importorskip("PIL.Image")
    torch.manual_seed(0)
    lenet, image = cv.models.create("lenet5").eval(), torch.rand(1, 1, 28, 28)
    transform = cv.symmetry.Rotation()
    sweep = _Sweep(observe(lenet, image, per_layer=True), image, transform, list("abcdefghij"))
    linear = {name for name, planes in sweep.shown.items() if planes.ndim == 1}
    assert {"c1", "s2", "c3", "s4"} <= sweep.shown.keys() - linear
    assert {"c5", "f6"} <= linear
    seen = []
    lenet.c5.register_forward_hook(lambda module, inputs, output: seen.append(output))
    for amount in (0.0, 90.0):
        sweep.add(amount)
        turned = transform.apply(image, amount)
        with torch.no_grad():
            scores = lenet(turned)[0].softmax(0)
        assert sweep.answers[-1][1] == "abcdefghij"[int(scores.argmax())]
        assert [bar.get_width() for bar in sweep.bars] == pytest.approx(scores.tolist(), rel=1e-4)
        shown = torch.from_numpy(sweep.parts["c5"][0].get_array().data)
        assert torch.allclose(shown.flatten(), seen[-1].flatten(), atol=1e-5)
    assert not (sweep.frames[0] == sweep.frames[1]).all()
    sweep.answers = [("-1", "a"), ("0", "a"), ("1", "b")]
    assert sweep.text() == "a from -1 to 0, b at 1"


def test_all_contenders_answer_and_the_exact_ones_are_exact():
    torch.manual_seed(0)
    x = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        for contender in CONTENDERS.values():
            assert contender.build().eval()(x).shape == (2, 10)
        exact = CONTENDERS["CNN polyphase"].build().eval()
        assert torch.allclose(exact(x.roll((3, 5), (2, 3))), exact(x), atol=1e-5)
        turned = CONTENDERS["CNN p4m"].build().eval()
        assert torch.allclose(turned(x.rot90(1, (2, 3)).flip(-1)), turned(x), atol=1e-5)
    assert sum(p.numel() for p in small_network().parameters()) == 16_266


@pytest.mark.slow
def test_the_study_writes_its_tables_and_curves_and_goes_on(tmp_path):
    folder = tmp_path / "study"
    options = {"seeds": [0, 1], "epochs": 1, "images": 20, "contenders": ["LeNet-5"]}
    study = run_study(**options, folder=folder, workers=2)
    study.save(folder)
    assert "| network | parameters | MACs |" in (folder / "study.md").read_text()
    saved = json.loads((folder / "study.json").read_text())
    assert saved["trials"][0]["params"] == 61_706
    assert saved["trials"][0]["sweeps"]["quarter"]["consistency"][0] == 1.0
    assert (folder / "curves.png").stat().st_size > 10_000
    assert (folder / "cost.png").stat().st_size > 10_000
    (folder / "trials" / "lenet-5-1.json").write_text('{"settings": ')  # cut short
    again = run_study(**options, folder=folder, workers=1)
    assert again.of("LeNet-5")[0] == study.of("LeNet-5")[0]  # its seconds too: not run again
    assert again.of("LeNet-5")[1].sweeps == study.of("LeNet-5")[1].sweeps


def test_the_study_refuses_what_it_does_not_have():
    with pytest.raises(OptionError, match=r"contenders of LeNet-5, .*\['ResNet'\]"):
        run_study(contenders=["ResNet"])
    with pytest.raises(OptionError, match="at least one seed"):
        run_study(seeds=[])
