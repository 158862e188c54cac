"""The report: every section from the analyses themselves, one page without the network."""

import base64
import json
import re

import numpy as np
import pytest
import torch
from torch import nn

import convariant as cv
from convariant.analysis.separable import separability
from convariant.analysis.symmetry import measure
from convariant.drawing import _report

HEADINGS = [
    *("Architecture", "Cost", "Receptive field", "Symmetry", "Separability", "Compiled speed"),
]


@pytest.fixture(scope="module")
def found():
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    return cv.report(
        cv.models.create("lenet5").eval(), torch.rand(3, 1, 28, 28, generator=generator)
    )


def test_every_section_is_made(found):
    assert [section.heading for section in found.sections] == HEADINGS
    assert [section.problem for section in found.sections] == [""] * len(HEADINGS)
    assert found.subtitle == "1×1×28×28 → 1×10; 61,706 parameters, 416,520 multiply-adds"


def test_figures_are_those_of_the_analyses(found):
    cost = json.loads(found.section("Cost").data["cost.json"])
    assert cost["params"] == 61_706
    (verdicts,) = found.section("Symmetry").tables
    assert dict(verdicts.rows)["p4"] == "broken: its kernels are no quarter turns of one another"
    assert json.loads(found.section("Symmetry").data["certificate-p4.json"])["verdict"] == "broken"
    speed = json.loads(found.section("Compiled speed").data["speed.json"])
    assert speed["error"] < 1e-4
    (steps,) = found.section("Compiled speed").tables
    shown = [row for row in speed["rows"] if row["algorithm"] != "halo"]
    assert len(steps.bars) == len(steps.rows) == len(shown)


def test_the_page_needs_nothing_and_holds_the_figures(found, tmp_path):
    page = found.save(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert addresses
    assert all(address.startswith(("#", "data:")) for address in addresses)
    data = re.search(r'download="cost.json" href="data:application/json;base64,([^"]*)"', page)[1]
    assert json.loads(base64.b64decode(data))["macs"] == 416_520
    for heading in HEADINGS:
        assert f"<h2>{heading}</h2>" in page


def test_text_of_a_network_is_escaped():
    section = cv.draw.NetworkReport("<b>net</b>", "a < b", ())
    assert "&lt;b&gt;net&lt;/b&gt;" in section.html()
    assert "<b>net" not in section.html()


def test_what_cannot_be_made_says_why_and_the_rest_follows():
    graph = cv.graph.from_torch(torch.nn.Conv2d(5, 2, 3).eval(), torch.zeros(1, 5, 8, 8))
    found = cv.report(graph, np.zeros((1, 5, 8, 8), np.float32))
    assert "1 or 3 channels" in found.section("Receptive field").problem
    assert "give the module itself" in found.section("Separability").problem
    assert found.section("Cost").problem == ""
    assert "1 or 3 channels" in found.html()


def test_group_convolutions_are_read_as_plain_ones():
    network = cv.models.create("p4_lenet").eval()
    found = cv.report(network, torch.rand(1, 1, 28, 28)).section("Separability")
    plain = separability(cv.nn.to_plain(network))
    (table,) = found.tables
    assert found.problem == ""
    assert [row[0] for row in table.rows] == [layer.path for layer in plain.layers]
    assert "plain ones that compute the same" in found.words


@pytest.mark.parametrize("axes", [1, 3])
def test_networks_that_take_no_images_have_the_rest(axes):
    conv = (nn.Conv1d if axes == 1 else nn.Conv3d)(2, 3, 3)
    found = cv.report(nn.Sequential(conv, nn.ReLU()).eval(), torch.zeros(2, 2, *[6] * axes))
    problems = {section.heading: section.problem for section in found.sections if section.problem}
    assert set(problems) == {"Receptive field", "Symmetry"}
    assert all("of images (n, c, h, w), but" in problem for problem in problems.values())
    assert found.section("Compiled speed").tables[0].rows


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular")

    def forward(self, x):
        y = self.conv(x)
        return y, y.relu()


def test_several_outputs_are_named_beside_each_other():
    found = cv.report(TwoHeads().eval(), torch.rand(2, 1, 6, 6))
    assert found.subtitle.startswith("1×1×6×6 → 1×2×6×6 and 1×2×6×6; ")
    assert "symmetry is measured on one tensor" in found.section("Symmetry").problem


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(3, 8, 8),
        torch.zeros(8, 8),
        torch.zeros(0, 1, 8, 8),
        torch.zeros(1, 1, 8, 8).byte(),
    ],
)
def test_images_that_are_no_batch(images):
    with pytest.raises(cv.ShapeError, match=r"report takes images \(n, c, h, w\)"):
        cv.report(torch.nn.Conv2d(1, 4, 3), images)


def test_curves_stand_at_the_heights_of_the_measurement():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(4, 1, 28, 28, generator=generator)
    torch.manual_seed(0)
    measured = measure(cv.models.create("lenet5"), images, "shift", False, amounts=(0, 1, 4))
    picture = cv.draw.symmetry_curves([measured])
    lines = {shape.style: shape for shape in picture.panel.shapes if hasattr(shape, "arrow")}
    heights = [28 + 150 * (1 - min(e, 1)) for e in measured.output.mean]
    assert [y for _, y in lines["window"].points] == pytest.approx(heights, abs=0.06)
    assert [x for x, _ in lines["skip"].points] == [44, 106.5, 294]


def test_curves_of_nothing():
    with pytest.raises(cv.OptionError, match="at least one measurement"):
        cv.draw.symmetry_curves([])


def test_images_are_given_up_before_amounts(monkeypatch):
    passes = sum(len(amounts) + 1 for amounts in _report.SWEEPS.values())
    monkeypatch.setattr(_report, "MOST_MACS", 1000 * passes)
    assert _report.affordable(10, 9) == (9, _report.SWEEPS)
    assert _report.affordable(300, 9) == (3, _report.SWEEPS)
    assert _report.affordable(1001, 9) == (2, _report.FEWER_SWEEPS)
    assert _report.affordable(10**9, 9) == (1, _report.FEWER_SWEEPS)
    assert all(set(few) <= set(_report.SWEEPS[name]) for name, few in _report.FEWER_SWEEPS.items())


def test_a_costly_network_is_measured_on_fewer_images_and_the_page_says_so(monkeypatch):
    monkeypatch.setattr(_report, "MOST_MACS", 1)
    model = cv.models.create("lenet5").eval()
    images = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    section = _report._symmetry(model, images, 416_520_000_000)
    assert "Measured on 1 of 3 images at few amounts, as one image takes 417 billion" in (
        section.words
    )
    shift = json.loads(section.data["shift.json"])
    alone = measure(model, images[:1], "shift", False, amounts=_report.FEWER_SWEEPS["shift"])
    assert shift == json.loads(json.dumps(alone.to_json()))
