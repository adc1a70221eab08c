"""The host at the maps while frames pass at full rate: no half values, no longer stalls than stated, nothing lost."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hardpath.codegen.chain import with_slot
from hardpath.codegen.elf import load, select
from hardpath.codegen.flow import Design, compile_program
from hardpath.codegen.spec import ObjectSpec
from hardpath.hdl.errors import InputError
from hardpath.nic_model.host import Device as Host
from hardpath.nic_model.host import about
from hardpath.nic_model.host_maps import MapError
from hardpath.sim.captures import Frame
from hardpath.sim.engine import Options
from hardpath.sim.mapfile import Contents
from hardpath.sim.results import Verdict
from hardpath.sim.session import Session, engine
from hardpath.sim.stepping import Device, stepping

DATA = Path(__file__).parent / "data"
QUICK = Options(quick=True)


def compiled(spec: ObjectSpec, program: str | None = None) -> Design:
    return compile_program(spec, select(spec, program))


@contextmanager
def running(
    design: Design, path: Path, programs: tuple[str, ...], frames: int, contents: Contents | None = None
) -> Iterator[tuple[Device, Host]]:
    """A device to which so many frames of 64 bytes come back to back, and the host's view of it."""
    with Session(design, contents).stepping(engine("verilator"), QUICK) as device:
        host = Host(device.bus.transfer, about(path, design, programs))
        _ = host.maps  # reads the description, which takes longer than anything else
        device.port(1, 1 << 40)
        for number in range(frames):
            device.arrive(Frame(number.to_bytes(4, "little") + bytes(60)), 0)
        yield device, host


@pytest.fixture(scope="module")
def whole() -> Design:
    return compiled(load(DATA / "whole.o"))


def test_no_operation_stalls_longer_than_stated_and_none_sees_half_a_value(whole: Design) -> None:
    rng = random.Random(1)
    stated = {name: whole.pipeline.host_stall(name) for name in whole.maps}
    most = dict.fromkeys(stated, 0)
    frames = 100_000
    with running(whole, DATA / "whole.o", (), frames) as (_, host):
        client = host.client

        def count() -> int:
            return client.counters()["frames_received"]

        for _ in range(100):
            name = rng.choice(list(stated))
            found, stalls = host.maps[name], f"{name} host"
            earlier, before = client.stalls()[stalls], count()
            operation = rng.choice(("lookup", "lookup", "lookup", "update", "delete"))
            first = None
            try:
                if operation == "lookup":
                    first = found.lookup(1)
                elif operation == "update":
                    found.update(1, {"word": [rng.getrandbits(62)] * 10})
                else:
                    found.delete(1)
            except MapError:  # there is no entry, or it is that of an array
                assert operation == "delete"
            most[name] = max(most[name], client.stalls()[stalls] - earlier)
            if first is None:
                continue
            between, second, after = count(), found.lookup(1), count()
            assert len(set(first["word"])) == len(set(second["word"])) == 1
            # Frames that were counted as received may still have been on their way, at both ends.
            added, inside = second["word"][0] - first["word"][0], whole.pipeline.latency + whole.queue
            assert 0 <= added <= after - before + inside
            assert before < between < after < frames  # traffic goes on
    for name, cycles in most.items():
        assert 0 < cycles <= stated[name], (name, cycles, stated)


def test_what_is_stated_holds_for_every_kind_of_map() -> None:
    rng = random.Random(3)
    design = compiled(load(DATA / "kinds.o"))
    stated = {name: design.pipeline.host_stall(name) for name in design.maps}
    most: dict[str, list[int]] = {name: [] for name in stated}
    frames = 200_000
    with running(design, DATA / "kinds.o", (), frames) as (_, host):
        client, recent = host.client, host.maps["recent"].raw
        recent.update_many([(rng.randbytes(4), bytes(8)) for _ in range(80)])
        assert len(dict(recent.items())) == 64  # full: each new key takes an old one away
        before = client.stalls()
        for number in range(160):
            name = list(stated)[number % len(stated)]
            raw, stalls = host.maps[name].raw, f"{name} host"
            spec = host.maps[name].spec
            key = (rng.randrange(33) if name == "prefixes" else rng.randrange(8)).to_bytes(4, "little")
            key = (key + rng.choice((bytes(4), rng.randbytes(4))))[: spec.key_size]
            key = rng.randbytes(4) if name == "recent" else key
            value = rng.randrange(1, 8).to_bytes(spec.value_size, "little")
            match rng.choice(("lookup", "update", "update", "delete")):
                case "lookup":
                    raw.lookup_many([key]) if spec.key_size else raw.peek()
                case "update":
                    raw.update_many([(key, value)]) if spec.key_size else raw.push(value)
                case _:
                    raw.delete_many([key]) if spec.key_size else raw.pop()
            after = client.stalls()
            most[name].append(after[stalls] - before[stalls])
            before = after
        counters = client.counters()
        assert counters["frames_received"] < frames and counters["verdict_redirect"] > 0
    for name, cycles in most.items():
        assert 0 < max(cycles) <= stated[name], (name, cycles, stated)


