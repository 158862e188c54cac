"""Every layer of the lecture, whatever the memory format, the type and the size of the batch."""

import copy

import pytest
import torch

from convariant import nn
from support.compare import assert_close

SIZES = {1: (12,), 2: (9, 10), 3: (5, 6, 4)}

MODULES: dict[str, tuple[int, torch.nn.Module]] = {}
for _axes in (1, 2, 3):
    _conv, _transposed, _separable, _pool = (
        getattr(nn, f"{name}{_axes}d")
        for name in ("Conv", "ConvTranspose", "DepthwiseSeparableConv", "Pool")
    )
    MODULES |= {
        f"Conv{_axes}d": (_axes, _conv(4, 6, 3, 2, "same", groups=2)),
        f"Conv{_axes}d reflect": (_axes, _conv(4, 6, 3, padding=1, padding_mode="reflect")),
        f"ConvTranspose{_axes}d": (_axes, _transposed(4, 6, 3, 2, 1, 1, groups=2)),
        f"ConvTranspose{_axes}d circular": (
            _axes,
            _transposed(4, 6, 3, 2, 1, padding_mode="circular"),
        ),
        f"DepthwiseSeparableConv{_axes}d": (_axes, _separable(4, 6, 3, padding=1)),
        f"Pool{_axes}d median": (_axes, _pool("median", 3, 2, 1)),
        f"Pool{_axes}d lp": (_axes, _pool("lp", 3, 2, 1)),
    }
MODULES["SpatialSeparableConv2d"] = (2, nn.SpatialSeparableConv2d(4, 6, 3, padding=1, rank=2))
EACH = pytest.mark.parametrize("name", MODULES)


def example(name: str, batch: int = 2) -> tuple[torch.nn.Module, torch.Tensor]:
    axes, module = MODULES[name]
    return module.float(), torch.randn(batch, 4, *SIZES[axes])


@EACH
def test_the_layout_in_memory_and_the_size_of_the_batch_do_not_matter(name):
    module, x = example(name)
    y = module(x)
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    for same in (
        x.transpose(1, -1).contiguous().transpose(1, -1),
        torch.stack((x, -x), -1)[..., 0],
        x.contiguous(memory_format=formats.get(x.dim(), torch.contiguous_format)),
    ):
        assert_close(module(same), y, reduction=200)
    assert_close(module(x[1]), y[1], reduction=200)
    assert_close(module(x[:1].expand(3, *x.shape[1:]))[2], y[0], reduction=200)
    empty = x[:0].requires_grad_()
    assert module(empty).shape == (0, *y.shape[1:])
    module(empty).sum().backward()
    assert empty.grad.shape == empty.shape


@EACH
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_every_type_is_close_to_float64(name, dtype):
    module, x = example(name)
    module, x = module.to(dtype), x.to(dtype)
    y = module(x)
    truth = module.double()(x.double())
    assert_close(y, truth, dtype=dtype, reduction=200)


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith("Pool")])
def test_one_graph_with_all_gradients(name):
    module, x = example(name)
    exported = torch.export.export(
        module, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},)
    ).module()
    assert_close(exported(torch.cat((x, x)))[2:], module(x), reduction=200)
    x.requires_grad_()
    results = []
    for run in (module, torch.compile(module, backend="aot_eager", fullgraph=True)):
        module.zero_grad()
        x.grad = None
        run(x).square().sum().backward()
        results.append([x.grad, *(p.grad for p in module.parameters())])
    for ours, compiled in zip(*results, strict=True):
        assert_close(compiled, ours, reduction=2000)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@EACH
def test_a_gpu_computes_the_same(name):
    module, x = example(name)
    y = copy.deepcopy(module).double()(x.double())
    assert_close(copy.deepcopy(module).double().cuda()(x.double().cuda()).cpu(), y, reduction=200)
