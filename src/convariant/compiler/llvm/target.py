"""The machines we emit code for, as one frozen table, and the one we run on.

A target says how wide a vector is, how many vectors may live at once, and which CPU the code is
emitted for. Kernels ask it for tile sizes and nothing else; no other file names an instruction set.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass

import llvmlite.binding as llvm

from convariant.errors import CompileError, UnknownNameError

__all__ = ["TARGETS", "Target", "get_target", "host_target"]


@dataclass(frozen=True)
class Target:
    """One instruction set: everything the kernels may know of a machine.

    `lanes` float32 values make a vector (and a channel block of the layout); `registers` vectors
    may be live in an inner loop without a spill; `loads_fold` says that a multiply-add can read
    and broadcast its operand from memory, so that a broadcast needs no register of its own;
    `scales` names the instruction that multiplies by powers of two, where there is one. `near` is
    how many bytes of weights tiles may pass over again and again at full speed: about a third
    of a first-level cache; 0 where the second level keeps up with them.
    """

    name: str
    triple: str
    cpu: str
    features: str
    lanes: int
    registers: int
    fused: bool = True
    loads_fold: bool = False
    near: int = 10 * 1024
    scales: str = ""
    needs: tuple[str, ...] = ()

    def pixels(self, vectors: int) -> int:
        """How many pixels a tile of `vectors` output vectors may hold: accumulators, `vectors`
        weights and one broadcast stay within the registers.

        >>> [TARGETS["avx2"].pixels(v) for v in (1, 2, 3)]
        [12, 6, 3]
        >>> [TARGETS["avx512"].pixels(v) for v in (1, 2, 3, 4)]
        [24, 14, 9, 6]
        """
        most = (self.registers - 1 - vectors) // vectors
        return min(most, 24) if self.registers > 16 else min(most, 12)


_X86 = "x86_64-unknown-linux-gnu"
_AVX2 = "+sse4.2,+popcnt,+avx,+avx2,+fma,+f16c,+bmi,+bmi2,+lzcnt,+movbe"
_AVX512 = "+avx512f,+avx512vl,+avx512bw,+avx512dq,+avx512cd"

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target(
            name="avx512",
            triple=_X86,
            cpu="x86-64-v4",
            features=f"{_AVX2},{_AVX512},-prefer-256-bit",
            lanes=16,
            registers=31,
            loads_fold=True,
            near=0,
            scales="llvm.x86.avx512.mask.scalef.ps.512",
            needs=("avx512f", "avx512vl", "avx512bw", "avx512dq", "fma"),
        ),
        Target(
            name="avx2",
            triple=_X86,
            cpu="x86-64-v3",
            features=_AVX2,
            lanes=8,
            registers=15,
            needs=("avx2", "fma", "bmi2"),
        ),
        Target(
            name="sse4.2",
            triple=_X86,
            cpu="x86-64-v2",
            features="+sse4.2,+popcnt",
            lanes=4,
            registers=13,  # of 16: products and copies of operands need some too
            fused=False,
            needs=("sse4.2",),
        ),
        Target(
            name="neon",
            triple="aarch64-unknown-linux-gnu",
            cpu="generic",
            features="+neon",
            lanes=4,
            registers=30,
            needs=("neon",),
        ),
    )
}


def get_target(name: str) -> Target:
    """The target of that name, whether or not this machine can run it.

    >>> get_target("avx2").lanes
    8

    Raises:
        UnknownNameError: no target has that name.
    """
    if name not in TARGETS:
        raise UnknownNameError("target", name, TARGETS)
    return TARGETS[name]


def runs_here(target: Target) -> bool:
    """Whether the machine we are on executes the target's instructions."""
    features = _host_features()
    return all(features.get(need, False) for need in target.needs)


@functools.cache
def host_target() -> Target:
    """The widest target this machine runs; `CONVARIANT_TARGET=avx2` asks for another.

    Raises:
        CompileError: the machine has none of the instruction sets, or not the one asked for.
    """
    wanted = os.environ.get("CONVARIANT_TARGET")
    if wanted:
        target = get_target(wanted)
        if not runs_here(target):
            raise CompileError(
                f"CONVARIANT_TARGET={wanted}: this machine ({llvm.get_host_cpu_name()}) has no "
                f"{wanted}; unset the variable to take the best it has"
            )
        return target
    for target in TARGETS.values():
        if runs_here(target):
            return target
    raise CompileError(
        f"no target for this machine ({llvm.get_host_cpu_name()}); known: {', '.join(TARGETS)}; "
        "run the model with PyTorch instead"
    )


@functools.cache
def _host_features() -> dict[str, bool]:
    return dict(llvm.get_host_cpu_features())
