"""Path predicates as binary decision diagrams, so that "all paths", "no path" and "never both" are seen at once.

A predicate is an int: 0 false, 1 true, else an entry of the table. Variables are 1-bit graph nodes (branch
conditions), the latest at the top: a branch then adds one entry to the predicate of the path that leads to it, and in
hardware the condition that is known last passes one multiplexer. Reduced ordered BDDs are canonical: equal predicates
are equal ints (R. E. Bryant, "Graph-Based Algorithms for Boolean Function Manipulation", 1986).
"""

from __future__ import annotations

import sys

from .construct import Construct
from .ir import Node

FALSE, TRUE = 0, 1

_LAST = 1 << 60
"""The level of the first variable."""

_LIMIT = 400
"""Nodes of one predicate; beyond that it becomes a variable of its own (exact, but no longer seen through)."""


class Predicates:
    """The table. ``node`` turns a predicate into graph nodes, ``of`` a 1-bit node into a predicate."""

    def __init__(self, construct: Construct) -> None:
        # Recursion is as deep as two bounded predicates have variables; Python 3.11 frames need no C stack.
        sys.setrecursionlimit(max(sys.getrecursionlimit(), 10_000))
        self._c = construct
        self._entries: list[tuple[int, int, int]] = [(_LAST + 1, 0, 0), (_LAST + 1, 1, 1)]
        self._unique: dict[tuple[int, int, int], int] = {}
        self._ite: dict[tuple[int, int, int], int] = {}
        self._restrict: dict[tuple[int, int], int] = {}
        self._exclusive: dict[tuple[int, int], bool] = {}
        self._bounds: dict[int, int] = {}
        self._variables: list[Node] = []
        self._variable_of: dict[Node, int] = {}
        self._nodes: dict[int, Node] = {}

    def of(self, condition: Node) -> int:
        """The predicate that is a 1-bit node's value."""
        if condition.op == "const":
            return int(condition.attr)
        if condition.op == "not":
            return self.invert(self.of(condition.args[0]))
        if condition.op in ("and", "or"):
            a, b = (self.of(arg) for arg in condition.args)
            return self.both(a, b) if condition.op == "and" else self.either(a, b)
        return self._variable(condition)

    def _entry(self, level: int, high: int, low: int) -> int:
        if high == low:
            return high
        key = (level, high, low)
        found = self._unique.get(key)
        if found is None:
            found = self._unique[key] = len(self._entries)
            self._entries.append(key)
        return found

    def _choose(self, f: int, g: int, h: int) -> int:
        """if f then g else h."""
        if f == TRUE or g == h:
            return g
        if f == FALSE:
            return h
        if g == TRUE and h == FALSE:
            return f
        if h == FALSE and g < f:
            f, g = g, f
        elif g == TRUE and h < f:
            f, h = h, f
        key = (f, g, h)
        found = self._ite.get(key)
        if found is None:
            entries = self._entries
            level, f_high, f_low = entries[f]
            g_level, g_high, g_low = entries[g]
            h_level, h_high, h_low = entries[h]
            if g_level < level:
                level, f_high, f_low = g_level, f, f
            elif g_level > level:
                g_high = g_low = g
            if h_level < level:
                level, f_high, f_low, g_high, g_low = h_level, f, f, g, g
            elif h_level > level:
                h_high = h_low = h
            high, low = self._choose(f_high, g_high, h_high), self._choose(f_low, g_low, h_low)
            found = self._ite[key] = self._entry(level, high, low)
        return found

    def both(self, a: int, b: int) -> int:
        """a and b."""
        return self._bounded(self._choose(a, b, FALSE))

    def either(self, a: int, b: int) -> int:
        """a or b."""
        return self._bounded(self._choose(a, TRUE, b))

    def invert(self, a: int) -> int:
        """not a."""
        return self._choose(a, FALSE, TRUE)

    def exclusive(self, a: int, b: int) -> bool:
        """Whether a and b never hold together (as far as branch conditions show)."""
        if a == FALSE or b == FALSE:
            return True
        if TRUE in (a, b) or a == b:
            return False
        if b < a:
            a, b = b, a
        found = self._exclusive.get((a, b))
        if found is None:
            a_level, a_high, a_low = self._entries[a]
            b_level, b_high, b_low = self._entries[b]
            if a_level < b_level:
                b_high = b_low = b
            elif b_level < a_level:
                a_high = a_low = a
            found = self.exclusive(a_high, b_high) and self.exclusive(a_low, b_low)
            self._exclusive[a, b] = found
        return found

    def implies(self, a: int, b: int) -> bool:
        """Whether b holds wherever a does."""
        return self.exclusive(a, self.invert(b))

    def given(self, f: int, care: int) -> int:
        """Some predicate that equals f wherever ``care`` holds, and is no larger (Coudert and Madre's restrict)."""
        if care == FALSE or f <= TRUE:
            return f
        if self.implies(care, f):
            return TRUE
        if self.exclusive(care, f):
            return FALSE
        return self._restricted(f, care)

    def _restricted(self, f: int, care: int) -> int:
        if f <= TRUE or care == TRUE:
            return f
        key = (f, care)
        found = self._restrict.get(key)
        if found is not None:
            return found
        f_level, f_high, f_low = self._entries[f]
        c_level, c_high, c_low = self._entries[care]
        if c_level < f_level:
            result = self._restricted(f, self._choose(c_high, TRUE, c_low))
        else:
            if f_level < c_level:
                c_high = c_low = care
            if c_high == FALSE:
                result = self._restricted(f_low, c_low)
            elif c_low == FALSE:
                result = self._restricted(f_high, c_high)
            else:
                result = self._entry(f_level, self._restricted(f_high, c_high), self._restricted(f_low, c_low))
        self._restrict[key] = result
        return result

    def _bounded(self, f: int) -> int:
        found = self._bounds.get(f)
        if found is None:
            found = self._bounds[f] = self._variable(self.node(f)) if self._is_large(f) else f
        return found

    def _is_large(self, f: int) -> bool:
        seen: set[int] = set()
        stack = [f]
        while stack:
            x = stack.pop()
            if x <= TRUE or x in seen:
                continue
            seen.add(x)
            if len(seen) > _LIMIT:
                return True
            stack += self._entries[x][1:]
        return False

    def _variable(self, node: Node) -> int:
        level = self._variable_of.get(node)
        if level is None:
            level = self._variable_of[node] = _LAST - len(self._variables)
            self._variables.append(node)
        return self._entry(level, TRUE, FALSE)

    def node(self, f: int) -> Node:
        """The predicate as a 1-bit node."""
        node = self._nodes.get(f)
        if node is not None:
            return node
        stack = [f]
        while stack:
            x = stack[-1]
            if x in self._nodes:
                stack.pop()
                continue
            if x <= TRUE:
                self._nodes[x] = self._c.const(x, 1)
                continue
            level, high, low = self._entries[x]
            missing = [y for y in (high, low) if y not in self._nodes]
            if missing:
                stack += missing
                continue
            self._nodes[x] = self._c.mux(self._variables[_LAST - level], self._nodes[high], self._nodes[low])
        return self._nodes[f]
