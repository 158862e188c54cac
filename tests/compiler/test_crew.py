"""Kernels compiled by other processes: the same code, and none lost whatever happens to them."""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import partial

import pytest

from convariant.compiler.kernels import ClearHalo
from convariant.compiler.layout import Layout
from convariant.compiler.llvm import compile_object, host_target
from convariant.compiler.llvm.cache import ObjectCache
from convariant.compiler.llvm.crew import Crew, helpers_for
from convariant.errors import CompileError

COUNT = 14


@pytest.fixture
def kernels():
    target = host_target()
    made = [
        ClearHalo(Layout.dense((1, target.lanes, 2, 3 + n), target.lanes, (1, 1, 1, 1)))
        for n in range(COUNT)
    ]
    return {repr(kernel): partial(kernel.emit, target, "kernel") for kernel in made}


@pytest.fixture
def expected(kernels):
    return [compile_object(source(), host_target()) for source in kernels.values()]


def with_helpers(monkeypatch, count: int) -> None:
    monkeypatch.setattr("convariant.compiler.llvm.cache.helpers_for", lambda _: count)


@pytest.mark.parametrize("helpers", [0, 1, 3])
def test_the_code_is_the_same_whoever_compiles(kernels, expected, tmp_path, monkeypatch, helpers):
    with_helpers(monkeypatch, helpers)
    cache = ObjectCache.at(tmp_path, host_target())
    assert cache.get(*next(iter(kernels.items()))) == expected[0]
    assert cache.get_all(kernels) == expected
    assert (cache.hits, cache.misses) == (1, COUNT)
    assert cache.get_all(kernels) == expected
    assert (cache.hits, cache.misses) == (1 + COUNT, COUNT)


def test_helpers_do_some_of_the_work(kernels, expected):
    with Crew(host_target(), 1) as crew:
        jobs = [(source(), crew.submit(source())) for source in kernels.values()]
        assert jobs[0][1].result() == expected[0]
        assert crew.results(jobs) == expected


def test_helpers_that_end_or_never_began_cost_time_alone(kernels, expected, monkeypatch):
    with Crew(host_target(), 2) as crew:
        crew._helpers[0]._process.send_signal(signal.SIGKILL)
        jobs = [(source(), crew.submit(source())) for source in kernels.values()]
        assert crew.results(jobs) == expected
    monkeypatch.setattr(sys, "executable", "/nowhere/python3")
    with Crew(host_target(), 1) as crew:
        jobs = [(source(), crew.submit(source())) for source in kernels.values()]
        assert crew.results(jobs) == expected


def test_faults_in_the_code_are_told_as_ever():
    with Crew(host_target(), 1) as crew, pytest.raises(CompileError, match="LLVM refuses"):
        crew.results([("nonsense", crew.submit("nonsense"))])


def test_an_interrupt_leaves_no_helper(kernels):
    crew = Crew(host_target(), 2)

    def work() -> None:
        with crew:
            for source in kernels.values():
                crew.submit(source())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert [helper._process.poll() is None for helper in crew._helpers] == [False, False]


def test_a_single_core_and_a_host_that_is_no_python_have_no_helpers(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3.11")
    assert [helpers_for(n) for n in (0, 11, 12, 24, 90)] == [0, 0, 1, 2, 2]
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
    assert helpers_for(90) == 0
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    monkeypatch.setattr(sys, "executable", "/usr/bin/blender")
    assert helpers_for(90) == 0


def test_a_helper_imports_no_torch():
    code = "import sys, convariant.compiler.llvm.crew; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr
