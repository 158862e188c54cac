"""The code that runs a program: kernels in turn, with a spin barrier where threads must meet.

All functions have the signature of a kernel, so that they load and are called like one. They are
written here instruction by instruction because they call pointers and touch atomics and the
floating-point control word, which no kernel does. Numbers too small for the normal format, which
slow some machines down a hundredfold, count as zero while a program runs, and only then.
"""

from __future__ import annotations

import functools
from dataclasses import asdict, dataclass

from convariant.compiler.llvm.cache import ObjectCache
from convariant.compiler.llvm.deal import TAKEN_BYTES
from convariant.compiler.llvm.jit import Kernel, compile_object, load_object
from convariant.compiler.llvm.target import Target

__all__ = ["load_driver", "load_launch", "load_worker", "meeting_bytes"]

# Turns of waiting (some 15 microseconds) before a thread lets others run, where cores are busy; and
# before it sleeps for so many microseconds: a system may give a thread that only yields its core
# back until its share is used up, milliseconds that the thread waited for cannot run in.
_BARRIER_TURNS = 1_000
_BARRIER_YIELDS = 1_200
_NAP = 20
# So many steps may run without a meeting between them: each has counters of its own.
_STEPS_APART = 8
_MEETING_BYTES = 2 * TAKEN_BYTES


def meeting_bytes(threads: int) -> int:
    """How long the memory is, zero at first, that so many threads share in a run."""
    return _MEETING_BYTES + _STEPS_APART * threads * TAKEN_BYTES


@dataclass(frozen=True)
class _Machine:
    """What differs between instruction sets: waiting, and flushing denormal numbers to zero."""

    declare: str
    pause: str
    flush: str
    restore: str


_MACHINES = {
    "x86_64": _Machine(
        declare="""
declare void @llvm.x86.sse2.pause()
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)""",
        pause="call void @llvm.x86.sse2.pause()",
        # FTZ and DAZ: denormal results and operands count as zero
        flush="""
  %control.at = alloca i32
  %flushed.at = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %control.at)
  %control = load i32, ptr %control.at
  %flushed = or i32 %control, 32832
  store i32 %flushed, ptr %flushed.at
  call void @llvm.x86.sse.ldmxcsr(ptr %flushed.at)""",
        restore="call void @llvm.x86.sse.ldmxcsr(ptr %control.at)",
    ),
    "aarch64": _Machine(
        declare="""
declare void @llvm.aarch64.hint(i32)
declare i64 @llvm.aarch64.get.fpcr()
declare void @llvm.aarch64.set.fpcr(i64)""",
        pause="call void @llvm.aarch64.hint(i32 1)",
        # FZ
        flush="""
  %control = call i64 @llvm.aarch64.get.fpcr()
  %flushed = or i64 %control, 16777216
  call void @llvm.aarch64.set.fpcr(i64 %flushed)""",
        restore="call void @llvm.aarch64.set.fpcr(i64 %control)",
    ),
}

