"""torch.compile(model, backend="convariant"): the same results, and PyTorch wherever it must be."""

from __future__ import annotations

import copy
import warnings

import pytest
import torch
from tests.support.compare import assert_close
from torch import nn

from convariant.compiler import dynamo
from convariant.compiler.dynamo import _Compiled


@pytest.fixture(autouse=True)
def fresh(tmp_path_factory, monkeypatch):
    """Nothing compiled before, kernels in a folder of their own; gives what the backend is asked.

    torch.compile itself warns of its own doings, which is not what is tested.
    """
    torch._dynamo.reset()
    monkeypatch.setenv("CONVARIANT_CACHE", str(tmp_path_factory.getbasetemp() / "dynamo-kernels"))
    made: list[_Compiled] = []

    def kept(*args):
        made.append(_Compiled(*args))
        return made[-1]

    monkeypatch.setattr(dynamo, "_Compiled", kept)
    return made


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 20, 3, padding=1)
        self.norm = nn.BatchNorm2d(20)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(20, 5)

    def forward(self, x):
        y = torch.relu(self.norm(self.conv(x)))
        return {"scores": self.head(self.drop(y.mean((2, 3)))), "map": y}


def compiled(model):
    return torch.compile(model, backend="convariant")


def test_results_equal_the_model_for_every_shape(fresh):
    model = Net().eval()
    fast = compiled(model)
    with torch.no_grad():
        for shape in ((1, 3, 16, 16), (1, 3, 16, 16), (2, 3, 16, 16), (3, 3, 12, 20)):
            x = torch.randn(shape)
            result, truth = fast(x), model(x)
            assert result.keys() == truth.keys()
            for name in truth:
                assert_close(result[name], truth[name], reduction=400)
    assert len(fresh) >= 2
    assert all(one._programs and not one._eager for one in fresh)


def test_a_graph_keeps_its_last_programs_only(fresh, monkeypatch):
    monkeypatch.setattr(dynamo, "_KEPT", 2)
    model = nn.Conv2d(3, 8, 3).eval()
    fast = torch.compile(model, backend="convariant", dynamic=True)
    with torch.no_grad():
        for side in (12, 14, 16, 12):
            x = torch.randn(2, 3, side, side)
            assert_close(fast(x), model(x), reduction=400)
    assert [len(one._programs) for one in fresh] == [2]


def test_changed_weights_are_seen(fresh):
    model = Net().eval()
    fast, x = compiled(model), torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        fast(x)
        model.head.bias.add_(1)
        assert_close(fast(x)["scores"], model(x)["scores"], reduction=400)
        model.head.weight.data = torch.randn_like(model.head.weight)
        assert_close(fast(x)["scores"], model(x)["scores"], reduction=400)
        model.load_state_dict(Net().state_dict())
        assert_close(fast(x)["scores"], model(x)["scores"], reduction=400)
    assert len(fresh[0]._programs) == 1


@pytest.mark.parametrize(
    "write",
    [
        lambda weight: weight.data.mul_(2),
        lambda weight: weight.detach().numpy().__imul__(2),
        lambda weight: weight.data[2].zero_(),
        lambda weight: weight.data.bernoulli_(0.99),
    ],
    ids=["data", "numpy", "a filter", "scattered"],
)
def test_weights_that_are_written_to_behind_the_version_counter_are_seen(fresh, write):
    model = nn.Sequential(nn.Conv2d(32, 40, 3), nn.BatchNorm2d(40), nn.Conv2d(40, 3, 1)).eval()
    fast, x = compiled(model), torch.randn(1, 32, 8, 8)
    with torch.no_grad():
        fast(x)
        for layer in model:
            write(layer.weight) if layer.weight.dim() > 1 else layer.weight.data[5:6].add_(1)
            assert_close(fast(x), model(x), reduction=400)
        model[1].running_mean.data[7] += 3
        assert_close(fast(x), model(x), reduction=400)
        program = next(iter(fresh[0]._programs.values()))
        fast(x)
    assert list(fresh[0]._programs.values()) == [program], "it is kept while nothing is written"


def nested(model):
    """Layers compiled one by one within a model that is compiled."""
    for name, layer in model.named_children():
        setattr(model, name, compiled(layer))
    return compiled(model)


