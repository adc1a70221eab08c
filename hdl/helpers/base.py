"""What a helper declares: arguments, outcomes, reference behaviour and dataflow. One file a helper."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import Refused
from ..maps.base import Lowering, MapModel, MapPlugin, MapShape, RedirectTarget
from .events import Event, EventKind
from .tables import Table


class Arg(enum.Enum):
    """Argument kinds, after the kernel's enum bpf_arg_type."""

    CTX = "the program's context"
    SCALAR = "a number"
    ANY = "a number, if the helper wants one there"
    MAP = "a map"
    MAP_KEY = "readable memory of the map's key size"
    MAP_VALUE = "readable memory of the map's value size"
    OUT_VALUE = "writable memory of the map's value size"  # read instead if the map type `peeks_for_value`
    MEM = "readable memory, size in the next argument"
    MEM_OR_NULL = "readable memory or NULL, size in the next argument"
    OUT_MEM = "writable memory, size in the next argument"  # new contents in outcomes that `fill` it
    INOUT_MEM = "readable and writable memory, size in the next argument"
    INOUT_U32 = "4 readable and writable bytes of memory"
    LOCK = "the struct bpf_spin_lock in a map value"
    FRAME_OFFSET = "an offset into the frame"  # bytes from data start; memory and size are in the next two arguments
    CALLBACK = "a static function of the program"
    STACK_OR_NULL = "a pointer to the stack, or NULL"
    CONST_STRING = "a string in read-only data, with its NUL"
    RECORD = "a record that bpf_ringbuf_reserve gave, which is given back"
    ALLOCATED = "a constant number of bytes"
    SIZE = "bytes of the memory argument before it, not zero"
    SIZE_OR_ZERO = "bytes of the memory argument before it"


SIZED = frozenset({Arg.MEM, Arg.MEM_OR_NULL, Arg.OUT_MEM, Arg.INOUT_MEM})
"""Memory with its size in the next argument."""

TARGET_BITS = 33
"""Where a redirect goes: a target of 32 bits, or, if the bit above is set, a set of interfaces, one bit for each."""

U32_BYTES = 4
"""Size of INOUT_U32."""


class Ret(enum.Enum):
    """Return kinds."""

    SCALAR = "a number"
    VOID = "nothing"
    MAP_VALUE_OR_NULL = "a value of the map argument, of a map of maps a map, or NULL"
    RECORD_OR_NULL = "memory of argument ALLOCATED bytes in the map argument, or NULL; to be given back"
    NEXT_PROGRAM = "nothing: a program from the map argument goes on in its place, or none and execution continues"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One way a call can end, for verification: the result lies in [``low``, ``high``] (signed 64-bit).

    ``moves_head``: whether in this outcome data start, and metadata with it, moves by argument 2 (a signed 32-bit
    number of bytes). ``moves_meta``: whether only data_meta moves by it. ``fills``: whether the OUT_MEM or
    OUT_VALUE argument has new contents then; otherwise it is as it was.
    """

    low: int
    high: int
    moves_head: bool = False
    moves_meta: bool = False
    fills: bool = False


class Machine(Protocol):
    """What the reference interpreter offers to helpers (addresses are its own 64-bit pointers)."""

    def read(self, address: int, size: int) -> bytes: ...
    def write(self, address: int, data: bytes) -> None: ...
    def map_of(self, handle: int) -> tuple[MapShape, MapPlugin, MapModel]:
        """The map behind a MAP argument."""

    def value_address(self, shape: MapShape, handle: int) -> int:
        """The pointer to a map value that a lookup returns."""

    def inner_map(self, shape: MapShape, number: int) -> int:
        """The pointer to the map with a number in a map of maps."""

    time_ns: int  # the frame's arrival
    frame_index: int  # frames since the start
    random_calls: int  # calls of get_prandom_u32 so far in this run (for the helper to count)
    def call(self, function: int, *arguments: int) -> int:
        """Call the function behind a CALLBACK argument, with r1, r2 ...; its r0."""

    def lend_key(self, key: bytes) -> int:
        """A pointer to a key that the program may read until the next one is lent."""

    def event(self, event: Event) -> None:
        """Tell the host."""

    def table_entry(self, table: Table, key: bytes) -> bytes | None:
        """What one of the helper's own tables says, None if there is no entry."""

    ifindex: int  # the interface where the frame came in

    def take(self, shape: MapShape, size: int) -> bool:
        """Take room for a record from a ring buffer, if there is enough."""

    def available(self, shape: MapShape) -> int:
        """Bytes of a ring buffer that are taken and not read yet."""

    def reserve(self, shape: MapShape, size: int) -> int:
        """The address of a fresh record, for which there is room."""

    def give_back(self, address: int, publish: bool) -> None:
        """The record is complete; whether the host gets it."""

    redirect: int | tuple[int, ...] | None  # where a redirect goes: one target, or interfaces in ascending order
    data: int  # frame position of data start, data end and data_meta: offsets from the original data start
    data_end: int
    data_meta: int

    def load_frame(self, position: int, size: int) -> bytes:
        """Frame bytes from a position (offset from the original data start) on."""

    def store_frame(self, position: int, data: bytes) -> None:
        """Replace frame bytes from a position on."""

    def zero(self, start: int, end: int) -> None:
        """Clear frame bytes [start, end) (offsets from the original data start)."""

    def move(self, source: int, destination: int, size: int) -> None:
        """memmove inside the frame buffer (offsets from the original data start)."""


