"""What a capture remembers, follows and refuses."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from tests.graph.capturing import Apply, X, assert_agrees, kinds
from tests.support.compare import assert_close
from torch import Tensor, nn

from convariant.errors import GraphError
from convariant.graph import Dim, from_torch, interpret, nest_results
from convariant.graph.ops import Torch
from convariant.models import create


def test_paths_names_and_shared_constants() -> None:
    block = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU())
    net = nn.Sequential(block, nn.Flatten(), nn.Linear(16, 2))
    graph = from_torch(net, torch.empty(1, 3, 2, 2))
    assert [n.path for n in graph.nodes] == ["0.0", "0.1", "0.2", "1", "2"]
    assert graph.constants["0.0.weight"] is block[0].weight
    assert graph.constants["0.1.running_mean"] is block[1].running_mean
    assert "0.1.weight" in graph.parameters
    assert "0.1.running_mean" not in graph.parameters


def test_tied_weights_are_one_constant() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(4, 4)
            self.b = nn.Linear(4, 4, bias=False)
            self.b.weight = self.a.weight

        def forward(self, x: Tensor) -> Tensor:
            return self.b(self.a(x))

    graph = assert_agrees(Tied(), torch.randn(2, 4))
    assert len(graph.constants) == 2


def test_module_keeps_its_modes_and_stays_usable() -> None:
    net = nn.Sequential(nn.Dropout(), nn.Sequential(nn.BatchNorm1d(3)).eval())
    from_torch(net, torch.empty(2, 3))
    assert net.training
    assert net[0].training
    assert not net[1][0].training


def test_dynamic_batch_leaves_axis_0_open() -> None:
    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3, padding=1)
            self.norm = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x).relu()
            n, c, h, w = y.shape
            y = y.view(n * 2, c // 2, h, w).reshape(n, c, h * w).transpose(1, 2)
            return self.norm(y, y, y)[0].mean(1)

    net = Head().eval()
    graph = from_torch(net, torch.empty(1, 3, 4, 4), dynamic_batch=True)
    assert str(graph.input_types[0]) == "f32[N,3,4,4]"
    assert str(graph.output_types[0]) == "f32[N,8]"
    for batch in (0, 1, 5):
        x = torch.randn(batch, 3, 4, 4)
        assert_close(interpret(graph, x)[0], net(x).detach(), reduction=200)


def test_the_batch_as_a_number() -> None:
    graph = from_torch(Apply(lambda x: x / x.shape[0]), torch.empty(4, 3), dynamic_batch=True)
    assert interpret(graph, torch.ones(2, 3))[0].tolist() == [[0.5] * 3] * 2


def test_keyword_arguments_and_constants_are_remembered() -> None:
    class Net(nn.Module):
        def forward(self, x: Tensor, *, scale: Tensor, mode: str = "a") -> dict[str, Tensor]:
            return {"y": x * scale if mode == "a" else x}

    graph = from_torch(Net(), {"x": torch.ones(2), "scale": torch.ones(2), "mode": "a"})
    assert graph.inputs == ("x", "scale")
    results = interpret(graph, torch.ones(2), torch.full((2,), 3.0))
    assert nest_results(graph, results)["y"].tolist() == [3, 3]


def test_foreign_operator_becomes_a_torch_node_with_its_reason() -> None:
    graph = from_torch(Apply(lambda x: x.cumsum(1).relu()), torch.empty(2, 3))
    op = graph.nodes[0].op
    assert isinstance(op, Torch)
    assert op.reason == "no node kind"
    assert str(graph) == (
        "Apply(inputs_0: f32[2,3])\n"
        "  cumsum              = Torch cumsum.default (inputs_0)"
        "                        f32[2,3]\n"
        "  relu                = Elementwise relu (cumsum)"
        "                              f32[2,3]\n"
        "  return relu\n"
        "  2 nodes, 0 constants of 0 B"
    )


def test_branches_on_values_run_as_torch_nodes() -> None:
    def choose(x: Tensor) -> Tensor:
        return torch.cond(x.sum() > 0, lambda t: t * 2, lambda t: t - 1, (x,))

    graph = assert_agrees(Apply(choose), torch.ones(2, 3))
    assert "Torch" in kinds(graph)
    assert interpret(graph, -torch.ones(2, 3))[0].tolist() == [[-2] * 3] * 2


def test_lstm_runs_as_a_torch_node() -> None:
    assert_agrees(nn.LSTM(4, 5, batch_first=True), torch.randn(2, 3, 4))


def test_first_layer_in_place_leaves_the_input_alone() -> None:
    graph = from_torch(nn.ReLU(inplace=True), torch.empty(3))
    x = torch.tensor([-1.0, 0.0, 1.0])
    assert interpret(graph, x)[0].tolist() == [0, 0, 1]
    assert x.tolist() == [-1, 0, 1]


def test_float64_truth() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3)).eval()
    x = torch.randn(1, 3, 9, 9)
    truth = interpret(from_torch(net, x), x, dtype=torch.float64)[0]
    with torch.no_grad():
        assert_close(truth, net.double()(x.double()), reduction=1)


class Fails(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Identity(), inner)

    def forward(self, x: Tensor) -> Tensor:
        return self.stem(x)


class Decides(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class Counts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        return x * self.count


class Speaks(Decides):
    def forward(self, x: Tensor) -> Tensor:
        print("seen", file=sys.stderr)
        return super().forward(x)


def test_where_capture_fails_only_the_error_speaks(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(GraphError, match="cannot capture stem") as caught:
        from_torch(Fails(Decides()), torch.empty(1, 3, 8, 8))
    assert caught.value.__cause__ is not None
    assert capsys.readouterr() == ("", "")
    with pytest.raises(GraphError, match="cannot capture stem"):
        from_torch(Fails(Speaks()), torch.empty(1, 3, 8, 8))
    assert set(capsys.readouterr().err.splitlines()) == {"seen"}


def test_capture_in_several_threads_gives_stderr_back() -> None:
    before = sys.stderr
    with ThreadPoolExecutor(4) as pool:
        graphs = [
            pool.submit(from_torch, nn.Conv2d(3, 4, 3), torch.empty(1, 3, 8, 8)) for _ in range(12)
        ]
        assert {graph.result().nodes[0].op.text() for graph in graphs} == {"3x3"}
    assert sys.stderr is before


def test_errors_name_the_module_and_the_fix() -> None:
    x = torch.empty(1, 3, 8, 8)
    with pytest.raises(
        GraphError, match=r"cannot capture stem\.1: Given groups=1.*8 channels|stem"
    ):
        from_torch(Fails(nn.Conv2d(8, 4, 3)), x)
    with pytest.raises(GraphError, match=r"stem\.1: .*replace `if` on tensors by torch\.where"):
        from_torch(Fails(Decides()), x)
    with pytest.raises(GraphError, match=r"changes its buffer 'stem\.1\.count'"):
        from_torch(Fails(Counts()), x)
    with pytest.raises(GraphError, match=r"takes a torch\.nn\.Module, but got function"):
        from_torch(lambda x: x, x)  # type: ignore[arg-type]
    with pytest.raises(GraphError, match="returns no tensor"):
        from_torch(Apply(lambda x: 3), x)
    with pytest.raises(GraphError, match=r"Python number or a size out of computed values.*\.item"):
        from_torch(Apply(lambda x: x * x.sum().item()), x)
    with pytest.raises(GraphError, match=r"size out of computed values.*torch\.where"):
        from_torch(Apply(lambda x: x[x > 0]), x)
    with pytest.warns(DeprecationWarning, match="torch.jit.trace"):
        traced = torch.jit.trace(nn.ReLU(), x)
    with pytest.raises(GraphError, match="takes no ScriptModule; give the module that was"):
        from_torch(traced, x)
    with pytest.raises(GraphError, match="its forward too many positional arguments; give it"):
        from_torch(nn.ReLU(), (x, x), dynamic_batch=True)
    with pytest.raises(GraphError, match="no multiple of the batch; .*dynamic_batch=False"):
        from_torch(Apply(lambda x: F.pad(x, (0, 0, 0, 1))), torch.empty(4, 3), dynamic_batch=True)
    with pytest.raises(GraphError, match="dynamic_batch=False"):
        from_torch(Apply(lambda x: x.view(4, -1)), torch.empty(4, 3), dynamic_batch=True)


def test_tensors_made_inside_are_constants() -> None:
    def positions(x: Tensor) -> Tensor:
        return x + torch.arange(9) + torch.full((9,), 2.0) + torch.zeros_like(x) + x.new_ones(1, 9)

    graph = assert_agrees(Apply(positions), torch.randn(X))
    assert set(kinds(graph)) == {"Elementwise", "Expand"}


def test_random_numbers_are_drawn_anew_at_each_run() -> None:
    graph = from_torch(Apply(lambda x: x + torch.rand(4)), torch.zeros(4))
    assert "Torch" in kinds(graph)
    first, second = (interpret(graph, torch.zeros(4))[0] for _ in range(2))
    assert (first != second).any()


def test_with_inputs_captures_again_what_python_decided() -> None:
    unet = create("unet", in_channels=1, num_classes=2)
    graph = from_torch(unet, torch.empty(1, 1, 188, 188)).with_inputs((1, 1, 204, 188))
    assert str(graph.output_types[0]) == "f32[1,2,20,4]"
    graph = graph.with_inputs((Dim(), 1, 188, 188))
    assert str(graph.output_types[0]) == "f32[N,2,4,4]"


def test_modules_and_unused_parameters() -> None:
    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.idle = nn.Linear(2, 2), nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.used(x)

    graph = from_torch(Idle(), torch.empty(1, 2))
    assert dict(graph.unused) == {"idle.bias": 3, "idle.weight": 9}
    assert graph.modules["used"] == "torch.nn.modules.linear.Linear"


@pytest.mark.parametrize(
    ("function", "macs", "other"),
    [
        (
            lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True),
            2 * 12 * 8 * 8 * 9,
            5 * 12 * 64,
        ),
        (lambda x: torch.einsum("nchw,ndhw->ncd", x, x), 2 * 6 * 6 * 72, 0),
        (lambda x: torch.roll(x, 1), 0, 0),
        (lambda x: x.cumsum(1), 0, 864),
        (lambda x: F.grid_sample(x, torch.zeros(2, 4, 4, 2), align_corners=False), 0, 192 * 8),
    ],
)
def test_costs_of_foreign_operators(
    function: Callable[[Tensor], Tensor], macs: int, other: int
) -> None:
    graph = from_torch(Apply(function), torch.empty(X))
    (node,) = (n for n in graph.nodes if n.op.kind == "Torch")
    cost = node.op.cost(*graph.node_types(node))
    assert (cost.macs, cost.other, cost.known) == (macs, other, True)


def test_cost_of_an_lstm() -> None:
    graph = from_torch(nn.LSTM(4, 5, batch_first=True), torch.empty(2, 3, 4))
    (node,) = (n for n in graph.nodes if n.op.kind == "Torch" and len(n.outputs) > 1)
    cost = node.op.cost(*graph.node_types(node))
    assert (cost.macs, cost.bias) == (6 * (20 * 4 + 20 * 5), 6 * 40)


def test_errors_of_our_own_networks_keep_their_fix() -> None:
    with pytest.raises(GraphError, match=r"cannot capture the network: alexnet takes .*=True$"):
        from_torch(create("alexnet"), torch.empty(1, 3, 224, 224))


class Blocks(nn.Module):
    def __init__(self, enabled: bool) -> None:
        super().__init__()
        self.conv, self.enabled = nn.Conv2d(3, 4, 3), enabled

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            y = self.conv(x).relu_()
        with torch.autocast("cpu", enabled=self.enabled, dtype=torch.bfloat16):
            z = torch.matmul(y, y.mT)
        return y, z.float()


def test_blocks_that_set_a_mode_are_part_of_the_graph() -> None:
    graph = assert_agrees(Blocks(False), torch.randn(1, 3, 6, 6))
    assert kinds(graph) == ["Conv", "Elementwise", "Permute", "MatMul"]
    assert "Torch" in kinds(assert_agrees(Blocks(True), torch.randn(1, 3, 6, 6)))


@pytest.mark.parametrize(
    "layer",
    [nn.Conv2d(3, 4, 3), nn.ConvTranspose2d(3, 4, 3), nn.MaxPool2d(2), nn.AvgPool2d(2, 1)],
    ids=lambda layer: type(layer).__name__,
)
def test_images_without_a_batch(layer: nn.Module) -> None:
    graph = assert_agrees(layer, torch.randn(3, 8, 9))
    assert kinds(graph)[1] in ("Conv", "Pool")


def test_sizes_that_assertions_alone_look_at_are_no_obstacle() -> None:
    def checked(x: Tensor) -> Tensor:
        torch._check(x.sum().item() > -1e9)
        return x + 1

    graph = from_torch(Apply(checked), torch.ones(3))
    assert interpret(graph, torch.ones(3))[0].tolist() == [2, 2, 2]


def test_reparametrised_weights_are_computed_from_their_constants() -> None:
    layer = nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3))
    graph = assert_agrees(layer, torch.randn(1, 3, 5, 5))
    assert {p.rpartition(".")[2] for p in graph.parameters} == {"original0", "original1", "bias"}
