"""The reference interpreter: an XDP program on one CPU, one frame after the other, in plain Python.

It checks every access, so a program that traps here must not have passed verification.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..codegen.isa import MapReference
from ..codegen.spec import MapSpec, ProgramSpec
from ..codegen.tables import used_maps
from ..hdl.errors import InputError, Place
from ..hdl.helpers.base import Arg, HelperPlugin, Ret
from ..hdl.helpers.events import Event
from ..hdl.helpers.registry import HELPERS
from ..hdl.helpers.tables import Table
from ..hdl.helpers.xdp_limits import HIGHEST_END
from ..hdl.kernel_functions.registry import KERNEL_FUNCTIONS
from ..hdl.maps.base import MapModel, MapPlugin, MapShape, listed_key_size
from ..hdl.maps.registry import MAP_TYPES
from ..hdl.maps.ringbuf import has_room, record_bytes
from .mapfile import not_taken
from .memory import Memory, Region, Trap
from .processor import Environment, Processor
from .results import Outcome, Verdict

HEADROOM = 256  # XDP_PACKET_HEADROOM

_CONTEXT_REGION, _FRAME_REGION, _KEY_REGION = 1, 2, 3
_FIRST_VALUE_REGION, _FIRST_RECORD_REGION, _FIRST_MAP_REGION = 1 << 8, 1 << 29, 1 << 30


@dataclass(frozen=True, slots=True)
class Write:
    """Who wrote a byte last: the instruction slot, in which frame (counted from 0)."""

    frame: int
    slot: int


class Interpreter:
    """A program and its maps, which keep their contents from frame to frame.

    ``models`` replaces the maps' own reference models, by name. ``fill``: the bytes of stack that the program has not
    written; no verdict may depend on them. Raises InputError for an unknown map type.
    ``executed``: slots of the instructions that frames have reached so far.
    """

    def __init__(
        self,
        program: ProgramSpec,
        maps: Mapping[str, MapSpec],
        models: Mapping[str, MapModel] | None = None,
        fill: int = 0,
    ) -> None:
        self.program = program
        self.executed: set[int] = set()
        used = used_maps(program, maps)
        self._maps = {
            name: _Map(spec, (models or {}).get(name), number)
            for number, (name, spec) in enumerate(maps.items())
            if name in used
        }
        self._fill = fill
        self._frames = 0
        self._machine: _Machine | None = None

    def run(
        self,
        frame: bytes,
        *,
        ifindex: int = 1,
        rx_queue: int = 0,
        time_ns: int = 0,
        frame_index: int | None = None,
    ) -> Outcome:
        """One frame. ``frame_index`` counts from 0 by itself unless given. Raises `Trap`, InputError."""
        if len(frame) > HIGHEST_END:
            raise InputError(f"a frame has {HIGHEST_END} bytes at most, not {len(frame)}")
        index = self._frames if frame_index is None else frame_index
        self._frames = index + 1
        machine = self._machine = _Machine(self._maps, frame, ifindex, time_ns, index)
        context = machine.memory.map(_CONTEXT_REGION, _Context(machine, ifindex, rx_queue))
        processor = Processor(self.program, machine.memory, machine, self.executed, self._fill)
        machine.processor = processor
        r0 = processor.run(context)
        verdict = Verdict.of(r0)
        target = 0 if machine.redirect is None else machine.redirect
        redirect = target if verdict == Verdict.REDIRECT else None
        return Outcome(verdict, machine.content(machine.data, machine.data_end), redirect, r0)

    @property
    def events(self) -> list[Event]:
        """What the last frame told the host."""
        return [] if self._machine is None else [e for e in self._machine.events if e is not None]

    @property
    def decisions(self) -> list[tuple[int, int]]:
        """The conditional jumps and tail calls of the last frame, in order: the slot, and the slot that came next."""
        return [] if self._machine is None else self._machine.processor.decisions

    def maps(self) -> dict[str, dict[bytes, bytes]]:
        """The contents of every map that the program uses: name -> key -> value."""
        return {name: dict(each.model.items()) for name, each in self._maps.items()}

    def set_map(self, name: str, key: bytes, value: bytes) -> None:
        """Insert or replace an entry. Raises InputError if the map does not take it."""
        spec = self._known(name).spec
        if len(key) != listed_key_size(spec) or len(value) != spec.value_size:
            raise InputError(
                f"map {name} has keys of {listed_key_size(spec)} and values of {spec.value_size} bytes, "
                f"not {len(key)} and {len(value)}"
            )
        if error := self._maps[name].model.update(key, value, 0):
            raise not_taken(spec, key, -error)

    def delete(self, name: str, key: bytes) -> None:
        """Remove an entry. Raises InputError if the map does not let go of it."""
        if error := self._known(name).model.delete(key):
            raise InputError(f"map {name} has no entry {key.hex()} to delete: errno {-error}")

    def _known(self, name: str) -> _Map:
        if name not in self._maps:
            raise InputError(f"the program uses no map {name}; it uses {', '.join(self._maps) or 'none'}")
        return self._maps[name]

    def frame_writer(self, offset: int) -> Place | None:
        """The instruction that wrote byte ``offset`` of the last frame that came out; None: as received."""
        if self._machine is None:
            return None
        slot = self._machine.frame.writers.get(HEADROOM + self._machine.data + offset)
        return None if slot is None else self.program.place(slot)

    def map_writer(self, name: str, key: bytes, offset: int) -> tuple[Place, int] | None:
        """The instruction that wrote a value's byte or the entry last, and in which frame; None: no one."""
        write = self._known(name).writers.get((key, offset)) or self._known(name).writers.get((key, None))
        return None if write is None else (self.program.place(write.slot), write.frame)


