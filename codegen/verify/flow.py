"""Control flow of one function: loops, an order to explore it in, and which registers matter where.

The order is a weak topological order (Bourdoncle 1993): strongly connected components in topological order, each
with a header, and recursively inside without the header. Every edge goes forward in it except edges to the header
of a component that it is in, which begin the next iteration. That holds for irreducible graphs as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..isa import Instruction, reads, successors, writes
from .failure import Category, Failure

Key = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Nest:
    """Where a slot is: the headers of the loops around it, outermost first, and its position at each level."""

    loops: tuple[int, ...]
    positions: tuple[int, ...]


class Flow:
    """The control flow of the function in slots [entry, end). Raises `Failure` if it is not a proper function.

    ``repeats`` tells the instructions that are loops of their own (helpers that call functions). ``successors``: slot
    -> following slots. ``nests``: slot -> `Nest`. ``live``: slot -> bit set of registers whose value before the slot
    matters. ``leaders``: slots with which straight code begins; only its last instruction has several outcomes.
    """

    def __init__(
        self,
        instructions: Sequence[Instruction],
        entry: int,
        end: int,
        arguments: Callable[[Instruction, int], int],
        repeats: Callable[[Instruction], object] = lambda _: False,
    ) -> None:
        self.entry, self.end = entry, end
        self.successors = {
            slot: (*targets, slot) if repeats(instructions[slot]) else targets
            for slot, targets in _edges(instructions, entry, end).items()
        }
        self.nests: dict[int, Nest] = {}
        self._arrange(list(self.successors), (), ())
        self.live = _liveness(instructions, self.successors, arguments)
        self.leaders = _leaders(instructions, self.successors, entry)

    def _arrange(self, nodes: Sequence[int], loops: tuple[int, ...], positions: tuple[int, ...]) -> None:
        """Give the nodes of one component without its header their nests."""
        for position, component in enumerate(components(nodes, self.successors), 1):
            header = component[0]
            if len(component) == 1 and header not in self.successors[header]:
                self.nests[header] = Nest(loops, (*positions, position))
            else:
                inner = (*loops, header)
                self.nests[header] = Nest(inner, (*positions, position, 0))
                self._arrange(component[1:], inner, (*positions, position))

    def start(self) -> tuple[int, ...]:
        """Iterations of the loops around the entry."""
        return (0,) * len(self.nests[self.entry].loops)

    def follow(self, source: int, iterations: tuple[int, ...], target: int) -> tuple[int, ...]:
        """Iterations of the loops around ``target`` when it runs after ``source``."""
        a, b = self.nests[source].loops, self.nests[target].loops
        common = 0
        while common < min(len(a), len(b)) and a[common] == b[common]:
            common += 1
        result = iterations[:common]
        if common == len(b) and b and b[-1] == target:
            result = (*result[:-1], result[-1] + 1)
        return result + (0,) * (len(b) - common)

    def key(self, slot: int, iterations: tuple[int, ...]) -> Key:
        """Sorts the points of one run of the function so that every edge goes forward."""
        positions = self.nests[slot].positions
        result = [positions[0]]
        for iteration, position in zip(iterations, positions[1:], strict=True):
            result += (iteration, position)
        return tuple(result)


def _edges(instructions: Sequence[Instruction], entry: int, end: int) -> Mapping[int, tuple[int, ...]]:
    """Successors of all reachable slots, in depth-first order; checks that control stays inside."""
    seconds = {s + 1 for s in range(entry, end) if instructions[s].is_load64}
    if entry >= end:
        raise FlowFailure(entry, "the function has no instructions")
    edges: dict[int, tuple[int, ...]] = {}
    todo = [entry]
    while todo:
        slot = todo.pop()
        if slot in edges:
            continue
        edges[slot] = successors(instructions[slot], slot)
        for target in edges[slot]:
            if not entry <= target < end or target in seconds:
                raise FlowFailure(slot, f"control leaves the function, to instruction {target}")
        todo.extend(reversed(edges[slot]))
    for slot in range(entry, end):
        if slot not in edges and slot not in seconds:
            raise FlowFailure(slot, "no path leads to this instruction")
    return edges


class FlowFailure(Failure):
    """Improper control flow at a slot."""

    def __init__(self, slot: int, reason: str) -> None:
        super().__init__(Category.CONTROL, reason, "compile the program again; this code is not what clang emits")
        self.slot = slot


def components(nodes: Sequence[int], edges: Mapping[int, tuple[int, ...]]) -> list[list[int]]:
    """Strongly connected components in topological order (Tarjan, without recursion).

    Each begins with the node that depth-first search from the front of ``nodes`` met first.
    """
    inside = set(nodes)
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    result: list[list[int]] = []
    for root in nodes:
        if root in number:
            continue
        work = [(root, 0)]
        while work:
            node, position = work.pop()
            if not position:
                number[node] = low[node] = len(number)
                stack.append(node)
                on_stack.add(node)
            targets = edges[node]
            descended = False
            for i in range(position, len(targets)):
                target = targets[i]
                if target not in inside:
                    continue
                if target not in number:
                    work += [(node, i + 1), (target, 0)]
                    descended = True
                    break
                if target in on_stack:
                    low[node] = min(low[node], number[target])
            if descended:
                continue
            if low[node] == number[node]:
                cut = stack.index(node)
                result.append(stack[cut:])
                on_stack.difference_update(stack[cut:])
                del stack[cut:]
            if work:
                parent = work[-1][0]
                low[parent] = min(low[parent], low[node])
    result.reverse()
    return result


def _leaders(instructions: Sequence[Instruction], edges: Mapping[int, tuple[int, ...]], entry: int) -> frozenset[int]:
    reached: dict[int, int] = {entry: 2}
    for slot, targets in edges.items():
        straight = len(targets) == 1 and not instructions[slot].is_call
        for target in targets:
            reached[target] = reached.get(target, 0) + (1 if straight else 2)
    return frozenset(slot for slot, count in reached.items() if count > 1)


def _liveness(
    instructions: Sequence[Instruction],
    edges: Mapping[int, tuple[int, ...]],
    arguments: Callable[[Instruction, int], int],
) -> dict[int, int]:
    """Bit set of live registers before each slot: the usual backward dataflow."""
    predecessors: dict[int, list[int]] = {slot: [] for slot in edges}
    uses: dict[int, int] = {}
    keeps: dict[int, int] = {}
    for slot, targets in edges.items():
        i = instructions[slot]
        uses[slot] = arguments(i, slot) if i.is_call else sum(1 << r for r in reads(i))
        keeps[slot] = ~sum(1 << r for r in writes(i))
        for target in targets:
            predecessors[target].append(slot)
    live = dict.fromkeys(edges, 0)
    todo = list(edges)
    while todo:
        slot = todo.pop()
        after = 0
        for target in edges[slot]:
            after |= live[target]
        before = after & keeps[slot] | uses[slot]
        if before != live[slot]:
            live[slot] = before
            todo.extend(predecessors[slot])
    return live
