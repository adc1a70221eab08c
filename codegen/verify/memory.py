"""Loads, stores and atomic operations: bounds, alignment, and the value that arrives."""

from __future__ import annotations

from collections.abc import Mapping

from ..isa import Atomic, Instruction, Mode
from ..spec import MapSpec
from . import iterator, lock, record, stack
from .arithmetic import sign_extend
from .failure import Category, Failure, Unbuildable, address_dependent
from .number import bits, constant
from .result import Kind
from .state import STACK_BYTES, State
from .values import DATA, META, PACKET_KINDS, UNDEFINED, UNKNOWN_KEY, Num, Ptr, Unusable, Value, scalar

MAX_OFFSET = 1 << 29
"""BPF_MAX_VAR_OFF: pointers further off than this are refused by Linux."""

CONTEXT_WORDS: Mapping[int, str] = {
    0: "data",
    4: "data_end",
    8: "data_meta",
    12: "ingress_ifindex",
    16: "rx_queue_index",
    20: "egress_ifindex",
}
"""struct xdp_md: offset -> field, all 4 bytes wide."""


def unknown(size: int) -> Num:
    """A number of ``size`` bytes."""
    return scalar(bits(0, (1 << 8 * size) - 1))


def pointer_in(state: State, register: int, what: str = "memory access through") -> Ptr:
    """The pointer in a register that is about to be dereferenced; `Failure` if it is none or may be NULL."""
    value = readable(state, register)
    refuse_stale(register, value)
    if isinstance(value, Num):
        raise Failure(
            Category.TYPE,
            f"{what} r{register}, which holds a number, not a pointer",
            "derive the address from the context, the stack or a map value",
            register,
        )
    if value.maybe_null:
        source = f"a lookup in map {value.map}" if value.map else "bpf_iter_num_next"
        if value.kind == Kind.RECORD:
            source = f"a reservation in {value.map}"
        raise Failure(
            Category.NULL,
            f"r{register} is the result of {source} that may be NULL",
            "test the result first: if (!value) return XDP_ABORTED;",
            register,
        )
    return value


def readable(state: State, register: int) -> Num | Ptr:
    """The value of a register that is about to be read."""
    value = state.get(register)
    if value == UNDEFINED:
        raise Unbuildable(
            f"r{register} {UNDEFINED.why} on every path to here, and decides something",
            "initialise the whole variable, padding included, for instance with __builtin_memset",
        )
    if isinstance(value, Ptr) and value.half:
        raise address_dependent(f"r{register} is a part of a pointer, and more is done with it than a subtraction")
    if isinstance(value, Unusable):
        raise unreadable(register, value)
    return value


def unreadable(register: int, value: Unusable) -> Failure:
    """The failure of an instruction that needs a value that is none."""
    return Failure(Category.UNREADABLE, f"r{register} {value.why}", "initialise it on every path", register)


def refuse_stale(register: int, value: Value) -> None:
    """Raise if a pointer that leads somewhere is needed, and this one did until the frame moved."""
    if isinstance(value, Ptr) and value.stale:
        raise Failure(
            Category.UNREADABLE,
            f"r{register} is a packet pointer from before a helper that can move the frame",
            "load data and data_end from the context again after the helper",
            register,
        )