def _argument(args: Callable[[int], int], number: int, kind: Arg) -> int:
    try:
        return args(number)
    except Trap:
        if kind is not Arg.ANY:
            raise
        return 0


class _Map:
    """One map, and who wrote what: (key, number of the byte or None for all bytes) -> `Write`."""

    def __init__(self, spec: MapSpec, model: MapModel | None, number: int) -> None:
        plugin = MAP_TYPES.get(spec.type)
        if plugin is None:
            known = ", ".join(sorted(p.name for p in MAP_TYPES.values()))
            raise InputError(f"map {spec.name} is of type {spec.type}; there are models of: {known}")
        self.spec = spec
        self.plugin = plugin
        self.model = plugin.model(spec) if model is None else model
        self.handle = (_FIRST_MAP_REGION + number) << 32
        self.writers: dict[tuple[bytes, int | None], Write] = {}

    def entry_written(self, key: bytes, write: Write) -> None:
        """The whole entry was replaced or deleted."""
        for offset in range(self.spec.value_size):
            self.writers.pop((key, offset), None)
        self.writers[key, None] = write


class _Context(Region):
    """struct xdp_md: aligned 32-bit fields, the first three of which give 64-bit pointers, as in Linux."""

    def __init__(self, machine: _Machine, ifindex: int, rx_queue: int) -> None:
        super().__init__("the context (struct xdp_md)", bytearray(24), writable=False, atomic=False)
        self._machine = machine
        self._fields = {12: ifindex, 16: rx_queue}

    def load(self, offset: int, size: int) -> bytes:
        if size != 4 or offset % 4 or not 0 <= offset < 20:
            raise Trap(f"read of {size} bytes at byte {offset} of {self.name}; its fields have 4 bytes")
        position = {0: self._machine.data, 4: self._machine.data_end, 8: self._machine.data_meta}.get(offset)
        value = self._fields[offset] if position is None else self._machine.address(position)
        return value.to_bytes(8, "little")


class _FrameBuffer(Region):
    """The frame with its headroom and tail room; accessible from metadata to data end."""

    def __init__(self, frame: bytes) -> None:
        data = bytearray(HEADROOM + HIGHEST_END)
        data[HEADROOM : HEADROOM + len(frame)] = frame
        super().__init__("the frame", data, atomic=False)
        self.low, self.high = HEADROOM, HEADROOM + len(frame)
        self.writers: dict[int, int] = {}  # index of a byte -> slot

    def written(self, offset: int, size: int, slot: int) -> None:
        for index in range(offset, offset + size):
            self.writers[index] = slot


