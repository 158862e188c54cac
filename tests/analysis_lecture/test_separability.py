"""Ranks, errors and groups of weights that were made to have them."""

import json

import pytest
import torch
from torch import nn

from analysis_lecture.modules import module_of
from convariant import DataError, OptionError, equivalent, models
from convariant import nn as extended
from convariant.analysis._convolution import take_apart
from convariant.analysis.separable import LayerSeparability, separability
from convariant.analysis.separable._decompositions import offered
from convariant.graph import from_torch
from support.compare import assert_close
from support.configs import CONVOLUTIONS, TRANSPOSED, each

LECTURE = torch.tensor([[3.0, 6, 9], [4, 8, 12], [5, 10, 15]])
FORMS = ("spatial", "depthwise", "tucker")


def layer_of(module: nn.Module, **options) -> LayerSeparability:
    return separability(module, **options).layers[0]


def with_weight(module: nn.Module, weight: torch.Tensor) -> nn.Module:
    module.weight = nn.Parameter(weight)
    return module


def test_the_kernel_of_the_lecture_has_rank_one():
    layer = layer_of(with_weight(nn.Conv2d(1, 1, 3, bias=False), LECTURE[None, None]))
    assert layer.spatial_rank == 1
    assert layer.kernel_ranks == (0, 1)
    assert layer.kernel_errors[0] < 1e-6
    assert layer.form("spatial").ranks == (1,)
    assert layer.form("spatial").cost == 6 / 9


def test_the_identity_is_not_separable():
    layer = layer_of(with_weight(nn.Conv2d(1, 1, 3), torch.eye(3)[None, None]))
    assert layer.spatial_rank == 3
    assert_close(
        torch.tensor(layer.kernel_errors), torch.tensor([2 / 3, 1 / 3, 0]).sqrt(), reduction=16
    )
    assert layer.form("spatial").ranks == (3,)


def test_rank_per_kernel_is_not_joint_rank():
    """Every kernel of rank one, but all different: jointly they need many channels."""
    column, row = torch.randn(4, 3, 3, 1), torch.randn(4, 3, 1, 3)
    layer = layer_of(with_weight(nn.Conv2d(3, 4, 3), column * row))
    assert layer.spatial_rank == 1
    assert layer.kernel_ranks == (0, 12)
    assert layer.form("spatial").ranks == (9,)


@pytest.mark.parametrize("rank", [1, 2, 4])
@pytest.mark.parametrize("groups", [1, 2])
def test_made_spatial_ranks_are_found(rank, groups):
    layer = extended.SpatialSeparableConv2d(4, 8, 3, groups=groups, rank=rank, bias=False)
    found = layer_of(equivalent.regroup(equivalent.merge_separable(layer), groups))
    assert found.form("spatial").ranks == (rank,)
    assert found.form("spatial").errors[0][rank - 1] < 1e-6
    assert found.groups == groups


@pytest.mark.parametrize("multiplier", [1, 3])
def test_made_depth_multipliers_are_found(multiplier):
    layer = extended.DepthwiseSeparableConv2d(5, 16, 3, depth_multiplier=multiplier)
    found = layer_of(equivalent.merge_separable(layer))
    assert found.form("depthwise").ranks == (multiplier,)
    assert found.form("depthwise").cost == pytest.approx(
        multiplier * (5 * 9 + 5 * 16) / (5 * 16 * 9)
    )


def test_made_channel_ranks_are_found():
    chain = nn.Sequential(
        nn.Conv2d(12, 3, 1, bias=False), nn.Conv2d(3, 5, 3, bias=False), nn.Conv2d(5, 10, 1)
    )
    found = layer_of(equivalent.merge_separable(chain))
    assert found.form("tucker").ranks == (3, 5)
    pointwise = nn.Sequential(nn.Conv2d(12, 4, 1, bias=False), nn.Conv2d(4, 10, 1))
    found = layer_of(equivalent.merge_separable(pointwise))
    assert found.form("tucker").ranks == (4,)
    assert found.form("spatial") is None
    assert found.form("depthwise") is None
    assert found.spatial_rank is None


