"""What every network keeps: gradients, files, export, determinism, odd batches, bad input."""

from __future__ import annotations

import io
import warnings

import pytest
import torch

from convariant import ShapeError, models
from models.counting import on_meta
from support.compare import assert_close, assert_equal

# name, options, size of the image: one small network of each kind
SMALL = {
    "lenet5": ("lenet5", {}, (28, 28)),
    "lenet5 wide": ("lenet5", {"input_size": 40, "activation": "tanh"}, (40, 36)),
    "lenet5_1998": ("lenet5_1998", {}, (28, 28)),
    "alexnet": ("alexnet", {"input_size": 67, "hidden": 16, "num_classes": 5}, (67, 70)),
    "alexnet small": ("alexnet", {"small_input": True, "hidden": 16, "in_channels": 1}, (32, 32)),
    "unet paper": ("unet", {"widths": (4, 6, 8)}, (44, 48)),
    "unet same": ("unet", {"mode": "same", "widths": (4, 6, 8), "up": "resize"}, (21, 18)),
    "unet norm": ("unet", {"mode": "same", "widths": (4, 6), "norm": True}, (16, 16)),
    "resnet basic": ("resnet", {"width": 8, "depths": (1, 1), "num_classes": 5}, (32, 40)),
    "resnet v1": (
        "resnet",
        {"width": 8, "depths": (1, 1), "block": "bottleneck", "v": 1},
        (32, 32),
    ),
    "resnext": (
        "resnet",
        {"width": 8, "depths": (2, 1), "block": "aggregated", "paths": 4, "small_input": True},
        (28, 28),
    ),
    "mobilenet": ("mobilenet_v1", {"width": 0.1, "num_classes": 5}, (64, 64)),
    "mobilenet small": ("mobilenet_v1", {"width": 0.1, "small_input": True}, (28, 28)),
    "mobilenet dense": ("mobilenet_v1", {"width": 0.1, "dense": True}, (48, 32)),
}
each_small = pytest.mark.parametrize("kind", SMALL)


def build(kind, batch=2):
    name, options, size = SMALL[kind]
    network = models.create(name, **options)
    return network, torch.rand(batch, network.in_channels, *size)


def output_shape(network, images):
    head = (len(images), network.num_classes)
    if network.config["name"] != "unet":
        return head
    return (*head, *(side - network.margin for side in images.shape[-2:]))


def assert_all_gradients(network, images):
    output = network.train()(images)
    assert output.shape == output_shape(network, images)
    # labels that differ, so that no class is without a gradient
    labels = torch.arange(output[:, 0].numel()).reshape(output[:, 0].shape) % network.num_classes
    torch.nn.functional.cross_entropy(output, labels).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, f"{name} takes no part in the output"
        assert parameter.grad.isfinite().all(), f"{name} has a gradient that is not finite"
        assert parameter.grad.abs().sum() > 0, f"{name} has no gradient"


@each_small
def test_every_parameter_gets_a_gradient(kind):
    assert_all_gradients(*build(kind))


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnext50_32x4d", "mobilenet_v1"])
def test_networks_of_full_size_train_too(name):
    network = models.create(name, num_classes=4, in_channels=1)
    assert_all_gradients(network, torch.rand(4, 1, 64, 64))


@each_small
def test_weights_survive_a_file(kind):
    network, images = build(kind)
    network.train()(images)  # moves the running statistics off their start
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    file.seek(0)
    again = models.create(**network.config)
    again.load_state_dict(torch.load(file, weights_only=True))
    assert_equal(again.eval()(images), network.eval()(images))


@each_small
def test_evaluation_repeats_itself_and_sees_each_image_alone(kind):
    network, images = build(kind, batch=3)
    network.eval()
    with torch.no_grad():
        together = network(images)
        assert_equal(network(images), together)
        alone = torch.cat([network(image[None]) for image in images])
    assert_close(alone, together, reduction=5_000)


@each_small
def test_no_image_is_a_batch_too(kind):
    network, images = build(kind, batch=0)
    with torch.no_grad():
        assert network.eval()(images).shape == output_shape(network, images)


@each_small
def test_initial_weights_differ_between_builds_and_repeat_with_a_seed(kind):
    torch.manual_seed(5)
    first, images = build(kind)
    second, _ = build(kind)
    torch.manual_seed(5)
    third, _ = build(kind)
    with torch.no_grad():
        assert_equal(third.eval()(images), first.eval()(images))
        assert not torch.equal(second.eval()(images), first.eval()(images))