class _Value(Region):
    """A map value."""

    def __init__(self, owner: _Map, handle: int, key: bytes, frame: int) -> None:
        spec = owner.spec
        self.key = key
        self._owner, self._handle, self._frame = owner, handle, frame
        name = f"a value of map {spec.name}"
        super().__init__(name, owner.model.value(handle), writable=not spec.readonly)

    def check(self, offset: int, size: int) -> None:
        self.data = self._owner.model.value(self._handle)  # the model may keep its bytes elsewhere by now
        super().check(offset, size)

    def written(self, offset: int, size: int, slot: int) -> None:
        write = Write(self._frame, slot)
        for index in range(offset, offset + size):
            self._owner.writers[self.key, index] = write


class _Machine(Environment):
    """One run: the `hdl.helpers.base.Machine` that helpers work on, and the processor's environment."""

    processor: Processor

    def __init__(
        self, maps: Mapping[str, _Map], frame: bytes, ifindex: int, time_ns: int, frame_index: int
    ) -> None:
        self.memory = Memory()
        self.ifindex = ifindex
        self.time_ns = time_ns
        self.frame_index = frame_index
        self.random_calls = 0
        self.redirect: int | tuple[int, ...] | None = None
        self.frame = _FrameBuffer(frame)
        self._frame_address = self.memory.map(_FRAME_REGION, self.frame)
        self._data = self._data_meta = 0
        self._data_end = len(frame)
        self._maps = maps
        self._by_handle = {each.handle: each for each in maps.values()}
        self._values: dict[tuple[str, int], tuple[_Value, int]] = {}
        self._key = b""  # of the lookup in progress
        self.events: list[Event | None] = []  # None: a record that was not given back yet, or is not shown
        self._records: dict[int, tuple[str, int]] = {}  # number of the region -> ring buffer, position in `events`
        self._taken: dict[str, int] = {}  # bytes of ring buffers; all that former frames took has been read

    # Positions in the frame

    @property
    def data(self) -> int:
        return self._data

    @data.setter
    def data(self, position: int) -> None:
        self._data = position

    @property
    def data_end(self) -> int:
        return self._data_end

    @data_end.setter
    def data_end(self, position: int) -> None:
        self._data_end = position
        self.frame.high = HEADROOM + position

    @property
    def data_meta(self) -> int:
        return self._data_meta

    @data_meta.setter
    def data_meta(self, position: int) -> None:
        self._data_meta = position
        self.frame.low = HEADROOM + position

    def address(self, position: int) -> int:
        """The pointer to a position."""
        return self._frame_address + HEADROOM + position

    def content(self, start: int, end: int) -> bytes:
        """Frame bytes by position."""
        return bytes(self.frame.data[HEADROOM + start : HEADROOM + end])

    def load_frame(self, position: int, size: int) -> bytes:
        return self.content(position, position + size)

    def store_frame(self, position: int, data: bytes) -> None:
        start = HEADROOM + position
        self.frame.data[start : start + len(data)] = data
        self.frame.written(start, len(data), self.processor.slot)

    def zero(self, start: int, end: int) -> None:
        self.frame.data[HEADROOM + start : HEADROOM + end] = bytes(end - start)
        self.frame.written(HEADROOM + start, end - start, self.processor.slot)

    def move(self, source: int, destination: int, size: int) -> None:
        start = HEADROOM + destination
        self.frame.data[start : start + size] = self.content(source, source + size)
        self.frame.written(start, size, self.processor.slot)

    # Memory and maps

    def read(self, address: int, size: int) -> bytes:
        return self.memory.load(address, size) if size else b""

    def write(self, address: int, data: bytes) -> None:
        if data:
            self.memory.store(address, data, self.processor.slot)

    def map_of(self, handle: int) -> tuple[MapShape, MapPlugin, MapModel]:
        each = self._map(handle)
        return each.spec, each.plugin, each.model

    def table_entry(self, table: Table, key: bytes) -> bytes | None:
        model = self._maps[table.name].model
        handle = model.lookup(key)
        return None if handle is None else bytes(model.value(handle))

    def _map(self, handle: int) -> _Map:
        if handle not in self._by_handle:
            raise Trap("a helper got something else than a map")
        return self._by_handle[handle]

    def event(self, event: Event) -> None:
        self.events.append(event)

    def take(self, shape: MapShape, size: int) -> bool:
        taken = self.available(shape)
        if not has_room(shape, taken, size):
            return False
        self._taken[shape.name] = taken + record_bytes(size)
        return True

    def available(self, shape: MapShape) -> int:
        return self._taken.get(shape.name, 0)

    def reserve(self, shape: MapShape, size: int) -> int:
        number = _FIRST_RECORD_REGION + len(self.events)
        self._records[number] = shape.name, len(self.events)
        self.events.append(None)
        return self.memory.map(number, Region(f"a record of {shape.name}", bytearray(size)))

    def give_back(self, address: int, publish: bool) -> None:
        region, _ = self.memory.locate(address)
        number = self.memory.unmap_at(address)
        channel, position = self._records.pop(number)
        if publish:
            self.events[position] = Event(channel, bytes(region.data).hex())

    def value_address(self, shape: MapShape, handle: int) -> int:
        owner = self._maps[shape.name]
        return self._value(owner, handle, owner.model.entry_key(handle, self._key))

    def inner_map(self, shape: MapShape, number: int) -> int:
        assert shape.table is not None, "a map without a table holds no maps"
        return self._maps[shape.table.name(number)].handle

    def _value(self, owner: _Map, handle: int, key: bytes) -> int:
        """The address of a value; the same value has the same address during a run."""
        identity = (owner.spec.name, handle)
        if identity not in self._values:
            region = _Value(owner, handle, key, self.frame_index)
            address = self.memory.map(_FIRST_VALUE_REGION + len(self._values), region)
            self._values[identity] = region, address
        region, address = self._values[identity]
        region.key = key  # a deleted entry's memory can come back under another key
        return address

    def lend_key(self, key: bytes) -> int:
        self._key = key
        return self.memory.map(_KEY_REGION, Region("a key", bytearray(key), writable=False, atomic=False))

    def call(self, function: int, *arguments: int) -> int:
        return self.processor.call(function, *arguments)

    # The processor's environment

    def reference(self, reference: MapReference) -> int:
        if reference.map not in self._maps:
            raise Trap(f"reference to map {reference.map}, which does not exist")
        owner = self._maps[reference.map]
        if reference.offset is None:
            return owner.handle
        key = bytes(owner.spec.key_size)
        handle = owner.model.lookup(key)
        if handle is None:
            raise Trap(f"map {reference.map} has no first value")
        return self._value(owner, handle, key) + reference.offset

    def helper(self, number: int, args: Callable[[int], int]) -> int | None:
        plugin = HELPERS.get(number)
        if plugin is None:
            raise Trap(f"call of helper {number}, which is not supported")
        values = [_argument(args, n, kind) for n, kind in enumerate(plugin.args, 1)]
        owner, self._key = self._map_and_key(plugin, values)
        result = plugin.reference(self, values)
        if plugin.ret is Ret.NEXT_PROGRAM:
            if result and self.processor.tail_calls < plugin.limit:
                owner = self._map(values[plugin.args.index(Arg.MAP)])
                self.processor.tail_call(self.processor.program.entry(owner.spec.name, result))
            return None
        if plugin.writes_map and owner is not None:
            owner.entry_written(self._key, Write(self.frame_index, self.processor.slot))
        return result

    def kernel_function(self, name: str, args: Callable[[int], int]) -> int | None:
        function = KERNEL_FUNCTIONS.get(name)
        if function is None:
            return super().kernel_function(name, args)
        return function.reference(self, [args(n) for n, _ in enumerate(function.arguments, 1)])

    def _map_and_key(self, plugin: HelperPlugin, values: list[int]) -> tuple[_Map | None, bytes]:
        """What a map helper works on."""
        if Arg.MAP not in plugin.args or Arg.MAP_KEY not in plugin.args:
            return None, b""
        owner = self._map(values[plugin.args.index(Arg.MAP)])
        return owner, self.read(values[plugin.args.index(Arg.MAP_KEY)], owner.spec.key_size)
