"""Each helper of the builder: emitted, compiled, run, compared; on every target of this machine."""

from __future__ import annotations

import numpy as np
import pytest
from tests.compiler.harness import HERE, Guarded, call, each_target

from convariant.compiler._workers import WorkerPool, meeting_address
from convariant.compiler.layout import Floats
from convariant.compiler.llvm import Builder, Kernel, compile_object, host_target, load_object
from convariant.compiler.llvm.deal import TAKEN_BYTES, deal
from convariant.compiler.llvm.driver import load_driver


def kernel(b: Builder) -> Kernel:
    return load_object(compile_object(b.finish(), b.target), "kernel", b.target)


def outcome(b: Builder, *arrays: Floats, floats: int = 64, threads: int = 1) -> Floats:
    """Finish the kernel, run it on the arrays and an output of NaN, give the output."""
    buffers = [Guarded(np.asarray(a, np.float32)) for a in arrays]
    output = Guarded(np.full(floats, np.nan, np.float32))
    call(kernel(b), [*buffers, output], threads)
    return output.values


@each_target
def test_loop_runs_once_for_each_index(target):
    b = Builder(target, "kernel")
    y = b.argument(0)
    one = b.extract(b.constant(1.0), 0)
    with b.loop(2, 20, 5) as i:
        b.store(one, y + i)
    assert np.flatnonzero(~np.isnan(outcome(b))).tolist() == [2, 7, 12, 17]


@each_target
@pytest.mark.parametrize("stop", [0, 1, 5])
def test_loop_with_bounds_known_only_at_run_time(target, stop):
    b = Builder(target, "kernel")
    table, y = b.argument(0), b.argument(1)
    with b.loop(0, b.load_index(table)) as i:
        b.store(b.extract(b.constant(1.0), 0), y + i)
    limit = np.array([stop], np.int32).view(np.float32)
    assert (~np.isnan(outcome(b, limit))).sum() == stop


@each_target
def test_nested_loops_and_index_arithmetic(target):
    b = Builder(target, "kernel")
    y = b.argument(0)
    with b.loop(0, 3) as i, b.loop(0, 4) as j:
        place = (i * 4 + j) * 2 // 2 % 12
        b.store(b.extract(b.constant(2.0), 0), y + (11 - place))
    assert (outcome(b)[:12] == 2).all()


@each_target
@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_share_covers_every_item_once(target, threads):
    b = Builder(target, "kernel")
    y = b.argument(0)
    one = b.constant(1.0)
    with b.share(11) as i:
        b.store(b.extract(b.load(y + i * target.lanes) + one, 0), y + i * target.lanes)
    buffer = Guarded(np.zeros(11 * target.lanes, np.float32))
    call(kernel(b), [buffer], threads)
    assert (buffer.values[:: target.lanes] == 1).all()


def counting(target, count):
    """A kernel that deals out `range(count)` and adds one to the number of each item."""
    b = Builder(target, "kernel")
    y = b.argument(0)
    with deal(b, count) as i:
        b.store(b.load(y + i * target.lanes) + b.constant(1.0), y + i * target.lanes)
    return kernel(b)


@each_target
@pytest.mark.parametrize("count", [0, 1, 5, 100])
@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_deal_gives_each_thread_its_part_where_others_take_theirs(target, count, threads):
    buffer = Guarded(np.zeros(count * target.lanes, np.float32))
    call(counting(target, count), [buffer], threads)
    assert (buffer.values == 1).all()


