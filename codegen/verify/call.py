"""Helper calls, by what the helper's plug-in declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from ...hdl.errors import Refused
from ...hdl.helpers.base import U32_BYTES, Arg, HelperPlugin, Ret
from ...hdl.helpers.refused import REMEDIES
from ...hdl.helpers.xdp_limits import HIGHEST_END, LOWEST_START
from ...hdl.maps.base import MapPlugin
from ...hdl.maps.linux import BPF_F_RDONLY_PROG
from ..helper_names import helper_name
from ..map_names import map_type_name
from ..spec import MapSpec
from . import lock, record, stack
from .failure import Category, Failure, address_dependent
from .memory import MAX_OFFSET, check_access, check_context_pointer, check_writable, readable, refuse_stale
from .number import between
from .result import Kind
from .state import NULL, State
from .values import CLOBBERED, DATA, PACKET_KINDS, UNKNOWN_KEY, Num, Ptr, Value, is_null, scalar


class Environment:
    """What a program is verified against: its maps, the map types and the helpers there are."""

    def __init__(
        self,
        maps: Mapping[str, MapSpec],
        map_types: Mapping[int, MapPlugin],
        helpers: Mapping[int, HelperPlugin],
    ) -> None:
        self.maps = {name: _as_programs_see_it(spec, map_types.get(spec.type)) for name, spec in maps.items()}
        self.map_types = map_types
        self.helpers = helpers
        self._declared = maps
        self._checked: set[str] = set()
        self.point = 0  # the number of the point being verified
        self.remark: str | None = None  # about the instruction being verified, for the explorer to take

    def remark_undefined(self, where: str) -> None:
        """Note that bytes which no one wrote go somewhere."""
        self.remark = f"bytes of stack that were never written go into {where}, where Linux leaves them undefined"

    def remark_unwritten(self, name: str) -> None:
        """Note that the host sees bytes of a record which no one wrote."""
        self.remark = f"a record of {name} has bytes that were never written, which Linux leaves undefined"

    def use_map(self, name: str) -> None:
        """Raise `Refused` if the map is not there or cannot be built."""
        if name in self._checked:
            return
        spec = self._declared.get(name)
        if spec is None:
            raise Refused(f"map {name} is not defined in the object", "define it in a .maps section")
        plugin = self.map_types.get(spec.type)
        if plugin is None:
            known = ", ".join(sorted(p.name for p in self.map_types.values()))
            reason = f"map {name} is of type {map_type_name(spec.type)} ({spec.type}), which is not supported"
            raise Refused(reason, f"supported are: {known}")
        if spec.lock is not None and not plugin.holds_locks:
            raise Refused(
                f"values of {plugin.name} {name} have a struct bpf_spin_lock, so Linux cannot create it",
                "keep the lock in a hash or array map",
            )
        plugin.check(spec)
        self._checked.add(name)

    def entries(self, name: str, plugin: HelperPlugin) -> int:
        """How many entries a map has that a helper goes through; raises `Refused` if they are not numbered."""
        map_type = self.map_types[self.maps[name].type]
        if not map_type.is_constant_address():
            raise Refused(
                f"{plugin.name} over {map_type.name} {name}, whose entries are in no order that hardware knows",
                "keep what is to be gone through in an array, or look up the keys that you know with bpf_loop",
            )
        return self.maps[name].max_entries

    def new_lookup(self, name: str, fresh: Callable[[], int]) -> int:
        """`Ptr.lookup` of a value that a helper gives."""
        return 0 if self.maps[name].lock is None else fresh()

    def helper(self, number: int) -> HelperPlugin:
        """The plug-in of a helper; raises `Refused` if there is none."""
        plugin = self.helpers.get(number)
        if plugin is None:
            known = "supported are: " + ", ".join(sorted(p.name for p in self.helpers.values()))
            raise Refused(f"helper {helper_name(number)} is not supported", REMEDIES.get(number, known))
        return plugin


def _as_programs_see_it(spec: MapSpec, plugin: MapPlugin | None) -> MapSpec:
    """A map is read-only to programs if they may not write its values, as its flag or its type says; of values they may
    not read they see 0 bytes."""
    if plugin is None:
        return spec
    size = spec.value_size if plugin.values_readable else 0
    flagged = bool(spec.flags & BPF_F_RDONLY_PROG)
    return replace(spec, value_size=size, readonly=spec.readonly or flagged or not plugin.values_writable)


def call(state: State, plugin: HelperPlugin, env: Environment, fresh: Callable[[], int]) -> list[State]:
    """The states after a helper call, one for each of its outcomes; takes over ``state``."""
    map_name = check_arguments(state, plugin, env)
    lock.before_call(state, plugin)
    first, distance, succeeds = state.get(1), state.get(2), _is_inside_frame(state, plugin)
    _give_back(state, plugin, env)
    target = _output(state, plugin, env, map_name)
    results = _results(state, plugin, env, map_name, fresh)
    for register in range(1, 6):
        state.set(register, CLOBBERED)
    lock.after_call(state, plugin, first)
    if plugin.changes_frame:
        state.forget_packet()
    ways = [(outcome, result) for outcome in plugin.outcomes() for result in results]
    states = [state.copy() for _ in ways[1:]] + [state]
    for (outcome, result), after in zip(ways, states, strict=True):
        after.set(0, result or scalar(between(outcome.low, outcome.high)))
        if outcome.moves_head or outcome.moves_meta:
            assert isinstance(distance, Num)
            moved = distance.number.smin32, distance.number.smax32
            if outcome.moves_head:
                after.head = _moved(after.head, moved)
            after.meta = _moved(after.meta, moved)
        if target is not None:
            _fill(after, *target, surely=outcome.fills or succeeds)
    return states


def _is_inside_frame(state: State, plugin: HelperPlugin) -> bool:
    """Whether the bytes of the frame that the helper moves were shown to be there, so that it cannot fail."""
    if Arg.FRAME_OFFSET not in plugin.args or DATA not in state.proven:
        return False
    number = 1 + plugin.args.index(Arg.FRAME_OFFSET)
    offset, size = state.get(number), state.get(number + 2)
    assert isinstance(offset, Num) and isinstance(size, Num)
    return offset.number.umax + size.number.umax <= state.proven[DATA].size


def _results(
    state: State, plugin: HelperPlugin, env: Environment, map_name: str | None, fresh: Callable[[], int]
) -> list[Value | None]:
    """What r0 can be afterwards; None: the outcomes say it."""
    if plugin.ret in (Ret.NEXT_PROGRAM, Ret.VOID):
        return [CLOBBERED]
    if plugin.ret is Ret.RECORD_OR_NULL:
        return [_reserved(state, plugin, env, map_name, fresh())]
    if plugin.ret is not Ret.MAP_VALUE_OR_NULL:
        return [None]
    assert map_name is not None, "a helper that returns a map value has a map argument"
    if env.map_types[env.maps[map_name].type].holds_maps:
        return [*_inner_maps(env.maps[map_name], env, fresh()), NULL]
    return [_map_result(state, plugin, env, map_name, fresh)]


def _inner_maps(outer: MapSpec, env: Environment, id: int) -> list[Ptr]:
    """The maps that a lookup can give, each on a path of its own; Linux wants to see it tested for NULL."""
    held = outer.table.held if outer.table else ()
    for name in held:
        env.use_map(name)
    return [Ptr(Kind.MAP, id=id, map=name, maybe_null=True) for name in held]


def _give_back(state: State, plugin: HelperPlugin, env: Environment) -> None:
    """The record that the helper takes is gone, or shown to the host."""
    for register, kind in enumerate(plugin.args, 1):
        pointer = state.get(register)
        if kind == Arg.RECORD:
            assert isinstance(pointer, Ptr)
            reserved = record.release(state, register, pointer, plugin)
            if plugin.publishes and not record.is_written(reserved):
                env.remark_unwritten(reserved.map)


def _reserved(state: State, plugin: HelperPlugin, env: Environment, map_name: str | None, fresh: int) -> Ptr:
    size = state.get(1 + plugin.args.index(Arg.ALLOCATED))
    assert isinstance(size, Num) and size.number.constant is not None and map_name is not None
    return record.reserve(state, map_name, size.number.constant, env.point, fresh)


def _output(
    state: State, plugin: HelperPlugin, env: Environment, map_name: str | None
) -> tuple[Ptr, int, int] | None:
    """The argument that the helper writes to, and the least and most bytes it does."""
    for register, kind in enumerate(plugin.args, 1):
        pointer = state.get(register)
        if kind in (Arg.OUT_MEM, Arg.INOUT_MEM):
            size = state.get(register + 1)
            assert isinstance(pointer, Ptr) and isinstance(size, Num)
            return pointer, size.number.umin, size.number.umax
        if kind == Arg.INOUT_U32:
            assert isinstance(pointer, Ptr)
            return pointer, U32_BYTES, U32_BYTES
        if kind == Arg.OUT_VALUE and not _peeks_for_value(env, map_name):
            assert isinstance(pointer, Ptr) and map_name is not None
            return pointer, env.maps[map_name].value_size, env.maps[map_name].value_size
    return None


def _peeks_for_value(env: Environment, map_name: str | None) -> bool:
    assert map_name is not None, "a helper names its map before the value"
    return env.map_types[env.maps[map_name].type].peeks_for_value


def _fill(state: State, pointer: Ptr, least: int, most: int, surely: bool) -> None:
    """The helper may have written memory, or ``surely`` did: what was known about this part of the stack is gone."""
    if pointer.kind == Kind.RECORD and surely:
        record.write(state, pointer, 0, least)
    if pointer.kind != Kind.STACK:
        return
    base = stack.address(pointer.frame, pointer.offset)
    low, high = base + pointer.variable.smin, base + pointer.variable.smax
    stack.forget(state, low, high + most)
    if surely:
        stack.initialise(state, high, low + least)


def _moved(position: tuple[int, int], by: tuple[int, int]) -> tuple[int, int]:
    """A range of positions plus a range of distances, inside what the kernel lets positions reach."""

    def reachable(x: int) -> int:
        return min(max(x, LOWEST_START), HIGHEST_END)

    return reachable(position[0] + by[0]), reachable(position[1] + by[1])


def check_arguments(state: State, plugin: HelperPlugin, env: Environment) -> str | None:
    """Raise unless every argument is as declared; returns the name of the map argument, if there is one."""
    map_name: str | None = None
    for table in plugin.tables:
        env.use_map(table.name)
    for register, kind in enumerate(plugin.args, 1):
        if kind == Arg.ANY:
            continue
        value = readable(state, register)
        if kind != Arg.SCALAR:
            refuse_stale(register, value)
        match kind:
            case Arg.SCALAR | Arg.FRAME_OFFSET:
                if isinstance(value, Ptr):
                    raise address_dependent(f"argument {register} of {plugin.name} is a pointer")
            case Arg.CTX:
                pointer = _pointer(plugin, register, value, kind, Kind.CTX)
                check_context_pointer(register, pointer)
            case Arg.CALLBACK:
                _pointer(plugin, register, value, kind, Kind.FUNCTION)
            case Arg.STACK_OR_NULL:
                if not is_null(value):
                    _pointer(plugin, register, value, kind, Kind.STACK)
            case Arg.MAP:
                owner = _pointer(plugin, register, value, kind, Kind.MAP)
                if owner.maybe_null:
                    raise _wrong(plugin, register, value, kind.value)
                map_name = owner.map
                assert map_name is not None
                _check_operation(plugin, register, map_name, env)
                if plugin.writes_map and env.maps[map_name].readonly:
                    raise Failure(
                        Category.READ_ONLY,
                        f"{plugin.name} on map {map_name}, which is read-only",
                        "use a map that is not const, and has no flag BPF_F_RDONLY_PROG",
                        register,
                    )
            case Arg.MAP_KEY | Arg.MAP_VALUE:
                assert map_name is not None, "a helper names its map before key and value"
                spec = env.maps[map_name]
                size = spec.key_size if kind == Arg.MAP_KEY else spec.value_size
                copied = kind == Arg.MAP_VALUE and plugin.map_operation == "update"
                _check_memory(state, plugin, register, value, size, env, copied_to=map_name if copied else None)
            case Arg.LOCK:
                pointer = _pointer(plugin, register, value, kind, Kind.MAP_VALUE)
                if pointer.maybe_null:
                    raise _wrong(plugin, register, value, kind.value)
                lock.check_argument(register, pointer, plugin, env.maps)
            case Arg.RECORD:
                _pointer(plugin, register, value, kind, Kind.RECORD)
            case Arg.ALLOCATED:
                if isinstance(value, Ptr) or value.number.constant is None:
                    raise _wrong(plugin, register, value, kind.value)
            case Arg.CONST_STRING:
                _check_string(plugin, register, value, kind, env)
            case Arg.OUT_VALUE:
                written = not _peeks_for_value(env, map_name)
                assert map_name is not None
                _check_memory(state, plugin, register, value, env.maps[map_name].value_size, env, written)
            case Arg.SIZE | Arg.SIZE_OR_ZERO:
                copied_to = map_name if plugin.copies_memory else None
                _check_sized(state, plugin, register, value, kind, env, copied_to)
            case Arg.INOUT_U32:
                _check_memory(state, plugin, register, value, U32_BYTES, env)
                _check_memory(state, plugin, register, value, U32_BYTES, env, written=True)
            case Arg.MEM | Arg.MEM_OR_NULL | Arg.OUT_MEM | Arg.INOUT_MEM:
                pass  # checked with its size, the next argument
    return map_name


def _check_string(plugin: HelperPlugin, register: int, value: Num | Ptr, kind: Arg, env: Environment) -> None:
    """The string must be known (check_reg_const_str)."""
    pointer = _pointer(plugin, register, value, kind, Kind.MAP_VALUE)
    assert pointer.map is not None
    at = pointer.total.constant
    if at is None or pointer.maybe_null or env.maps[pointer.map].string(at) is None:
        raise _wrong(plugin, register, value, kind.value)


def _check_operation(plugin: HelperPlugin, register: int, map_name: str, env: Environment) -> None:
    """The type of the map must allow what the helper does (check_map_func_compatibility)."""
    map_type = env.map_types[env.maps[map_name].type]
    if plugin.map_operation not in map_type.operations:
        suited = ", ".join(sorted(p.name for p in env.map_types.values() if plugin.map_operation in p.operations))
        raise Failure(
            Category.ARGUMENT,
            f"{plugin.name} on map {map_name}, which is of type {map_type.name}",
            f"use a map of type {suited}",
            register,
        )


def _wrong(plugin: HelperPlugin, register: int, value: Num | Ptr, wanted: str) -> Failure:
    found = "a number" if isinstance(value, Num) else f"a {value.kind.value} pointer"
    if isinstance(value, Ptr) and value.maybe_null:
        found += " that may be NULL"
    return Failure(
        Category.ARGUMENT,
        f"argument {register} of {plugin.name} is {found}, expected {wanted}",
        f"pass {wanted}",
        register,
    )


def _pointer(plugin: HelperPlugin, register: int, value: Num | Ptr, kind: Arg, wanted: Kind) -> Ptr:
    if not isinstance(value, Ptr) or value.kind != wanted:
        raise _wrong(plugin, register, value, kind.value)
    return value


def _check_sized(
    state: State,
    plugin: HelperPlugin,
    register: int,
    size: Num | Ptr,
    kind: Arg,
    env: Environment,
    copied_to: str | None,
) -> None:
    """A size argument, and the memory argument before it."""
    memory = readable(state, register - 1)
    if isinstance(size, Ptr):
        raise _wrong(plugin, register, size, kind.value)
    low, high = size.number.umin, size.number.umax
    if size.number.smin < 0 or high >= MAX_OFFSET or (low == 0 and kind == Arg.SIZE):
        raise Failure(
            Category.ARGUMENT,
            f"argument {register} of {plugin.name}, a size, may be {size.number.smin} to {size.number.smax}",
            "bound the size before the call" + ("; it must not be 0" if kind == Arg.SIZE else ""),
            register,
        )
    may_be_null = plugin.args[register - 2] == Arg.MEM_OR_NULL
    if is_null(memory) and high == 0 and may_be_null:
        return
    access = plugin.args[register - 2]
    for many in {low, high} if low == 0 else {high}:  # even no bytes must be somewhere in the memory
        if access != Arg.OUT_MEM:
            _check_memory(state, plugin, register - 1, memory, many, env, copied_to=copied_to)
        if access in (Arg.OUT_MEM, Arg.INOUT_MEM):
            _check_memory(state, plugin, register - 1, memory, many, env, written=True)


def _check_memory(
    state: State,
    plugin: HelperPlugin,
    register: int,
    value: Num | Ptr,
    size: int,
    env: Environment,
    written: bool = False,
    copied_to: str | None = None,
) -> None:
    """``size`` readable bytes behind a pointer argument; or writable ones, if it is ``written``. What is only copied,
    to a map, may be stack that no one wrote."""
    readable_kinds = [Kind.STACK, Kind.MAP_VALUE, Kind.MEMORY, Kind.RECORD]
    wanted = f"a pointer to {size} bytes of stack or map value"
    if plugin.frame_access:
        readable_kinds += PACKET_KINDS
        wanted = f"a pointer to {size} bytes of stack, frame or map value"
    if plugin.args[register - 1] in (Arg.MEM, Arg.MEM_OR_NULL):
        readable_kinds.append(Kind.ITERATOR)  # others want memory that could be written
    if not written:
        readable_kinds.append(Kind.MAP_KEY)
    if not isinstance(value, Ptr) or value.maybe_null or value.kind not in readable_kinds:
        raise _wrong(plugin, register, value, wanted)
    check_access(state, register, value, 0, size, env.maps)
    if not size:
        return
    if written:
        check_writable(register, value, env.maps, plugin.name)
    elif value.kind == Kind.RECORD:
        record.require_written(state, register, value, 0, size)
    elif value.kind == Kind.STACK:
        base = stack.address(value.frame, value.offset)
        low, high = base + value.variable.smin, base + value.variable.smax + size
        if copied_to is None:
            stack.require_data(state, low, high)
            return
        stack.require_numbers(state, low, high)
        if not stack.is_written(state, low, high - low):
            env.remark_undefined(f"map {copied_to}")


def _map_result(
    state: State, plugin: HelperPlugin, env: Environment, map_name: str, fresh: Callable[[], int]
) -> Ptr:
    """The result of a lookup; not NULL if the map always has an entry for the constant key."""
    spec = env.maps[map_name]
    lookup = env.new_lookup(map_name, fresh)
    only_by_key = set(plugin.args) <= {Arg.MAP, Arg.MAP_KEY}
    if only_by_key and env.map_types[spec.type].is_constant_address() and spec.key_size <= 8:
        for register, kind in enumerate(plugin.args, 1):
            index = _constant_key(state, register, spec.key_size) if kind == Arg.MAP_KEY else None
            if index is not None and index < spec.max_entries:
                return Ptr(Kind.MAP_VALUE, map=map_name, lookup=lookup)
    return Ptr(Kind.MAP_VALUE, map=map_name, id=fresh(), maybe_null=True, lookup=lookup)


def _constant_key(state: State, register: int, size: int) -> int | None:
    """The key behind a pointer to the stack, or to a key, if it is known."""
    pointer = state.get(register)
    if isinstance(pointer, Ptr) and pointer.kind == Kind.MAP_KEY and pointer.total.constant == 0:
        return None if pointer.frame == UNKNOWN_KEY else pointer.frame
    if not isinstance(pointer, Ptr) or pointer.kind != Kind.STACK or not pointer.variable.is_constant:
        return None
    key = stack.read(state, stack.address(pointer.frame, pointer.offset + pointer.variable.smin), size)
    return key.number.constant if isinstance(key, Num) else None