# arguments: steps, how many, the memory that the threads share. A step is {kernel, its table,
# whether to meet behind it}. All meet behind the last one: who posted the job may then post
# another, and free its arguments. The shared memory is {threads that have come, rounds completed},
# on lines of their own, then for each of some steps a counter for each thread (`deal`): who
# comes last to a meeting sets those back to zero, if they were used. A thread alone needs no other
# counter than one on its stack.
_DRIVER = """
declare i32 @sched_yield()
declare i32 @usleep(i32)
{declare}

define void @driver(ptr %arguments, i64 %thread, i64 %threads, ptr %unused) nounwind {{
entry:{flush}
  %own = alloca i64
  store i64 0, ptr %own
  %steps = load ptr, ptr %arguments
  %count.at = getelementptr i64, ptr %arguments, i64 1
  %count = load i64, ptr %count.at
  %shared.at = getelementptr ptr, ptr %arguments, i64 2
  %come = load ptr, ptr %shared.at
  %rounds = getelementptr i8, ptr %come, i64 {taken}
  %counters = getelementptr i8, ptr %come, i64 {meeting}
  %counters.bytes = mul i64 %threads, {taken}
  %alone = icmp eq i64 %threads, 1
  %last = sub i64 %threads, 1
  %some = icmp sgt i64 %count, 0
  br i1 %some, label %step, label %done
step:
  %i = phi i64 [0, %entry], [%next, %after]
  %apart = phi i64 [0, %entry], [%apart.next, %after]
  %base = mul i64 %i, 3
  %kernel.at = getelementptr i64, ptr %steps, i64 %base
  %kernel = load ptr, ptr %kernel.at
  %table.at = getelementptr i64, ptr %kernel.at, i64 1
  %table = load ptr, ptr %table.at
  %meet.at = getelementptr i64, ptr %kernel.at, i64 2
  %meet = load i64, ptr %meet.at
  %counter.offset = mul i64 %apart, %counters.bytes
  %counter.shared = getelementptr i8, ptr %counters, i64 %counter.offset
  %counter = select i1 %alone, ptr %own, ptr %counter.shared
  call void %kernel(ptr %table, i64 %thread, i64 %threads, ptr %counter)
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %count
  br i1 %alone, label %forget, label %together
forget:
  store i64 0, ptr %own
  br label %after
together:
  %apart.more = add i64 %apart, 1
  %counters.left = icmp slt i64 %apart.more, {steps_apart}
  %free.to.go = icmp eq i64 %meet, 0
  %can.go = and i1 %free.to.go, %counters.left
  %go = and i1 %can.go, %more
  br i1 %go, label %after, label %arrive
arrive:
  %round = load atomic i64, ptr %rounds acquire, align 8
  %before = atomicrmw add ptr %come, i64 1 acq_rel
  %is.last = icmp eq i64 %before, %last
  br i1 %is.last, label %clear, label %wait
clear:
  %used = mul i64 %apart.more, %counters.bytes
  br label %look
look:
  %at = phi i64 [0, %clear], [%at.next, %looked]
  %old.at = getelementptr i8, ptr %counters, i64 %at
  %old = load i64, ptr %old.at
  %is.used = icmp ne i64 %old, 0
  br i1 %is.used, label %zero, label %looked
zero:
  store i64 0, ptr %old.at
  br label %looked
looked:
  %at.next = add i64 %at, {taken}
  %at.more = icmp slt i64 %at.next, %used
  br i1 %at.more, label %look, label %open
open:
  store atomic i64 0, ptr %come monotonic, align 8
  %opened = add i64 %round, 1
  store atomic i64 %opened, ptr %rounds release, align 8
  br label %after
wait:
  %turn = phi i64 [0, %arrive], [%turn.next, %again]
  %now = load atomic i64, ptr %rounds acquire, align 8
  %free = icmp ne i64 %now, %round
  br i1 %free, label %after, label %spin
spin:
  {pause}
  %turn.next = add i64 %turn, 1
  %tired = icmp sgt i64 %turn.next, {turns}
  br i1 %tired, label %yield, label %again
yield:
  %exhausted = icmp sgt i64 %turn.next, {yields}
  br i1 %exhausted, label %sleep, label %pass
pass:
  call i32 @sched_yield()
  br label %again
sleep:
  call i32 @usleep(i32 {nap})
  br label %again
again:
  br label %wait
after:
  %apart.next = phi i64 [0, %forget], [%apart.more, %together], [0, %open], [0, %wait]
  br i1 %more, label %step, label %done
done:
  {restore}
  ret void
}}
"""

