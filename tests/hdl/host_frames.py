"""The host and frames at one map at a time: what they did must be what some order gives that keeps each side's own."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hardpath.codegen.graph.evaluate import Evaluator
from hardpath.codegen.graph.ir import Graph
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.maps.base import MapModel
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.hdl.maps.unit import HostOp
from map_bench import Bench, Program, operate, random_frames


@dataclass
class HostAction:
    """An operation of the host and what came out."""

    op: HostOp
    key: bytes
    value: bytes
    status: int = 0
    result: bytes = b""

    def agrees(self, model: MapModel) -> bool:
        """Do it to the model; whether that gives the same."""
        if self.op == HostOp.UPDATE:
            return self.status == model.update(self.key, self.value, 0)
        if self.op == HostOp.DELETE and not self.key:
            taken = model.pop()
            return self.status == -2 if taken is None else (self.status, self.result) == (0, taken)
        if self.op == HostOp.DELETE:
            return self.status == model.delete(self.key)
        handle = model.lookup(self.key)
        if handle is None:
            return self.status == -2
        return self.status == 0 and self.result == model.value(handle)


def explanations(
    graph: Graph, spec: MapSpec, frames: Sequence[int], outputs: Sequence[int], actions: Sequence[HostAction]
) -> list[dict[bytes, bytes]]:
    """Contents of the map after each way to put the host's actions between the frames that gives these results."""
    name = spec.name
    start = MAP_TYPES[spec.type].model(spec)
    reached = [{tuple(sorted(start.items())): start}]  # by number of actions done: contents -> model
    for number in range(len(frames) + 1):
        row: list[dict[Any, MapModel]] = []
        for done in range(len(actions) + 1):
            states: dict[Any, MapModel] = dict(reached[done]) if number == 0 and done == 0 else {}
            if number:
                for model in reached[done].values():
                    after = copy.deepcopy(model)
                    one_frame = Evaluator(graph, {name: spec}, {name: after})
                    if one_frame.outputs({"window": frames[number - 1]})["window"] == outputs[number - 1]:
                        states[tuple(sorted(after.items()))] = after
            if done:
                for model in row[done - 1].values():
                    after = copy.deepcopy(model)
                    if actions[done - 1].agrees(after):
                        states[tuple(sorted(after.items()))] = after
            row.append(states)
        reached = row
    return [dict(model.items()) for model in reached[-1].values()]


def host_and_frames(program: Program, rng: random.Random, count: int) -> Bench:
    """The host's operations and the frames do what they do in some order that keeps each side's own."""
    spec = program.spec
    frames = random_frames(program, rng, 50)
    bench = Bench(program, rng)
    actions = [
        HostAction(
            rng.choice((HostOp.LOOKUP, HostOp.UPDATE, HostOp.UPDATE, HostOp.DELETE)),
            rng.choice(program.keys).to_bytes(spec.key_size, "little"),
            rng.randbytes(spec.value_size),
        )
        for _ in range(count)
    ]

    async def host(ctx: Any) -> None:
        bench.host_idle = False
        for action in actions:
            await ctx.tick().repeat(rng.randrange(1, 12))
            key, value = int.from_bytes(action.key, "little"), int.from_bytes(action.value, "little")
            action.status, _, result = await operate(ctx, bench.dut.hosts["m"], action.op, key=key, value=value)
            action.result = result.to_bytes(spec.value_size, "little")
        bench.host_idle = True

    bench.run(frames, host)
    assert dict(bench.entries) in explanations(program.graph, spec, frames, bench.outputs, actions)
    return bench
