"""Networks with cheaper chains in place of convolutions: counts, errors, refinement, refusals."""

import copy
import json

import pytest
import torch
from torch import nn

from analysis_lecture.modules import module_of
from convariant import DataError, OptionError, ShapeError, UnknownNameError, equivalent, models
from convariant import nn as extended
from convariant.analysis._convolution import CONVOLUTIONS as KINDS
from convariant.analysis._convolution import take_apart
from convariant.analysis._layers import Calls
from convariant.analysis.separable import FORMS, _chains, factorize, mobilize, restructure
from convariant.analysis.separable._candidates import add_candidates, within_budget
from convariant.analysis.separable._decompositions import offered
from convariant.analysis.separable._factorize import _examine
from convariant.analysis.separable._refine import refine
from support.compare import assert_close, assert_equal
from support.configs import CONVOLUTIONS, TRANSPOSED, each


def small_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 24, 3, stride=2, padding=1, bias=False),
        nn.ReLU(),
        nn.ConvTranspose2d(24, 8, 4, 2, 1),
    ).eval()


def counted_weights(model: nn.Module) -> int:
    return sum(m.weight.numel() for m in model.modules() if isinstance(m, KINDS))


@pytest.mark.parametrize("budget", [0.7, 0.3, 0.1])
def test_a_budget_is_met_and_counted_right(budget):
    network = small_network()
    result = factorize(network, budget=budget, input_size=(16, 16))
    before, after = result.macs
    assert after <= budget * before
    assert result.params[0] == counted_weights(network)
    assert result.params[1] == counted_weights(result.model)
    expected = 256 * 16 * 27 + 64 * 24 * 144 + 64 * 24 * 8 * 16
    assert before == expected
    assert after == torch_macs(result.model, torch.zeros(1, 3, 16, 16))
    assert result.model(torch.zeros(2, 3, 16, 16)).shape == (2, 8, 16, 16)


