"""The host at a map in the middle of traffic: each of its operations happens between two frames, none is torn, and none
holds frames longer than stated.

Which two is up to the hardware. So what frames and host got is held against a sequential model in every order that
keeps those of the frames and of the host: one of them must give exactly that, and what is in the maps afterwards.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from c_programs import needs_clang, needs_headers
from hardpath.codegen.graph import Evaluator
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.maps.base import MapModel
from hardpath.hdl.maps.bloom_filter import BloomFilter, BloomModel
from hardpath.hdl.maps.linux import BPF_ANY, BPF_F_LOCK, EINVAL
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.sim.captures import Frame
from hardpath.sim.control_client import Map
from hardpath.sim.linux import LOOPBACK
from hardpath.sim.results import Verdict
from hardpath.sim.session import Session, engine
from hardpath.sim.stepping import Device, Passage
from hardpath.sim.toolchain import has_compiler
from map_programs import CASES, Operations, on_hardware, session

pytestmark = [
    needs_clang,
    needs_headers,
    pytest.mark.skipif(not has_compiler(), reason="Verilator needs a C++ compiler"),
]

FRAMES, ACTIONS = 60, 6
FULL_LOAD = 240
"""Cycles of frames as close as they may come, more for long values: an operation of the host takes less on the bus."""
Models = Mapping[str, MapModel]
States = dict[object, Models]
"""By what is in the maps."""
Action = tuple[tuple[str, str, bytes, bytes, int], object]
"""What the host did (`Operations.of_the_host`) and what it got."""


HELD = [name for name, case in CASES.items() if case.maps]
"""Cases in which the host has maps to operate on; buffers leave as events."""

LONG = ("hash_wide", "patient_hash_lock", "array_of_maps", "hash_of_maps")
"""Those whose hardware takes long to build, or whose frames to explain."""


def contents(models: Models) -> object:
    """By all that is in them; what is in a bloom filter nobody can list."""
    return tuple(
        tuple(model._tables) if isinstance(model, BloomModel) else tuple(sorted(model.items()))
        for model in models.values()
    )


def on_model(model: MapModel, spec: MapSpec, operation: str, key: bytes, value: bytes, flags: int) -> object:
    """What `on_hardware` gives. bpf(2) itself refuses BPF_F_LOCK for values without one (bpf_map_check_op_flags)."""
    if operation == "update":
        return -EINVAL if flags & BPF_F_LOCK and spec.lock is None else model.update(key, value, flags)
    if operation == "delete":
        return model.delete(key) if spec.key_size or isinstance(model, BloomModel) else model.pop()
    if isinstance(model, BloomModel):
        return model.peek(value) is not None
    if not spec.key_size:
        return model.peek(value)
    handle = model.lookup(key)
    return None if handle is None else bytes(model.value(handle))


class Explanation:
    """All ways in which frames and actions of the host can have followed each other."""

    def __init__(self, made: Session, start: States) -> None:
        self._made = made
        self._start = start

    def after(
        self,
        frames: Sequence[tuple[Frame, Passage]],
        actions: Sequence[tuple[tuple[str, str, bytes, bytes, int], object]],
    ) -> States:
        """The states in which all frames and actions have been, with the results that they had."""
        reached: list[States] = [self._start, *({} for _ in actions)]  # by number of actions that were before
        self._act(reached, actions)
        for frame, passage in frames:
            reached = [dict(self._passed(states, frame, passage)) for states in reached]
            self._act(reached, actions)
        return reached[-1]

    def _passed(self, states: States, frame: Frame, passage: Passage) -> Iterator[tuple[object, Models]]:
        for models in states.values():
            fresh = copy.deepcopy(models)
            found = Evaluator(self._made.design.graph, self._made.maps, fresh).run(
                frame.data, ifindex=frame.ifindex, frame_index=passage.index
            )
            verdict = Verdict(found.verdict)
            if verdict is not passage.verdict or (found.frame or b"") != passage.out:
                continue
            if verdict is Verdict.REDIRECT and passage.targets != _several(found.redirect):
                continue
            yield contents(fresh), fresh

    def _act(self, reached: list[States], actions: Sequence[tuple[tuple[str, str, bytes, bytes, int], object]]) -> None:
        for done, ((operation, name, key, value, flags), result) in enumerate(actions):
            for models in list(reached[done].values()):
                fresh = copy.deepcopy(models)
                if on_model(fresh[name], self._made.maps[name], operation, key, value, flags) == result:
                    reached[done + 1].setdefault(contents(fresh), fresh)


def _several(target: object) -> tuple[int, ...]:
    return target if isinstance(target, tuple) else (target,)  # type: ignore[return-value]


def traffic(device: Device, operations: Operations, rng: random.Random) -> list[Frame]:
    """Frames that arrive now and soon, in bursts."""
    sent = [operations.frame() for _ in range(FRAMES)]
    cycle = device.step(0).cycle
    for frame in sent:
        device.arrive(frame, cycle)
        cycle += rng.choice((0, 0, 0, 0, 1, 60, 250))
    return sent


def told(states: States, maps: Mapping[str, Map]) -> States:
    """Those with what the hardware lists."""
    listed = {name: sorted(found.items()) for name, found in maps.items() if found.facts["type"] != BloomFilter.name}
    return {
        known: models
        for known, models in states.items()
        if all(sorted(models[name].items()) == entries for name, entries in listed.items())
    }


def meet(name: str, folder: Path, turns: int) -> None:
    case, rng = CASES[name], random.Random(name)
    made = session(case, folder)
    operations = Operations(case, made.maps, rng)
    models = {each: MAP_TYPES[spec.type].model(spec) for each, spec in made.design.maps.items()}
    states: States = {contents(models): models}
    between = 0
    with made.stepping(engine("verilator")) as device:
        device.port(LOOPBACK, 1 << 30)
        maps, client = device.bus.client.maps, device.bus.client
        for turn in range(turns):
            sent, actions = traffic(device, operations, rng), list[Action]()
            earlier = client.stalls()
            for _ in range(ACTIONS):
                action = operation, where, key, value, flags = operations.of_the_host()
                got = on_hardware(maps[where], operation, key, value, flags, made.maps[where])
                cause, now = f"{where} host", client.stalls()
                assert now[cause] - earlier[cause] <= made.design.pipeline.host_stall(where)
                earlier = now
                actions.append((action, got))
            between += FRAMES * turn < client.counters()["frames_received"] < FRAMES * (turn + 1)
            passages = device.drain().frames
            found = Explanation(made, states).after(list(zip(sent, passages, strict=True)), actions)
            states = told(found, maps)
            assert states, f"turn {turn}: no order of frames and host explains what came out"
    assert between > turns / 3  # in which the last of the host's operations was before the last frame


def meet_at_full_load(name: str, folder: Path, turns: int) -> None:
    """One operation of the host in each turn, in the middle of frames back to back, half of them about a few keys."""
    case, rng = CASES[name], random.Random(f"{name} at full load")
    made = session(case, folder)
    operations = Operations(case, made.maps, rng)
    models = {each: MAP_TYPES[spec.type].model(spec) for each, spec in made.design.maps.items()}
    states: States = {contents(models): models}
    with made.stepping(engine("verilator")) as device:
        device.port(LOOPBACK, 1 << 30)
        maps, client = device.bus.client.maps, device.bus.client
        longest, cycles = 0, max(FULL_LOAD, *(4 * (spec.key_size + spec.value_size) for spec in made.maps.values()))
        for turn in range(turns):
            earlier = client.stalls()
            before = device.step(0).cycle
            sent = [operations.frame() for _ in range(cycles // made.design.schedule.ii)]
            for frame in sent:
                device.arrive(frame, before)
            first = device.step(before + rng.randrange(FULL_LOAD // 2)).frames
            operation, where, key, value, flags = operations.of_the_host()
            flags = rng.choice((BPF_ANY, BPF_ANY, flags))  # most shall succeed
            action = operation, where, key, value, flags
            got = on_hardware(maps[where], operation, key, value, flags, made.maps[where])
            during = device.step(0)
            passages = [*first, *during.frames, *device.drain().frames]
            assert len(first) + len(during.frames) < len(sent), "frames had ended before the host was done"
            stalled = {cause: cycles - earlier[cause] for cause, cycles in client.stalls().items()}
            assert stalled[f"{where} host"] <= made.design.pipeline.host_stall(where)
            longest = max(longest, stalled[f"{where} host"])
            found = Explanation(made, states).after(list(zip(sent, passages, strict=True)), [(action, got)])
            states = told(found, maps)
            assert states, f"turn {turn}: no order of frames and host explains what came out"
    assert longest > 0


@pytest.mark.parametrize("name", ["array_of_maps"])
def test_what_the_host_does_happens_between_two_frames(name: str, tmp_path: Path) -> None:
    meet(name, tmp_path, 6)


@pytest.mark.slow
@pytest.mark.parametrize("name", HELD)
def test_whatever_the_host_does_happens_between_two_frames(name: str, tmp_path: Path) -> None:
    meet(name, tmp_path, 25)


@pytest.mark.parametrize("name", [name for name in HELD if name not in LONG])
def test_an_operation_at_full_load_is_between_two_frames(name: str, tmp_path: Path) -> None:
    meet_at_full_load(name, tmp_path, 4)


@pytest.mark.slow
@pytest.mark.parametrize("name", HELD)
def test_operations_at_full_load_are_between_two_frames(name: str, tmp_path: Path) -> None:
    meet_at_full_load(name, tmp_path, 20)