def check_access(
    state: State, register: int, pointer: Ptr, offset: int, size: int, maps: Mapping[str, MapSpec]
) -> None:
    """Raise unless bytes [offset, offset + size) behind a pointer are inside what it points to.

    Stack, packet, map values and a raw program's memory. Like Linux: no bytes (``size`` 0) at the upper end of a frame
    of stack are outside of it, but not at the ends of other memory.
    """
    low = pointer.variable.smin + pointer.offset + offset
    high = pointer.variable.smax + pointer.offset + offset + size
    if pointer.kind == Kind.STACK:
        if low < -STACK_BYTES or high > 0 or low >= 0:
            raise Failure(
                Category.STACK,
                f"bytes [{low}, {high}) of a frame that has [-{STACK_BYTES}, 0)",
                "keep variables below 512 bytes in all, and bound variable indexes",
                register,
            )
        frame = stack.address(pointer.frame, 0)
        if size:
            iterator.check_untouched(state, register, frame + low, frame + high)
    elif pointer.kind == Kind.ITERATOR:
        iterator.check_element(register, offset, size)
    elif pointer.kind == Kind.MAP_KEY:
        assert pointer.map is not None
        key_size = maps[pointer.map].key_size
        if low < 0 or high > key_size:
            raise Failure(
                Category.TYPE,
                f"bytes [{low}, {high}) of a key of map {pointer.map} that has {key_size} bytes",
                "read the key as it is",
                register,
            )
    elif pointer.kind == Kind.RECORD:
        record.check_access(state, register, pointer, low, high)
    elif pointer.kind == Kind.MAP_VALUE:
        assert pointer.map is not None
        value_size = maps[pointer.map].value_size
        if not value_size:
            raise Unbuildable(
                f"what map {pointer.map} holds is read through r{register}: in Linux that is a kernel object",
                "only test whether the entry is there, and keep data in a map of its own",
            )
        if low < 0 or high > value_size:
            raise Failure(
                Category.MAP_VALUE,
                f"bytes [{low}, {high}) of a value of map {pointer.map} that has {value_size} bytes",
                "bound the index before the access, for instance with & (SIZE - 1) or an if",
                register,
            )
        lock.check_access(register, maps[pointer.map], low, high)
    elif pointer.kind == Kind.MEMORY:
        if low < 0 or high > (state.memory or 0):
            raise Failure(
                Category.MEMORY,
                f"bytes [{low}, {high}) of a memory that has {state.memory} bytes",
                "stay inside the memory, or pass a larger one",
                register,
            )
    elif pointer.kind in PACKET_KINDS:
        _check_packet(state, register, pointer, offset, size)
    elif pointer.kind == Kind.MAP:
        raise address_dependent(f"r{register} is map {pointer.map} itself, of which Linux keeps a structure")
    else:
        raise Failure(
            Category.TYPE,
            f"r{register} is a {pointer.kind.value} pointer, which cannot be dereferenced",
            "access the frame through data, and maps through bpf_map_lookup_elem",
            register,
        )


def _check_packet(state: State, register: int, pointer: Ptr, offset: int, size: int) -> None:
    end_name = "data_end" if pointer.kind == Kind.PACKET else "data"
    first = pointer.offset + offset
    if pointer.variable.smin < 0 or first < 0:
        raise Failure(
            Category.PACKET,
            f"the access may begin {-min(first, first + pointer.variable.smin)} bytes in front of the frame",
            "make sure that the offset is not negative: use an unsigned type, or mask it",
            register,
        )
    proof = state.proven.get(pointer.id)
    proven = proof.size if proof else 0
    if first + size > proven:
        base = "data" if pointer.id == DATA else "data_meta" if pointer.id == META else "a variable offset"
        raise Failure(
            Category.PACKET,
            f"{size} bytes at {base} + {first} need {first + size} bytes, but only {proven} are proven to be there",
            f"test it first: if (pointer + {offset + size} > {end_name}) return XDP_DROP; "
            f"with pointer as in r{register}",
            register,
        )


def check_alignment(register: int, pointer: Ptr, offset: int, size: int) -> None:
    """Raise unless the address is a multiple of the size, as Linux wants it for stack and atomic operations."""
    total = pointer.total
    if ((total.value + offset) | total.mask) & size - 1:
        raise Failure(
            Category.ALIGNMENT,
            f"{size} bytes at {pointer.kind.value}{total.smin + offset:+d} are not aligned",
            f"align it to {size} bytes",
            register,
        )


def load(state: State, i: Instruction, maps: Mapping[str, MapSpec]) -> Value:
    """The value of an LDX instruction."""
    pointer = pointer_in(state, i.src, "load through")
    if pointer.kind == Kind.CTX:
        return _load_context(state, i, pointer)
    check_access(state, i.src, pointer, i.offset, i.size, maps)
    if pointer.kind == Kind.STACK:
        check_alignment(i.src, pointer, i.offset, i.size)
        value = _load_stack(state, pointer, i.offset, i.size)
    elif pointer.kind == Kind.MAP_KEY:
        value = _load_key(pointer, i.offset, i.size)
    elif pointer.kind == Kind.ITERATOR:
        value = stack.read(state, _range(pointer, i.offset, i.size)[0], i.size)
    else:
        value = unknown(i.size)
        if pointer.kind == Kind.RECORD:
            record.require_written(state, i.src, pointer, i.offset, i.size)
        if pointer.kind == Kind.MAP_VALUE:
            value = _load_constant(maps, pointer, i) or value
    if i.mode != Mode.MEMSX:
        return value
    if isinstance(value, Ptr):
        raise address_dependent("a sign-extending load of a pointer")
    if not isinstance(value, Num):
        return value
    return scalar(sign_extend(value.number, 8 * i.size))


