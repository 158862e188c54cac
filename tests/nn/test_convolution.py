"""The convolution modules: torch's twins, and what torch's refuse."""

import copy
import io
import pickle

import pytest
import torch

from convariant import GeometryError, functional, nn
from support.compare import assert_close, assert_equal
from support.configs import CONVOLUTIONS, TRANSPOSED, Config, each

TORCHS = tuple(c for c in CONVOLUTIONS + TRANSPOSED if c.torch_padding is not None)


def module_name(config: Config) -> str:
    return f"Conv{'Transpose' if config.transposed else ''}{config.axes}d"


def build(namespace, config: Config, padding):
    """The module of this configuration, with the same random weights in every namespace."""
    torch.manual_seed(7)
    extra = {"output_padding": config.output_padding} if config.transposed else {}
    return getattr(namespace, module_name(config))(
        config.in_channels,
        config.out_channels,
        config.kernel_size,
        config.stride,
        padding,
        dilation=config.dilation,
        groups=config.groups,
        bias=config.bias,
        **extra,
    )


@each(TORCHS)
def test_weights_results_and_gradients_are_those_of_torchs_module(config):
    ours = build(nn, config, config.padding)
    torchs = build(torch.nn, config, config.torch_padding)
    for name, tensor in torchs.state_dict().items():
        assert_equal(ours.state_dict()[name], tensor)
    assert list(ours.state_dict()) == list(torchs.state_dict())
    x = config.tensors()[0].requires_grad_()
    twin = x.detach().clone().requires_grad_()
    y, expected = ours(x), torchs(twin)
    assert_equal(y, expected)
    y.sum().backward()
    expected.sum().backward()
    assert_equal(x.grad, twin.grad)
    assert_equal(ours.weight.grad, torchs.weight.grad)


@each(CONVOLUTIONS + TRANSPOSED)
def test_the_module_is_its_operator(config):
    module = build(nn, config, config.padding)
    x = config.tensors()[0]
    name = f"conv{'_transpose' if config.transposed else ''}{config.axes}d"
    extra = {"output_padding": config.output_padding} if config.transposed else {}
    expected = getattr(functional, name)(
        x,
        module.weight,
        module.bias,
        config.stride,
        config.padding,
        groups=config.groups,
        dilation=config.dilation,
        **extra,
    )
    assert_equal(module(x), expected)
    assert tuple(expected.shape) == config.output_shape


@each((CONVOLUTIONS[0], CONVOLUTIONS[8], TRANSPOSED[0], TRANSPOSED[6], TRANSPOSED[-1]))
def test_state_dicts_load_both_ways(config):
    ours = build(nn, config, config.padding)
    torchs = build(torch.nn, config, config.torch_padding or 0)
    with torch.no_grad():
        ours.weight.mul_(2)
    torchs.load_state_dict(ours.state_dict())
    assert_equal(torchs.weight, ours.weight)
    with torch.no_grad():
        torchs.weight.mul_(2)
    ours.load_state_dict(torchs.state_dict())
    assert_equal(ours.weight, torchs.weight)
    assert isinstance(ours, type(torchs))


@each((CONVOLUTIONS[5], CONVOLUTIONS[27], TRANSPOSED[2], TRANSPOSED[17]))
def test_copies_and_files_give_the_same_results(config):
    module = build(nn, config, config.padding)
    x = config.tensors()[0]
    expected = module(x)
    assert_equal(copy.deepcopy(module)(x), expected)
    assert_equal(pickle.loads(pickle.dumps(module))(x), expected)
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    again = build(nn, config, config.padding)
    torch.nn.init.zeros_(again.weight)
    again.load_state_dict(torch.load(file, weights_only=True))
    assert_equal(again(x), expected)


@pytest.mark.parametrize(
    ("ours", "torchs"),
    [
        (nn.Conv2d(3, 8, 3), torch.nn.Conv2d(3, 8, 3)),
        (
            nn.Conv1d(4, 8, 3, 2, 1, 2, 2, False),
            torch.nn.Conv1d(4, 8, 3, 2, 1, 2, 2, False),
        ),
        (
            nn.Conv2d(3, 8, 3, padding="same", padding_mode="reflect"),
            torch.nn.Conv2d(3, 8, 3, padding="same", padding_mode="reflect"),
        ),
        (nn.Conv3d(1, 1, 3, padding="valid"), torch.nn.Conv3d(1, 1, 3, padding="valid")),
        (
            nn.ConvTranspose2d(4, 8, 3, 2, 1, 1, 2, True, 2),
            torch.nn.ConvTranspose2d(4, 8, 3, 2, 1, 1, 2, True, 2),
        ),
    ],
)
def test_it_prints_as_torchs(ours, torchs):
    assert repr(ours) == repr(torchs)


def test_what_torch_has_not_is_printed_too():
    assert repr(nn.Conv2d(1, 2, 3, 2, ((0, 1), (1, 0)))) == (
        "Conv2d(1, 2, kernel_size=(3, 3), stride=(2, 2), padding=((0, 1), (1, 0)))"
    )
    assert repr(nn.ConvTranspose1d(1, 2, 3, 2, "same", output_size=9)) == (
        "ConvTranspose1d(1, 2, kernel_size=(3,), stride=(2,), padding=same, output_size=(9,))"
    )


