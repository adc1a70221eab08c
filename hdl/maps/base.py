"""What a map type declares: limits, reference behaviour, access sites and hardware. One file a type beside this."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .slot_table import SlotTable

POSITION_BYTES = 4
"""Bytes of a position; see `listed_key_size`."""

DELETE = 3
"""In the ``mode`` of a site that changes a map: what is no BPF_ANY, BPF_NOEXIST or BPF_EXIST."""


class RedirectTarget(enum.Enum):
    """What the 32-bit target of XDP_REDIRECT is the number of."""

    PORT = "port"  # its ifindex
    CPU = "cpu"
    SOCKET = "socket"


class MapShape(Protocol):
    """The part of `codegen.spec.MapSpec` that a map type may look at (sizes in bytes)."""

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> int: ...
    @property
    def key_size(self) -> int: ...
    @property
    def value_size(self) -> int: ...
    @property
    def max_entries(self) -> int: ...
    @property
    def flags(self) -> int: ...
    @property
    def initial(self) -> bytes | None: ...
    @property
    def readonly(self) -> bool: ...
    @property
    def table(self) -> SlotTable | None: ...
    @property
    def lock(self) -> int | None: ...
    @property
    def room(self) -> int: ...


LOCK_BYTES = 4


def without_lock(shape: MapShape, value: bytes) -> bytes:
    """The value with its struct bpf_spin_lock, if it has one, as it lies in memory: zero, nobody holds it."""
    return value if shape.lock is None else value[: shape.lock] + bytes(LOCK_BYTES) + value[shape.lock + LOCK_BYTES :]


def listed_key_size(shape: MapShape) -> int:
    """Bytes of the keys under which a map's contents are told. Maps without keys tell them by position: the oldest
    value has 0, as a little-endian number."""
    return shape.key_size or POSITION_BYTES


@dataclass(frozen=True, slots=True)
class SiteKind:
    """One way to access a map from the pipeline, with its timing in stages relative to the stage it issues in.

    ``operands``/``results``: (name, width in bits); the predicate is not listed. The operand called ``tag``, if
    there is one, names the entry: accesses of two frames can conflict only if their tags are equal.
    ``latency``: results exist ``latency`` stages after the issue stage (0: same stage, combinational).
    ``touch``: first and last stage offset at whose end (the clock edge leaving it) the state is read or written; a
    result stays coherent with older frames only from ``touch[0]`` on, so an interlock compares from there.
    ``reads``/``writes``: names of the parts of the unit's state that it reads and can change, as the map type calls
    them (such as "keys" and "values"); sites that share none they write are free of each other (`conflicts`).
    ``shared``: those of the parts that all entries have in common (such as the free slots): a conflict over one of them
    does not depend on the tags (`whatever_the_tags`).
    ``stores``: those of the parts it writes whose memory has one write port for all sites; it uses the port at its
    touch, which is then one offset. No two sites may do so at one edge: one frame's are apart because they are in order
    (`conflicts`) or exclude each other, those of two frames are kept apart by the interlock (`share_port`).
    ``delay_in``/``delay_out``: ns of logic behind the operands in the issue stage / in front of the results in
    the stage where they appear.
    """

    name: str
    operands: tuple[tuple[str, int], ...]
    results: tuple[tuple[str, int], ...]
    latency: int
    touch: tuple[int, int]
    reads: frozenset[str]
    writes: frozenset[str]
    shared: frozenset[str] = frozenset()
    stores: frozenset[str] = frozenset()
    delay_in: float = 0.0
    delay_out: float = 0.0

    def __post_init__(self) -> None:
        if self.stores and (self.touch[0] != self.touch[1] or not self.stores <= self.writes):
            raise ValueError(f"{self.name} stores {sorted(self.stores)} without writing them in one stage")

    def share_port(self, other: SiteKind) -> bool:
        """Whether accesses of the two kinds cannot be at one edge, whatever the entries."""
        return bool(self.stores & other.stores)

    def conflicts(self, other: SiteKind) -> bool:
        """Whether accesses of the two kinds to one entry must keep their order."""
        return bool(self._contested(other))

    def whatever_the_tags(self, other: SiteKind) -> bool:
        """Whether accesses of the two kinds must keep their order even if their tags differ."""
        return bool(self._contested(other) & (self.shared | other.shared))

    def _contested(self, other: SiteKind) -> frozenset[str]:
        return self.writes & (other.reads | other.writes) | self.reads & other.writes

    @property
    def result_width(self) -> int:
        """Bits of all result fields together."""
        return sum(width for _, width in self.results)

    def operand(self, name: str) -> int:
        """Position of an operand in a site node's ``args`` (0 is the predicate)."""
        return 1 + [n for n, _ in self.operands].index(name)