@each_target
@pytest.mark.parametrize("count", [0, 1, 5, 100])
@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("thread", [0, 1, 6])
def test_deal_gives_a_thread_what_those_who_do_not_come_leave(target, count, threads, thread):
    buffer = Guarded(np.zeros(count * target.lanes, np.float32))
    table = np.array([buffer.address])
    taken = np.zeros(threads * TAKEN_BYTES // 8, np.int64)
    for _ in range(2):  # whoever comes later finds nothing
        arguments = (thread % threads, threads, taken.ctypes.data)
        counting(target, count)(table.ctypes.data, *arguments)
    buffer.check()
    assert (buffer.values == 1).all()


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
@pytest.mark.parametrize("meet", [0, 1])
def test_threads_deal_every_item_of_every_step_once(threads, meet):
    """Twenty steps, more than there are counters for without a meeting; again and again."""
    target, workers, count, steps, runs = host_target(), WorkerPool(), 203, 20, 200
    numbers = np.zeros((steps, count, target.lanes), np.float32)
    addresses = [part.ctypes.data for part in numbers]
    tables = np.array(addresses)
    kernel, driver = counting(target, count), load_driver(target)
    rows = [(kernel.address, tables.ctypes.data + 8 * k, meet) for k in range(steps)]
    program = np.array(rows)
    job = np.array([program.ctypes.data, steps, meeting_address(threads)])
    for _ in range(runs):
        workers.run(driver, job.ctypes.data, threads)
    assert (numbers == runs).all()


@each_target
def test_cell_lives_across_iterations(target):
    b = Builder(target, "kernel")
    x, y = b.argument(0), b.argument(1)
    total = b.cell(b.constant(0.0))
    with b.loop(0, 5) as i:
        total.set(total.get() + b.splat(x + i))
    b.store(total.get(), y)
    assert (outcome(b, np.arange(5), floats=target.lanes) == 10).all()


@each_target
def test_when_runs_its_block_only_if_the_condition_holds(target):
    b = Builder(target, "kernel")
    y = b.argument(0)
    one = b.extract(b.constant(1.0), 0)
    with b.loop(0, 10) as i, b.when(b.compare(i, ">=", 7)):
        b.store(one, y + i)
    assert np.flatnonzero(outcome(b) == 1).tolist() == [7, 8, 9]


@each_target
def test_bounds_of_indices(target):
    b = Builder(target, "kernel")
    y = b.argument(0)
    with b.loop(0, 6) as i:
        value = b.extract(b.constant(1.0), 0)
        b.store(value, y + b.minimum_index(b.maximum_index(i, 2), 4))
    assert np.flatnonzero(outcome(b) == 1).tolist() == [2, 3, 4]


@each_target
def test_arithmetic_of_vectors(target):
    x = np.random.default_rng(0).uniform(1, 2, (3, target.lanes)).astype(np.float32)
    b = Builder(target, "kernel")
    p, q, r = (b.load(b.argument(0) + i * target.lanes) for i in range(3))
    results = [p + q, p - q, p * q, p / q, b.fma(p, q, r), b.intrinsic("llvm.sqrt", p)]
    for i, value in enumerate(results):
        b.store(value, b.argument(1) + i * target.lanes)
    got = outcome(b, x.ravel(), floats=6 * target.lanes).reshape(6, -1)
    p, q, r = x
    np.testing.assert_allclose(
        got, [p + q, p - q, p * q, p / q, p * q + r, np.sqrt(p)], rtol=2e-7, atol=2e-7
    )


@each_target
def test_moving_lanes(target):
    lanes = target.lanes
    x = np.arange(2 * lanes, dtype=np.float32)
    b = Builder(target, "kernel")
    first, second = (b.load(b.argument(0) + i * lanes) for i in range(2))
    results = [
        b.permute(first, list(reversed(range(lanes)))),
        b.permute(first, [lanes + i for i in range(lanes)], second),
        b.first_lanes(2, first, second),
        b.spread(b.extract(second, 1)),
        b.gather([b.argument(0) + 3, b.argument(0) + 5]),
    ]
    for i, value in enumerate(results):
        b.store(value, b.argument(1) + i * lanes)
    got = outcome(b, x, floats=5 * lanes).reshape(5, -1)
    np.testing.assert_array_equal(got[0], x[:lanes][::-1])
    np.testing.assert_array_equal(got[1], x[lanes:])
    np.testing.assert_array_equal(got[2], [0, 1, *x[lanes + 2 :]])
    np.testing.assert_array_equal(got[3], [lanes + 1] * lanes)
    np.testing.assert_array_equal(got[4], [3, 5, *[0] * (lanes - 2)])


@each_target
def test_comparisons_let_nan_through(target):
    x = np.zeros((2, target.lanes), np.float32)
    x[:, :4] = [[1, np.nan, 3, -0.0], [2, 2, np.nan, 0.0]]
    b = Builder(target, "kernel")
    left, right = (b.load(b.argument(0) + i * target.lanes) for i in range(2))
    results = [b.at_least(left, right), b.at_most(left, right), b.maximum(left, right)]
    for i, value in enumerate(results):
        b.store(value, b.argument(1) + i * target.lanes)
    got = outcome(b, x.ravel(), floats=3 * target.lanes).reshape(3, -1)[:, :3]
    np.testing.assert_array_equal(got, [[2, np.nan, 3], [1, np.nan, 3], [2, np.nan, np.nan]])


@each_target
def test_powers_of_two_are_exact(target):
    exponents = np.arange(-126, 128, dtype=np.float32)
    padded = np.concatenate((exponents, np.zeros(-exponents.size % target.lanes, np.float32)))
    b = Builder(target, "kernel")
    with b.loop(0, padded.size, target.lanes) as i:
        b.store(b.power_of_two(b.load(b.argument(0) + i)), b.argument(1) + i)
    got = outcome(b, padded, floats=padded.size)[: exponents.size]
    np.testing.assert_array_equal(got, np.ldexp(np.float32(1), exponents.astype(int)))


@each_target
def test_scaled_multiplies_by_powers_of_two(target):
    exponents = np.arange(-252, 254, dtype=np.float32)
    padded = np.concatenate((exponents, np.zeros(-exponents.size % target.lanes, np.float32)))
    b = Builder(target, "kernel")
    with b.loop(0, padded.size, target.lanes) as i:
        b.store(b.scaled(b.constant(-1.25), b.load(b.argument(0) + i)), b.argument(1) + i)
    got = outcome(b, padded, floats=padded.size)[: exponents.size]
    with np.errstate(over="ignore", under="ignore"):
        truth = np.ldexp(-1.25, exponents.astype(int)).astype(np.float32)
    np.testing.assert_array_equal(got, truth)


@each_target
def test_local_constants_have_their_value_and_are_made_once(target):
    b = Builder(target, "kernel")
    with b.local_constants():
        first, again, other = b.constant(1.5), b.constant(1.5), b.constant(-2.0)
        assert first is again
        b.store(first * other, b.argument(0))
    assert b.constant(1.5) is not first
    assert (outcome(b, floats=target.lanes) == -3).all()


@each_target
def test_scratch_is_aligned_to_a_vector(target):
    b = Builder(target, "kernel")
    room = b.scratch(3 * target.lanes)
    b.store(b.constant(4.0), room + target.lanes)
    b.store(b.load(room + target.lanes), b.argument(0))
    text = b.finish()
    assert f"align {4 * target.lanes}" in text
    buffer = Guarded(np.zeros(target.lanes, np.float32))
    call(load_object(compile_object(text, target), "kernel", target), [buffer])
    assert (buffer.values == 4).all()


@each_target
def test_prefetch_and_fence_change_no_value(target):
    b = Builder(target, "kernel")
    x, y = b.argument(0), b.argument(1)
    b.prefetch(x + 10_000_000)
    b.prefetch(x + 10_000_000, near=False)
    value = b.load(x)
    b.fence()
    b.store(value, y)
    ones = np.ones(target.lanes)
    np.testing.assert_array_equal(outcome(b, ones, floats=target.lanes), ones)


def test_known_indices_emit_no_instruction():
    b = Builder(HERE[0], "kernel")
    index = b.index(7)
    assert ((index * 3 + 1 - 2) // 4 % 3).value == 2
    assert (5 - index).value == -2
    assert (index + 0).value == 7
    assert b.minimum_index(3, 4).value == 3