@pytest.mark.filterwarnings("ignore:.*runs a graph of .* with PyTorch")
@pytest.mark.parametrize("build", [compiled, nested, lambda model: compiled(compiled(model))])
@pytest.mark.parametrize("through", [True, False], ids=["compiled", "eager"])
def test_a_model_may_be_trained_between_evaluations(fresh, build, through):
    layers = (nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.3), nn.Conv2d(8, 2, 1))
    model, eager = nn.Sequential(*layers), copy.deepcopy(nn.Sequential(*layers)).eval()
    fast, x = build(model), torch.randn(2, 3, 9, 9)
    steps = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(3):
        for own, other in zip(tensors(layers), tensors(eager), strict=True):
            other.data.copy_(own)
        model.eval()
        with torch.no_grad():
            assert_close(fast(x), eager(x), reduction=400)
        model.train()
        steps.zero_grad()
        (fast if through else nn.Sequential(*layers))(x).square().sum().backward()
        steps.step()
    assert any(one._programs for one in fresh)


def tensors(layers):
    return [t for layer in layers for t in (*layer.parameters(), *layer.buffers())]


def test_code_between_graphs_runs_as_python(fresh):
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 1)

        def forward(self, x):
            y = self.one(x)
            torch._dynamo.graph_break()
            return self.other(torch.relu(y))

    model, x = Broken().eval(), torch.randn(1, 3, 9, 9)
    with torch.no_grad():
        assert_close(compiled(model)(x), model(x), reduction=400)
    assert len(fresh) == 2
    assert not any(one._eager for one in fresh)


def warned(call):
    """The result, and the messages of our warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = call()
    return result, [str(w.message) for w in caught if "convariant" in str(w.message)]


def test_training_runs_with_pytorch_and_learns():
    model = Net()
    model.drop.p = 0.0
    fast, x = compiled(model), torch.randn(4, 3, 16, 16)
    result, messages = warned(lambda: fast(x))
    assert len(messages) == 1
    assert "only goes forward; call the model inside torch.no_grad()" in messages[0]
    result["scores"].sum().backward()
    assert model.conv.weight.grad.abs().sum() > 0
    assert warned(lambda: fast(x))[1] == []


def test_a_mode_that_writes_to_buffers_runs_with_pytorch():
    model = Net()
    fast, x = compiled(model), torch.randn(4, 3, 16, 16)
    with torch.no_grad():
        _, messages = warned(lambda: fast(x))
    assert len(messages) == 1
    assert "writes to one of its inputs or buffers" in messages[0]
    assert model.norm.num_batches_tracked == 1


def test_an_input_that_is_written_to_is_written_to():
    def add_one(x):
        return torch.relu(x.add_(1))

    x = torch.zeros(2, 3)
    with torch.no_grad():
        result, messages = warned(lambda: compiled(add_one)(x))
    assert torch.equal(x, torch.ones(2, 3))
    assert torch.equal(result, x)
    assert "a program has no memory" in messages[0]


def test_numbers_that_are_computed_run_with_pytorch():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)).eval()
    fast = torch.compile(model, backend="convariant", dynamic=True)  # makes momentum a tensor
    x = torch.randn(2, 3, 9, 9)
    with torch.no_grad():
        result, messages = warned(lambda: fast(x))
        assert torch.equal(result, model(x))
    assert "cannot be followed without data" in messages[0]


def test_another_device_is_named():
    model = nn.Conv2d(3, 8, 3).to("meta").eval()
    with torch.no_grad():
        result, messages = warned(lambda: compiled(model)(torch.empty(1, 3, 9, 9, device="meta")))
    assert result.shape == (1, 8, 7, 7)
    assert "its tensors are on meta, but a program runs on the CPU" in messages[0]


def test_options_are_those_of_compile(fresh, tmp_path):
    model, x = Net().eval(), torch.randn(1, 3, 16, 16)
    how = {"threads": 1, "tolerance": 0, "cache_dir": tmp_path / "kernels"}
    with torch.no_grad():
        result = torch.compile(model, backend="convariant", options=how)(x)
        assert_close(result["map"], model(x)["map"], reduction=400)
    (program,) = fresh[0]._programs.values()
    assert (program.threads, program.tolerance) == (1, 0)
    assert any((tmp_path / "kernels").iterdir())


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"options": {"thread": 1}}, "no option 'thread'.*has threads, tolerance"),
        ({"options": {"threads": 0}}, "threads=0"),
        ({"options": {"tolerance": -1}}, "tolerance=-1"),
        ({"mode": "max-autotune"}, "inductor's.*tune"),
    ],
)
def test_options_that_are_none_are_refused(how, message):
    fast = torch.compile(Net().eval(), backend="convariant", **how)
    with torch.no_grad(), pytest.raises(RuntimeError, match=message):
        fast(torch.randn(1, 3, 16, 16))