class Frame(Protocol):
    """The graph builder's view of the frame for helpers that move its ends; all nodes.

    Positions are 64-bit two's complement byte offsets from the original data start, for the current path.
    """

    data: Any
    data_end: Any
    data_meta: Any
    limit: Any  # bytes from here on are zero (the least data_end so far)

    def zero(self, start: Any, end: Any, predicate: Any) -> None:
        """Clear window bytes [start, end) where predicate holds."""

    def move(self, source: Any, destination: Any, size: Any, predicate: Any) -> None:
        """memmove of ``size`` (64-bit node) frame bytes where predicate holds."""


@dataclass(frozen=True, slots=True)
class FrameCopy:
    """Bytes of the frame for an event: ``size`` bytes in ``data`` (8*size bits), and in ``tail`` the values that fetch
    the bytes behind them (`hdl.helpers.events.TAIL`), none if there are not more."""

    size: int
    data: Any
    tail: tuple[Any, ...]


class CallLowering(Lowering, Protocol):
    """What the graph builder offers to a helper's `lower`."""

    @property
    def predicate(self) -> Any:
        """1 bit: this call happens."""

    @property
    def frame(self) -> Frame:
        """Where the frame begins and ends, assignable."""

    taken: Any  # 32 bits, assignable: bytes of the map argument, a ring buffer, that are taken and not read yet
    redirect: Any  # TARGET_BITS, assignable: where a redirect goes

    def argument(self, number: int) -> Any:
        """Argument 1..5 as a 64-bit node (numbers only)."""

    def constant_argument(self, number: int) -> int | None:
        """Its value if verification knows it."""

    def memory(self, number: int, size: int) -> Any:
        """``size`` bytes behind pointer argument ``number`` as a node of 8*size bits, first byte lowest."""

    def store_memory(self, number: int, data: Any, written: Sequence[Any]) -> None:
        """Write behind pointer argument ``number``: byte i of ``data`` where ``written[i]`` (1 bit) holds."""

    def load_frame(self, number: int, size: int) -> Any:
        """``size`` bytes of the frame from FRAME_OFFSET argument ``number`` on, as a node of 8*size bits.

        What lies outside the window is zero. Bytes behind the frame's end, too, may be anything that was there.
        """

    def store_frame(self, number: int, data: Any, written: Sequence[Any]) -> None:
        """Write into the frame at FRAME_OFFSET argument ``number``: byte i of ``data`` where ``written[i]`` holds."""

    def string(self, number: int) -> bytes:
        """The bytes of CONST_STRING argument ``number``, without its NUL. Raises `hdl.errors.Refused` if it depends on
        the path which string it is."""

    def text(self, number: int) -> Sequence[Any]:
        """The string in a map value that ANY argument ``number`` points to: nodes of 8 bits, up to the first byte that
        is known to be zero; one before it may be zero too. Raises `hdl.errors.Refused` if none is."""

    def is_null(self, number: int) -> bool:
        """Whether pointer argument ``number`` is the constant NULL."""

    def is_pointer(self, number: int) -> Any:
        """1 bit: ANY argument ``number`` is a pointer, and not NULL; None if it may be another number."""

    def maximum(self, number: int) -> int:
        """Largest unsigned value that argument ``number`` can have."""

    def map_argument(self) -> tuple[MapShape, MapPlugin]:
        """The map behind the call's MAP argument."""

    def input(self, name: str) -> Any:
        """A graph input (``time_ns``, ``frame_index`` ...)."""

    def table_entry(self, table: Table, predicate: Any, key: Any) -> tuple[Any, Any]:
        """Look up in one of the helper's own tables where ``predicate`` (1 bit) holds: whether there is an entry
        (1 bit), and its value (8*value_size bits; anything if there is none)."""

    def flush_map(self) -> None:
        """Write back values of the map argument held in wires, before an access that may see them."""

    def event(self, kind: EventKind, values: Sequence[Any], happens: Any = None) -> None:
        """Tell the host ``values`` (nodes of at least the kind's widths), where the call and ``happens`` (1 bit) do."""

    def give_back(self, number: int, publish: bool) -> None:
        """The record in argument ``number`` is complete; whether the host gets it."""

    def frame_copy(self, most: int, count: Any) -> FrameCopy:
        """The first ``count`` (20 bits, at most ``most``) bytes of the frame as it is at this call, for an event.
        Raises `hdl.errors.Refused` where they cannot be had."""

    def call_number(self) -> Any:
        """64-bit node: how often this helper was called before in this run."""


