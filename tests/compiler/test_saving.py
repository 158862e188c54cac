"""Programs as files: the same results, no code of strangers, one sentence for a bad file."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections import OrderedDict

import numpy as np
import pytest
import torch
from tests.compiler.saved import same
from torch import nn

import convariant as cv
from convariant.compiler._instance import Memory
from convariant.compiler.saving._codec import Codec
from convariant.compiler.saving._document import GRAPH, _decode_op, graph_document, read_graph
from convariant.compiler.saving._native import machine
from convariant.errors import CompileError, ModelFileError, StorageError
from convariant.graph import from_torch, ops


def test_a_loaded_program_computes_the_same_and_compiles_nothing(saved):
    program, path, x = saved
    loaded = cv.load(path)
    assert same(program, loaded, x)
    assert (loaded.cache.hits, loaded.cache.misses) == (0, 0)
    assert (loaded.threads, loaded.tolerance) == (2, 1e-5)


def test_numbers_that_come_slowly_go_to_small_pages_and_are_the_same(saved, monkeypatch):
    program, path, x = saved
    starts = []
    small = Memory.use_small_pages
    monkeypatch.setattr("convariant.compiler.saving._file._PATIENCE", -1.0)
    monkeypatch.setattr(Memory, "use_small_pages", lambda m, at: (starts.append(at), small(m, at)))
    assert same(program, cv.load(path), x)
    assert starts == [0, 0], "once for the weights, once for the native part"


class Everything(nn.Module):
    """Groups that are moved, copies, norms and layers over the last axis, a volume."""

    def __init__(self) -> None:
        super().__init__()
        self.groups = nn.Sequential(nn.Conv2d(15, 15, 3, groups=3), nn.PixelShuffle(1))
        self.norm, self.linear = nn.LayerNorm(15), nn.Linear(15, 7)
        self.instance, self.deep = nn.InstanceNorm2d(15), nn.Conv3d(15, 4, 2)

    def forward(self, x):
        x = nn.functional.pad(self.groups(x), (2, 1, 1, 0), mode="reflect")
        last = self.linear(self.norm(x.permute(0, 2, 3, 1))).softmax(2)
        x = self.instance(x).flip(3).amax(2, keepdim=True).expand(-1, -1, 5, -1)
        return self.deep(torch.stack([x, x[..., ::1]], 2)), last


def test_every_kind_of_kernel_goes_into_a_file(tmp_path):
    torch.manual_seed(0)
    model, x = Everything().eval(), torch.randn(1, 15, 9, 11)
    program = cv.compile(model, x)
    program.save(tmp_path / "all")
    loaded = cv.load(tmp_path / "all")
    assert same(program, loaded, x)
    assert loaded.cache.misses == 0
    assert not loaded.report.fallbacks
    assert same(program, loaded, torch.randn(2, 15, 12, 10))


def test_a_loaded_program_takes_other_shapes_reports_explains_and_is_saved_again(saved, tmp_path):
    program, path, x = saved
    loaded = cv.load(path)
    report = loaded.report
    assert report.error < 1e-5
    assert [r.algorithm for r in report.rows] == [r.algorithm for r in program.report.rows]
    assert loaded.explain("conv") == program.explain("conv")
    loaded.save(tmp_path / "again")
    assert same(program, cv.load(tmp_path / "again"), x)
    other = torch.randn(2, 3, 12, 10)
    assert same(program, loaded, other)


def test_safetensors_reads_the_weights(saved):
    from safetensors import safe_open

    program, path, _ = saved
    with safe_open(path, framework="pt") as file:
        assert torch.equal(file.get_tensor("weight/scale"), program.graph.constants["scale"])


def test_a_process_without_the_model_loads_it(saved, tmp_path):
    program, path, x = saved
    torch.save(x, tmp_path / "x.pt")
    code = (
        "import sys, torch, convariant as cv\n"
        f"program = cv.load({str(path)!r})\n"
        f"x = torch.load({str(tmp_path / 'x.pt')!r})\n"
        "print(program.cache.misses, program(x)[0]['map'].double().sum().item())\n"
        "assert 'torch._dynamo' not in sys.modules and 'convariant.models' not in sys.modules\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    misses, total = answer.stdout.split()
    assert misses == "0"
    assert float(total) == program(x)[0]["map"].double().sum().item()


def test_code_that_was_not_signed_here_is_compiled_anew_unless_trusted(saved, tmp_path):
    program, path, x = saved
    stranger = cv.load(path, cache_dir=tmp_path / "other")
    assert stranger.cache.misses > 0
    assert same(program, stranger, x)
    assert cv.load(path, cache_dir=tmp_path / "third", trusted=True).cache.misses == 0


def test_without_a_folder_for_the_key_nothing_counts_as_signed(saved, tmp_path):
    program, _, x = saved
    (tmp_path / "file").touch()
    unsigned = cv.compile(program.graph, x, threads=2, cache_dir=tmp_path / "file")
    unsigned.save(tmp_path / "unsigned")
    loaded = cv.load(tmp_path / "unsigned", cache_dir=tmp_path / "file")
    assert loaded.cache.misses > 0
    assert same(unsigned, loaded, x)


@pytest.mark.parametrize("key", sorted(machine(cv.compiler.llvm.host_target())))
def test_code_for_another_machine_or_version_is_compiled_anew(saved, monkeypatch, key):
    program, path, x = saved
    other = {**machine(program.target), key: "another"}
    monkeypatch.setattr("convariant.compiler.saving.machine", lambda _target: other)
    loaded = cv.load(path)
    assert loaded.cache.hits > 0
    assert same(program, loaded, x)


def test_other_threads_are_planned_anew(saved):
    program, path, x = saved
    loaded = cv.load(path, threads=1)
    assert loaded.threads == 1
    assert loaded.cache.hits > 0
    assert same(program, loaded, x)
    with pytest.raises(CompileError, match="threads=0: a program runs on 1 to 1024 threads"):
        cv.load(path, threads=0)


def test_what_pytorch_runs_cannot_be_saved(tmp_path):
    model = nn.Sequential(OrderedDict(odd=Odd())).eval()
    program = cv.compile(model, torch.randn(1, 3, 8, 8), threads=1)
    with pytest.raises(CompileError, match=r"odd \(Torch cummax_0\) is run by Python code"):
        program.save(tmp_path / "odd")
    assert list(tmp_path.iterdir()) == []


class Odd(nn.Module):
    def forward(self, x):
        return x.cummax(3)[0]


def test_a_nesting_that_is_no_data_cannot_be_saved(tmp_path):
    class Numbered(nn.Module):
        def forward(self, x):
            return {1: torch.relu(x)}

    program = cv.compile(Numbered().eval(), torch.randn(1, 3, 8, 8), threads=1)
    with pytest.raises(CompileError, match="no form for the dict among its arguments or results"):
        program.save(tmp_path / "numbered")


def test_a_failed_write_leaves_the_old_file(saved, tmp_path, monkeypatch):
    program, _, _ = saved
    path = tmp_path / "net.convariant"
    program.save(path)
    before = path.read_bytes()

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device; nothing there was changed"):
        program.save(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.convariant"]
    with pytest.raises(StorageError, match="cannot write .*No such file"):
        program.save(tmp_path / "missing" / "net.convariant")


@pytest.mark.parametrize("path", ["", ".", "/", "a\0b"])
def test_a_path_that_names_no_file_is_refused(saved, path):
    with pytest.raises(StorageError, match="it names no file; give a path such as"):
        saved[0].save(path)


def test_a_tolerance_of_numpy_is_a_number_in_the_file(tmp_path):
    fast = cv.compile(nn.ReLU(), torch.zeros(2, 3), tolerance=np.float32(1e-5))
    fast.save(tmp_path / "relu")
    assert type(fast.tolerance) is float
    assert cv.load(tmp_path / "relu").tolerance == fast.tolerance == float(np.float32(1e-5))


@pytest.mark.parametrize("name", ["lenet5", "mobilenet_v1", "resnet18", "unet"])
def test_graphs_come_back_as_they_were(name):
    model = cv.models.create(name).eval()
    size = (1, *model.input_size) if len(model.input_size) == 3 else (1, 1, *model.input_size)
    graph = from_torch(model, torch.empty(1, model.in_channels, *size[-2:]), dynamic_batch=True)
    document = json.loads(json.dumps(graph_document(graph)))
    back = read_graph(document, graph.constants)
    assert str(back) == str(graph)
    assert back.nodes == graph.nodes
    assert back.types == graph.types
    assert back.structure == graph.structure


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"kind": "Torch", "target": "os.system"}, "unknown kind"),
        ({"kind": "Softmax", "axis": 1}, "other fields than axis, log"),
        ({"kind": "Softmax", "axis": "1", "log": False}, "axis='1'"),
        ({"kind": "Softmax", "axis": True, "log": False}, "axis=True"),
        ({"kind": "Pad", "pads": [[1, 2, 3]], "mode": "constant", "value": 0.0}, "has pads="),
        ({"kind": "Pad", "pads": [[1, 2]], "mode": "odd", "value": 0.0}, "has mode='odd'"),
        ({"kind": "Cast", "dtype": {"dtype": "f7"}}, "unknown kind"),
        ({"float": "1e999"}, "unknown kind"),
        ("relu", "for an operation"),
        ({"operator": "from_file.default", "args": [], "kwargs": {}, "why": ""}, "which no file"),
        ({"operator": "relu_.default", "args": [], "kwargs": {}, "why": ""}, "which no file"),
    ],
)
def test_an_operation_is_read_only_if_it_may_be_one(data, message):
    with pytest.raises(ModelFileError, match=message):
        _decode_op(data)


def test_the_codec_keeps_every_number():
    pad = ops.Pad(((1, 2), (0, -1)), value=-math.inf)
    assert GRAPH.decode(json.loads(json.dumps(GRAPH.encode(pad)))) == pad
    assert math.isnan(GRAPH.decode(GRAPH.encode(math.nan)))
    assert GRAPH.decode(GRAPH.encode(0.1)) == 0.1
    with pytest.raises(TypeError, match="two kinds of one table are named Pool"):
        Codec([ops.Pool, cv.compiler.kernels.Pool])