class MapModel(ABC):
    """Reference behaviour: one map as Linux keeps it, one operation after the other.

    A *handle* is an integer that stands for the address of a value as a lookup returns it. Handles stay valid as
    long as the kernel's memory would (a replaced or deleted element's handle still reads its old bytes).
    """

    @abstractmethod
    def lookup(self, key: bytes) -> int | None:
        """Handle of the key's value or None."""

    @abstractmethod
    def value(self, handle: int) -> bytearray:
        """The value's bytes, writable in place."""

    @abstractmethod
    def update(self, key: bytes, value: bytes, flags: int) -> int:
        """0 or a negative errno, as bpf_map_update_elem."""

    @abstractmethod
    def delete(self, key: bytes) -> int:
        """0 or a negative errno, as bpf_map_delete_elem."""

    @abstractmethod
    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All entries, in the map's own order; see `listed_key_size` for keys."""

    def find(self, address: int) -> int:
        """The handle that stands for the value at a row address a ``lookup`` site delivered (graph evaluation)."""
        return address

    def entry_key(self, handle: int, key: bytes) -> bytes:
        """The key of the entry that a lookup of ``key`` found."""
        return key

    def push(self, value: bytes, flags: int) -> int:
        """0 or a negative errno, as bpf_map_push_elem (types with the operation "push")."""
        raise NotImplementedError

    def pop(self) -> bytes | None:
        """The value taken away, None if there is none (types with the operation "pop")."""
        raise NotImplementedError

    def peek(self, value: bytes) -> bytes | None:
        """The value that `pop` would give; of a type that ``peeks_for_value`` the value itself, None if it is sure
        not to be there (types with the operation "peek")."""
        raise NotImplementedError

    def redirect(self, index: int) -> int | None:
        """The 32-bit target behind a 32-bit index, None if there is none (types with the operation "redirect")."""
        raise NotImplementedError

    def program(self, index: int) -> int:
        """The number of the program in slot ``index``, 0 if there is none (types with the operation "tail_call")."""
        raise NotImplementedError


class Lowering(Protocol):
    """What `codegen.graph` offers to plug-ins that turn a call into dataflow. Nodes are opaque here."""

    def const(self, value: int, width: int) -> Any: ...
    def op(self, name: str, width: int, *args: Any, attr: Any = None) -> Any:
        """A pure operator of `hdl.operators`."""

    def site(self, unit: str, kind: SiteKind, predicate: Any, *operands: Any) -> Any:
        """An access site; returns the node of all result fields."""

    def field(self, site: Any, name: str) -> Any:
        """One result field of a site."""


@dataclass(frozen=True, slots=True)
class Redirection:
    """Where a redirect map sends a frame: ``found`` (1 bit), ``target`` (32 bits, counts only if found)."""

    found: Any
    target: Any


@dataclass(frozen=True, slots=True)
class Front:
    """What peek or pop found: ``result`` (64 bits: 0 or a negative errno), ``value`` (8*value_size bits)."""

    result: Any
    value: Any


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a lookup's value lies: ``found`` (1 bit), ``address`` (row 0 of the value), ``tag`` (conflict tag)."""

    found: Any
    address: Any
    tag: Any