def test_three_axes_have_two_cuts():
    factors = [torch.randn(1, 1, *shape) for shape in ((3, 1, 1), (1, 3, 1), (1, 1, 2))]
    layer = layer_of(with_weight(nn.Conv3d(1, 1, (3, 3, 2)), factors[0] * factors[1] * factors[2]))
    assert layer.spatial_rank == 1
    assert layer.form("spatial").ranks == (1, 1)
    planes = torch.eye(3).reshape(1, 1, 3, 3, 1).repeat(1, 1, 1, 1, 3)
    for weight in (planes, planes.movedim(-1, 2)):  # of the two cuts, the one that loses more
        layer = layer_of(with_weight(nn.Conv3d(1, 1, 3), weight.contiguous()))
        assert layer.spatial_rank == 3
        assert layer.kernel_errors[0] == pytest.approx((2 / 3) ** 0.5, abs=1e-6)
    full = layer_of(nn.Conv3d(1, 1, (3, 3, 2)))
    assert full.spatial_rank == 3
    assert full.form("spatial").ranks == (3, 2)


def test_errors_are_those_of_the_best_approximation():
    conv = nn.Conv2d(3, 6, 3).double()
    layer = layer_of(conv, error=0.5)
    form = layer.form("depthwise")
    for rank in range(1, 7):
        parts = take_apart(conv, "test")
        chain = offered(parts, ["depthwise"])[0].build((rank,))
        approximate = equivalent.merge_separable(chain).weight
        lost = ((approximate - conv.weight).norm() / conv.weight.norm()).item()
        assert lost == pytest.approx(form.errors[0][rank - 1], abs=1e-12)
    least = form.ranks_within[0]
    assert form.errors[0][least - 1] <= 0.5
    assert least == 1 or form.errors[0][least - 2] > 0.5


@each(CONVOLUTIONS + TRANSPOSED)
def test_every_form_of_every_window_is_exact_at_its_ranks_and_honest_below(config):
    module = module_of(config, torch.float32)
    parts = take_apart(module, "test")
    for decomposition in offered(parts, FORMS):
        for ranks in list(decomposition.choices())[-3:]:
            chain = decomposition.build(ranks)
            weight = _dense_weight(chain, parts)
            if weight is None:
                continue
            lost = ((weight - parts.weight).norm() / parts.weight.norm()).item()
            assert lost <= decomposition.error(ranks) + 1e-5
        x = config.tensors()[0]
        exact = decomposition.build(decomposition.ranks_within(0.0))
        assert_close(exact(x), module(x), reduction=65536, scale=30.0)


def _dense_weight(chain: nn.Sequential, parts) -> torch.Tensor | None:
    """What the chain multiplies out to, where no stride makes 'same' depend on the size."""
    if isinstance(parts.geometry.padding, str) and max(parts.geometry.stride) > 1:
        return None
    merged = equivalent.merge_separable(chain)
    merged.weight.data[merged.weight.abs() < 1e-4 * merged.weight.abs().max()] = 0
    return equivalent.regroup(merged, parts.groups).weight


@pytest.mark.parametrize("form", ["spatial", "tucker"])
@pytest.mark.parametrize("error", [0.2, 0.4, 0.6])
def test_ranks_of_several_cuts_keep_the_error_together(form, error):
    torch.manual_seed(0)
    conv = nn.Conv3d(5, 6, 3) if form == "spatial" else nn.Conv2d(12, 10, 3)
    ranks = layer_of(conv, error=error).form(form).ranks_within
    (decomposition,) = offered(take_apart(conv, "test"), [form])
    chain = decomposition.build(ranks)
    lost = (equivalent.merge_separable(chain).weight - conv.weight).norm() / conv.weight.norm()
    assert lost <= error
    assert lost <= decomposition.error(ranks) + 1e-6 <= error + 1e-6


