"""A small language for kernels: Python that reads like the loop nest of the code it emits.

`with b.loop(0, n) as i:` opens a run-time loop, so Python indentation equals the nesting of the
emitted code, while a plain Python `for` is unrolled. Three kinds of value pass through kernels:
`Index` (64-bit integers; plain ints fold at once), `Pointer` (to float32; `p + i` moves by
elements) and `Vector` (the target's lanes of float32). Addresses are formed by getelementptr only:
LLVM miscompiles integer arithmetic on pointers.
"""

from __future__ import annotations

import contextlib
import functools
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from llvmlite import ir

from convariant.compiler.llvm.target import Target
from convariant.compiler.llvm.values import (
    DOUBLE,
    FLOAT,
    INT32,
    INT64,
    POINTER,
    Cell,
    Index,
    Pointer,
    Vector,
)

__all__ = ["Builder"]

# `a * b + c` may become one fma. Nothing else: any other flag lets LLVM change NaN or infinity.
FAST_MATH = ("contract",)

FLOAT_BYTES = 4


class Builder:
    """One kernel being written: `void name(ptr arguments, i64 thread, i64 threads, ptr taken)`.

    `arguments` is a table of pointers; every kernel has this one signature, so that a program is a
    list of (kernel, table) and any number of threads may share a kernel's work. `taken` is for
    `deal`: how much of each thread's part is given out, zero when a step begins.
    """

    def __init__(self, target: Target, name: str) -> None:
        self.target = target
        self.lanes = target.lanes
        self._wide = ir.VectorType(DOUBLE, target.lanes)
        self.module = ir.Module(name=name)
        self.module.triple = target.triple
        kind = ir.FunctionType(ir.VoidType(), [POINTER, INT64, INT64, POINTER])
        self.function = ir.Function(self.module, kind, name=name)
        self.function.attributes.add("nounwind")
        self._table, thread, threads, self.taken = self.function.args
        self.thread, self.threads = Index(self, thread), Index(self, threads)
        # Cells are allocated in the entry block, which ends where the body begins.
        entry = self.function.append_basic_block("entry")
        body = self.function.append_basic_block("body")
        ir.IRBuilder(entry).branch(body)
        self.ir = ir.IRBuilder(body)
        self._local: dict[float, Vector] | None = None

    def finish(self) -> str:
        """Close the kernel and give its LLVM IR."""
        self.ir.ret_void()
        return str(self.module)

    # -- arguments and integers ------------------------------------------------------------------

    def argument(self, position: Index | int) -> Pointer:
        """The pointer at that position of the kernel's table."""
        slot = self.ir.gep(self._table, [self.i64(position)], inbounds=True, source_etype=POINTER)
        return Pointer(self, self.ir.load(slot, typ=POINTER))

    def i64(self, number: Index | int) -> Any:
        """The LLVM value of an index."""
        raw = number.value if isinstance(number, Index) else number
        return ir.Constant(INT64, raw) if isinstance(raw, int) else raw

    def index(self, number: Index | int) -> Index:
        """A Python int as an index."""
        return number if isinstance(number, Index) else Index(self, number)

    def integer(self, verb: str, left: Index | int, right: Index | int) -> Index:
        """`left verb right`, at once where both are known. Divisions take non-negative numbers."""
        a, b = self.index(left).value, self.index(right).value
        if isinstance(a, int) and isinstance(b, int):
            folded = {"add": a + b, "sub": a - b, "mul": a * b}
            return Index(self, folded[verb] if verb in folded else _divide(verb, a, b))
        if (verb in ("add", "sub") and b == 0) or (verb in ("mul", "udiv") and b == 1):
            return self.index(left)
        if verb == "urem" and b == 1:
            return Index(self, 0)
        flags = () if verb.startswith("u") else ("nsw",)
        return Index(self, getattr(self.ir, verb)(self.i64(left), self.i64(right), flags=flags))

    def compare(self, left: Index | int, relation: str, right: Index | int) -> Any:
        """The truth of `left relation right`, for `when` and `select`."""
        return self.ir.icmp_signed(relation, self.i64(left), self.i64(right))

    def minimum_index(self, left: Index | int, right: Index | int) -> Index:
        """The lesser of two indices."""
        a, b = self.index(left).value, self.index(right).value
        if isinstance(a, int) and isinstance(b, int):
            return Index(self, min(a, b))
        less = self.compare(left, "<", right)
        return Index(self, self.ir.select(less, self.i64(left), self.i64(right)))

    def maximum_index(self, left: Index | int, right: Index | int) -> Index:
        """The greater of two indices."""
        a, b = self.index(left).value, self.index(right).value
        if isinstance(a, int) and isinstance(b, int):
            return Index(self, max(a, b))
        greater = self.compare(left, ">", right)
        return Index(self, self.ir.select(greater, self.i64(left), self.i64(right)))

    def unequal_bits(self, left: Pointer, right: Pointer, words: int) -> Any:
        """The truth of a difference between so many 32-bit words at two places, for `when`."""
        kind = ir.VectorType(INT32, words)
        a, b = (self.ir.load(p.value, typ=kind, align=FLOAT_BYTES) for p in (left, right))
        lanes = self.ir.bitcast(self.ir.icmp_unsigned("!=", a, b), ir.IntType(words))
        return self.ir.icmp_unsigned("!=", lanes, ir.Constant(ir.IntType(words), 0))

    def among(self, number: Index, numbers: Sequence[int]) -> Any:
        """The truth of `number in numbers`."""
        found = [self.compare(number, "==", n) for n in numbers]
        return functools.reduce(self.ir.or_, found)

    def pick(self, condition: Any, yes: Any, no: Any) -> Any:
        """One of two indices, or of two pointers."""
        if isinstance(yes, Pointer):
            return Pointer(self, self.ir.select(condition, yes.value, no.value))
        return Index(self, self.ir.select(condition, self.i64(yes), self.i64(no)))

    # -- control flow ----------------------------------------------------------------------------

    @contextlib.contextmanager
    def loop(self, start: Index | int, stop: Index | int, step: int = 1) -> Iterator[Index]:
        """`for i in range(start, stop, step)` at run time; one sure turn emits no loop."""
        first, last = self.index(start).value, self.index(stop).value
        known = isinstance(first, int) and isinstance(last, int)
        if known and first < last <= first + step:
            yield self.index(start)
            return
        before = self.ir.block
        body = self.function.append_basic_block("loop")
        after = self.function.append_basic_block("done")
        if known and first < last:
            self.ir.branch(body)
        else:
            self.ir.cbranch(self.compare(start, "<", stop), body, after)
        self.ir.position_at_end(body)
        i = self.ir.phi(INT64)
        i.add_incoming(self.i64(start), before)
        yield Index(self, i)
        following = self.ir.add(i, ir.Constant(INT64, step), flags=("nsw",))
        i.add_incoming(following, self.ir.block)
        self.ir.cbranch(self.ir.icmp_signed("<", following, self.i64(stop)), body, after)
        self.ir.position_at_end(after)

    @contextlib.contextmanager
    def share(self, count: Index | int) -> Iterator[Index]:
        """Loop over this thread's part of `range(count)`: parts differ by one at most."""
        start = self.thread * count // self.threads
        stop = (self.thread + 1) * count // self.threads
        with self.loop(start, stop) as i:
            yield i

    @contextlib.contextmanager
    def when(self, condition: Any) -> Iterator[None]:
        """Run the block only if the condition holds."""
        with self.ir.if_then(condition):
            yield

    def cell(self, first: Any) -> Cell:
        """A variable that starts as `first`."""
        return Cell(self, first)

    # -- memory ----------------------------------------------------------------------------------

    def load(self, address: Pointer, lanes: int | None = None) -> Vector:
        """The vector of floats at an address of any alignment."""
        kind = ir.VectorType(FLOAT, lanes or self.lanes)
        return Vector(self, self.ir.load(address.value, typ=kind, align=FLOAT_BYTES))

    def store(self, value: Vector, address: Pointer) -> None:
        """Write a vector (or one float) to an address of any alignment."""
        self.ir.store(value.value, address.value, align=FLOAT_BYTES)

    def load_one(self, address: Pointer) -> Vector:
        """One float, as a scalar."""
        return Vector(self, self.ir.load(address.value, typ=FLOAT, align=FLOAT_BYTES))

    def load_index(self, address: Pointer) -> Index:
        """A whole number from a table of 32-bit integers."""
        number = self.ir.load(address.value, typ=INT32, align=FLOAT_BYTES)
        return Index(self, self.ir.sext(number, INT64))

    def splat(self, address: Pointer) -> Vector:
        """The float at an address, in every lane."""
        return self.spread(self.load_one(address))

    def gather(self, addresses: Sequence[Pointer]) -> Vector:
        """One float from each address; lanes beyond the last address are zero."""
        result = self.constant(0.0).value
        for lane, address in enumerate(addresses):
            one = self.load_one(address).value
            result = self.ir.insert_element(result, one, self._lane(lane))
        return Vector(self, result)

    def prefetch(self, address: Pointer, *, near: bool = True) -> None:
        """Ask for the cache line of an address that will be read soon; any address will do. It
        comes into every level of the cache, or into all but the one that is `near`.
        """
        name = "llvm.prefetch.p0"
        callee = self.module.globals.get(name)
        if callee is None:
            signature = ir.FunctionType(ir.VoidType(), [POINTER, INT32, INT32, INT32])
            callee = ir.Function(self.module, signature, name=name)
        # for reading, where to, data
        hints = [ir.Constant(INT32, hint) for hint in (0, 3 if near else 2, 1)]
        self.ir.call(callee, [address.value, *hints])

    def fence(self) -> None:
        """Keep LLVM from moving memory accesses across this point, which would cost registers."""
        kind = ir.FunctionType(ir.VoidType(), [])
        self.ir.call(ir.InlineAsm(kind, "", "~{memory}", side_effect=True), [])

    def scratch(self, floats: int) -> Pointer:
        """Room for that many floats on the stack, aligned to a vector."""
        with self.ir.goto_entry_block():
            room = self.ir.alloca(FLOAT, size=ir.Constant(INT64, floats))
            room.align = FLOAT_BYTES * self.lanes
            room.type = POINTER  # llvmlite types it by its element; all our pointers are opaque
        return Pointer(self, room)

    # -- vectors ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def local_constants(self) -> Iterator[None]:
        """Make constants anew in this block, each once; the block must have no branches.

        Else LLVM hoists them out of all loops, where they take registers from an inner product.
        """
        self._local = {}
        yield
        self._local = None

    def constant(self, number: float) -> Vector:
        """A number in every lane."""
        if self._local is not None:
            if number not in self._local:
                self._local[number] = self._opaque(number)
            return self._local[number]
        one = ir.Constant(FLOAT, number)
        return Vector(self, ir.Constant(ir.VectorType(FLOAT, self.lanes), [one] * self.lanes))

    def wide_constant(self, number: float) -> Vector:
        """A float64 number in every lane."""
        return Vector(self, ir.Constant(self._wide, [ir.Constant(DOUBLE, number)] * self.lanes))

    def _opaque(self, number: float) -> Vector:
        """A constant that LLVM cannot tell to be one, by way of an integer register."""
        (bits,) = struct.unpack("<i", struct.pack("<f", number))
        same = ir.InlineAsm(ir.FunctionType(INT32, [INT32]), "", "=r,0", side_effect=True)
        hidden = self.ir.call(same, [ir.Constant(INT32, bits)])
        return self.spread(Vector(self, self.ir.bitcast(hidden, FLOAT)))

    def spread(self, scalar: Vector) -> Vector:
        """One float to every lane."""
        kind = ir.VectorType(FLOAT, self.lanes)
        first = self.ir.insert_element(ir.Constant(kind, ir.Undefined), scalar.value, self._lane(0))
        zeros = ir.Constant(ir.VectorType(INT32, self.lanes), None)
        return Vector(self, self.ir.shuffle_vector(first, ir.Constant(kind, ir.Undefined), zeros))

    def permute(self, value: Vector, lanes: Sequence[int], other: Vector | None = None) -> Vector:
        """Pick lanes of `value` (0..) or of `other` (after those of `value`)."""
        mask = ir.Constant(ir.VectorType(INT32, len(lanes)), [ir.Constant(INT32, i) for i in lanes])
        second = other.value if other else ir.Constant(value.value.type, ir.Undefined)
        return Vector(self, self.ir.shuffle_vector(value.value, second, mask))

    def extract(self, value: Vector, lane: int) -> Vector:
        """One lane, as a scalar."""
        return Vector(self, self.ir.extract_element(value.value, self._lane(lane)))

    def float(self, verb: str, left: Vector, right: Vector) -> Vector:
        """`left verb right`, lane by lane."""
        return Vector(self, getattr(self.ir, verb)(left.value, right.value, flags=FAST_MATH))

    def fma(self, a: Vector, b: Vector, c: Vector) -> Vector:
        """`a * b + c`, rounded once where the target can, else a product and a sum."""
        name = "llvm.fma" if self.target.fused else "llvm.fmuladd"
        return self.intrinsic(name, a, b, c)

    def intrinsic(self, name: str, *operands: Vector) -> Vector:
        """An LLVM intrinsic whose operands and result have one type."""
        kind = operands[0].value.type
        wide = isinstance(kind, ir.VectorType)
        one = kind.element if wide else kind
        suffix = (f"v{kind.count}" if wide else "") + ("f64" if one == DOUBLE else "f32")
        callee = self.module.globals.get(f"{name}.{suffix}")
        if callee is None:
            signature = ir.FunctionType(kind, [kind] * len(operands))
            callee = ir.Function(self.module, signature, name=f"{name}.{suffix}")
        return Vector(self, self.ir.call(callee, [operand.value for operand in operands]))

    def widened(self, value: Vector) -> Vector:
        """The same numbers as float64."""
        return Vector(self, self.ir.fpext(value.value, self._wide))

    def narrowed(self, value: Vector) -> Vector:
        """Vectors of float64 rounded to float32."""
        return Vector(self, self.ir.fptrunc(value.value, ir.VectorType(FLOAT, self.lanes)))

    def ordered(self, left: Vector, relation: str, right: Vector) -> Vector:
        """Lanes where `left relation right`; false where either is NaN."""
        return Vector(self, self.ir.fcmp_ordered(relation, left.value, right.value))

    def differs(self, left: Vector, right: Vector) -> Vector:
        """Lanes that are not equal; true where either is NaN."""
        return Vector(self, self.ir.fcmp_unordered("!=", left.value, right.value))

    def is_nan(self, value: Vector) -> Vector:
        """Lanes that hold NaN."""
        return Vector(self, self.ir.fcmp_unordered("uno", value.value, value.value))

    def power_of_two(self, exponent: Vector) -> Vector:
        """`2 ** exponent` for whole exponents from -126 to 127, made of the bits of the float."""
        # adding 1.5 * 2**23 leaves exponent + 127 in the low bits, which then move to their place
        shifted = exponent + self.constant(127 + 1.5 * 2**23)
        integers = ir.VectorType(INT32, self.lanes)
        bits = self.ir.bitcast(shifted.value, integers)
        places = ir.Constant(integers, [ir.Constant(INT32, 23)] * self.lanes)
        return Vector(self, self.ir.bitcast(self.ir.shl(bits, places), shifted.value.type))

    def scaled(self, value: Vector, exponent: Vector) -> Vector:
        """`value * 2 ** exponent` for whole exponents from -252 to 254."""
        if not self.target.scales:
            half = self.intrinsic("llvm.rint", exponent * self.constant(0.5))
            return value * self.power_of_two(half) * self.power_of_two(exponent - half)
        kind, mask, rounding = value.value.type, ir.IntType(self.lanes), 4  # 4: as always
        callee = self.module.globals.get(self.target.scales)
        if callee is None:
            signature = ir.FunctionType(kind, [kind, kind, kind, mask, INT32])
            callee = ir.Function(self.module, signature, name=self.target.scales)
        every, way = ir.Constant(mask, -1), ir.Constant(INT32, rounding)
        call = self.ir.call(callee, [value.value, exponent.value, value.value, every, way])
        return Vector(self, call)

    def exponent_and_rest(self, value: Vector) -> tuple[Vector, Vector]:
        """(e, m) with `value = m * 2**e` and m from sqrt(1/2) to sqrt(2), for normal positive
        numbers.
        """
        integers = ir.VectorType(INT32, self.lanes)

        def every(number: int) -> Any:
            return ir.Constant(integers, [ir.Constant(INT32, number)] * self.lanes)

        bits = self.ir.bitcast(value.value, integers)
        above = self.ir.sub(bits, every(0x3F3504F3))  # the bits of sqrt(1/2)
        e = self.ir.ashr(above, every(23))
        m = self.ir.sub(bits, self.ir.shl(e, every(23)))
        kind = value.value.type
        return Vector(self, self.ir.sitofp(e, kind)), Vector(self, self.ir.bitcast(m, kind))

    def select(self, condition: Vector, yes: Vector, no: Vector) -> Vector:
        """`yes` in the lanes where the condition holds, else `no`."""
        return Vector(self, self.ir.select(condition.value, yes.value, no.value))

    def at_least(self, value: Vector, bound: Vector) -> Vector:
        """The greater of the two; a NaN in `value` stays (one instruction on x86)."""
        return self.select(self.ordered(bound, ">", value), bound, value)

    def at_most(self, value: Vector, bound: Vector) -> Vector:
        """The lesser of the two; a NaN in `value` stays."""
        return self.select(self.ordered(bound, "<", value), bound, value)

    def maximum(self, left: Vector, right: Vector) -> Vector:
        """The greater of the two; a NaN in either gives NaN, as in PyTorch."""
        return self.select(self.is_nan(left), left, self.at_least(right, left))

    def first_lanes(self, count: int, value: Vector, rest: Vector) -> Vector:
        """The first `count` lanes of `value`, then those of `rest`."""
        return self.permute(
            value, [i if i < count else self.lanes + i for i in range(self.lanes)], rest
        )

    def _lane(self, lane: int) -> Any:
        return ir.Constant(INT32, lane)


def _divide(verb: str, a: int, b: int) -> int:
    return a // b if verb == "udiv" else a % b
