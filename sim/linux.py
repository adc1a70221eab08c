"""Linux itself as the oracle: the program in the running kernel, frame after frame, through bpf(2).

How BPF_PROG_TEST_RUN behaves (net/bpf/test_run.c; measured on 6.18, x86-64):

- frames have 14 to 3520 bytes (a page less 256 bytes of headroom and 320 of tail room);
- the headroom is zero before every run, and so is what bpf_xdp_adjust_tail adds;
- the context says ingress_ifindex 1 (loopback) and rx_queue_index 0, unless the oracle has a network of its own;
- any return value is accepted and reported as it is, and the target of a redirect is not reported;
- the clock goes on, so the oracle gives programs one that stands (`linux_clock`).

Maps keep their contents from frame to frame. The calling thread is bound to one CPU while an oracle is open,
so that per-CPU maps have one value that counts. Values that are file descriptors in Linux are here what they are in the
hardware: in an xskmap any number by which the user knows the socket (Linux gets a fresh AF_XDP socket for it), in a
prog_array and in maps of maps the number of a program or map (`hdl.maps.slot_table`). Perf and ring buffers are read
after each frame.

Programs that look up tables of helpers, or redirect to interfaces, run in a network namespace of their own, where
routes and interfaces are as the contents of the maps say (`network`).
"""

from __future__ import annotations

import errno
import functools
import os
import re
import socket
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from types import TracebackType

from ..codegen.inner_maps import maps_of_maps
from ..codegen.isa import FunctionReference, Instruction, encode
from ..codegen.spec import MapSpec, ProgramSpec
from ..codegen.tables import helper_tables, used_maps
from ..hdl.errors import InputError
from ..hdl.helpers.base import Ret
from ..hdl.helpers.events import Event
from ..hdl.helpers.registry import HELPERS
from ..hdl.maps.base import POSITION_BYTES, listed_key_size
from ..hdl.maps.linux import BPF_F_RDONLY, BPF_F_RDONLY_PROG, BPF_F_WRONLY
from . import bpf_syscall as bpf
from . import kernel_types
from .linux_buffers import LinuxBuffer, PerfBuffer, RingBuffer
from .linux_clock import CLOCK_MAP, readings, uses_clock, with_set_clock
from .linux_stack import with_zero_stack
from .network import LOOPBACK, Network
from .network import unavailable as network_unavailable
from .results import Outcome, Verdict
from .type_info import function_info, map_types

SHORTEST_FRAME, LONGEST_FRAME = 14, 3520

_PER_CPU_TYPES = frozenset(
    {5, 6, 10, 21}
)  # percpu hash, percpu array, LRU percpu hash, percpu cgroup storage
_PROG_ARRAY, _PERF_EVENT_ARRAY, _XSKMAP, _RINGBUF = 3, 4, 17, 27
_DEVICE_MAPS = frozenset({14, 25})  # devmap, devmap_hash
_STACK = 23
_TYPES_WITHOUT_KEYS = frozenset({22, _STACK})
_BLOOM_FILTER = 30
MOST_ALIKE = 32  # runs on what the former ones have left of a frame, for `LinuxOracle.time`
_AF_XDP = 44
_PROBE = bytes.fromhex("b700000002000000 9500000000000000")  # r0 = XDP_PASS; exit


@functools.cache
def available() -> str | None:
    """Why Linux cannot be asked here, in one line; None if it can."""
    try:
        fd = bpf.prog_load(_PROBE, "probe", "GPL")
    except OSError as error:
        hint = ": run as root" if error.errno in (errno.EPERM, errno.EACCES) else ""
        return f"Linux cannot be asked: bpf(2) says {error.strerror or error}{hint}"
    try:
        bpf.TestRun(fd)(bytes(64))
    except OSError as error:
        return f"Linux cannot be asked: BPF_PROG_TEST_RUN says {error.strerror or error}"
    finally:
        os.close(fd)
    return None


def kernel_verdict(program: ProgramSpec, maps: Mapping[str, MapSpec]) -> tuple[bool, str]:
    """Whether Linux's verifier accepts the program (of a chain every member), and its log."""
    log = ""
    with ExitStack() as stack:
        loaded = _LoadedMaps(program, maps, stack)
        for part in program.parts:
            fd, log = bpf.prog_verdict(*_load_arguments(part, loaded, stack))
            if fd is None:
                return False, log
            stack.callback(os.close, fd)
        return True, log