@each_small
def test_export_with_any_batch(kind):
    network, images = build(kind)
    network.eval()
    batch = torch.export.Dim("batch", min=1, max=64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        exported = torch.export.export(
            network, (images,), dynamic_shapes=({0: batch},), strict=False
        ).module()
    five = torch.rand(5, *images.shape[1:])
    with torch.no_grad():
        assert_close(exported(five), network(five), reduction=5_000)


@pytest.mark.parametrize("kind", ["unet same", "unet norm", "resnet basic", "mobilenet"])
def test_export_with_any_size(kind):
    network = build(kind)[0].eval()
    h, w = torch.export.Dim("h", min=33), torch.export.Dim("w", min=33)
    images = torch.rand(2, network.in_channels, 53, 38)
    exported = torch.export.export(
        network, (images,), dynamic_shapes=({2: h, 3: w},), strict=False
    ).module()
    other = torch.rand(2, network.in_channels, 51, 70)
    with torch.no_grad():
        assert_close(exported(other), network(other), reduction=5_000)


@pytest.mark.parametrize("kind", ["lenet5_1998", "unet same", "resnext", "mobilenet"])
def test_torch_compile_sees_one_graph(kind):
    network, images = build(kind)
    network.eval()
    with torch.no_grad():
        compiled = torch.compile(network, backend="eager", fullgraph=True)
        assert_close(compiled(images), network(images), reduction=5_000)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@each_small
def test_other_types_and_memory_formats(kind, dtype):
    network, images = build(kind)
    if "alexnet" in kind and dtype == torch.bfloat16:
        pytest.skip("torch's local response norm has no bfloat16 on the CPU")
    network, images = network.eval().to(dtype), images.to(dtype)
    with torch.no_grad():
        plain = network(images)
        assert plain.dtype == dtype
        last = network.to(memory_format=torch.channels_last)
        assert_close(last(images.to(memory_format=torch.channels_last)), plain, reduction=5_000)


@each_small
def test_mixed_precision_trains(kind):
    network, images = build(kind)
    with torch.autocast("cpu", torch.bfloat16):
        assert_all_gradients(network, images)


@pytest.mark.parametrize("name", models.names())
def test_images_of_the_wrong_kind_are_refused(name):
    network = on_meta(name)
    side = network.input_size[0]

    def images(*shape, dtype=torch.float32):
        return torch.empty(*shape, device="meta", dtype=dtype)

    wrong = network.in_channels + 1
    with pytest.raises(ShapeError, match=rf"expected input.* got {wrong} .*in_channels={wrong}"):
        network(images(1, wrong, side, side))
    with pytest.raises(ShapeError, match=rf"Expected 4D \(batched\) input.*{name}.*images\[None\]"):
        network(images(network.in_channels, side, side))
    with pytest.raises(ShapeError, match=rf"Expected 4D \(batched\) input.*size: \[{side}\]"):
        network(images(side))
    with pytest.raises(ShapeError, match=rf"{name} takes floating-point images, not torch.uint8;"):
        network(images(1, network.in_channels, side, side, dtype=torch.uint8))
    with pytest.raises(ShapeError, match=rf"{name} takes images of at least one pixel"):
        network(images(1, network.in_channels, 0, side))


@pytest.mark.parametrize(
    ("name", "options", "size", "message"),
    [
        ("lenet5", {}, (33, 20), "at most 32x32, but got 33x20; .*input_size=33"),
        ("lenet5", {"input_size": 20}, (20, 28), "at most 20x20, but got 20x28; .*input_size=28"),
        ("lenet5_1998", {}, (28, 33), "at most 32x32, but got 28x33; resize them"),
        ("alexnet", {}, (224, 224), "227 to 258 pixels a side, but got 224x224; .*227x227"),
        ("alexnet", {}, (227, 259), "227 to 258 pixels a side, but got 227x259; resize"),
        ("alexnet", {"small_input": True}, (28, 28), "31 to 38 pixels .*28x28; .*to 32x32"),
        ("unet", {}, (572, 570), "188, 204, 220, .*572x570; pad to 572x572 or crop to 572x556"),
        ("unet", {}, (180, 572), "but got 180x572; pad to 188x572, or build it with mode='same'"),
        ("unet", {"widths": (4, 8)}, (17, 19), "18, 20, 22, .*17x19; pad to 18x20, or build"),
    ],
)
def test_sizes_that_do_not_fit_are_told_those_that_do(name, options, size, message):
    network = on_meta(name, **options)
    with pytest.raises(ShapeError, match=f"{name} .*{message}"):
        network(torch.empty(1, network.in_channels, *size, device="meta"))