def torch_macs(model: nn.Module, x: torch.Tensor) -> int:
    """Multiply-adds of the convolutions, by torch's own counter."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(x)
    return counter.get_total_flops() // 2


def test_more_budget_means_less_error():
    network = small_network()
    losses = []
    for budget in (0.2, 0.4, 0.6, 0.8):
        result = factorize(network, budget=budget, input_size=(16, 16))
        losses.append(sum(layer.weight_error**2 for layer in result.layers))
    assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize("error", [0.0, 0.2, 0.5])
def test_an_error_is_not_exceeded_and_is_true(error):
    network = small_network()
    result = factorize(network, error=error, input_size=(16, 16))
    for layer in result.layers:
        assert layer.weight_error <= error
    assert result.macs[1] <= result.macs[0]


def test_low_rank_networks_are_factorised_without_loss():
    """Weights that are products of smaller ones lose nothing."""
    torch.manual_seed(0)
    thin = equivalent.merge_separable(extended.SpatialSeparableConv2d(8, 8, 5, rank=2))
    deep = equivalent.merge_separable(extended.DepthwiseSeparableConv2d(8, 32, 3, 2, 1))
    few = equivalent.merge_separable(
        nn.Sequential(nn.Conv2d(32, 4, 1, bias=False), nn.Conv2d(4, 32, 1))
    )
    network = nn.Sequential(thin, nn.ReLU(), deep, nn.ReLU(), few)
    result = factorize(network, error=1e-5, input_size=(20, 20))
    assert [layer.form for layer in result.layers] == ["spatial", "depthwise", "tucker"]
    assert [layer.ranks for layer in result.layers] == [(2,), (1,), (4,)]
    x = torch.randn(2, 8, 20, 20)
    assert_close(result.model(x), network(x), reduction=65536, scale=10.0)
    assert result.params[1] < 0.4 * result.params[0]


def cheaper_than(module: nn.Module, x: torch.Tensor) -> bool:
    """Whether any form at rank one has fewer weights and multiply-adds."""
    parts = take_apart(module, "test")
    dense = _chains.chain_of(parts)
    for form in offered(parts, FORMS):
        chain = form.chain((1,) * form.cuts(parts))
        size = tuple(x.shape[2:])
        if _chains.params(chain) < _chains.params(dense) and _chains.macs(
            chain, size
        ) < _chains.macs(dense, size):
            return True
    return False


@each(CONVOLUTIONS + TRANSPOSED)
def test_every_window_can_be_factorised(config):
    module = module_of(config, torch.float32).eval()
    x = config.tensors()[0]
    if not config.batch:
        with pytest.raises(ShapeError, match="are no batch"):
            factorize(module, error=0.9, images=x)
        return
    if not cheaper_than(module, x):
        with pytest.raises(OptionError, match="nothing to factorise"):
            factorize(module, error=0.9, images=x)
        return
    result = factorize(module, error=0.9, images=x)
    y = result.model(x)
    assert y.shape == module(x).shape
    (layer,) = result.layers
    if layer.form:
        bare = torch.linalg.norm(y - module(x)) / torch.linalg.norm(module(x))
        assert bare.item() == pytest.approx(layer.refined_error, abs=1e-4)
        assert layer.refined_error <= layer.output_error + 1e-4
        assert layer.output_error <= 0.9


def test_refinement_finds_the_least_squares_solution():
    """With one weight and its bias to solve for, CGLS gives what a dense solver gives."""
    torch.manual_seed(0)
    chain = nn.Sequential(nn.Conv1d(3, 4, 3)).double()
    x = torch.randn(6, 3, 12, dtype=torch.float64).cumsum(2)  # smooth: a matrix of some condition
    target = torch.randn(6, 4, 10, dtype=torch.float64) + 3
    refine(chain, Calls([x], [target]))
    windows = x.unfold(2, 3, 1).permute(0, 2, 1, 3).reshape(-1, 9)
    design = torch.cat([windows, torch.ones(len(windows), 1, dtype=torch.float64)], 1)
    best = torch.linalg.lstsq(design, target.transpose(1, 2).reshape(-1, 4)).solution
    assert (chain[0].weight.reshape(4, 9).T - best[:9]).abs().max() < 1e-8
    assert (chain[0].bias - best[9]).abs().max() < 1e-8


def test_refinement_sees_what_the_layers_before_now_give():
    """The error that is told is that of the new network against the given one, layer by layer."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 12, 3, padding=1)
    )
    images = torch.randn(6, 3, 10, 10)
    result = factorize(network, error=0.7, images=images)
    first, last = result.layers
    assert first.form
    assert last.form
    for depth, layer in ((1, first), (3, last)):
        found, truth = result.model[:depth](images), network[:depth](images)
        lost = ((found - truth).norm() / truth.norm()).item()
        assert layer.refined_error == pytest.approx(lost, rel=1e-4)
        assert layer.refined_error < layer.output_error


def test_a_budget_is_spent():
    """No layer can be changed for a better form within the multiply-adds that are left."""
    network = small_network()
    for budget in (0.2, 0.35, 0.5, 0.65):
        sites, _, _ = _examine(network, "test", None, (16, 16))
        for site in sites:
            add_candidates(site, FORMS, None)
        chosen = within_budget(sites, budget)
        left = budget * sum(site.kept.macs for site in sites) - sum(c.macs for c in chosen)
        for site, taken in zip(sites, chosen, strict=True):
            better = [c for c in [*site.candidates, site.kept] if c.error < taken.error]
            assert all(c.macs - taken.macs > left for c in better)


@pytest.mark.parametrize("error", [0.1, 0.2, 0.3, 0.5])
def test_what_saves_products_alone_is_no_gain(error):
    """Where padding makes the output larger than the input, a chain may save products at the price
    of weights."""
    torch.manual_seed(0)
    conv = nn.Conv2d(8, 8, 3, padding=2)
    result = factorize(conv, error=error, input_size=(2, 2), forms=["spatial"])
    assert result.params[1] <= result.params[0]
    assert result.macs[1] <= result.macs[0]


def test_refinement_beats_the_singular_value_decomposition_in_a_whole_network():
    network = small_network()
    images = torch.randn(8, 3, 16, 16).cumsum(2).cumsum(3) / 8  # smooth, as photographs are
    plain = factorize(network, budget=0.3, input_size=(16, 16))
    refined = factorize(network, budget=0.3, images=images)
    truth = network(images)
    lost = [((r.model(images) - truth).norm() / truth.norm()).item() for r in (plain, refined)]
    assert lost[1] < lost[0]