def test_the_bus_at_its_fastest_holds_frames_no_longer_than_stated(whole: Design) -> None:
    """Nothing but commands, one behind the other: what frames lose is at most the stated cycles for each."""
    frames = 100_000
    with running(whole, DATA / "whole.o", (), frames) as (_, host):
        raw, client = host.maps["fixed"].raw, host.client
        before = client.stalls()["fixed host"]
        values = [value for _ in range(100) for _, value in raw.items()]
        lost = client.stalls()["fixed host"] - before
        assert client.counters()["frames_received"] < frames
    assert len(values) == 400
    commands = 700  # `items` asks for 1, 2 and then 4 slots at a time, three of which are behind the end
    assert 0 < lost <= commands * whole.pipeline.host_stall("fixed")
    assert all(len({value[at : at + 8] for at in range(0, 80, 8)}) == 1 for value in values)


FATES = {"left": {bytes(4): b"\3l\0\0"}, "right": {bytes(4): b"\2r\0\0"}}


@pytest.mark.parametrize("object, contents, absent", [("switch.o", {}, "crossing"), ("inside.o", FATES, "way")])
def test_each_frame_runs_with_the_old_or_the_new_program_or_map_of_a_slot(
    object: str, contents: Contents, absent: str
) -> None:
    path = DATA / object
    spec = with_slot(load(path), "way", 0, ("left", "right"))
    programs = tuple(program.name for program in spec.programs)
    design = compiled(spec, "crossing")
    switched = [random.Random(number).choice(("left", "right", None)) for number in range(150)]
    with running(design, path, programs, 20_000, contents) as (device, host):
        way, client = host.maps["way"], host.client
        for program in switched:
            try:
                way.delete(0) if program is None else way.update(0, program)
            except MapError:
                assert program is None
        assert client.counters()["frames_received"] < 20_000
        with pytest.raises(MapError):
            way.update(0, 1 + way.names.index(absent))  # which the hardware does not have there
        passages = device.drain().frames
    assert len(passages) == 20_000
    ran = []
    for passage in passages:
        match passage.verdict:
            case Verdict.TX:
                ran.append("left")
                assert passage.out[0] == passage.out[59] == ord("l")
            case Verdict.PASS:
                ran.append("right")
                assert passage.out[0] == passage.out[59] == ord("r")
            case verdict:
                assert verdict == Verdict.DROP
                ran.append(None)
    changes = [new for old, new in zip(["left", *ran], ran, strict=False) if new != old]
    wanted = [new for old, new in zip(["left", *switched], switched, strict=False) if new != old]
    assert changes == wanted and len(wanted) > 80


def test_the_library_has_the_look_of_libbpf(whole: Design) -> None:
    with running(whole, DATA / "whole.o", (), 0) as (device, host):
        fixed, keyed = host.maps["fixed"], host.maps["keyed"]
        fixed.update(1, {"word": list(range(10))})
        for _ in range(3):
            device.arrive(Frame(bytes(64)), 0)
        device.drain()
        assert fixed.lookup(1) == {"word": [number + 3 for number in range(10)]}
        assert fixed[0] == {"word": [0] * 10} and len(fixed) == 4 and list(fixed) == [0, 1, 2, 3]
        assert (fixed.type, keyed.type, keyed.spec.max_entries) == ("array", "hash", 64)
        keyed.update_batch({7: {"word": [7]}, 8: {"word": [8]}})
        assert keyed.lookup_batch([7, 9]) == [{"word": [7] + [0] * 9}, None]
        assert sorted(keyed) == [7, 8] and keyed.get_next_key(list(keyed)[-1]) is None
        assert keyed.get_next_key() == keyed.get_next_key(99) == next(iter(keyed))
        keyed.delete_batch([7, 8])
        assert dict(keyed.items()) == {}
        with pytest.raises(KeyError):
            keyed[7]
        with pytest.raises(MapError, match="map keyed: update failed: No such file"):
            keyed.update(1, {}, flags=2)
        with pytest.raises(InputError, match=r"record has no member words; it has word"):
            keyed[1] = {"words": []}
        with pytest.raises(InputError, match="key expected 4 bytes got 2"):
            keyed.lookup(b"12")


def test_another_object_at_the_same_place_gives_no_types(whole: Design, tmp_path: Path) -> None:
    path = tmp_path / "whole.o"
    path.write_bytes((DATA / "whole.o").read_bytes())
    said = about(path, whole, ())
    with stepping(engine("verilator"), Session(whole).netlist, QUICK) as device:
        assert Host(device.bus.transfer, said).maps["fixed"].lookup(1) == {"word": [0] * 10}
        other = replace(said, fingerprint="0" * 64)
        assert Host(device.bus.transfer, other).maps["fixed"].lookup(1) == bytes(80)
        assert Host(device.bus.transfer).maps["fixed"].lookup(1) == bytes(80)


def test_the_map_that_was_in_a_slot_is_left_alone_once_the_slot_is_switched(tmp_path: Path) -> None:
    """Also by a frame that got it before, and is still on its way to it."""
    design = compiled(load(DATA / "far_inside.o"))
    prefix = (320).to_bytes(4, "little")
    entries = {"lpm": {prefix + bytes([each, *bytes(39)]): (1).to_bytes(4, "little") for each in range(60)}}
    number = design.maps["outer"].table.number("left")
    for cycle in (0, 5, 20, 60):
        with running(design, DATA / "far_inside.o", ("program",), 1, entries) as (device, host):
            device.step(cycle)
            host.client.maps["outer"].update((1).to_bytes(4, "little"), number.to_bytes(4, "little"))
            first = dict(host.client.maps["right"].items())
            device.drain()
            assert dict(host.client.maps["right"].items()) == first
            counted = [*first.values(), *dict(host.client.maps["left"].items()).values()]
            assert sum(int.from_bytes(value, "little") for value in counted) == 1