# arguments: mailbox. A mailbox is {jobs posted, jobs seen, driver, its arguments, threads}.
# The worker runs every job that is posted, and comes back when none was for `patience` turns.
_WORKER = """
{declare}

define void @worker(ptr %arguments, i64 %thread, i64 %patience, ptr %unused) nounwind {{
entry:
  %mailbox = load ptr, ptr %arguments
  %seen.at = getelementptr i64, ptr %mailbox, i64 1
  %driver.at = getelementptr i64, ptr %mailbox, i64 2
  %table.at = getelementptr i64, ptr %mailbox, i64 3
  %threads.at = getelementptr i64, ptr %mailbox, i64 4
  br label %wait
wait:
  %turn = phi i64 [0, %entry], [0, %work], [%turn.next, %spin]
  %posted = load atomic i64, ptr %mailbox acquire, align 8
  %seen = load i64, ptr %seen.at
  %new = icmp ne i64 %posted, %seen
  br i1 %new, label %work, label %spin
work:
  store i64 %posted, ptr %seen.at
  %driver = load ptr, ptr %driver.at
  %table = load ptr, ptr %table.at
  %threads = load i64, ptr %threads.at
  call void %driver(ptr %table, i64 %thread, i64 %threads, ptr null)
  br label %wait
spin:
  {pause}
  %turn.next = add i64 %turn, 1
  %patient = icmp slt i64 %turn.next, %patience
  br i1 %patient, label %wait, label %done
done:
  ret void
}}
"""

# arguments: driver, its arguments, then the mailbox of each worker. Posts the job to all but this
# thread, and takes part: one call, so that no signal handler of Python's leaves a job half-posted.
_LAUNCH = """
define void @launch(ptr %arguments, i64 %thread, i64 %threads, ptr %unused) nounwind {{
entry:
  %driver = load ptr, ptr %arguments
  %table.at = getelementptr ptr, ptr %arguments, i64 1
  %table = load ptr, ptr %table.at
  br label %next
next:
  %i = phi i64 [1, %entry], [%more, %post]
  %left = icmp slt i64 %i, %threads
  br i1 %left, label %post, label %run
post:
  %more = add i64 %i, 1
  %mailbox.at = getelementptr ptr, ptr %arguments, i64 %more
  %mailbox = load ptr, ptr %mailbox.at
  %driver.at = getelementptr i64, ptr %mailbox, i64 2
  store ptr %driver, ptr %driver.at
  %table.to = getelementptr i64, ptr %mailbox, i64 3
  store ptr %table, ptr %table.to
  %threads.at = getelementptr i64, ptr %mailbox, i64 4
  store i64 %threads, ptr %threads.at
  %posted = load i64, ptr %mailbox
  %job = add i64 %posted, 1
  store atomic i64 %job, ptr %mailbox release, align 8
  br label %next
run:
  call void %driver(ptr %table, i64 0, i64 %threads, ptr null)
  ret void
}}
"""


_drivers: dict[Target, Kernel] = {}


def load_driver(target: Target, cache: ObjectCache | None = None) -> Kernel:
    """`driver(table, thread, threads)` with table = {steps, count, memory of `meeting_bytes`}.

    One for each target, whose code comes from the cache if it is the first time.
    """
    if target not in _drivers:
        source = _source(_DRIVER, target)
        code = cache.get(source, lambda: source) if cache else compile_object(source, target)
        _drivers[target] = load_object(code, "driver", target)
    return _drivers[target]


@functools.cache
def load_worker(target: Target) -> Kernel:
    """`worker(table, thread, patience)` with table = {mailbox}."""
    return load_object(compile_object(_source(_WORKER, target), target), "worker", target)


@functools.cache
def load_launch(target: Target) -> Kernel:
    """`launch(table, 0, threads)` with table = {driver, its table, a mailbox for each worker}."""
    return load_object(compile_object(_source(_LAUNCH, target), target), "launch", target)


def _source(template: str, target: Target) -> str:
    machine = _MACHINES[target.triple.partition("-")[0]]
    source = template.format(
        turns=_BARRIER_TURNS,
        yields=_BARRIER_YIELDS,
        nap=_NAP,
        meeting=_MEETING_BYTES,
        steps_apart=_STEPS_APART,
        taken=TAKEN_BYTES,
        **asdict(machine),
    )
    return f'target triple = "{target.triple}"\n{source}'
