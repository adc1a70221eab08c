"""The hardware of hash maps: exact for any set of keys, a frame a cycle unless keys overflow.

A key has one bucket in each of two tables (`Table`) and goes into the emptier one. With both
full, it overflows into the next bucket of table 0 with a free slot; a counter for each bucket of table 0 tells how
many keys went past it. So a key that is in neither bucket can only be elsewhere if the counter of its bucket in table 0
is not zero, and walking there (`Walker`) is the rare case.

*Why this is exact.* Sites for lookups and changes (`KeySite`) compare in offset 1 and change the map at its end, in
one edge. Keys never move, and whether a key is found does not depend on operations on others, whatever the order: the
counters of the buckets that it went past are at least one as long as it is there. The pipeline's interlock keeps
operations on one key in order (equal tags), and operations that take or free slots in order whatever their tags (part
``space`` of the sites), so the number of keys that decides on -E2BIG is that of the older frames, with several sites
for changes too, and only one commit happens at an edge. What takes longer is done in offset 2, where the frame
stalls itself and so all younger frames, until it is finished; older frames that go on meanwhile can only commit at
other keys.

The address of a value is its slot number (with a row number below), so it stays the same while its key is there. An
update of a key that is present writes the value in place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib.memory import Memory

from ..area import Area
from .base import MapShape, SiteKind
from .hash_contents import HashContents
from .hash_records import Begin, Op, Records
from .hash_site import KeySite
from .hash_walker import Walker
from .hash_walking_site import WalkingSite
from .linux import ENOENT
from .row_memory import serve_sites
from .rows import ValueRows
from .table import Table
from .unit import HostOp, MapUnit


class HashUnit(MapUnit):
    """A hash map with sites ``lookup``, ``change``, ``read`` and ``write``.

    Memory ports: each lookup and change site reads both tables; the walker borrows from the first one. One port
    writes each memory: of the value memory all commits and ``write`` sites share it (`serve_sites`); a walk waits
    while older frames use it. ``entries`` is their number. ``first``: what it holds from the start, key -> value.
    """

    def __init__(
        self,
        shape: MapShape,
        kinds: Sequence[SiteKind],
        rows: ValueRows,
        table: Table,
        first: Mapping[int, int] | None = None,
    ) -> None:
        self.rows = rows
        self.table = table
        self._first = HashContents(table, first or {})
        self.records = Records(table, rows)
        held, most = len(self._first.slots), shape.max_entries
        self.entries = Signal(range(most + 1), init=held, reset_less=True)  # the memories survive a reset, too
        self.host_hold = rows.rows + 5  # the longest: an insert, and a lookup with its value
        changes, writes = (sum(kind.name == name for kind in kinds) for name in ("change", "write"))
        # Changes wait for each other, and their walks for the writes of older frames.
        self.site_hold = changes * (rows.rows + 4) + writes if rows.rows > 1 and changes else 0
        self.frame_hold = self.site_hold
        super().__init__(shape, kinds)

    def logic(self) -> Area:
        """Mostly comparators, hash functions, and what the walker chooses from."""
        return self.per_port_bit(4.4, 0.2)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        table, records = self.table, self.records
        full = self.entries == self.shape.max_entries
        commit = Signal(records.commit)

        m.submodules.walker = walker = Walker(table, self.rows, len(self.entries))
        keyed = [i for i, kind in enumerate(self.kinds) if kind.name in ("lookup", "change")]
        fetch = self._tables(m, commit, walker, max(1, len(keyed)))
        sites = [
            KeySite(m, f"{self.kinds[i].name}_{i}", self.sites[i], table, self.rows, ports, full)
            for i, ports in zip(keyed, fetch, strict=False)
        ]
        self._lend(m, walker, fetch[0])
        for source in (walker.commit, *(site.commit for site in sites)):
            with m.If(source.table.any() | source.store):
                m.d.comb += commit.eq(source)
        self._values(m, walker, commit)
        m.d.comb += walker.full.eq(full)
        self.between_frames(m, walker, fetch[0], self._walks(m, walker, sites))
        return m

    def _values(self, m: Module, walker: Walker, commit: Any) -> None:
        """The value memory, which sites, walker and ``commit`` share, and the count of keys."""
        m.d.sync += self.entries.eq(self.entries + commit.added - commit.removed)
        own = serve_sites(m, self, self.rows, self._first.rows(self.rows))
        m.d.comb += [
            own.store.eq(commit.store.replicate(self.rows.row_bytes)),
            own.store_address.eq(commit.address),
            own.row.eq(commit.row),
            own.fetch_address.eq(walker.row_address),
            walker.row.eq(own.fetched),
            walker.hold.eq(own.taken),
        ]

    def _tables(self, m: Module, commit: Any, walker: Walker, readers: int) -> list[tuple[Any, Any, Any]]:
        """The memories of keys and counters; read ports of table 0, table 1 and the counters for each reader."""
        table, records = self.table, self.records
        columns = []
        for number in range(2):
            memory = Memory(shape=records.bucket, depth=table.buckets, init=self._first.buckets(number))
            m.submodules[f"table_{number}"] = memory
            port = memory.write_port(granularity=1)
            m.d.comb += [
                port.addr.eq(commit.bucket),
                port.data.eq(Cat(commit.present, commit.key).replicate(table.ways)),
                port.en.eq(commit.ways & commit.table[number].replicate(table.ways)),
            ]
            columns.append([memory.read_port(transparent_for=[port]) for _ in range(readers)])
        m.submodules.counts = memory = Memory(shape=len(walker.count), depth=table.buckets, init=self._first.passed)
        port = memory.write_port()
        m.d.comb += [
            port.addr.eq(walker.address0),
            port.data.eq(walker.count_out),
            port.en.eq(walker.count_store),
        ]
        columns.append([memory.read_port(transparent_for=[port]) for _ in range(readers)])
        return list(zip(*columns, strict=True))

    def _lend(self, m: Module, walker: Walker, ports: Sequence[Any]) -> None:
        """The walker uses the ports of the earliest site: no frame there goes on meanwhile. In the last cycle that
        site has them back, to have fetched what its frame needs when it does."""
        with m.If(walker.start & ~walker.done):
            for port, address in zip(ports, (walker.address0, walker.address1, walker.address0), strict=True):
                m.d.comb += port.addr.eq(address)
        for row, port in zip((walker.row0, walker.row1, walker.count), ports, strict=True):
            m.d.comb += row.eq(port.data)

    def _walks(self, m: Module, walker: Walker, sites: Sequence[KeySite | WalkingSite]) -> Value:
        """Let the walker serve the sites. Any order does: those that wait together have different keys."""
        owner, chosen = Signal(range(max(2, len(sites)))), Signal(range(max(2, len(sites))))
        busy, start = Signal(), Signal()
        m.d.comb += chosen.eq(owner)
        with m.If(~busy):
            for number, site in enumerate(sites):
                with m.If(site.pending):
                    m.d.comb += chosen.eq(number)
        m.d.comb += start.eq(Cat(site.pending for site in sites).any())
        m.d.sync += [owner.eq(chosen), busy.eq(start & ~walker.done)]
        with m.If(start):
            m.d.comb += walker.start.eq(1)
            for number, site in enumerate(sites):
                with m.If(chosen == number):
                    m.d.comb += walker.walk.eq(site.walk)
                    with m.If(walker.done):
                        site.settle(walker.outcome)
        return start

    def _slot_of(self, fetch: Sequence[Any], slot: Value) -> tuple[list[Any], Value, Value]:
        """Statements that fetch a slot, and what it holds a cycle later: whether there is a key, and which."""
        ways, bucket = self.table.way_bits, slot[self.table.way_bits : -1]
        places = [port.data[slot[:ways]] if ways else port.data[0] for port in fetch[:2]]
        present, key = (Mux(slot[-1], places[1][name], places[0][name]) for name in ("present", "key"))
        return [port.addr.eq(bucket) for port in fetch[:2]], present, key

    def between_frames(self, m: Module, walker: Walker, fetch: Sequence[Any], occupied: Value) -> Value:
        """Host operations are walks from the beginning, in between two frames; ENTRY only has its value fetched.
        None begins while something else is ``occupied`` with walker and ports. High while one uses these."""
        host, table = self.host, self.table
        walk, slot = Signal(self.records.walk), Signal(self.records.slot)
        m.d.comb += [
            slot.eq(host.index),
            walk.begin.eq(Mux(host.op == HostOp.ENTRY, Begin.ROWS, Begin.BUCKETS)),
            walk.op.eq(Mux(host.op == HostOp.ENTRY, Op.LOOKUP, host.op)),
            walk.key.eq(host.key),
            walk.mode.eq(host.flags),
            walk.value.eq(host.value),
            walk.slot.eq(slot),
            host.result_value.eq(walker.value),
        ]
        address, present, key = self._slot_of(fetch, slot)
        granted, operates = self.host_request & self.host_grant & ~occupied, Signal()
        with m.FSM():
            self.host_begin(m, table.slots, "WAIT")
            with m.State("WAIT"):
                m.d.comb += self.host_request.eq(1)
                with m.If(granted):
                    m.d.comb += operates.eq(1)
                    m.d.comb += address
                    m.next = "WALK"
                    with m.If(host.op == HostOp.ENTRY):
                        m.next = "ENTRY"
            with m.State("ENTRY"):
                m.d.comb += [self.host_request.eq(1), operates.eq(1)]
                m.d.sync += host.result_key.eq(key)
                m.next = "WALK"
                with m.If(~present):
                    m.d.sync += host.status.eq(-ENOENT)
                    m.next = "DONE"
            with m.State("WALK"):
                m.d.comb += [
                    self.host_request.eq(1),
                    operates.eq(1),
                    walker.start.eq(1),
                    walker.fetch_value.eq(1),
                    walker.walk.eq(walk),
                ]
                with m.If(walker.done):
                    m.d.sync += host.status.eq(walker.outcome.error.as_signed())
                    m.next = "DONE"
            self.host_end(m)
        return operates