def _load_context(state: State, i: Instruction, pointer: Ptr) -> Value:
    check_context_pointer(i.src, pointer)
    if i.size != 4 or i.offset not in CONTEXT_WORDS or i.mode == Mode.MEMSX:
        raise Failure(
            Category.CONTEXT,
            f"struct xdp_md has no field of {i.size} bytes at offset {i.offset}",
            "read its fields, each 4 bytes, by name: ctx->data, ctx->data_end, ...",
            i.src,
        )
    field = CONTEXT_WORDS[i.offset]
    match field:
        case "data":
            return Ptr(Kind.PACKET, id=DATA)
        case "data_meta":
            return Ptr(Kind.PACKET_META, id=META)
        case "data_end":
            return Ptr(Kind.PACKET_END)
        case "egress_ifindex":
            raise Failure(
                Category.CONTEXT,
                "egress_ifindex exists only in programs attached to a devmap entry",
                "remove the access",
                i.src,
            )
    return unknown(4)


def check_context_pointer(register: int, pointer: Ptr) -> None:
    """Raise if the context pointer was moved."""
    if pointer.offset or pointer.variable.constant != 0:
        raise Failure(
            Category.CONTEXT,
            f"r{register} is the context pointer plus an offset",
            "use the context pointer as it came; access fields through it by name",
            register,
        )


def _range(pointer: Ptr, offset: int, size: int) -> tuple[int, int]:
    """The stack addresses [low, high) that an access may touch."""
    base = stack.address(pointer.frame, pointer.offset + offset)
    return base + pointer.variable.smin, base + pointer.variable.smax + size


def _load_stack(state: State, pointer: Ptr, offset: int, size: int) -> Value:
    low, high = _range(pointer, offset, size)
    if high - low == size:
        written = stack.is_written(state, low, size) or stack.holds_pointer(state, low, size)
        return stack.read(state, low, size) if written else UNDEFINED
    stack.require_data(state, low, high)
    return unknown(size)


def _load_key(pointer: Ptr, offset: int, size: int) -> Num:
    at = pointer.total.constant
    if pointer.frame == UNKNOWN_KEY or at is None:
        return unknown(size)
    return scalar(constant(pointer.frame >> 8 * (at + offset) & (1 << 8 * size) - 1))


def _load_constant(maps: Mapping[str, MapSpec], pointer: Ptr, i: Instruction) -> Num | None:
    """A load from read-only data at a constant offset."""
    assert pointer.map is not None
    spec, at = maps[pointer.map], pointer.total.constant
    if not spec.readonly or spec.initial is None or at is None:
        return None
    at += i.offset
    data = spec.initial[at : at + i.size].ljust(i.size, b"\0")
    return scalar(constant(int.from_bytes(data, "little")))


def storable(state: State, register: int) -> Num | Ptr | Unusable:
    """The value of a register that is about to be moved or stored: `UNDEFINED` is allowed."""
    value = state.get(register)
    return value if value == UNDEFINED else readable(state, register)


def store(state: State, i: Instruction, value: Num | Ptr | Unusable, maps: Mapping[str, MapSpec]) -> Ptr:
    """An ST or STX instruction that is not atomic; returns where it stores to."""
    pointer = _writable(state, i, maps, "store")
    if pointer.kind != Kind.STACK:
        if isinstance(value, Ptr):
            raise address_dependent(f"a pointer is stored to {pointer.kind.value} memory")
        if pointer.kind == Kind.RECORD:
            record.write(state, pointer, i.offset, i.size)
        return pointer
    check_alignment(i.dst, pointer, i.offset, i.size)
    low, high = _range(pointer, i.offset, i.size)
    if isinstance(value, Ptr):
        if value.stale and high - low != 8:
            raise address_dependent("a part of a packet pointer is stored")
        _check_spill(pointer, value, i, high - low)
        if value.kind == Kind.MAP_KEY and pointer.frame != state.depth:
            raise Unbuildable(
                "a pointer to a key is stored outside of the function's own stack, where it would become another key",
                "copy the key",
            )
    if isinstance(value, Unusable):
        stack.unwrite(state, low, high - low)
    elif high - low == i.size:
        stack.write(state, low, i.size, value)
    else:
        stack.forget(state, low, high)
    return pointer


