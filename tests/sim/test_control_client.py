"""The host's side of the control bus, on a bus that is played."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

import pytest
from hardpath.hdl.helpers.event_kinds import describe
from hardpath.hdl.helpers.records import Record
from hardpath.hdl.registers import MAGIC, VERSION, RegisterMap
from hardpath.sim.control_client import BATCH, ControlClient

WIDTH = 8
DESCRIPTION = json.dumps({
    "maps": [{"name": "m", "bytes_key": 4, "bytes_value": 4, "type": 1, "max_entries": 4, "flags": 0}],
    "events": [describe(Record("ring", 8, False)), describe(Record("perf", 0, tail=True))],
}).encode()


class Played:
    """Registers read as ``words`` says; there are always three more beats of events, each of which ends one or not as
    ``last`` says. ``asked``: how often for each register; ``batches``: transfers of each batch."""

    def __init__(self, site: int = 0, last: Sequence[int] = (1,)) -> None:
        registers = RegisterMap()
        self.site, self.last, self.taken = site, last, 0
        self.asked: Counter[str] = Counter()
        self.batches: list[list[tuple[int, int | None]]] = []
        self.words = {
            "magic": MAGIC, "version": VERSION, "width": WIDTH, "event_level": 3, "description_bytes": len(DESCRIPTION),
        }  # fmt: skip
        names = (*self.words, "event_site", "event_frame", "event_take")
        self.names = {registers.address(name): name for name in names}
        first = registers.address("description")
        self.description = {
            first + at // 4: int.from_bytes(DESCRIPTION[at : at + 4], "little") for at in range(0, len(DESCRIPTION), 4)
        }

    def __call__(self, transfers: Sequence[tuple[int, int | None]]) -> list[int]:
        self.batches.append(list(transfers))
        return [word for address, given in transfers if (word := self.carry(address, given)) is not None]

    def carry(self, address: int, given: int | None) -> int | None:
        name = self.names.get(address, "")
        self.asked[name] += 1
        if given is not None:
            self.taken += name == "event_take"
            return None
        if name == "event_frame":
            return sum(self.last[beat % len(self.last)] for beat in range(self.taken))
        if name == "event_site":
            return self.site | self.last[self.taken % len(self.last)] << 31
        return self.words.get(name, self.description.get(address, 0))


def test_events_that_come_as_fast_as_they_are_taken_are_left_for_the_next_time() -> None:
    bus = Played()
    client = ControlClient(bus)
    assert len(client.events()) == 3 and bus.taken == 3
    assert len(client.events()) == 3 and bus.taken == 6


def test_the_last_event_is_taken_to_its_end() -> None:
    """Its values come first, then beats of the frame."""
    bus = Played(site=1, last=(0, 1))
    bus.words["event_level"] = 5
    client = ControlClient(bus)
    assert len(client.events()) == 3 and bus.taken == 6


def test_what_does_not_change_is_asked_once() -> None:
    bus = Played()
    client = ControlClient(bus)
    for _ in range(5):
        client.events()
    assert bus.asked["width"] == 1 and bus.asked["event_level"] == 5


@pytest.mark.parametrize("what", ["lookup_many", "update_many", "delete_many"])
def test_many_entries_go_in_batches(what: str) -> None:
    bus = Played()
    found = ControlClient(bus).maps["m"]
    keys = [number.to_bytes(4, "little") for number in range(2 * BATCH + 7)]
    bus.batches.clear()
    answers = getattr(found, what)([(key, key) for key in keys] if what == "update_many" else keys)
    assert len(answers) == len(keys) and len(bus.batches) == 3
    select = RegisterMap().address("map_select")
    assert all(batch[0] == (select, 0) and len(batch) < 6 * BATCH for batch in bus.batches)
    written = {word for batch in bus.batches for address, word in batch if address == RegisterMap().address("map_key")}
    assert written == set(range(len(keys)))