def test_the_given_network_is_not_changed():
    network = small_network().train()
    before = copy.deepcopy(network.state_dict())
    result = factorize(network, budget=0.5, images=torch.randn(4, 3, 8, 8))
    for parameter in result.model.parameters():
        parameter.data.zero_()
    mobilize(network, input_size=(8, 8))
    assert network.training
    assert [type(m) for m in network] == [type(m) for m in small_network()]
    for name, value in network.state_dict().items():
        assert_equal(value, before[name])


def test_layers_that_are_shared_or_unused_or_sized_stay_right():
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shared = nn.Conv2d(16, 16, 3, padding=1)
            self.again = self.shared
            self.unused = nn.Conv2d(16, 16, 3)
            self.up = nn.ConvTranspose2d(16, 16, 3, 2, 1)

        def forward(self, x):
            return self.up(self.again(self.shared(x).relu()), output_size=(16, 16))

    network = Odd()
    result = factorize(network, budget=0.6, input_size=(8, 8))
    assert result.model.shared is result.model.again
    assert isinstance(result.model.shared, nn.Sequential)
    by_path = {layer.path: layer for layer in result.layers}
    assert by_path["shared"].macs_before == 2 * 64 * 16 * 16 * 9
    assert by_path["unused"].note == "not used by this input"
    assert by_path["up"].note == "called with an output size"
    assert result.model(torch.zeros(1, 16, 8, 8)).shape == (1, 16, 16, 16)
    assert "kept, called with an output size: up" in str(result).splitlines()
    assert "kept, not used by this input: unused" in str(result).splitlines()


def test_times_are_measured_on_request():
    result = factorize(small_network(), budget=0.3, input_size=(8, 8), timed=True)
    assert result.ms_before > 0
    assert result.ms_after > 0
    changed = [layer for layer in result.layers if layer.form]
    assert all(layer.ms_before > 0 and layer.ms_after > 0 for layer in changed)
    lines = str(result).splitlines()
    assert lines[0].split() == ["layer", "becomes", "lost", "weights", "MACs", "ms"]
    assert lines[-1].startswith("ms, 1 image, 1 thread")
    assert f"{result.macs[0]:,}" in lines[-2]
    assert f"{100 * result.macs[1] / result.macs[0]:.0f}%" in lines[-2]
    assert max(map(len, lines)) <= 80
    assert json.loads(result.to_json())["ms"][0] == result.ms_before


def test_mobilize_is_the_move_of_mobilenet():
    network = models.create("resnet18", num_classes=10, in_channels=1, small_input=True)
    result = mobilize(network)
    assert result.layers[0].note == "the first layer"
    block = result.model.layer1[0].conv1
    assert [type(m).__name__ for m in block] == ["Conv2d", "BatchNorm2d", "ReLU", "Conv2d"]
    assert block.depthwise.groups == 64
    ratio = 1 / 64 + 1 / 9
    change = next(layer for layer in result.layers if layer.path == "layer1.0.conv1")
    assert change.params_after / change.params_before == pytest.approx(ratio)
    assert result.model(torch.zeros(2, 1, 32, 32)).shape == (2, 10)
    loss = result.model.train()(torch.randn(2, 1, 32, 32)).square().sum()
    loss.backward()
    assert all(p.grad is not None for p in result.model.parameters())


def test_mobilize_leaves_groups_and_pointwise_layers():
    network = nn.Sequential(
        nn.Conv2d(4, 16, 3), nn.Conv2d(16, 16, 3, groups=2), nn.Conv2d(16, 8, 1), nn.Conv2d(8, 8, 3)
    )
    result = mobilize(network, input_size=(12, 12))
    assert [layer.form for layer in result.layers] == [None, None, None, "mobile"]
    assert [layer.note for layer in result.layers[1:3]] == ["nothing to gain"] * 2