def test_padding_and_mode_reach_the_operator():
    x = torch.randn(2, 3, 7, 6)
    module = nn.Conv2d(3, 4, 3, 2, "same", padding_mode="circular")
    expected = functional.conv2d(x, module.weight, module.bias, 2, "same", padding_mode="circular")
    assert_equal(module(x), expected)
    up = nn.ConvTranspose2d(3, 4, 3, 2, ((1, 0), (0, 1)), padding_mode="reflect")
    expected = functional.conv_transpose2d(
        x, up.weight, up.bias, 2, ((1, 0), (0, 1)), padding_mode="reflect"
    )
    assert_equal(up(x), expected)


def test_output_size_at_construction_and_at_the_call():
    torch.manual_seed(0)
    torchs = torch.nn.ConvTranspose2d(2, 3, 3, 2, 1)
    x = torch.randn(1, 2, 3, 4)
    fixed = nn.ConvTranspose2d(2, 3, 3, 2, 1, output_size=(6, 7))
    fixed.load_state_dict(torchs.state_dict())
    assert_equal(fixed(x), torchs(x, output_size=(6, 7)))
    assert_equal(fixed(x, output_size=(5, 8)), torchs(x, output_size=(5, 8)))
    padded = nn.ConvTranspose2d(2, 3, 3, 2, 1, output_padding=1)
    padded.load_state_dict(torchs.state_dict())
    assert_equal(padded(x), torchs(x, output_size=(6, 8)))
    assert_equal(padded(x, (5, 7)), torchs(x))


def test_transposing_a_module_is_its_adjoint():
    down = nn.Conv2d(4, 6, 3, 2, "same", groups=2, bias=False, padding_mode="replicate")
    up = nn.ConvTranspose2d(
        6, 4, 3, 2, "same", groups=2, bias=False, padding_mode="replicate", output_size=(7, 9)
    )
    up.load_state_dict(down.state_dict())
    down.double(), up.double()
    x, y = torch.randn(1, 4, 7, 9).double(), torch.randn(1, 6, 4, 5).double()
    assert_close((down(x) * y).sum(), (x * up(y)).sum(), reduction=4096)


@pytest.mark.parametrize("transposed", [False, True])
def test_device_type_and_layout(transposed):
    make = nn.ConvTranspose2d if transposed else nn.Conv2d
    assert make(2, 4, 3, device="meta", dtype=torch.bfloat16).weight.is_meta
    module = make(8, 8, 3, 2, ((0, 1), (1, 0))).to(
        torch.bfloat16, memory_format=torch.channels_last
    )
    x = torch.randn(2, 8, 9, 8).bfloat16().to(memory_format=torch.channels_last)
    plain = module.to(torch.float64, memory_format=torch.contiguous_format)(x.double())
    module.to(torch.bfloat16)
    assert_close(module(x), plain, dtype=torch.bfloat16, reduction=73)


@pytest.mark.parametrize(
    "module",
    [
        nn.Conv2d(2, 4, 3, 2, "same", padding_mode="reflect"),
        nn.ConvTranspose2d(2, 4, 3, 2, ((0, 1), (1, 1)), output_size=(12, 14)),
    ],
)
def test_export_and_compile(module):
    x = torch.randn(2, 2, 6, 7)
    batch = torch.export.Dim("batch")
    program = torch.export.export(module, (x,), dynamic_shapes=({0: batch},))
    larger = torch.randn(5, 2, 6, 7)
    assert_close(program.module()(larger), module(larger), reduction=19)
    compiled = torch.compile(module, backend="eager", fullgraph=True)
    assert_close(compiled(x), module(x), reduction=19)


@pytest.mark.parametrize(
    ("build_wrong", "message"),
    [
        (lambda: nn.Conv2d(6, 8, 3, groups=4), r"^in_channels must be divisible by groups: "),
        (
            lambda: nn.ConvTranspose2d(6, 8, 3, groups=3),
            r"^out_channels must be divisible by groups: out_channels=8, groups=3; use "
            r"out_channels=9",
        ),
        (lambda: nn.Conv1d(1, 1, 3, groups=0), r"^groups must be a positive integer"),
        (lambda: nn.Conv2d(1, 1, 3, padding="sane"), r"^Invalid padding string 'sane'"),
        (lambda: nn.Conv2d(1, 1, (3, 3, 3)), r"3 axes"),
        (
            lambda: nn.Conv2d(1, 1, 3, padding_mode="mirror"),
            r"^padding_mode must be one of .*padding_mode='mirror' \(Conv2d\)",
        ),
        (
            lambda: nn.ConvTranspose2d(1, 1, 3, padding_mode="mirror"),
            r"'mirror' \(ConvTranspose2d\)",
        ),
        (
            lambda: nn.ConvTranspose2d(1, 1, 3, 2, output_padding=2),
            r"^output padding must be smaller than either stride or dilation",
        ),
        (
            lambda: nn.ConvTranspose2d(1, 1, 3, 2, output_padding=1, output_size=8),
            r"^output_size=8 and output_padding=\(1, 1\) both choose",
        ),
    ],
)
def test_arguments_that_make_no_layer(build_wrong, message):
    with pytest.raises(GeometryError, match=message):
        build_wrong()
