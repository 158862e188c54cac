"""Any eval-mode module becomes a graph that computes the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from tests.support.compare import assert_close
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from convariant.errors import GraphError
from convariant.graph import Dim, Graph, from_torch, interpret, nest_results, verify
from convariant.graph.ops import Torch
from convariant.models import create

X = (2, 6, 8, 9)


class Apply(nn.Module):
    """A function as a module, with a few parameters to use."""

    def __init__(self, function: Callable[..., object], *parameters: Tensor) -> None:
        super().__init__()
        self.function = function
        self.weights = nn.ParameterList(parameters)

    def forward(self, *inputs: Tensor) -> object:
        return self.function(*inputs, *self.weights)


def assert_agrees(
    module: nn.Module, *inputs: Tensor, reduction: int = 64, **options: bool
) -> Graph:
    """Capture, verify, and compare with the module itself."""
    graph = from_torch(module, inputs, **options)
    verify(graph)
    with torch.no_grad():
        expected = module.eval()(*inputs)
    found = nest_results(graph, interpret(graph, *inputs))
    assert pytree.tree_structure(found) == pytree.tree_structure(expected)
    for a, e in zip(pytree.tree_leaves(found), pytree.tree_leaves(expected), strict=True):
        if isinstance(e, Tensor):
            assert_close(a, e, reduction=reduction)
        else:
            assert a == e
    return graph


def kinds(graph: Graph) -> list[str]:
    return [node.op.kind for node in graph.nodes]


LAYERS = {
    "conv": nn.Conv2d(6, 4, 3, stride=2, padding=1, dilation=2, groups=2),
    "conv same": nn.Conv2d(6, 4, (4, 3), padding="same"),
    "conv valid": nn.Conv2d(6, 4, 3, padding="valid", bias=False),
    "conv circular": nn.Conv2d(6, 4, 3, padding=1, padding_mode="circular"),
    "conv reflect": nn.Conv2d(6, 4, 3, padding=2, padding_mode="reflect"),
    "conv transpose": nn.ConvTranspose2d(6, 4, 3, 2, 1, output_padding=1, groups=2, dilation=2),
    "max pool": nn.MaxPool2d(3, 2, 1, ceil_mode=True),
    "max pool dilated": nn.MaxPool2d(3, 1, 1, dilation=2),
    "average pool": nn.AvgPool2d(3, 2, 1, ceil_mode=True),
    "average pool without padding": nn.AvgPool2d(3, 2, 1, count_include_pad=False),
    "average pool divisor": nn.AvgPool2d(2, divisor_override=3),
    "lp pool": nn.LPPool2d(2, 3, 2),
    "adaptive average": nn.AdaptiveAvgPool2d((3, 5)),
    "adaptive average global": nn.AdaptiveAvgPool2d(1),
    "adaptive maximum": nn.AdaptiveMaxPool2d((3, None)),
    "batch norm": nn.BatchNorm2d(6),
    "group norm": nn.GroupNorm(3, 6),
    "instance norm": nn.InstanceNorm2d(6, affine=True),
    "instance norm tracked": nn.InstanceNorm2d(6, track_running_stats=True),
    "layer norm": nn.LayerNorm((8, 9)),
    "rms norm": nn.RMSNorm(9),
    "local response norm": nn.LocalResponseNorm(5, k=2.0),
    "linear": nn.Linear(9, 4),
    "bilinear": nn.Upsample(scale_factor=2, mode="bilinear"),
    "bilinear corners": nn.Upsample(size=(5, 20), mode="bilinear", align_corners=True),
    "bicubic": nn.Upsample(scale_factor=1.7, mode="bicubic"),
    "nearest": nn.Upsample(size=(13, 5), mode="nearest"),
    "nearest exact": nn.Upsample(scale_factor=1.5, mode="nearest-exact"),
    "pixel shuffle": nn.Sequential(nn.Conv2d(6, 8, 1), nn.PixelShuffle(2)),
    "pixel unshuffle": nn.Sequential(nn.ZeroPad2d((0, 1, 0, 0)), nn.PixelUnshuffle(2)),
    "channel shuffle": nn.ChannelShuffle(3),
    "softmax": nn.Softmax(1),
    "softmax 2d": nn.Softmax2d(),
    "log softmax": nn.LogSoftmax(-1),
    "dropout": nn.Dropout2d(0.5),
    "flatten": nn.Flatten(),
    "flatten middle": nn.Flatten(1, 2),
    "unflatten": nn.Unflatten(1, (2, 3)),
    "reflection pad": nn.ReflectionPad2d((1, 2, 3, 0)),
    "replication pad": nn.ReplicationPad2d((1, 2, 3, 0)),
    "circular pad": nn.CircularPad2d((1, 2, 3, 0)),
    "constant pad crop": nn.ConstantPad2d((-1, 2, 3, -2), 0.5),
    "prelu": nn.PReLU(6, init=0.3),
    "prelu single": nn.PReLU(),
}
ACTIVATIONS = (
    nn.ReLU(), nn.ReLU6(), nn.Hardtanh(-0.5, 2), nn.LeakyReLU(0.2), nn.ELU(0.7), nn.SELU(),
    nn.CELU(0.5), nn.Sigmoid(), nn.Hardsigmoid(), nn.LogSigmoid(), nn.Tanh(), nn.SiLU(),
    nn.Hardswish(), nn.Mish(), nn.GELU(), nn.GELU("tanh"), nn.Softplus(2, 5), nn.Softsign(),
    nn.Hardshrink(0.3), nn.Softshrink(0.3), nn.Tanhshrink(), nn.Threshold(0.1, -1), nn.GLU(1),
)  # fmt: skip
FUNCTIONS: dict[str, Callable[..., object]] = {
    "arithmetic": lambda x: (2 - x) * 0.5 + x / 3 - x**2,
    "scaled": lambda x: torch.add(x, x, alpha=3) - torch.sub(x, 1, alpha=2),
    "division": lambda x: torch.floor_divide(x, 0.3) + torch.div(x, 0.7, rounding_mode="trunc"),
    "comparison": lambda x: torch.where((x > 0.5) & (x < 1), x, torch.zeros_like(x)),
    "clamp": lambda x: x.clamp(min=0) + x.clamp_max(1) + x.clamp(-1, 1),
    "functions": lambda x: x.abs().sqrt() + x.exp().log1p() + x.sin() * x.cos() + x.erf(),
    "rounding": lambda x: x.floor() + x.ceil() * 2 + x.round() * 4 + x.trunc() * 8,
    "reductions": lambda x: (x.mean((2, 3)), x.sum(1), x.amax(-1, keepdim=True), x.mean(), x.sum()),
    "standard deviation": lambda x: (x.std(1), x.var((2, 3)), x.norm(dim=1)),
    "maximum with index": lambda x: x.max(1),
    "argmax": lambda x: x.argmax(1),
    "slices": lambda x: x[:, 1:5:2, ..., -3:] + x[:, :2, :, 2:5],
    "select": lambda x: x[:, 2] + x[:, -1] + x.select(1, 0),
    "splits": lambda x: (*x.chunk(4, 1), *x.split(4, 2), *x.split([1, 8], 3), *x.unbind(1)),
    "joins": lambda x: torch.cat([x, torch.stack([x, x], 1).flatten(1, 2)], 1),
    "views": lambda x: x.view(2, 3, 2, 72).transpose(1, 2).reshape(2, -1, 9).permute(2, 0, 1),
    "squeezes": lambda x: x[:, :1].squeeze(1).unsqueeze(-1).squeeze() + x[None].squeeze(0)[:, 0],
    "expand": lambda x: x[:, :1].expand(-1, 4, -1, -1) + x[:1, :1].expand_as(x[:, :4]),
    "movedim": lambda x: x.movedim(1, -1) + x.permute(0, 2, 3, 1).contiguous(),
    "in place": lambda x: F.relu_(x * 1).add_(x).mul_(2),
    "in place on a view": lambda x: _in_place_on_a_view(x),
    "cast": lambda x: x.to(torch.float64).to(torch.float32) + x.half().float() * 0,
    "integers": lambda x: (x * 10).int() // 3 + torch.arange(9),
    "matmul": lambda x: x @ x.transpose(2, 3) + torch.matmul(x, x.mT),
    "einsum": lambda x: torch.einsum("nchw,ndhw->ncd", x, x),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x),
    "roll": lambda x: torch.roll(x, (1, 2), (2, 3)),
    "cumulative": lambda x: x.cumsum(1),
    "gather": lambda x: x[:, torch.tensor([2, 0, 1])],
    "fold": lambda x: F.fold(F.unfold(x, 3, padding=1), (8, 9), 3, padding=1),
    "grid": lambda x: F.grid_sample(x, torch.zeros(2, 4, 4, 2), align_corners=False),
    "max pool with indices": lambda x: F.max_pool2d(x, 2, return_indices=True),
    "unpool": lambda x: F.max_unpool2d(
        *F.max_pool2d(x, 2, return_indices=True), 2, output_size=(8, 9)
    ),
    "adaptive maximum with indices": lambda x: F.adaptive_max_pool2d(x, 1, return_indices=True),
    "nested": lambda x: {"a": (x + 1, [x * 2, None]), "b": 3, "c": x},
    "sort": lambda x: torch.sort(x, 1),
    "bucket": lambda x: torch.logical_not(x > 0).float() + torch.isnan(x),
}  # fmt: skip


def _in_place_on_a_view(x: Tensor) -> Tensor:
    y = x * 1
    y[:, 1:3] += 1
    y[:, :, 0].zero_()
    return y * 2


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name: str) -> None:
    graph = assert_agrees(LAYERS[name], torch.randn(X))
    assert "Torch" not in kinds(graph), graph


@pytest.mark.parametrize("layer", ACTIVATIONS, ids=str)
def test_activation(layer: nn.Module) -> None:
    graph = assert_agrees(layer, torch.randn(X))
    assert set(kinds(graph)) <= {"Elementwise", "Slice"}, graph


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str) -> None:
    assert_agrees(Apply(FUNCTIONS[name]), torch.randn(X))


@pytest.mark.parametrize("axes", [1, 3])
def test_other_numbers_of_axes(axes: int) -> None:
    conv = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[axes - 1](4, 6, 3, stride=2, padding=1)
    back = (nn.ConvTranspose1d, None, nn.ConvTranspose3d)[axes - 1](6, 4, 4, 2, 1)
    pool = (nn.MaxPool1d, None, nn.MaxPool3d)[axes - 1](3, 2, 1)
    mean = (nn.AvgPool1d, None, nn.AvgPool3d)[axes - 1](2, 1)
    grow = nn.Upsample(scale_factor=2, mode=("linear", None, "trilinear")[axes - 1])
    norm = (nn.BatchNorm1d, None, nn.BatchNorm3d)[axes - 1](6)
    net = nn.Sequential(conv, norm, nn.ReLU(), pool, grow, mean, back, nn.Flatten())
    graph = assert_agrees(net, torch.randn(2, 4, *(9, 10, 11)[:axes]), reduction=500)
    assert "Torch" not in kinds(graph)


@pytest.mark.parametrize("size", [(3, 9), (9, 3), (6, 9), (7, 13), (20, 11), (5, 1), (1, 4)])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "linear", "corners"])
def test_resize_follows_torch_at_every_size(mode: str, size: tuple[int, int]) -> None:
    options = {"corners": {"mode": "linear", "align_corners": True}}.get(mode, {"mode": mode})
    x = torch.randn(1, 2, size[0], dtype=torch.float64)
    assert_agrees(Apply(lambda x: F.interpolate(x, size=size[1], **options)), x)
    scale = size[1] / size[0] * 1.01
    assert_agrees(Apply(lambda x: F.interpolate(x, scale_factor=scale, **options)), x)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_antialiased_resize(mode: str) -> None:
    x = torch.randn(1, 2, 23, 17, dtype=torch.float64)
    assert_agrees(
        Apply(lambda x: F.interpolate(x, size=(7, 30), mode=mode, antialias=True)), x, reduction=512
    )


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
        (lambda x: F.scaled_dot_product_attention(x, x, x), 2 * 12 * 8 * 8 * 9, 5 * 12 * 64),
        (lambda x: torch.einsum("nchw,ndhw->ncd", x, x), 2 * 6 * 6 * 72, 0),
        (lambda x: torch.roll(x, 1, 2), 0, 0),
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