def test_hidden_groups_are_found_in_any_order():
    grouped = equivalent.densify(nn.Conv2d(6, 9, 3, groups=3))
    assert len(layer_of(grouped).hidden_groups) == 3
    shuffled = with_weight(
        nn.Conv2d(6, 9, 3), grouped.weight.detach()[torch.randperm(9)][:, [3, 0, 4, 1, 5, 2]]
    )
    found = layer_of(shuffled).hidden_groups
    assert [len(g.inputs) for g in found] == [2, 2, 2]
    assert [len(g.outputs) for g in found] == [3, 3, 3]
    for group in found:
        inside = shuffled.weight[list(group.outputs)][:, list(group.inputs)]
        assert (inside.flatten(2).norm(dim=2) > 0).all()
    assert "1, found 3" in str(separability(shuffled))


def test_channels_that_nothing_reads_are_groups_of_their_own():
    conv = nn.Conv2d(3, 2, 3)
    conv.weight.data[:, 1] = 0
    conv.weight.data[1] *= 1e-9
    found = layer_of(conv).hidden_groups
    assert [(g.inputs, g.outputs) for g in found] == [((0, 2), (0,)), ((1,), ()), ((), (1,))]
    assert len(layer_of(conv, zero=1e-12).hidden_groups) == 2


def test_a_weight_of_zeros_has_no_rank():
    layer = layer_of(with_weight(nn.Conv2d(2, 2, 3), torch.zeros(2, 2, 3, 3)))
    assert layer.spatial_rank == 1
    assert layer.kernel_ranks == (4, 0)
    assert set(layer.kernel_errors) == {0.0}


def test_a_whole_network_is_reported():
    report = separability(models.create("lenet5"), error=0.2)
    assert [layer.path for layer in report.layers] == ["c1", "c3"]
    text = str(report)
    assert text.startswith("LeNet5: ranks that lose at most 20.0 % of a weight")
    assert "16x6x5x5" in text
    read = json.loads(report.to_json())
    assert read["layers"][1]["forms"][0]["form"] == "spatial"


def test_graphs_and_onnx_files_are_examined_too(tmp_path):
    onnx = pytest.importorskip("onnx")
    network = models.create("lenet5").eval()
    graph = from_torch(network, (torch.zeros(1, 1, 32, 32),))
    expected = separability(network)
    weights = [layer.weight for layer in (network.c1, network.c3)]
    found = separability(graph)
    assert [layer.forms for layer in found.layers] == [layer.forms for layer in expected.layers]
    image = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 1, 9, 9])
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    weight = onnx.numpy_helper.from_array(weights[0].detach().numpy(), "w")
    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"], name="first")
    model = onnx.helper.make_graph([node], "small", [image], [result], [weight])
    path = tmp_path / "small.onnx"
    onnx.save(onnx.helper.make_model(model), path)
    read = separability(path)
    assert read.model == str(path)
    assert read.layers[0].forms == expected.layers[0].forms
    empty = from_torch(nn.ReLU(), (torch.zeros(1, 3),))
    with pytest.raises(OptionError, match="has no convolution with stored weights"):
        separability(empty)


def test_shared_layers_are_one():
    conv = nn.Conv2d(2, 2, 3)
    assert len(separability(nn.Sequential(conv, nn.ReLU(), conv)).layers) == 1


def test_what_has_no_answer_is_refused():
    with pytest.raises(OptionError, match="separability: Linear has no convolution"):
        separability(nn.Linear(3, 3))
    broken = nn.Sequential(nn.Conv2d(1, 1, 3))
    broken[0].weight.data[0, 0, 1, 1] = torch.inf
    with pytest.raises(DataError, match="separability of 0: a weight of size .* 1 values"):
        separability(broken)