def test_mobilize_without_activation_is_the_nearest_separable_network():
    torch.manual_seed(0)
    separable = equivalent.merge_separable(extended.DepthwiseSeparableConv2d(4, 16, 3, padding=1))
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), separable)
    result = mobilize(network, input_size=(9, 9), activation=False)
    x = torch.randn(2, 1, 9, 9)
    assert_close(result.model(x), network(x), reduction=4096, scale=4.0)
    assert [layer.form for layer in result.layers] == [None, "depthwise"]
    both = mobilize(network, input_size=(9, 9), keep_first=False)
    assert [layer.form for layer in both.layers] == ["mobile", "mobile"]


@pytest.mark.parametrize("operate", ["factorize", "mobilize"])
def test_the_record_builds_the_same_network_again(operate):
    network = models.create("lenet5")
    done = factorize(network, budget=0.5) if operate == "factorize" else mobilize(network)
    steps = done.model.config["surgery"]
    json.dumps(steps)
    again = restructure(models.create("lenet5"), steps)
    again.load_state_dict(done.model.state_dict())
    x = torch.randn(1, 1, *network.input_size)
    assert_equal(again.eval()(x), done.model.eval()(x))
    assert again.config == done.model.config
    assert "surgery" not in network.config


def test_surgery_twice_is_recorded_in_order():
    network = models.create("lenet5")
    once = factorize(network, budget=0.6, forms=["tucker"]).model
    twice = factorize(once, budget=0.6, forms=["spatial", "depthwise"]).model
    again = restructure(models.create("lenet5"), twice.config["surgery"])
    again.load_state_dict(twice.state_dict())
    assert len(twice.config["surgery"]) > len(once.config["surgery"])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, OptionError, "takes either budget or error"),
        ({"budget": 0.5, "error": 0.1}, OptionError, "takes either budget or error"),
        ({"budget": 1.5}, OptionError, "budget=1.5 is not between 0 and 1"),
        ({"error": -0.1}, OptionError, r"error=-0.1 is not in \[0, 1\)"),
        ({"budget": 0.001}, OptionError, "no choice of ranks meets budget=0.001; .* at least 0.0"),
        ({"budget": 0.5, "forms": ["spatail"]}, UnknownNameError, "did you mean 'spatial'"),
        ({"budget": 0.5, "input_size": None}, OptionError, "give input_size=.height, width."),
        ({"budget": 0.5, "input_size": (5, 16, 16)}, ShapeError, "does not take an input of shape"),
        ({"budget": 0.5, "images": torch.zeros(0, 3, 8, 8)}, ShapeError, "are no batch"),
    ],
)
def test_goals_that_cannot_be_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        factorize(small_network(), **{"input_size": (16, 16), **options})


def test_networks_without_anything_to_do_are_refused():
    with pytest.raises(OptionError, match="nothing to factorise .*no form of it is cheaper"):
        factorize(nn.Conv2d(4, 4, 3, groups=4), budget=0.5, input_size=(8, 8), forms=["depthwise"])
    with pytest.raises(OptionError, match="mobilize: Sequential has no convolution to replace"):
        mobilize(nn.Sequential(nn.Conv2d(1, 8, 3), nn.Conv2d(8, 8, 1)), input_size=(8, 8))
    with pytest.raises(OptionError, match="mobilize: Linear has no convolution"):
        mobilize(nn.Linear(2, 2), input_size=(8, 8))
    broken = nn.Sequential(nn.Conv2d(1, 8, 3))
    broken[0].weight.data.fill_(torch.nan)
    with pytest.raises(DataError, match="factorize of 0: a weight"):
        factorize(broken, budget=0.5, input_size=(8, 8))


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"path": "c3"}, "is no step"),
        ({"path": "c9", "form": "spatial", "ranks": [2]}, "has no convolution 'c9'"),
        ({"path": "c3", "form": "cubist", "ranks": [2]}, "form 'cubist' with ranks"),
        ({"path": "c3", "form": "tucker", "ranks": [2]}, "does not fit a weight of size"),
        ({"path": "c3", "form": "spatial", "ranks": [0]}, "does not fit a weight of size"),
    ],
)
def test_records_of_another_network_are_refused(step, message):
    with pytest.raises(OptionError, match=message):
        restructure(models.create("lenet5"), [step])
