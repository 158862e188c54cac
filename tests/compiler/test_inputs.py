"""What `compile` and a program take, and what they refuse in one sentence."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from tests.support.compare import assert_close
from torch import nn
from torch._subclasses import FakeTensorMode

import convariant as cv
from convariant.compiler import compile
from convariant.errors import CompileError, ShapeError

SHAPE = (2, 1, 28, 28)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return cv.models.create("lenet5").eval()


@pytest.fixture(scope="module")
def program(model):
    return compile(model, torch.zeros(SHAPE), threads=1)


def nested():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls them a prototype
        return torch.nested.nested_tensor([torch.zeros(1, 28, 28)] * 2)


def check_agrees(program, model, value, x):
    """Twice: a program keeps a shorter way for a call like the one before it."""
    for _ in range(2):
        assert_close(torch.as_tensor(program(value)), model(x).detach(), reduction=400)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.zeros(1, 28, 28), "has shape .* give 4 axes"),
        (torch.zeros(1, 1, 28, 28, dtype=torch.float64), "is torch.float64.*call x.to"),
        (torch.zeros(1, 1, 28, 28, device="meta"), "is on meta.*call x.cpu"),
        (torch.zeros(1, 2, 28, 28), "does not take inputs of"),
        ("image.png", "is a str; give a torch.Tensor"),
        (np.zeros(SHAPE), r'is torch.float64.*call x\.astype\("float32"\) first'),
        (np.zeros(SHAPE, dtype=object), r"array of object, .*has no tensors of.*x\.astype"),
        (np.zeros(SHAPE, dtype="U3"), "array of <U3"),
        (np.ma.masked_array(np.zeros(SHAPE), mask=False), "masked array.*fill it first"),
        (torch.zeros(SHAPE).to_sparse(), "sparse_coo.*no row of numbers in memory.*to_dense"),
        (torch.zeros(SHAPE).to_mkldnn(), "_mkldnn.*no row of numbers in memory"),
        (nested(), "no row of numbers in memory"),
        (FakeTensorMode().from_tensor(torch.zeros(SHAPE)), "FakeTensor.*no row of numbers"),
    ],
)
def test_wrong_inputs_are_named(program, value, message):
    with pytest.raises(ShapeError, match=message):
        program(value)


def test_memory_that_is_gone_is_not_read(program):
    x = torch.zeros(SHAPE)
    program(x)
    x.untyped_storage().resize_(0)
    with pytest.raises(ShapeError, match="no row of numbers in memory"):
        program(x)


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # of torch's own
@pytest.mark.parametrize(
    "transform",
    [
        lambda f, x: torch.vmap(f)(torch.stack((x, x))),
        lambda f, x: torch.func.jvp(f, (x,), (x,)),
        lambda f, x: torch.func.functionalize(f)(x),
    ],
    ids=["vmap", "jvp", "functionalize"],
)
def test_transforms_of_torch_are_refused(program, transform):
    with pytest.raises(ShapeError, match=r"outside of torch\.vmap"):
        transform(program, torch.zeros(SHAPE))


def test_export_of_a_program_is_refused(program):
    class Around(nn.Module):
        def forward(self, x):
            return program(x)

    with pytest.raises(ShapeError, match=r"outside of torch\.vmap, torch\.export"):
        torch.export.export(Around(), (torch.zeros(SHAPE),))


def test_tensors_of_every_kind(program, model):
    x = torch.randn(SHAPE)
    values = {
        "channels last": x.contiguous(memory_format=torch.channels_last),
        "parameter": nn.Parameter(x),
        "asks for gradients": x.clone().requires_grad_(),
        "negative view": torch._neg_view(-x),
        "part of a larger one": torch.cat((x, x), 3)[..., :28],
    }
    for value in values.values():
        check_agrees(program, model, value, x)
    check_agrees(program, model, x[:1].expand(SHAPE), x[:1].expand(SHAPE))


def test_arrays_of_every_kind(program, model):
    x = torch.randn(SHAPE)
    array, fixed = x.numpy(), x.numpy().copy()
    fixed.flags.writeable = False
    backwards = np.ascontiguousarray(array[:, :, ::-1])[:, :, ::-1]
    for value in (array, fixed, backwards, np.asfortranarray(array), array.astype(">f4")):
        check_agrees(program, model, value, x)


def test_wrong_number_of_inputs_is_named(program):
    x = torch.zeros(SHAPE)
    with pytest.raises(ShapeError, match="captured with other arguments"):
        program(x, x)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": 0}, "threads=0: a program runs on 1 to 1024 threads"),
        ({"threads": "2"}, "threads='2'.*a whole number"),
        ({"threads": 1.5}, "threads=1.5.*a whole number"),
        ({"threads": True}, "threads=True.*a whole number"),
        ({"threads": 10**6}, "threads=1000000.*leave it out"),
        ({"tolerance": -1}, "tolerance=-1: an error is a number, finite and not negative"),
        ({"tolerance": float("inf")}, "tolerance=inf: an error is a number, finite"),
        ({"tolerance": 10**400}, "tolerance=1000.*finite"),
        ({"tolerance": True}, "tolerance=True: an error is a number"),
        ({"tolerance": np.True_}, "tolerance=.*True.*: an error is a number"),
        ({"tolerance": float("nan")}, "tolerance=nan"),
        ({"tolerance": "small"}, "tolerance='small'"),
        ({"tolerance": None}, "tolerance=None"),
    ],
)
def test_senseless_options_are_refused(model, options, message):
    with pytest.raises(CompileError, match=message):
        compile(model, torch.zeros(SHAPE), **options)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (None, "needs example inputs"),
        (3, "int is no tensor; give a tensor"),
        ("image.png", "str is no tensor; give a tensor"),
        (object(), "object is no tensor; give a tensor"),
        (SHAPE, "there is no tensor among them; give a tensor"),
        ([None], "there is no tensor among them"),
        ((), "there is no tensor among them"),
        ({"images": 3.0}, "there is no tensor among them"),
        ([torch.zeros(SHAPE), object()], "object is no tensor, number, flag or text"),
        ({1: torch.zeros(SHAPE)}, "a dict has the arguments by name"),
    ],
)
def test_senseless_examples_are_refused(model, inputs, message):
    with pytest.raises(CompileError, match=message):
        compile(model, inputs)


@pytest.mark.parametrize("what", [torch.relu, None, 3, nn.ReLU])
def test_what_is_no_network_is_refused(what):
    with pytest.raises(CompileError, match=r"compile takes a torch\.nn\.Module.*but got"):
        compile(what, torch.zeros(SHAPE))


def test_a_program_is_not_compiled_again(program):
    with pytest.raises(CompileError, match="but got Program"):
        compile(program, torch.zeros(SHAPE))


def test_weights_without_numbers_are_refused(model):
    empty = copy.deepcopy(model).to("meta")
    with pytest.raises(CompileError, match="meta device.*to_empty"):
        compile(empty, torch.zeros(SHAPE, device="meta"))


def test_what_torch_export_made(model):
    x = torch.randn(SHAPE)
    exported = torch.export.export(model, (x,))
    check_agrees(compile(exported), model, x, x)
    check_agrees(compile(exported, x), model, x, x)
    check_agrees(compile(exported.module(), x), model, x, x)


def test_eval_mode_reaches_what_lies_behind_an_exported_part(model):
    x = torch.randn(SHAPE)
    part = torch.export.export(model, (x,)).module()
    net = nn.Sequential(part, nn.Dropout(0.5))
    check_agrees(compile(net, x), model, x, x)
    assert net[1].training


def test_an_exported_program_keeps_its_weights_and_its_open_batch():
    layer, x = nn.Conv2d(3, 8, 3).eval(), torch.randn(2, 3, 9, 9)
    batch = torch.export.Dim("batch")
    fast = compile(torch.export.export(layer, (x,), dynamic_shapes=({0: batch},)), x)
    expected, more = layer(x).detach(), torch.randn(5, 3, 9, 9)
    expected_more = layer(more).detach()
    with torch.no_grad():
        layer.weight.zero_()
    assert_close(fast(x), expected, reduction=27)
    assert_close(fast(more), expected_more, reduction=27)


def test_copies_are_the_program_itself(program):
    assert copy.copy(program) is program
    assert copy.deepcopy({"fast": program})["fast"] is program


def test_a_program_is_saved_rather_than_pickled(program):
    with pytest.raises(CompileError, match=r"fast\.save\(path\).*convariant\.load"):
        pickle.dumps(program)