def rejection(program: ProgramSpec, maps: Mapping[str, MapSpec]) -> str | None:
    """What Linux has against the program (of a chain: against the first member that it does not take) or its maps, in
    one line; None if it takes them."""
    try:
        with ExitStack() as stack:
            loaded = _LoadedMaps(program, maps, stack)
            for part in program.parts:
                _load(part, loaded, stack)
    except InputError as error:
        return str(error)
    return None


class LinuxOracle:
    """A program in the kernel, with fresh maps. A context manager: everything is gone at its end. To the program it is
    always the time at which its frame arrived.

    ``zero_stack``: stack that was never written is zero, as in the hardware. ``asked``: tables of helpers that the
    program looks up, though they may be empty.
    Raises InputError when the kernel does not take a map or the program (in one line what its verifier says; the
    whole log is the error's cause).
    """

    def __init__(
        self,
        program: ProgramSpec,
        maps: Mapping[str, MapSpec],
        zero_stack: bool = False,
        asked: Collection[str] = (),
    ) -> None:
        self._program = program
        self._specs = maps
        self._zero_stack = zero_stack
        self._asked = asked
        self.events: list[Event] = []  # what the last frame told the host, except printed lines

    def __enter__(self) -> LinuxOracle:
        if reason := available():
            raise InputError(reason)
        with ExitStack() as stack:
            self._maps = _LoadedMaps(self._program, self._specs, stack)
            parts = self._program.parts
            if self._zero_stack:
                parts = tuple(with_zero_stack(part) for part in parts)
            self._tables = helper_tables(parts)
            # Without tables, the network at hand will do, as far as its interfaces go.
            own = needs_network(self._program, self._specs) and (self._tables or not network_unavailable())
            self._network = stack.enter_context(Network(self._asked)) if own else None
            self._clock = self._maps.add_clock(stack) if uses_clock(self._program) else None
            if self._clock is not None:
                parts = tuple(with_set_clock(part) for part in parts)
            first, *_ = descriptors = {part.name: _load(part, self._maps, stack) for part in parts}
            self._run = bpf.TestRun(descriptors[first])
            self._maps.fill(descriptors)
            before = os.sched_getaffinity(0)
            os.sched_setaffinity(0, {self._maps.cpu})
            stack.callback(os.sched_setaffinity, 0, before)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def run(self, frame: bytes, *, ifindex: int = LOOPBACK, time_ns: int = 0) -> Outcome:
        """A frame that arrived on an interface at ``time_ns``. Raises InputError for lengths that BPF_PROG_TEST_RUN
        does not take, and for other interfaces than the loopback without a network (`needs_network`)."""
        if not SHORTEST_FRAME <= len(frame) <= LONGEST_FRAME:
            allowed = f"{SHORTEST_FRAME} to {LONGEST_FRAME} bytes"
            raise InputError(f"BPF_PROG_TEST_RUN takes frames of {allowed}, not {len(frame)}")
        if self._clock is not None:
            bpf.map_update(self._clock, bytes(CLOCK_MAP.key_size), readings(time_ns))
        if self._network is not None:
            self._network.build()
            self._network.receive(ifindex)
        elif ifindex != LOOPBACK:
            raise InputError(f"Linux runs this program with ingress_ifindex {LOOPBACK} only, not {ifindex}")
        value, _, out = self._run(frame, 0 if ifindex == LOOPBACK else ifindex)
        self.events = self._maps.take_records()
        return Outcome(Verdict.of(value), out, None, value)

    def time(self, frame: bytes, *, ifindex: int = LOOPBACK, repeat: int = 1_000_000) -> tuple[float, int]:
        """ns that the program takes for a frame, by the kernel's clock around several runs, each on what the one before
        has left of the frame: ``repeat`` runs if that is the same frame again after one or two. Else as many as have
        the first one's verdict and length, again and again, of which the median is told: the fewer they are (one,
        where frames get longer), the more of the time it takes to read the clock is in it. Second: how many."""
        runs, alike = [self.run(frame, ifindex=ifindex)], 1
        while alike < MOST_ALIKE and len(runs[-1].frame) == len(frame):
            runs.append(self.run(runs[-1].frame, ifindex=ifindex))
            if runs[-1].verdict is not runs[0].verdict or len(runs[-1].frame) != len(frame):
                break
            alike += 1
        steady = alike > 2 and frame in (runs[0].frame, runs[1].frame)
        count = repeat if steady else alike
        found = []
        for _ in range(1 if steady else max(1, min(repeat, 20_000) // count)):
            self._run(frame, 0 if ifindex == LOOPBACK else ifindex, count)
            found.append(self._run.duration_ns)
        return float(sorted(found)[len(found) // 2]), count

    def send(self, frame: bytes, *, ifindex: int, count: int) -> dict[int, int]:
        """Have Linux do with ``count`` copies of a frame what the program says: how many left, by interface. Only for
        programs with a network (`needs_network`)."""
        assert self._network is not None
        self._network.build()
        self._network.receive(ifindex)
        self._network.count()
        before = self._network.sent()
        self._run.live(frame, ifindex, count)
        after = self._network.sent()
        return {port: more for port, packets in after.items() if (more := packets - before.get(port, 0))}

    def maps(self) -> dict[str, dict[bytes, bytes]]:
        """The contents of every map that the program uses: name -> key -> value."""
        maps = {name: self._maps.items(name) for name in self._maps.names}
        if self._network is not None:
            maps |= {name: dict(self._network.entries(name)) for name in self._tables}
        return maps

    def set_map(self, name: str, key: bytes, value: bytes, flags: int = 0) -> None:
        """Insert or replace an entry. Raises InputError if the kernel does not take it (the OSError is its cause); what
        is wrong with routes is told when the next frame runs. ``flags``: those of bpf_map_update_elem; none for
        tables."""
        if self._network is not None and name in self._tables:
            self._network.set(name, key, value)
            return
        if self._network is not None and (ifindex := self._maps.interface(name, value)):
            self._network.interface(ifindex)
        self._maps.update(name, key, value, flags)

    def descriptor(self, name: str) -> int:
        """The file descriptor of a map that the program uses, for `bpf_syscall`; open as long as the oracle."""
        return self._maps.descriptor(name)

    def delete(self, name: str, key: bytes) -> None:
        """Remove an entry. Raises InputError if it is not there (the OSError is its cause)."""
        if name in self._tables:
            raise InputError(f"entries of {name} cannot be deleted while Linux is asked")
        self._maps.delete(name, key)


def needs_network(program: ProgramSpec, maps: Mapping[str, MapSpec]) -> bool:
    """Whether a program runs in a network of its own, where frames can come in on any interface."""
    used = used_maps(program, maps)
    return bool(helper_tables(program.parts)) or any(spec.type in _DEVICE_MAPS for spec in used.values())


class _LoadedMaps:
    """The kernel's copies of the maps that a program uses; closed by ``stack``."""

    def __init__(self, program: ProgramSpec, maps: Mapping[str, MapSpec], stack: ExitStack) -> None:
        self.cpu = min(os.sched_getaffinity(0))
        self._cpus = _possible_cpus()
        tables = helper_tables(program.parts)
        used = {name: spec for name, spec in used_maps(program, maps).items() if name not in tables}
        self._outer = frozenset(maps_of_maps(used))
        self._specs = dict(sorted(used.items(), key=lambda item: item[0] in self._outer))  # behind what they hold
        self._fds: dict[str, int] = {}
        self._values: dict[tuple[str, bytes], bytes] = {}  # of maps whose entries are descriptors in Linux
        self._sockets: dict[tuple[str, bytes], socket.socket] = {}
        self._buffers: dict[str, LinuxBuffer] = {}
        self._programs: Mapping[str, int] = {}
        self._clock: dict[str, int] = {}
        stack.callback(self._sockets.clear)
        for name, spec in self._specs.items():
            fd = self._fds[name] = self._create(spec)
            stack.callback(os.close, fd)
            if spec.type == _PERF_EVENT_ARRAY:
                self._buffers[name] = PerfBuffer(fd, self.cpu, stack)
            elif spec.type == _RINGBUF:
                self._buffers[name] = RingBuffer(fd, spec, stack)
            if spec.initial is not None:
                self.update(name, bytes(spec.key_size), spec.initial)
            if spec.readonly:
                bpf.map_freeze(fd)

    def fill(self, programs: Mapping[str, int]) -> None:
        """Put programs, given by name with their descriptors, and maps into the slots that hold some from the start."""
        self._programs = programs
        for name, spec in self._specs.items():
            for index, number in spec.table.first.items() if spec.table else ():
                self.update(name, index.to_bytes(spec.key_size, "little"), number.to_bytes(4, "little"))

    def add_clock(self, stack: ExitStack) -> int:
        """Make `CLOCK_MAP`, which `code` knows then but which is none of the program's maps; its descriptor."""
        fd = self._clock[CLOCK_MAP.name] = self._create(CLOCK_MAP)
        stack.callback(os.close, fd)
        return fd

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._fds)

    def take_records(self) -> list[Event]:
        """What programs have put into buffers since the last call."""
        return [Event(name, record.hex()) for name, buffer in self._buffers.items() for record in buffer.take()]

    def _create(self, spec: MapSpec) -> int:
        # What a descriptor may do is not about programs, and this one's has to fill the map and to tell what is in it.
        flags = spec.flags & ~(BPF_F_RDONLY | BPF_F_WRONLY) | (BPF_F_RDONLY_PROG if spec.readonly else 0)
        types = None if spec.lock is None else map_types(spec.key_size, spec.value_size, spec.lock)
        btf = 0 if types is None else bpf.btf_load(types.blob)
        ids = (0, 0, 0) if types is None else (btf, types.key, types.value)
        held = spec.table.held if spec.table and spec.name in self._outer else ()
        inner = self._fds[held[0]] if held else 0
        try:
            return bpf.map_create(
                spec.type, spec.key_size, spec.value_size, spec.max_entries, flags, spec.name, ids, inner
            )
        except OSError as error:
            raise InputError(f"Linux does not create map {spec.name}: {error.strerror}") from None
        finally:
            if btf:
                os.close(btf)

    def code(self, program: ProgramSpec) -> bytes:
        """The program's bytes with file descriptors for map references."""
        return encode(program.instructions, (self._fds | self._clock).__getitem__, kernel_types.function_id)

    def _cell(self, spec: MapSpec) -> int:
        """Bytes of one CPU's value in a per-CPU map."""
        return -(-spec.value_size // 8) * 8

    def items(self, name: str) -> dict[bytes, bytes]:
        spec, fd = self._specs[name], self._fds[name]
        if spec.type in (_XSKMAP, _PROG_ARRAY) or name in self._outer:  # Linux tells nothing, or an id of its own
            return {key: value for (owner, key), value in self._values.items() if owner == name}
        if spec.type == _BLOOM_FILTER or name in self._buffers:  # it cannot tell
            return {}
        if spec.type in _TYPES_WITHOUT_KEYS:
            values = self._oldest_first(spec, fd)
            return {position.to_bytes(POSITION_BYTES, "little"): value for position, value in enumerate(values)}
        per_cpu = spec.type in _PER_CPU_TYPES
        size = self._cell(spec) * self._cpus if per_cpu else spec.value_size
        start = self._cell(spec) * self.cpu if per_cpu else 0
        items: dict[bytes, bytes] = {}
        key = bpf.map_next_key(fd, None, spec.key_size)
        while key is not None:
            value = bpf.map_lookup(fd, key, size)
            if value is not None:
                items[key] = value[start : start + spec.value_size]
            key = bpf.map_next_key(fd, key, spec.key_size)
        return items

    @staticmethod
    def _oldest_first(spec: MapSpec, fd: int) -> list[bytes]:
        """The values of a queue or stack: to see them all they must be taken out, so they are put back."""
        values = []
        while (value := bpf.map_pop(fd, spec.value_size)) is not None:
            values.append(value)
        if spec.type == _STACK:
            values.reverse()
        for value in values:
            bpf.map_update(fd, b"", value)
        return values

    def update(self, name: str, key: bytes, value: bytes, flags: int = 0) -> None:
        spec = self._known(name)
        if len(key) != listed_key_size(spec) or len(value) != spec.value_size:
            raise InputError(
                f"map {name} has keys of {listed_key_size(spec)} and values of {spec.value_size} bytes, "
                f"not {len(key)} and {len(value)}"
            )
        fresh = socket.socket(_AF_XDP, socket.SOCK_RAW) if spec.type == _XSKMAP and any(value) else None
        wanted = self._as_linux_wants_it(spec, value, fresh)
        try:
            bpf.map_update(self._fds[name], key if spec.key_size else b"", wanted, flags)
        except OSError as error:
            raise InputError(f"Linux does not update map {name}: {error.strerror}") from error
        if fresh is not None:
            self._sockets[name, key] = fresh  # it leaves its map when it is closed, so it is kept
        if fresh is not None or spec.table is not None:
            self._values[name, key] = value

    def _as_linux_wants_it(self, spec: MapSpec, value: bytes, fresh: socket.socket | None) -> bytes:
        """A value for each CPU, or a descriptor where the value stands for one (in an xskmap 0 for none)."""
        if spec.type in _PER_CPU_TYPES:
            cell = value.ljust(self._cell(spec), b"\0")
            return b"".join(cell if cpu == self.cpu else bytes(len(cell)) for cpu in range(self._cpus))
        if spec.type == _XSKMAP:
            descriptor = -1 if fresh is None else fresh.fileno()
        elif spec.table is not None:
            name = spec.table.name(int.from_bytes(value, "little"))
            descriptor = self._fds[name] if spec.name in self._outer else self._programs[name]
        else:
            return value
        return descriptor.to_bytes(4, "little", signed=True)

    def interface(self, name: str, value: bytes) -> int:
        """The number of the interface that a value names, 0 for none."""
        return int.from_bytes(value[:4], "little") if self._known(name).type in _DEVICE_MAPS else 0

    def delete(self, name: str, key: bytes) -> None:
        self._known(name)
        try:
            bpf.map_delete(self._fds[name], key)
            self._values.pop((name, key), None)
            self._sockets.pop((name, key), None)
        except OSError as error:
            raise InputError(f"Linux does not delete from map {name}: {error.strerror}") from error

    def descriptor(self, name: str) -> int:
        return self._fds[self._known(name).name]

    def _known(self, name: str) -> MapSpec:
        if name not in self._specs:
            raise InputError(f"the program uses no map {name}; it uses {', '.join(self._specs) or 'none'}")
        return self._specs[name]


def _load(program: ProgramSpec, maps: _LoadedMaps, stack: ExitStack) -> int:
    """The program's descriptor, which ``stack`` closes. Raises InputError with what the verifier says."""
    arguments = _load_arguments(program, maps, stack)
    try:
        fd = bpf.prog_load(*arguments)
    except OSError:
        late, log = bpf.prog_verdict(*arguments)
        if late is None:
            raise InputError(f"Linux does not accept {program.name}: {_reason(log)}") from InputError(log)
        fd = late
    stack.callback(os.close, fd)
    return fd


def _reason(log: str) -> str:
    """What a verifier's log says at its end, in one line: the instruction and what is wrong with it.

    The complaint is the lines between the last instruction (``63: (69) r1 = ...``) and the statistics.
    """
    complaint: list[str] = []
    for line in reversed(log.strip().splitlines()):
        if re.match(r"processed \d+ insns|verification time|stack depth", line):
            continue
        if re.match(r"\d+: ", line):
            complaint.append(f"instruction {line.partition(' ;')[0].strip()}")
            break
        if line and not line.startswith(";") and len(complaint) < 4:
            complaint.append(line)
    return ": ".join(complaint[::-1]) or "its verifier says nothing"


def _needs_function_info(i: Instruction, functions: int) -> bool:
    """Linux takes no function pointers without it, and no tail calls if there are subprograms."""
    helper = HELPERS.get(i.imm) if i.is_helper_call else None
    tail_call = helper is not None and helper.ret is Ret.NEXT_PROGRAM
    return isinstance(i.reference, FunctionReference) or (tail_call and functions > 1)


def _load_arguments(
    program: ProgramSpec, maps: _LoadedMaps, stack: ExitStack
) -> tuple[bytes, str, str, int, bpf.FunctionInfo | None]:
    """What `bpf.prog_load` wants; ``stack`` closes what it needs."""
    flags = bpf.XDP_HAS_FRAGS if program.frags else 0
    functions = None
    if any(_needs_function_info(i, len(program.functions)) for i in program.instructions):
        btf, records = function_info(program.functions)
        functions = bpf.FunctionInfo(bpf.btf_load(btf), records)
        stack.callback(os.close, functions.btf)
    return maps.code(program), program.name, program.license, flags, functions


def _possible_cpus() -> int:
    """How many values a per-CPU map has (num_possible_cpus)."""
    with open("/sys/devices/system/cpu/possible") as file:
        return int(file.read().strip().replace(",", "-").split("-")[-1]) + 1
