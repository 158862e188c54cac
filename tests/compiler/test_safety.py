"""Programs among threads, forks, signals, exits and bad disks."""

from __future__ import annotations

import ctypes
import os
import stat
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
import torch
from tests.compiler.harness import build
from torch import nn

import convariant as cv
from convariant.compiler._workers import WorkerPool, meeting_address
from convariant.compiler.kernels import ClearHalo
from convariant.compiler.layout import Layout
from convariant.compiler.llvm import host_target
from convariant.compiler.llvm.driver import load_driver

# A process that hangs is the fault looked for: none of these takes a second of its own.
_LIMIT = 60

START = """
import ctypes, os, signal, sys, threading, time
import torch, convariant as cv
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
x = torch.ones(1, 3, 32, 32)
fast = cv.load(sys.argv[1])
truth = fast(x)
"""


@pytest.fixture
def in_process(tmp_path):
    """Runs code in a process of its own, where `fast` is a program on two threads."""
    cv.compile(network(0), torch.ones(1, 3, 32, 32), threads=2).save(tmp_path / "net")

    def run(code: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", START + textwrap.dedent(code), str(tmp_path / "net")],
            capture_output=True,
            text=True,
            timeout=_LIMIT,
        )

    return run


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 16 + seed, 3, padding=1), nn.ReLU(), nn.Conv2d(16 + seed, 8, 1)
    ).eval()


def test_several_programs_run_at_once_from_several_threads():
    x = torch.randn(1, 3, 24, 24)
    programs = [cv.compile(network(seed), x, threads=1 + (seed > 0)) for seed in range(4)]
    truths = [program(x) for program in programs]
    wrong: list[int] = []

    def work(number: int) -> None:
        for turn in range(200):
            place = (number + turn) % len(programs)
            if not torch.equal(programs[place](x), truths[place]):
                wrong.append(place)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(_LIMIT)
    assert not any(worker.is_alive() for worker in workers)
    assert wrong == []


def test_programs_share_as_many_workers_as_the_largest_needs(in_process):
    """Whoever calls, and how many: a machine of two cores is not given more work than that."""
    answer = in_process("""
        programs = [fast, *(cv.load(sys.argv[1]) for _ in range(3))]
        callers = [threading.Thread(target=lambda p=p: [p(x) for _ in range(50)]) for p in programs]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        print([t.name for t in threading.enumerate() if t.name.startswith("convariant")])
    """)
    assert (answer.returncode, answer.stdout) == (0, "['convariant-1']\n"), answer.stderr


def test_a_run_ends_when_every_thread_is_done_with_its_last_step():
    """Also behind a step that needs no meeting: else the next job reaches a thread at work, which
    does half of each, and reads arguments that are no longer there."""
    target, workers = host_target(), WorkerPool()
    layout = Layout.dense((16, target.lanes, 64, 64), target.lanes, (0, 0, 0, 64))
    kernel, driver = build(ClearHalo(layout), target), load_driver(target)
    values = np.empty(layout.size, np.float32)
    where = (ctypes.c_int64 * 1)(values.ctypes.data)
    step = (ctypes.c_int64 * 3)(kernel.address, ctypes.addressof(where), 0)
    job = (ctypes.c_int64 * 3)(ctypes.addressof(step), 1, meeting_address(2))
    halo = values.reshape(16, 64, 128 * target.lanes)[:, :, 64 * target.lanes :]
    for _ in range(300):
        values.fill(1)
        workers.run(driver, ctypes.addressof(job), 2)
        assert not halo.any()


