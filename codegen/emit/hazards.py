"""Which frames have to wait for which: derived from a schedule, not from the program.

Site X of a younger and site Y of an older frame may not swap (see "Sites, stages and hazards" in
`docs/architecture.md`). Where X touches its unit in an earlier stage than Y, they would; so X's frame waits
until no older frame in the stages between is about to use Y on the same entry. Frames that enter far enough apart never
are in these stages together.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from operator import itemgetter

from ..graph.ir import Graph, Node, Site
from ..schedule.plan import Schedule
from .wires import Wires

_MOST_GATES = 24
"""Gates a `Bound` may cost in one stage; a larger one is weakened."""

_DEEPEST = 200
"""How far into a predicate to look; keeps within Python's stack."""

_MOST_WORK = 1_000_000
"""Values to look at for all bounds of a pipeline, which takes some ten seconds; beyond, only what is known counts. One
of 107 stages and 3.4 million LUT4 needs 30,000."""

_FOREVER = 1 << 30
"""A stage behind all."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A condition that holds wherever some predicate may still turn out true: a formula over values that
    exist.

    ``op``: ``any`` (true), ``none`` (false), ``value`` (``node``), ``not`` (of ``node``), ``and``, ``or`` (of
    ``parts``). ``gates``: operators in the formula.
    """

    op: str
    node: Node | None = None
    parts: tuple[Bound, ...] = ()
    gates: int = field(init=False, compare=False, default=0)

    def __post_init__(self) -> None:
        if self.parts:
            object.__setattr__(self, "gates", len(self.parts) - 1 + sum(part.gates for part in self.parts))

    def nodes(self) -> Iterator[Node]:
        """The values it is made of."""
        if self.node is not None:
            yield self.node
        for part in self.parts:
            yield from part.nodes()


ANY, NONE = Bound("any"), Bound("none")


def _both(a: Bound, b: Bound) -> Bound:
    if a is NONE or b is NONE:
        return NONE
    if a is ANY or b is ANY:
        return b if a is ANY else a
    whole = Bound("and", parts=(a, b))
    return whole if whole.gates <= _MOST_GATES else min(a, b, key=lambda part: part.gates)


def _either(a: Bound, b: Bound) -> Bound:
    if a is ANY or b is ANY:
        return ANY
    if a is NONE or b is NONE:
        return b if a is NONE else a
    whole = Bound("or", parts=(a, b))
    return whole if whole.gates <= _MOST_GATES else ANY


class Bounds:
    """What is known of predicates before they are."""

    def __init__(self, wires: Wires) -> None:
        self._wires = wires
        self._memo: dict[tuple[int, bool], list[tuple[int, int, Bound]]] = {}
        self._work = 0

    def possibly(self, node: Node, stage: int) -> Bound:
        """What ``stage`` knows about a 1-bit node being true some time later. It stays the same until something else
        becomes known, so it is found once for all stages until then."""
        return self._during(node, stage, False, 0)[1]

    def _during(self, node: Node, stage: int, negated: bool, depth: int) -> tuple[int, Bound]:
        """The same for the node or its negation; and the stage from which on more may be known."""
        found = self._memo.setdefault((node.id, negated), [])
        place = bisect_right(found, stage, key=itemgetter(0))
        if place:
            _, behind, bound = found[place - 1]
            if stage < behind:
                return behind, bound
        behind, bound = self._bound(node, stage, negated, depth)
        found.insert(place, (stage, behind, bound))
        return behind, bound

    def _bound(self, node: Node, stage: int, negated: bool, depth: int) -> tuple[int, Bound]:
        if node.op == "const":
            return _FOREVER, ANY if bool(node.attr) != negated else NONE
        known = self._wires.available(node)
        if known <= stage:
            return _FOREVER, Bound("not" if negated else "value", node)
        self._work += 1
        if self._work > _MOST_WORK:
            return known, ANY
        behind = known

        def of(arg: Node, negated: bool = negated) -> Bound:
            nonlocal behind
            until, bound = self._during(arg, stage, negated, depth + 1)
            behind = min(behind, until)
            return bound

        if depth == _DEEPEST:
            return stage + 1, ANY
        bound = ANY
        if node.op == "not":
            bound = of(node.args[0], not negated)
        elif node.op in ("and", "or"):
            combine = _both if (node.op == "and") != negated else _either
            bound = combine(of(node.args[0]), of(node.args[1]))
        elif node.op == "mux":
            select, a, b = node.args
            bound = _either(_both(of(select, False), of(a)), _both(of(select, True), of(b)))
        return behind, bound


