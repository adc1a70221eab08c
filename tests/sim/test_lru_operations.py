"""Random operations on LRU maps that are full, by frames and the host in turns, against what is promised of them.

Which entry goes for a new key is not promised. So the keys that may be there are followed: one that is not found any
more may have gone, but only if more than max_entries could be there; what is found has the value it got last.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from c_programs import needs_clang, needs_headers
from hardpath.codegen.emit.units import late_inserts
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.errors import Refused
from hardpath.hdl.maps import lru_hash
from hardpath.hdl.maps.linux import BPF_EXIST, BPF_NOEXIST, EEXIST, EINVAL, ENOENT
from hardpath.hdl.maps.lru_hash import Roomy
from hardpath.hdl.maps.table import Table
from hardpath.sim.captures import Frame
from hardpath.sim.compare import compare
from hardpath.sim.linux import LOOPBACK
from hardpath.sim.session import engine
from hardpath.sim.toolchain import has_compiler
from map_programs import CASES, KEYED, Case, Operations, on_hardware, session

pytestmark = [
    needs_clang,
    needs_headers,
    pytest.mark.skipif(not has_compiler(), reason="Verilator needs a C++ compiler"),
]

ENTRIES, KEY, VALUE = 12, slice(12, 20), slice(20, 32)
UPDATE, DELETE = 1, 2
CHANGES = """if (o->code == 1)
        o->result = bpf_map_update_elem(map, &key, &v, o->flags);"""
AFTER_DIVISIONS = """found = bpf_map_lookup_elem(map, &key);
    if (o->code == 1) {
        for (int i = 0; i < 2; i++) {
            __u32 by = (v.b | 1 << i) + !found, whole = v.a / by;
            v.a -= whole * by;
            asm volatile("" : "+r"(v.a), "+r"(whole));
            v.a += whole * by;
        }
        o->result = bpf_map_update_elem(map, &key, &v, o->flags);
    }"""
LOOKUP = "((found = bpf_map_lookup_elem(map, &key)))"
DEEP = Case("LRU_HASH", KEYED.replace(CHANGES, AFTER_DIVISIONS).replace(LOOKUP, "(found)"))
"""Looks up first, and inserts so many stages later that a map has no room for what frames can insert in between, if
`small` maps have little anyway."""


@dataclass
class Promise:
    """``last``: the value that each key got last, of all that may be there. ``due``: how many of them may have gone.
    ``gone``: how many were seen to have."""

    last: dict[bytes, bytes] = field(default_factory=dict)
    due: int = 0
    gone: int = 0

    def _found(self, key: bytes, found: bool) -> None:
        if found:
            assert key in self.last
        elif key in self.last:
            assert self.due, "taken away although there was room"
            del self.last[key]
            self.due -= 1
            self.gone += 1

    def _put(self, key: bytes, value: bytes) -> None:
        if key not in self.last and len(self.last) >= ENTRIES:
            self.due += 1
        self.last[key] = value

    def update(self, key: bytes, value: bytes, flags: int, error: int) -> None:
        if flags > BPF_EXIST:
            assert error == -EINVAL
            return
        if flags == BPF_NOEXIST:
            self._found(key, error == -EEXIST)
        elif flags == BPF_EXIST:
            self._found(key, error != -ENOENT)
        if flags == 0 or error not in (-EEXIST, -ENOENT):
            assert error == 0
            self._put(key, value)

    def delete(self, key: bytes, error: int) -> None:
        assert error in (0, -ENOENT)
        self._found(key, error == 0)
        self.last.pop(key, None)

    def lookup(self, key: bytes, value: bytes | None) -> None:
        self._found(key, value is not None)
        assert value is None or value == self.last[key]

    def frame(self, data: bytes, out: bytes) -> None:
        """What the program of `map_programs` does."""
        assert out[:9] + out[10:20] + out[32:] == data[:9] + data[10:20] + data[32:]
        key, flags, error = data[KEY], data[10], int.from_bytes(out[9:10], "little", signed=True)
        if data[8] == UPDATE:
            self.update(key, data[VALUE], flags, error)
        elif data[8] == DELETE:
            self.delete(key, error)
        elif key not in self.last:
            assert out == data
        else:
            found = self.last[key] == out[VALUE]
            assert found or out == data
            self._found(key, found)
            if found:
                a, b, c = (int.from_bytes(out[at : at + 4], "little") for at in (20, 24, 28))
                words = a + 1, b ^ c, c + flags
                self.last[key] = b"".join((word & 0xFFFFFFFF).to_bytes(4, "little") for word in words)

    def at_rest(self, contents: Mapping[bytes, bytes]) -> None:
        """Nothing is under way: what is there is known from now on."""
        assert contents.items() <= self.last.items() and len(contents) <= ENTRIES
        for key in self.last.keys() - contents.keys():
            self._found(key, False)
        self.due = 0


def keys(spec: MapSpec, rng: random.Random) -> list[bytes]:
    """Twenty any ones, and twenty for the same two buckets, most of which overflow."""
    table = Table.of(Roomy.of(spec))
    found = [rng.randbytes(spec.key_size) for _ in range(20)]
    while len(found) < 40:
        key = rng.getrandbits(8 * spec.key_size)
        if table.bucket(0, key) == 3 and table.bucket(1, key) == 1:
            found.append(key.to_bytes(spec.key_size, "little"))
    return found


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """LRU maps have room for eight keys too many, if it is not known that they need more."""
    monkeypatch.setattr(lru_hash, "spare_entries", lambda _: 8)


def full(case: Case) -> Case:
    """With fewer entries than there are keys."""
    return replace(case, more={**case.more, "entries": str(ENTRIES)})


def fill_and_evict(case: Case, seed: str, folder: Path, turns: int, frames: int, by_host: int) -> None:
    rng, promise = random.Random(seed), Promise()
    made = session(full(case), folder)
    spec = made.maps["m"]
    operations, some = Operations(case, made.maps, rng), keys(spec, rng)
    with made.stepping(engine("verilator")) as device:
        device.port(LOOPBACK, 1 << 30)
        found = device.bus.client.maps["m"]

        def host() -> None:
            for _ in range(by_host):
                operation, _, _, value, flags = operations.of_the_host()
                key = rng.choice(some)
                got = on_hardware(found, operation, key, value, flags, spec)
                result = (got,) if operation != "update" else (value, flags, got)
                getattr(promise, operation)(key, *result)

        for _ in range(turns):
            host()
            sent = []
            for _ in range(frames):
                data = operations.frame().data
                inserts = bytes([UPDATE]) if rng.random() < 0.4 else data[8:9]
                sent.append(Frame(data[:8] + inserts + data[9:12] + rng.choice(some) + data[20:]))
                device.arrive(sent[-1], 0)
            for frame, passage in zip(sent, device.drain().frames, strict=True):
                promise.frame(frame.data, passage.out)
            host()
            promise.at_rest(dict(found.items()))
    assert promise.gone > turns


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lru_hash", "lru_percpu_hash", "patient_lru_hash"])
def test_fifty_thousand_operations_keep_what_is_promised(name: str, tmp_path: Path) -> None:
    fill_and_evict(CASES[name], name, tmp_path, 50, 800, 100)


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_so_they_do_in_a_deep_program(tmp_path: Path) -> None:
    fill_and_evict(DEEP, "deep", tmp_path, 50, 800, 100)


@pytest.mark.usefixtures("small")
def test_a_deep_program_gets_room_for_what_it_may_insert(tmp_path: Path) -> None:
    design = session(full(DEEP), tmp_path).design
    needed = late_inserts(design.graph, design.schedule, "m")
    lookup, change = (next(s for n, s in design.schedule.sites(design.graph) if n.attr.kind.name == name)
                      for name in ("lookup", "change"))  # fmt: skip
    assert needed == change - lookup + 2 > 64
    assert design.maps["m"].room == needed
    assert Table.of(Roomy.of(design.maps["m"])).capacity >= ENTRIES + needed


@pytest.mark.usefixtures("small")
def test_a_deep_program_is_refused_where_memory_has_no_room_for_that(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(lru_hash, "MEMORY_LIMIT", 1000)
    with pytest.raises(Refused, match=r"map m over 7. stages, so they may insert 7. keys .* room for 20\n") as refused:
        session(full(DEEP), tmp_path)
    assert "--map-size m=" in refused.value.remedy


@pytest.mark.usefixtures("small")
def test_what_a_deep_program_computes_is_what_the_interpreter_does(tmp_path: Path) -> None:
    made, rng = session(DEEP, tmp_path), random.Random(5)
    operations = Operations(DEEP, made.maps, rng)
    frames = [operations.frame() for _ in range(300)]
    assert compare(made.graph(frames), made.interpreter(frames)) is None
