"""Random legal graphs with a toy map unit, and their meaning: shared by the tests of passes and scheduling."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hardpath.codegen.graph.construct import Construct
from hardpath.codegen.graph.ir import INPUTS, Graph, Node, Order
from hardpath.codegen.graph.legal import OUTPUTS
from hardpath.hdl.maps.base import SiteKind
from hardpath.hdl.operators import OPERATORS

VALUES = frozenset({"values"})
READ = SiteKind(
    "read",
    operands=(("address", 4), ("tag", 4)),
    results=(("row", 16),),
    latency=1,
    touch=(0, 0),
    reads=VALUES,
    writes=frozenset(),
    delay_out=4.0,
)
WRITE = SiteKind(
    "write",
    operands=(("address", 4), ("tag", 4), ("row", 16), ("mask", 2)),
    results=(),
    latency=0,
    touch=(0, 0),
    reads=frozenset(),
    writes=VALUES,
    delay_in=0.5,
)
UPDATE = SiteKind(
    "update",
    operands=(("tag", 4), ("row", 16)),
    results=(("old", 16), ("status", 3)),
    latency=2,
    touch=(0, 2),
    reads=VALUES,
    writes=VALUES,
    delay_in=1.0,
    delay_out=1.0,
)


@dataclass
class Memories:
    """Contents of the toy units, and evaluation of a graph on them."""

    rows: dict[str, dict[int, int]] = field(default_factory=dict)

    def run(self, graph: Graph, inputs: dict[str, int]) -> dict[str, int]:
        """The outputs for one frame."""
        values: dict[Node, int] = {}
        for node in graph.nodes:
            args = [values[a] for a in node.args]
            if node.op == "const":
                values[node] = node.attr
            elif node.op == "input":
                values[node] = inputs[node.attr]
            elif node.op == "site":
                values[node] = self._access(node, args[1:]) if args[0] else 0
            else:
                widths = [a.width for a in node.args]
                values[node] = OPERATORS[node.op].evaluate(node.width, node.attr, widths, args)
        return {name: values[node] for name, node in graph.outputs.items()}

    def contents(self) -> dict[tuple[str, int], int]:
        """Every row that is not zero."""
        return {(unit, row): v for unit, rows in self.rows.items() for row, v in rows.items() if v}

    def _access(self, node: Node, operands: list[int]) -> int:
        rows = self.rows.setdefault(node.attr.unit, {})
        old = rows.get(operands[0], 0)
        if node.attr.kind is WRITE:
            mask = 0xFF * (operands[3] & 1) | 0xFF00 * (operands[3] >> 1)
            rows[operands[0]] = old & ~mask | operands[2] & mask
        elif node.attr.kind is UPDATE:
            rows[operands[0]] = operands[1]
            return old | (old & 7) << 16
        return old


class Maker:
    """Grows one random graph, in the manner of programs: bytes, words, comparisons, guarded accesses."""

    def __init__(self, generator: random.Random, size: int, sites: bool, window: int = 4) -> None:
        self.random = generator
        self.graph = Graph(window=window, headroom=2)
        self.c = Construct(self.graph)
        self.values: list[Node] = [self.c.input("window", 8 * window), self.c.input("length", INPUTS["length"])]
        self.values += [self.c.const(v, w) for v, w in ((0, 1), (1, 8), (0xFF, 16), (1 << 31, 32), (5, 64))]
        self.sites: list[Node] = []
        for _ in range(size):
            self.slot = self.c.slot = generator.randrange(100)
            if sites and generator.random() < 0.12:
                self.add_site()
            else:
                self.values.append(self.operation())
        for name, width in {**OUTPUTS, "window": 8 * (window + 2)}.items():
            self.graph.outputs[name] = self.c.resize(generator.choice(self.values[-8:]), width)

    def pick(self, width: int | None = None) -> Node:
        """Some value, mostly a late one, cut or grown to ``width``."""
        index = max(int(self.random.triangular(0, len(self.values), len(self.values))) - 1, 0)
        value = self.values[index]
        if width is None or value.width == width:
            return value
        if value.width > width:
            return self.c.slice(value, self.random.randrange(value.width - width + 1), width)
        return (self.c.sext if self.random.random() < 0.3 else self.c.zext)(value, width)

    def condition(self) -> Node:
        """A predicate: a comparison or a combination of two."""
        kind = self.random.choice(["eq", "ult", "slt", "both", "either", "not", "pick"])
        if kind in ("eq", "ult", "slt"):
            width = self.random.choice([1, 3, 8, 16, 64])
            constant = self.c.const(self.random.choice([0, 1, 6, 17, -1, self.random.getrandbits(width)]), width)
            return self.c.op(kind, 1, self.pick(width), self.random.choice([constant, self.pick(width)]))
        if kind == "not":
            return self.c.not_(self.pick(1))
        if kind == "pick":
            return self.pick(1)
        return self.c.op("and" if kind == "both" else "or", 1, self.pick(1), self.pick(1))

    def operation(self) -> Node:
        """A pure operation on values that are there."""
        c, width = self.c, self.random.choice([1, 3, 8, 16, 16, 32, 64, 64])
        name = self.random.choice([*OPERATORS, "mux", "mux", "and", "add", "eq", "concat"])
        constant = c.const(self.random.choice([0, 1, 3, 7, 10, 255, 1 << width - 1, -1]), width)
        right = self.random.choice([constant, self.pick(width), self.pick(width)])
        if name in ("eq", "ult", "slt"):
            return self.condition()
        if name == "mux":
            return c.mux(self.pick(1), self.pick(width), right)
        if name == "not":
            return c.not_(self.pick(width))
        if name == "slice":
            value = self.pick()
            return c.slice(value, 0, self.random.randrange(1, value.width + 1))
        if name == "concat":
            parts = [self.pick(self.random.choice([1, 8])) for _ in range(self.random.randrange(2, 5))]
            return c.concat(parts)
        if name in ("zext", "sext"):
            value = self.pick(self.random.choice([1, 8, 16]))
            return c.op(name, value.width + self.random.randrange(1, 20), value)
        if name in ("shl", "lshr", "ashr"):
            amount = self.pick(self.random.choice([2, 6, 8]))
            return c.op(name, width, self.pick(width), self.random.choice([amount, c.const(5, 6)]))
        return c.op(name, width, self.pick(width), right)

    def add_site(self) -> None:
        """An access to a map, its result used only where it happens."""
        c = self.c
        kind = self.random.choice([READ, WRITE, UPDATE])
        predicate = self.condition()
        if self.sites and self.random.random() < 0.5:
            # The other side of a branch.
            other = self.random.choice(self.sites).args[0]
            predicate = c.and_(predicate, c.not_(other))
        if kind is UPDATE:
            operands: Sequence[Node] = (self.pick(4), self.pick(16))
        else:
            address = self.pick(4)
            operands = (address, address, self.pick(16), self.pick(2))[: len(kind.operands)]
        site = c.site(self.random.choice("ab"), kind, predicate, *operands)
        for earlier in self.sites:
            if earlier.attr.unit == site.attr.unit and earlier.attr.kind.conflicts(kind):
                distance = earlier.attr.kind.touch[1] + 1 - kind.touch[0]
                self.graph.order.append(Order(earlier, site, distance))
        self.sites.append(site)
        for name, width in kind.results:
            self.values.append(c.mux(predicate, c.field(site, name), c.const(0, width)))


def sample_inputs(generator: random.Random, graph: Graph) -> dict[str, int]:
    """Values for all inputs, small numbers and corners among them."""
    widths = {**INPUTS, "window": 8 * graph.window}
    return {
        name: generator.choice([0, generator.getrandbits(3), generator.getrandbits(width), (1 << width) - 1])
        for name, width in widths.items()
    }


@pytest.fixture(scope="session")
def random_graph() -> Callable[..., Graph]:
    """``random_graph(generator, size, sites=True)``."""

    def make(generator: random.Random, size: int, sites: bool = True) -> Graph:
        return Maker(generator, size, sites).graph

    return make


@pytest.fixture(scope="session")
def memories() -> type[Memories]:
    """The toy maps."""
    return Memories


@pytest.fixture(scope="session")
def frame_inputs() -> Callable[[random.Random, Graph], dict[str, int]]:
    """Random inputs of a graph."""
    return sample_inputs