def _check_spill(pointer: Ptr, value: Ptr, i: Instruction, size: int) -> None:
    """Pointers are stored whole, and those to a stack not into a frame that outlives it."""
    if size != 8:
        raise Failure(
            Category.STACK,
            f"a pointer is stored to {size} bytes of stack",
            "store pointers to 8 bytes at a constant place",
            i.src,
        )
    if value.kind == Kind.STACK and value.frame > pointer.frame:
        raise Failure(
            Category.STACK,
            "a pointer into a function's own stack is stored into its caller's",
            "return values, not pointers to local variables",
            i.src,
        )


def _writable(state: State, i: Instruction, maps: Mapping[str, MapSpec], what: str) -> Ptr:
    pointer = pointer_in(state, i.dst, f"{what} through")
    if pointer.kind == Kind.CTX:
        raise Failure(
            Category.CONTEXT,
            f"{what} to struct xdp_md, which is read-only",
            "use bpf_xdp_adjust_head, _tail or _meta to change the frame's ends",
            i.dst,
        )
    check_access(state, i.dst, pointer, i.offset, i.size, maps)
    check_writable(i.dst, pointer, maps, what)
    return pointer


def check_writable(register: int, pointer: Ptr, maps: Mapping[str, MapSpec], what: str) -> None:
    """Raise if the pointer leads into a map that the program may only read."""
    if pointer.kind == Kind.MAP_KEY:
        raise Failure(Category.READ_ONLY, f"{what} to a key of map {pointer.map}", "copy it to a variable", register)
    if pointer.kind == Kind.ITERATOR:
        raise Failure(
            Category.READ_ONLY,
            f"{what} to a number that an iterator gave, which is read-only",
            "copy it to a variable",
            register,
        )
    if pointer.kind == Kind.MAP_VALUE and maps[pointer.map or ""].readonly:
        raise Failure(
            Category.READ_ONLY,
            f"{what} to map {pointer.map}, which is read-only",
            "drop const from the variable or BPF_F_RDONLY_PROG from the map's flags, or do not write it",
            register,
        )


def atomic(state: State, i: Instruction, maps: Mapping[str, MapSpec]) -> None:
    """An atomic instruction. Like Linux: not in frames."""
    if i.imm in (Atomic.LOAD_ACQUIRE, Atomic.STORE_RELEASE):
        raise Unbuildable(
            "load-acquire and store-release are not supported",
            "use a plain load or store: one frame sees what all frames before it have written",
        )
    operands = [readable(state, i.src)] + ([readable(state, 0)] if i.imm == Atomic.CMPXCHG else [])
    pointer = _writable(state, i, maps, "atomic operation")
    if pointer.kind in PACKET_KINDS:
        raise Failure(
            Category.TYPE,
            f"atomic operation on {pointer.kind.value} memory",
            "use plain loads and stores: nobody else touches this frame",
            i.dst,
        )
    if any(isinstance(value, Ptr) for value in operands):
        raise address_dependent("an atomic operation on a pointer")
    check_alignment(i.dst, pointer, i.offset, i.size)
    old: Value = unknown(i.size)
    if pointer.kind == Kind.RECORD:
        record.require_written(state, i.dst, pointer, i.offset, i.size)
    if pointer.kind == Kind.STACK:
        low, high = _range(pointer, i.offset, i.size)
        stack.require_data(state, low, high)
        if high - low == i.size:
            old = stack.read(state, low, i.size)
            stack.write(state, low, i.size, unknown(i.size))
        else:
            stack.forget(state, low, high)
    if i.imm == Atomic.CMPXCHG:
        state.set(0, old)
    elif i.imm & Atomic.FETCH:
        state.set(i.src, old)
