"""Measured choice among the ways to compute a layer."""

from __future__ import annotations

import pytest
import torch
from tests.support.compare import assert_close
from torch import nn

import convariant.compiler._tuning as tuning
from convariant import compile
from convariant.compiler._instance import Instance
from convariant.compiler._tuning import find_ranks
from convariant.compiler.llvm import host_target
from convariant.compiler.llvm.cache import ObjectCache
from convariant.compiler.passes import run_passes
from convariant.compiler.plan import Step, make_plan
from convariant.graph import from_torch, interpret


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(16, 48, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(48, 48, 5, padding=2, groups=48),
        nn.Conv2d(48, 64, 1),
        nn.Conv2d(64, 64, 1),
    ).eval()


@pytest.fixture
def graph():
    return run_passes(from_torch(network(), (torch.randn(1, 16, 30, 29),)))


@pytest.fixture
def how(tmp_path):
    return host_target(), 1, 1e-4, ObjectCache(tmp_path, host_target())


def algorithms(plan):
    return {s.node.name: s.algorithm for s in plan.steps if isinstance(s, Step) and s.node}


def test_every_option_of_every_layer_gives_the_same_values(graph, how):
    *how, cache = how
    x = torch.randn(1, 16, 30, 29)
    truth = interpret(graph, x, dtype=torch.float64)[0]
    most = make_plan(graph, *how).most_ways
    assert most >= 4
    seen = set()
    for rank in range(most):
        plan = make_plan(graph, *how, {node.name: rank for node in graph.nodes})
        seen |= set(algorithms(plan).values())
        result = Instance(plan, cache).run({graph.inputs[0]: x})[0]
        assert_close(result, truth, dtype="float32", reduction=500)
    assert {"direct", "winograd F(2,3)", "winograd F(4,3)", "depthwise", "pointwise"} <= seen


def test_the_fastest_option_is_taken_and_remembered(graph, how, monkeypatch):
    asked = []

    def seconds(instance):
        rank = len(asked)
        asked.append(rank)
        # the first layer is fastest in its third way, the others in the first
        names = [node.name for node in graph.nodes]
        return {n: 1.0 - (0.5 if rank == 2 and n == names[0] else 0.0) for n in names}

    monkeypatch.setattr(tuning, "_node_seconds", seconds)
    ranks = find_ranks(graph, *how)
    assert ranks == {graph.nodes[0].name: 2}
    assert len(asked) == make_plan(graph, *how[:3]).most_ways
    asked.clear()
    assert find_ranks(graph, *how) == ranks
    assert not asked
    find_ranks(graph, how[0], 2, *how[2:])  # other threads: measured anew
    assert asked


def test_a_gain_within_the_noise_changes_nothing(graph, how, monkeypatch):
    turns = iter(range(100))
    monkeypatch.setattr(
        tuning,
        "_node_seconds",
        lambda _: dict.fromkeys([n.name for n in graph.nodes], 1.0 - 0.001 * next(turns)),
    )
    assert find_ranks(graph, *how) == {}


def test_a_tuned_program_equals_the_truth(tmp_path):
    model, x = network(), torch.randn(1, 16, 30, 29)
    program = compile(model, x, tune=True, cache_dir=tmp_path)
    truth = interpret(program.graph, x, dtype=torch.float64)[0]
    assert_close(program(x), truth, dtype="float32", reduction=500)


@pytest.mark.parametrize("model", [nn.Identity(), nn.Flatten()], ids=["nothing", "a view"])
def test_a_network_without_steps_has_nothing_to_choose(model, tmp_path):
    x = torch.randn(1, 3, 8, 8)
    program = compile(model, x, tune=True, cache_dir=tmp_path)
    assert torch.equal(program(x), model(x))
