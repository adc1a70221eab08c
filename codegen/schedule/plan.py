"""What a schedule is."""

from __future__ import annotations

from dataclasses import dataclass

from ..graph.ir import Graph, Node


class ScheduleError(Exception):
    """A schedule that would not work. Never the user's fault: `check` found a mistake of `schedule`."""


@dataclass(frozen=True)
class Schedule:
    """``stage[node.id]`` is the stage in which a node issues (constants: 0); there are ``stages`` of them.

    Outputs are read in stage ``stages - 1``. A site's result exists ``latency`` stages after its issue stage.
    ``overruns``: (node id, ns) of operators that alone take longer than a stage may; the clock that the
    design reaches will be lower than the target's, and the report says so.
    ``ii``: any two frames are at least so many stages apart, at most ``stages``.
    """

    stages: int
    stage: tuple[int, ...]
    overruns: tuple[tuple[int, float], ...] = ()
    ii: int = 1

    @property
    def frames(self) -> int:
        """How many frames there can be in all stages."""
        return self.frames_in(self.stages)

    def frames_in(self, stages: int) -> int:
        """How many frames there can be in so many stages in a row."""
        return -(-stages // self.ii)

    def issue(self, node: Node) -> int:
        """The stage in which a node issues."""
        return self.stage[node.id]

    def ready(self, node: Node) -> int:
        """The first stage in which the node's value exists."""
        return self.stage[node.id] + (node.attr.kind.latency if node.op == "site" else 0)

    def sites(self, graph: Graph) -> list[tuple[Node, int]]:
        """All sites with the stages they issue in, in program order."""
        found = [(node, self.stage[node.id]) for node in graph.nodes if node.op == "site"]
        return sorted(found, key=lambda pair: pair[0].attr.number)