def test_code_and_its_constants_lie_near_each_other_in_a_crowded_address_space(in_process):
    """Code reaches its constants over at most 2 GiB; LLVM's older linker takes any hole for each,
    and then aborts the process."""
    done = in_process("""
        import mmap
        from convariant.compiler.kernels import Elementwise, Step
        from convariant.compiler.layout import Layout
        from convariant.compiler.llvm import compile_object, host_target, load_object
        target = host_target()
        layout = Layout.dense((1, 1, 1, 50), target.lanes)
        steps = tuple(Step(name) for name in ("gelu", "tanh", "mish", "expm1") * 3)
        code = compile_object(Elementwise(layout, layout, steps).emit(target, "kernel"), target)

        NOBODY, FLAGS = 0, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000  # reserve no memory
        libc = ctypes.CDLL(None)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
        libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        reserve = lambda size: libc.mmap(None, size, NOBODY, FLAGS, -1, 0)
        block, pages = reserve(6 << 30), []
        while (page := reserve(mmap.PAGESIZE)) > block:
            pages.append(page)
        holes = pages[::7]  # with room for constants, but not for the code
        for page in holes:
            libc.munmap(page, mmap.PAGESIZE)
        print(len(holes) > 0, load_object(code, "kernel", target).address < block)
        """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True True\n", "")


def test_several_threads_may_bring_new_shapes():
    model = network(1)
    program = cv.compile(model, torch.randn(1, 3, 16, 16), threads=2)
    sizes = [(1 + n % 2, 3, 12 + n, 20) for n in range(12)]
    inputs = [torch.randn(size) for size in sizes]
    truths = [model(x).detach() for x in inputs]
    wrong: list[str] = []

    def work(first: int) -> None:
        for turn in range(len(inputs)):
            place = (first + turn) % len(inputs)
            try:
                if not torch.allclose(program(inputs[place]), truths[place], atol=1e-5):
                    wrong.append(f"values at {sizes[place]}")
            except (LookupError, RuntimeError) as error:
                wrong.append(repr(error))

    workers = [threading.Thread(target=work, args=(3 * n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(_LIMIT)
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_runs_the_program_of_its_parent(in_process):
    answer = in_process("""
        child = os.fork()
        if child == 0:
            os._exit(0 if torch.equal(fast(x), truth) else 1)
        same = torch.equal(fast(x), truth)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), same)
    """)
    assert (answer.returncode, answer.stdout.split()) == (0, ["0", "True"]), answer.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_forked_while_a_thread_compiles_may_compile(in_process):
    answer = in_process("""
        from convariant.compiler import program
        held, over = threading.Event(), threading.Event()
        def compiling():
            with program._compiling:
                held.set()
                over.wait()
        thread = threading.Thread(target=compiling)
        thread.start()
        held.wait()
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            os._exit(0 if fast(torch.ones(2, 3, 40, 40)).shape == (2, 8, 40, 40) else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        over.set()
        thread.join()
    """)
    assert (answer.returncode, answer.stdout.strip()) == (0, "0"), answer.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forks_while_a_thread_captures_and_compiles_leave_children_that_can(in_process):
    answer = in_process("""
        import tempfile
        model = torch.nn.Conv2d(3, 8, 3).eval()
        def compiled():
            with tempfile.TemporaryDirectory() as folder:
                return cv.compile(model, x, threads=1, cache_dir=folder)(x)
        def compiling():
            while not over.is_set():
                compiled()
        expected, over, codes = compiled(), threading.Event(), []
        thread = threading.Thread(target=compiling)
        thread.start()
        for turn in range(8):
            time.sleep(0.017 * turn)
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                right = sys.stderr is sys.__stderr__ and torch.equal(compiled(), expected)
                os._exit(0 if right else 1)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        over.set()
        thread.join()
        print(codes)
    """)
    assert (answer.returncode, answer.stdout.strip()) == (0, str([0] * 8)), answer.stderr


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_while_another_thread_runs_a_program_does_not_hang(in_process):
    answer = in_process("""
        stop = threading.Event()
        def work():
            while not stop.is_set():
                fast(x)
        worker = threading.Thread(target=work)
        worker.start()
        codes = []
        for _ in range(20):
            child = os.fork()
            if child == 0:
                os._exit(0 if torch.equal(fast(x), truth) else 1)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        stop.set()
        worker.join()
        print(sum(codes))
    """)
    assert (answer.returncode, answer.stdout.strip()) == (0, "0"), answer.stderr


@pytest.mark.parametrize(
    "ending",
    [
        "del fast",
        "threading.Thread(target=lambda: [fast(x) for _ in range(200)]).start()",
        "threading.Thread(target=lambda: [fast(x) for _ in range(10**9)], daemon=True).start()\n"
        "        time.sleep(0.1)",
    ],
    ids=["deleted", "running", "daemon"],
)
def test_the_interpreter_ends_while_programs_exist(in_process, ending):
    answer = in_process(f"""
        {ending}
        print("done", flush=True)
    """)
    assert (answer.returncode, answer.stdout.strip()) == (0, "done"), answer.stderr


def test_ctrl_c_stops_a_loop_of_calls_and_the_program_goes_on(in_process):
    answer = in_process("""
        threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            while True:
                fast(x)
        except KeyboardInterrupt:
            print(torch.equal(fast(x), truth))
    """)
    assert (answer.returncode, answer.stdout.strip()) == (0, "True"), answer.stderr


@pytest.mark.parametrize("pause", [0, 0.01], ids=["awake", "asleep"])
def test_ctrl_c_at_any_moment_of_a_run_leaves_later_runs_right(in_process, pause):
    """No worker begins a job that is not run, which it would do half of in the next one."""
    answer = in_process(f"""
        def interrupted_at(number):
            moments = 0
            def count(frame, event, _):  # Python hears of signals where functions begin and end
                nonlocal moments
                moments += event != "c_call"
                if moments == number:
                    raise KeyboardInterrupt
            sys.setprofile(count)
            try:
                fast(x)
            except KeyboardInterrupt:
                return True
            finally:
                sys.setprofile(None)
            return False
        other = torch.randn(x.shape)
        expected, number = fast(other), 1
        while interrupted_at(number):
            for value, result in ((other, expected), (x, truth)) * 3:
                assert torch.equal(fast(value), result), number
            time.sleep({pause})
            number += 1
        print(number > 15)
    """)
    assert (answer.returncode, answer.stdout.strip()) == (0, "True"), answer.stderr


@pytest.mark.parametrize("tune", [False, True])
def test_ctrl_c_stops_compiling_and_the_next_compile_is_right(in_process, tune):
    answer = in_process(f"""
        import tempfile
        layers = (torch.nn.Conv2d(3 + i, 4 + i, 3, padding=1) for i in range(8))
        model = torch.nn.Sequential(*layers).eval()
        for delay in (0.02, 0.2, 0.7):  # a cold cache, one that is being filled, a warm one
            with tempfile.TemporaryDirectory() as folder:
                threading.Timer(delay, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
                try:
                    while True:
                        cv.compile(model, x, cache_dir=folder, tune={tune})
                except KeyboardInterrupt:
                    right = cv.compile(model, x, cache_dir=folder)(x)
                torch.testing.assert_close(right, model(x).detach(), rtol=1e-4, atol=1e-5)
        print("right")
    """)
    assert (answer.returncode, answer.stdout.strip()) == (0, "right"), answer.stderr


@pytest.mark.slow
def test_ctrl_c_again_and_again_leaves_the_program_right(in_process):
    answer = in_process("""
        def interrupted(*_):  # only where it is caught: not while it is counted
            global armed
            if armed:
                armed = False
                raise KeyboardInterrupt
        def interrupt():
            for _ in range(100):
                time.sleep(0.005)
                os.kill(os.getpid(), signal.SIGINT)
            over.set()
        armed, caught, over = False, 0, threading.Event()
        other = torch.randn(x.shape)
        expected = fast(other)
        signal.signal(signal.SIGINT, interrupted)
        pest = threading.Thread(target=interrupt)
        pest.start()
        while not over.is_set():
            try:
                armed = True
                while not over.is_set():
                    fast(x)
                armed = False
            except KeyboardInterrupt:
                caught += 1
                assert torch.equal(fast(other), expected)
        pest.join()
        print(caught > 0, torch.equal(fast(x), truth))
    """)
    assert (answer.returncode, answer.stdout.strip()) == (0, "True True"), answer.stderr


def test_a_cache_folder_that_cannot_be_written_only_costs_time(tmp_path, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("convariant.compiler.llvm.cache.tempfile.mkstemp", refuse)
    x = torch.randn(1, 3, 16, 16)
    model = network(0)
    program = cv.compile(model, x, threads=1, cache_dir=tmp_path / "full")
    torch.testing.assert_close(program(x), model(x).detach(), rtol=1e-4, atol=1e-5)
    program.save(tmp_path / "net")
    assert torch.equal(cv.load(tmp_path / "net", cache_dir=tmp_path / "full")(x), program(x))
    assert list((tmp_path / "full").iterdir()) == []


def test_a_read_only_cache_folder_only_costs_time(tmp_path, monkeypatch):
    """Also for a user to whom, as to root, no folder is read-only."""

    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    folder = tmp_path / "read-only"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    monkeypatch.setattr("convariant.compiler.llvm.cache.tempfile.mkstemp", refuse)
    x, model = torch.randn(1, 3, 16, 16), network(0)
    program = cv.compile(model, x, threads=1, cache_dir=folder)
    torch.testing.assert_close(program(x), model(x).detach(), rtol=1e-4, atol=1e-5)
    assert list(folder.iterdir()) == []
