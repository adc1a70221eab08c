"""The judge of schedules. Shares nothing with the schedulers but the delays."""

from __future__ import annotations

from ...hdl.target import Target
from ..graph.ir import Graph, Node
from . import timing
from .plan import Schedule, ScheduleError


def check(graph: Graph, schedule: Schedule, target: Target) -> None:
    """Recompute every stage's chains and every order.

    Raises `ScheduleError` if a value is used before it exists, a chain does not fit its stage (an operator
    that alone is longer than a stage must be alone in it and be listed in ``overruns``), sites swap, an
    input is not in stage 0, the pipeline ends before a value, a touch or an output, or frames are farther apart than it
    is long.
    """
    if len(schedule.stage) != len(graph.nodes):
        raise ScheduleError(f"{len(schedule.stage)} stages for {len(graph.nodes)} nodes")
    if not 1 <= schedule.ii <= schedule.stages:
        raise ScheduleError(f"frames {schedule.ii} stages apart in {schedule.stages} stages")
    limit = timing.budget(target)
    listed = dict(schedule.overruns)
    arrival: dict[Node, float] = {}
    for node in graph.nodes:
        stage = schedule.issue(node)
        if not 0 <= stage <= schedule.stages - 1 - timing.span(node):
            raise ScheduleError(f"{node} in stage {stage} of {schedule.stages}, needing {timing.span(node)} more")
        if node.op in ("input", "const") and stage != 0:
            raise ScheduleError(f"{node} is not in stage 0")
        late = [arg for arg in node.args if schedule.ready(arg) > stage]
        if late:
            raise ScheduleError(f"{node} in stage {stage} uses {late[0]}, which exists in {schedule.ready(late[0])}")
        end = 0.0
        for arg, need in zip(node.args, timing.needs(node), strict=True):
            start = arrival[arg] if schedule.ready(arg) == stage and arg.op != "const" else 0.0
            alone = start <= timing.SLACK and node.id in listed
            if start + need > limit + timing.SLACK and not alone:
                raise ScheduleError(
                    f"{node}: {start:.2f} + {need:.2f} ns do not fit the {limit:.2f} ns of stage {stage}"
                )
            end = max(end, start + need)
        out = timing.behind(node)
        if out > limit + timing.SLACK and node.id not in listed:
            raise ScheduleError(f"{node}: its result comes {out:.2f} ns into a stage of {limit:.2f} ns")
        arrival[node] = min(limit, out if timing.latency(node) else end)
    for order in graph.order:
        gap = schedule.issue(order.after) - schedule.issue(order.before)
        if gap < order.distance:
            raise ScheduleError(f"{order.after} is {gap} stages behind {order.before}, not {order.distance}")
    for name, node in graph.outputs.items():
        if schedule.ready(node) > schedule.stages - 1:
            raise ScheduleError(f"output {name} exists in stage {schedule.ready(node)} of {schedule.stages}")