class MapPlugin(ABC):
    """A map type.

    Values are kept in *rows* of ``row_bytes(shape)`` bytes; a value has ``rows(shape)`` rows, at consecutive
    addresses from the entry's address. ``read``/``write`` sites move one row.

    ``operations``: what programs may do with it, as check_map_func_compatibility in kernel/bpf/verifier.c has it;
    each helper says which operation it is (`HelperPlugin.map_operation`). ``values_readable``, ``values_writable``:
    whether programs may read and write a value in place. ``redirect_flags``: the flags of bpf_redirect_map that the
    type knows beside the fallback verdict, ``redirects_to`` what its targets are. ``inserts_move_values``: whether a
    new key may change where the values of others lie; pointers to these then end with it. ``holds_locks``: whether
    values may have a struct bpf_spin_lock. ``peeks_for_value``: whether bpf_map_peek_elem asks for a value that the
    program gives, instead of getting one. ``is_buffer``: nothing is kept, what programs put in leaves as events
    (`hdl.maps.buffer`). ``holds_maps``: a lookup gives a map; a value is the number of one in `MapShape.table`.
    ``evicts``: a full map gives up an entry for a new one; which is not promised.

    Of the ``lower_`` methods a type has those of its operations.
    """

    type: int  # BPF_MAP_TYPE_* number
    name: str  # as bpftool prints it
    summary: str  # one line for the capability table
    creation_flags: int  # with which Linux creates one; `creation.check_flags`
    operations: frozenset[str] = frozenset({"lookup", "update", "delete"})
    values_readable: bool = True
    values_writable: bool = True
    redirect_flags: int = 0
    redirects_to: RedirectTarget | None = None
    inserts_move_values: bool = True
    holds_locks: bool = False
    peeks_for_value: bool = False
    is_buffer: bool = False
    holds_maps: bool = False
    evicts: bool = False

    @abstractmethod
    def check(self, shape: MapShape) -> None:
        """Raise `hdl.errors.Refused` when this map cannot be built, naming the limit and the remedy."""

    @abstractmethod
    def model(self, shape: MapShape) -> MapModel:
        """A fresh map with its initial contents."""

    def lower_lookup(self, b: Lowering, shape: MapShape, predicate: Any, key: Any) -> Entry:
        """bpf_map_lookup_elem; ``key`` has 8*key_size bits, first byte lowest."""
        raise NotImplementedError

    def lower_update(self, b: Lowering, shape: MapShape, predicate: Any, key: Any, value: Any, flags: Any) -> Any:
        """bpf_map_update_elem; returns the 64-bit result. ``flags`` has 64 bits."""
        raise NotImplementedError

    def lower_delete(self, b: Lowering, shape: MapShape, predicate: Any, key: Any) -> Any:
        """bpf_map_delete_elem; returns the 64-bit result."""
        raise NotImplementedError

    def lower_push(self, b: Lowering, shape: MapShape, predicate: Any, value: Any, flags: Any) -> Any:
        """bpf_map_push_elem; returns the 64-bit result. ``flags`` has 64 bits."""
        raise NotImplementedError

    def lower_pop(self, b: Lowering, shape: MapShape, predicate: Any) -> Front:
        """bpf_map_pop_elem."""
        raise NotImplementedError

    def lower_peek(self, b: Lowering, shape: MapShape, predicate: Any, value: Any) -> Front:
        """bpf_map_peek_elem; ``value`` counts only for types that ``peeks_for_value``."""
        raise NotImplementedError

    def lower_redirect(self, b: Lowering, shape: MapShape, predicate: Any, index: Any) -> Redirection:
        """bpf_redirect_map's lookup; ``index`` has 32 bits (types with the operation "redirect")."""
        raise NotImplementedError

    def lower_broadcast(self, b: Lowering, shape: MapShape, predicate: Any) -> Any:
        """All interfaces in the map, as 32 bits, one for each (types that know the flag BPF_F_BROADCAST)."""
        raise NotImplementedError

    def lower_program(self, b: Lowering, shape: MapShape, predicate: Any, index: Any) -> Any:
        """The 32-bit number of the program in a slot, 0 if there is none; ``index`` has 32 bits (types with the
        operation "tail_call")."""
        raise NotImplementedError

    def lower_map(self, b: Lowering, shape: MapShape, predicate: Any, key: Any) -> Any:
        """The 32-bit number of the map behind a key, 0 if there is none (types that hold maps)."""
        raise NotImplementedError

    def read_kind(self, shape: MapShape) -> SiteKind:
        """Operands ``address``, ``tag``; result ``row`` (8*row_bytes bits)."""
        raise NotImplementedError

    def write_kind(self, shape: MapShape) -> SiteKind:
        """Operands ``address``, ``tag``, ``row``, ``mask`` (one bit a byte of the row); no result."""
        raise NotImplementedError

    def row_bytes(self, shape: MapShape) -> int:
        """Bytes of a row."""
        raise NotImplementedError

    def rows(self, shape: MapShape) -> int:
        """Rows of a value."""
        raise NotImplementedError

    def is_constant_address(self) -> bool:
        """Whether lookups always succeed for in-range keys, so that addresses depend on the key alone."""
        return False

    @abstractmethod
    def evaluate_site(self, model: MapModel, kind: SiteKind, operands: Sequence[int]) -> int:
        """What a site does to the sequential model and the value of its result node (graph evaluation)."""

    @abstractmethod
    def hardware(self, shape: MapShape, sites: Sequence[SiteKind]) -> Any:
        """The Amaranth component, an instance of `hdl.maps.unit.MapUnit`, with one port for each site."""

    def spare(self, shape: MapShape) -> int | None:
        """How many keys frames can still insert into its hardware from the first that is too many until the host's
        turn comes, in which others go; None where none goes."""
        return None

    def room_for(self, shape: MapShape, inserts: int) -> int:
        """The ``room`` with which frames can insert so many; the shape's own if it is enough, or if there cannot be
        more."""
        return shape.room

    def patient_hardware(
        self, shape: MapShape, sites: Sequence[SiteKind], interval: int, cycles: int
    ) -> Any:
        """The same as `hardware`, smaller, for frames that enter ``interval`` stages apart and may be held for
        ``cycles`` by all their accesses together: the smallest there is for them, or None. What `hardware` has made
        then goes unused, as does what is made for other initiation intervals than the best: the first line of each map
        type's file tells Amaranth of that."""
        return None
