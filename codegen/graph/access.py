"""Rows of map values as dataflow.

A map row is read by one site, changed in wires and written back by one site as late as possible: before an access
of the same map that may mean the same row, or at the end of the program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...hdl.errors import Refused
from ...hdl.maps.base import MapPlugin, SiteKind
from ..spec import MapSpec
from .construct import Construct
from .ir import Node
from .predicates import FALSE, TRUE, Predicates
from .state import Row, State
from .values import MapEntry


@dataclass(slots=True)
class _Read:
    site: Node
    predicate: int
    born: int
    found: Node


class Rows:
    """The rows of all map values that a program touches, and the sites that move them."""

    def __init__(
        self,
        c: Construct,
        p: Predicates,
        maps: Mapping[str, MapSpec],
        plugins: Mapping[int, MapPlugin],
    ) -> None:
        self._c = c
        self._p = p
        self._maps = maps
        self._plugins = plugins
        self._reads: dict[tuple[str, Node, int], list[_Read]] = {}
        self._last_stores: dict[tuple[str, int], int | None] = {}  # instruction, by key in State.rows
        self._epoch_count = 0
        self._epoch_starts: dict[int, int] = {0: TRUE}
        self.sites: list[tuple[Node, int]] = []
        """All sites in program order, with their predicates."""

    def new_epoch(self, name: str, predicate: int) -> int:
        """A number for a new state of a map's memory, which begins where ``predicate`` holds."""
        self._epoch_count += 1
        self._epoch_starts[self._epoch_count] = predicate
        return self._epoch_count

    def site(self, unit: str, kind: SiteKind, predicate: int, *operands: Node) -> Node:
        """A new site."""
        node = self._c.site(unit, kind, self._p.node(predicate), *operands)
        self.sites.append((node, predicate))
        return node

    def row_bytes(self, name: str) -> int:
        """Bytes of a row of this map."""
        spec = self._maps[name]
        return self._plugins[spec.type].row_bytes(spec)

    def row(self, name: str, entry: MapEntry, index: int | Node) -> Row:
        """Row ``index`` (a number or a node) of an entry; not part of any state yet."""
        c = self._c
        if index == 0 and isinstance(index, int):
            return Row(name, entry.address, entry.address, 0, entry)
        width = entry.address.width
        add = c.const(index, width) if isinstance(index, int) else c.resize(index, width)
        number = index if isinstance(index, int) else None
        return Row(name, c.add(entry.address, add), entry.address, number, entry)

    def load_byte(self, state: State, row: Row, position: int) -> Node:
        """One byte of a row as the program sees it now."""
        self._separate(state, row)
        held = state.rows.get((row.map, id(row.address)))
        dirty = held.dirty.get(position, FALSE) if held is not None else FALSE
        if held is not None and dirty != FALSE:
            dirty = self._p.given(dirty, state.predicate)
            if dirty == TRUE:
                return held.bytes[position]
            return self._c.mux(self._p.node(dirty), held.bytes[position], self._memory_byte(state, row, position))
        return self._memory_byte(state, row, position)

    def _memory_byte(self, state: State, row: Row, position: int) -> Node:
        spec = self._maps[row.map]
        if spec.readonly and spec.initial is not None and row.address.op == "const":
            where = row.address.attr * self.row_bytes(row.map) + position
            return self._c.const(spec.initial[where] if where < len(spec.initial) else 0, 8)
        read = self._find_read(state, row)
        return self._c.slice(self._c.field(read.site, "row"), 8 * position, 8)

    def _find_read(self, state: State, row: Row) -> _Read:
        """The read site of a row in this state of its map, one that serves this path too."""
        p, here = self._p, state.predicate
        epoch = state.epochs.get(row.map, 0)
        reads = self._reads.setdefault((row.map, row.address, epoch), [])
        for read in reads:
            if p.implies(here, read.predicate):
                return read
        # A read can be widened up to where its entry and this state of the map begin: that is known before
        # the read is, so its predicate never comes to depend on its own result.
        wide = p.both(row.entry.born, self._epoch_starts[epoch])
        for read in reads:
            if read.born == wide:
                read.predicate = p.both(wide, p.of(read.found))
                if not p.implies(here, read.predicate):
                    read.predicate = wide
                read.site.args = (p.node(read.predicate), *read.site.args[1:])
                self.sites = [(n, read.predicate if n is read.site else q) for n, q in self.sites]
                return read
        spec = self._maps[row.map]
        kind = self._plugins[spec.type].read_kind(spec)
        site = self.site(row.map, kind, here, row.address, row.entry.tag)
        reads.append(_Read(site, here, wide, row.entry.found))
        return reads[-1]

    def store_byte(self, state: State, row: Row, position: int, value: Node) -> None:
        """One byte of a row changes."""
        self._separate(state, row)
        held = state.rows.get((row.map, id(row.address)))
        if held is None:
            held = state.rows[row.map, id(row.address)] = row
        held.bytes[position] = value
        held.dirty[position] = state.predicate
        self._last_stores[row.map, id(row.address)] = self._c.slot

    def _separate(self, state: State, row: Row) -> None:
        """Write back all other rows of the map that may be this one."""
        for key, other in list(state.rows.items()):
            if other.address is not row.address and other.may_be(row):
                self._write_back(state, key)

    def flush(self, state: State, name: str | None = None) -> None:
        """Write back the rows of one map, or all."""
        for key in list(state.rows):
            if name is None or key[0] == name:
                self._write_back(state, key)

    def _write_back(self, state: State, key: tuple[str, int]) -> None:
        c, p = self._c, self._p
        row = state.rows.pop(key)
        predicate = FALSE
        for dirty in row.dirty.values():
            predicate = p.either(predicate, p.both(dirty, state.predicate))
        if predicate == FALSE:
            return
        spec = self._maps[row.map]
        kind = self._plugins[spec.type].write_kind(spec)
        size = self.row_bytes(row.map)
        zero = c.const(0, 8)
        data = [row.bytes.get(i, zero) for i in range(size)]
        mask = [p.node(p.given(row.dirty.get(i, FALSE), predicate)) for i in range(size)]
        here, c.slot = c.slot, self._last_stores[key]
        self.site(row.map, kind, predicate, row.address, row.entry.tag, c.concat(data), c.concat(mask))
        c.slot = here
        state.epochs[row.map] = self.new_epoch(row.map, predicate)

    def changed(self, state: State, name: str) -> None:
        """A helper may have changed the map."""
        state.epochs[name] = self.new_epoch(name, state.predicate)

    def order(self) -> None:
        """Keep sites of one frame in program order where they may touch the same entry."""
        by_unit: dict[str, list[tuple[Node, int]]] = {}
        for site in self.sites:
            by_unit.setdefault(site[0].attr.unit, []).append(site)
        for sites in by_unit.values():
            for i, (after, after_predicate) in enumerate(sites):
                for before, before_predicate in sites[:i]:
                    a, b = before.attr.kind, after.attr.kind
                    if not a.conflicts(b) or self._p.exclusive(before_predicate, after_predicate):
                        continue
                    self._c.order(before, after, a.touch[1] - b.touch[0] + 1)


def refuse_stale(name: str) -> Refused:
    """The refusal for a pointer into an entry that may have been replaced."""
    return Refused(
        f"a pointer to a value of map {name} is used after an update or delete of that map, "
        "where Linux may keep the old element apart from the new one",
        "look the entry up again after the update, or finish using the pointer before it",
    )