@dataclass(frozen=True, slots=True)
class Hazard:
    """``early``'s frame waits in ``stage`` while an older frame in ``window`` may be about to use ``late``.

    ``compared[j]``: both tags are known for window stage j, and only equal ones matter there (in the last stage of the
    window not if both write through one port of the memory). ``bounds[j]``: when the older frame in window
    stage j may use ``late``. ``tags``: the tags of ``early`` and ``late``; None where they are never
    compared.
    """

    unit: str
    early: Node
    late: Node
    stage: int
    window: range
    bounds: tuple[Bound, ...]
    compared: tuple[bool, ...]
    tags: tuple[Node, Node] | None

    @property
    def cost(self) -> int:
        """Cycles that a frame waits at most when it directly follows one that uses the same entry."""
        return len(self.window)

    def uses(self) -> Iterator[tuple[Node, int]]:
        """Values that the comparison needs, each with the stage."""
        yield self.early.args[0], self.stage
        if self.tags:
            yield self.tags[0], self.stage
        for stage, bound, compared in zip(self.window, self.bounds, self.compared, strict=True):
            for node in bound.nodes():
                yield node, stage
            if self.tags and compared:
                yield self.tags[1], stage

    def __str__(self) -> str:
        early, late = self.early.attr, self.late.attr
        return (
            f"{self.unit}: {early.kind.name} #{early.number} in stage {self.stage} waits for {late.kind.name} "
            f"#{late.number} of older frames in stages {self.window[0]}..{self.window[-1]}, "
            f"{self.cost} cycles at most"
        )


def hazards(graph: Graph, schedule: Schedule, wires: Wires | None = None) -> list[Hazard]:
    """All pairs of sites whose frames may have to wait for each other, by unit, then in program order."""
    wires = wires or Wires(graph, schedule)
    bounds = Bounds(wires)
    by_unit: dict[str, list[tuple[Node, int]]] = {}
    for node, stage in schedule.sites(graph):
        by_unit.setdefault(node.attr.unit, []).append((node, stage))
    found = []
    for unit in by_unit.values():
        for (early, issue), (late, late_issue) in product(unit, unit):
            x = issue + early.attr.kind.touch[0]
            y = late_issue + late.attr.kind.touch[1]
            window = range(x + schedule.ii, y if _forwarded(early.attr, late.attr) else y + 1)
            if window and early.attr.kind.conflicts(late.attr.kind):
                found.append(_hazard(early, late, x, window, wires, bounds))
    return [hazard for hazard in found if any(bound != NONE for bound in hazard.bounds)]


def _forwarded(early: Site, late: Site) -> bool:
    """Whether a read at the edge of the write gets the new bytes (transparent read port)."""
    return not early.kind.writes and not late.kind.reads


def _hazard(early: Node, late: Node, stage: int, window: range, wires: Wires, bounds: Bounds) -> Hazard:
    younger, older = (_tag(node) for node in (early, late))
    tags = (younger, older) if younger is not None and older is not None else None
    if early.attr.kind.whatever_the_tags(late.attr.kind):
        tags = None
    at_the_port = window[-1] if early.attr.kind.share_port(late.attr.kind) else None
    compared = tuple(tags is not None and wires.available(tags[1]) <= k != at_the_port for k in window)
    return Hazard(
        early.attr.unit,
        early,
        late,
        stage,
        window,
        tuple(bounds.possibly(late.args[0], k) for k in window),
        compared,
        tags if any(compared) else None,
    )


def _tag(site: Node) -> Node | None:
    """The operand that names the entry."""
    kind = site.attr.kind
    return site.args[kind.operand("tag")] if any(name == "tag" for name, _ in kind.operands) else None