class HelperPlugin(ABC):
    """A helper function (include/uapi/linux/bpf.h)."""

    id: int
    name: str  # "bpf_map_lookup_elem"
    summary: str  # one line for the capability table
    args: tuple[Arg, ...]
    ret: Ret = Ret.SCALAR
    frame_access: bool = True  # whether pointer arguments may point into the frame (kernel: pkt_access)
    changes_frame: bool = False  # invalidates packet pointers (kernel: bpf_helper_changes_pkt_data)
    copies_memory: bool = False  # its memory argument goes to its map as it is, and decides nothing
    publishes: bool = False  # the host gets to see the record that is given back
    locks: bool = False  # takes the lock of its first argument
    unlocks: bool = False  # gives it back
    writes_map: bool = False  # may change the map argument's contents
    map_operation: str = ""  # what it does with its map argument: one of `MapPlugin.operations`
    redirects_to: RedirectTarget | None = None  # what target it chooses by itself, without a map
    has_result: bool = True  # whether a program may use what it returns
    constants: tuple[int, ...] = ()  # arguments (1 to 5): numbers, and places of memory, that the hardware must know
    text: int = 0  # of the constants the one that points to bytes the hardware must know; the next is their number
    tables: tuple[Table, ...] = ()  # that it looks up
    limit: int = 0  # how many of its calls succeed for one frame (NEXT_PROGRAM)

    def outcomes(self) -> Sequence[Outcome]:
        """Ways the call can end; verification follows each on its own."""
        return (Outcome(-(1 << 63), (1 << 63) - 1),)

    def only_inserts(self, call: CallLowering) -> bool:
        """Whether this call of a helper that writes a map is known to leave every entry that is there as it is."""
        return False

    @abstractmethod
    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        """What the call does and returns (unsigned 64-bit), as in Linux; for NEXT_PROGRAM the number of the program
        (`hdl.maps.slot_table`), 0 for none."""

    @abstractmethod
    def lower(self, call: CallLowering) -> Any:
        """The call as dataflow; returns the 64-bit result node, for MAP_VALUE_OR_NULL an `Entry` (of a map of maps a
        32-bit node: the map's number or 0), for NEXT_PROGRAM a 32-bit node: the program's number or 0, for
        RECORD_OR_NULL the 1 bit that there is room."""


def constant_size(call: CallLowering, number: int, what: str) -> int:
    """A size argument; `Refused` if it is no constant."""
    size = call.constant_argument(number)
    if size is None:
        raise Refused(f"{what} is no constant", "pass a constant")
    return size


def constant_bytes(call: CallLowering, pointer: int, size: int, what: str) -> bytes:
    """The bytes behind a memory argument; `Refused` if they are no constant."""
    length = constant_size(call, size, f"the size of {what}")
    node = call.memory(pointer, length)
    if node.op != "const":
        raise Refused(f"{what} is not known when the program is compiled", "pass a constant text")
    return int(node.attr).to_bytes(length, "little")


class Passed(enum.Enum):
    """What a helper that calls a function passes to it."""

    NUMBER = "the iteration's number, from 0"
    MAP = "the map argument"
    KEY = "a pointer to a key of the map argument, read-only: the iteration's number"
    VALUE = "a pointer to the value at this key"
    ARGUMENT = "the argument that the program gave for it"


class CallingHelper(HelperPlugin):
    """A helper that calls a function of the program again and again, until that returns 1 instead of 0.

    Verification unrolls it: iteration k (from 0) is a call of its own, which gets ``passes`` in r1, r2 ...; argument
    ``argument`` is what the program gave for the function. There are as many iterations as argument ``rounds`` says,
    or, where it is 0, as the map argument has entries. More than ``most_rounds`` is an error, with the result
    ``too_many``; so is anything in argument ``flags``, with the result ``bad_flags``. Otherwise the result is the
    number of iterations that were begun.
    """

    passes: tuple[Passed, ...]
    rounds: int = 0
    most_rounds: int = 0
    too_many: int = 0
    flags: int
    bad_flags: int
    function: int  # the CALLBACK argument
    argument: int

    @abstractmethod
    def enters(self, call: CallLowering, index: int) -> Any:
        """1 bit: whether iteration ``index`` happens, given that all before it did and returned 0."""

    @abstractmethod
    def result(self, call: CallLowering, index: int) -> Any:
        """The 64-bit result where iteration ``index`` does not happen any more, or an error."""

    def lower(self, call: CallLowering) -> Any:
        raise AssertionError("calls are unrolled by verification")
