"""Combinational operators on unsigned bit vectors: meaning (`evaluate`), hardware (`build`), delay (`delay`), size
(`area`).

The graph (`codegen.graph`) names operators by these names; nothing else gives them meaning. All values are
unsigned numbers of a fixed width of at least one bit. All operators are combinational: `codegen.passes`
splits what does not fit a clock period, so that the scheduler may put a register anywhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from . import delays
from .area import Area

Evaluate = Callable[[int, Sequence[int]], int]
Build = Callable[[int, Sequence[Value]], Value]
Constants = Sequence[int | None]


class Operator(ABC):
    """One operator. ``width`` is the result's width and ``arg_widths`` the arguments', in bits; ``attr`` is
    the node's parameter (the low bit of a ``slice``, None elsewhere)."""

    def __init__(self, name: str, summary: str) -> None:
        self.name = name
        self.summary = summary

    def check(self, width: int, arg_widths: Sequence[int], attr: Any = None) -> None:
        """Raise ValueError unless an operation of these widths is legal."""
        if width < 1 or min(arg_widths, default=0) < 1:
            raise ValueError(f"{self.name}: values need a bit at least, got {width} from {list(arg_widths)}")
        problem = self.problem(width, arg_widths, attr)
        if problem:
            raise ValueError(f"{self.name}: {problem}; got {width} from {list(arg_widths)}, attr {attr!r}")

    @abstractmethod
    def problem(self, width: int, arg_widths: Sequence[int], attr: Any) -> str | None:
        """What is wrong with these widths, or None."""

    @abstractmethod
    def evaluate(self, width: int, attr: Any, arg_widths: Sequence[int], args: Sequence[int]) -> int:
        """The result for these arguments, each in [0, 2**its width)."""

    @abstractmethod
    def build(self, m: Module, width: int, attr: Any, args: Sequence[Value]) -> Value:
        """The hardware: a value of ``width`` bits. Helper signals go into ``m.d.comb``."""

    @abstractmethod
    def delay(self, width: int, arg_widths: Sequence[int], attr: Any, constants: Constants) -> float:
        """ns from the arguments to the result. ``constants[i]``: argument i's value if it is constant."""

    def delays(self, width: int, arg_widths: Sequence[int], attr: Any, constants: Constants) -> list[float]:
        """ns from each argument to the result."""
        return [self.delay(width, arg_widths, attr, constants)] * len(arg_widths)

    @abstractmethod
    def area(self, width: int, arg_widths: Sequence[int], constants: Constants) -> Area:
        """About what synthesis makes of it; ``constants`` as for `delay`."""


class Elementwise(Operator):
    """Arguments have the result's width."""

    def __init__(
        self,
        name: str,
        summary: str,
        arity: int,
        evaluate: Evaluate,
        build: Build,
        delay: Callable[[int], float],
        area: Callable[[int, bool], float],
    ) -> None:
        super().__init__(name, summary)
        self._area = area
        self._arity = arity
        self._evaluate = evaluate
        self._build = build
        self._delay = delay

    def problem(self, width: int, arg_widths: Sequence[int], attr: Any) -> str | None:
        right = len(arg_widths) == self._arity and all(w == width for w in arg_widths)
        return None if right else f"takes {self._arity} arguments of the result's width"

    def evaluate(self, width: int, attr: Any, arg_widths: Sequence[int], args: Sequence[int]) -> int:
        return self._evaluate(width, args) & ((1 << width) - 1)

    def build(self, m: Module, width: int, attr: Any, args: Sequence[Value]) -> Value:
        return _exactly(self._build(width, args), width)

    def delay(self, width: int, arg_widths: Sequence[int], attr: Any, constants: Constants) -> float:
        return self._delay(width)

    def area(self, width: int, arg_widths: Sequence[int], constants: Constants) -> Area:
        return Area(lut4=self._area(width, _any_constant(constants)))


class Multiply(Elementwise):
    """The low bits of a product. Unlike elsewhere, arguments may be narrower than the result: that is what
    tells a multiplier of 18 x 18 bits from one of 36 x 36."""

    def problem(self, width: int, arg_widths: Sequence[int], attr: Any) -> str | None:
        right = len(arg_widths) == 2 and all(w <= width for w in arg_widths)
        return None if right else "takes two arguments no wider than the result"

    def delay(self, width: int, arg_widths: Sequence[int], attr: Any, constants: Constants) -> float:
        tiles = [-(-w // delays.MULTIPLIER_BITS) for w in arg_widths]
        if min(arg_widths) == 1:
            return delays.LEVEL / 2
        rows = tiles[0] * tiles[1]
        return delays.MULTIPLIER + (rows - 1).bit_length() * delays.carry_chain(width)

    def area(self, width: int, arg_widths: Sequence[int], constants: Constants) -> Area:
        if min(arg_widths) == 1:
            return Area(lut4=max(arg_widths) / 2)
        tiles = [-(-w // delays.MULTIPLIER_BITS) for w in arg_widths]
        return Area(lut4=(tiles[0] * tiles[1] - 1) * width, multipliers=tiles[0] * tiles[1])


class Compare(Operator):
    """Two arguments of equal width, one result bit."""

    def __init__(
        self,
        name: str,
        summary: str,
        evaluate: Evaluate,
        build: Build,
        delay: Callable[[int, bool], float],
        area: Callable[[int, bool], float],
    ) -> None:
        super().__init__(name, summary)
        self._area = area
        self._evaluate = evaluate
        self._build = build
        self._delay = delay

    def problem(self, width: int, arg_widths: Sequence[int], attr: Any) -> str | None:
        right = width == 1 and len(arg_widths) == 2 and arg_widths[0] == arg_widths[1]
        return None if right else "takes two arguments of equal width and gives one bit"

    def evaluate(self, width: int, attr: Any, arg_widths: Sequence[int], args: Sequence[int]) -> int:
        return self._evaluate(arg_widths[0], args)

    def build(self, m: Module, width: int, attr: Any, args: Sequence[Value]) -> Value:
        return self._build(len(args[0]), args)

    def delay(self, width: int, arg_widths: Sequence[int], attr: Any, constants: Constants) -> float:
        return self._delay(arg_widths[0], _any_constant(constants))

    def area(self, width: int, arg_widths: Sequence[int], constants: Constants) -> Area:
        return Area(lut4=self._area(arg_widths[0], _any_constant(constants)))


class Select(Operator):
    """``mux(select, a, b)``."""

    def problem(self, width: int, arg_widths: Sequence[int], attr: Any) -> str | None:
        return None if list(arg_widths) == [1, width, width] else "takes one bit and two of the result's width"

    def evaluate(self, width: int, attr: Any, arg_widths: Sequence[int], args: Sequence[int]) -> int:
        return args[1] if args[0] else args[2]

    def build(self, m: Module, width: int, attr: Any, args: Sequence[Value]) -> Value:
        return Mux(args[0], args[1], args[2])

    def delay(self, width: int, arg_widths: Sequence[int], attr: Any, constants: Constants) -> float:
        return delays.select(width)

    def delays(self, width: int, arg_widths: Sequence[int], attr: Any, constants: Constants) -> list[float]:
        return [delays.select(width), delays.choice(), delays.choice()]

    def area(self, width: int, arg_widths: Sequence[int], constants: Constants) -> Area:
        return Area(lut4=width / 2 if _any_constant(constants) else width)


class Wiring(Operator):
    """No logic: bits in another order."""

    def __init__(
        self,
        name: str,
        summary: str,
        problem: Callable[[int, Sequence[int], Any], str | None],
        evaluate: Callable[[int, Any, Sequence[int], Sequence[int]], int],
        build: Callable[[int, Any, Sequence[Value]], Value],
    ) -> None:
        super().__init__(name, summary)
        self._problem = problem
        self._evaluate = evaluate
        self._build = build

    def problem(self, width: int, arg_widths: Sequence[int], attr: Any) -> str | None:
        return self._problem(width, arg_widths, attr)

    def evaluate(self, width: int, attr: Any, arg_widths: Sequence[int], args: Sequence[int]) -> int:
        return self._evaluate(width, attr, arg_widths, args)

    def build(self, m: Module, width: int, attr: Any, args: Sequence[Value]) -> Value:
        return self._build(width, attr, args)

    def delay(self, width: int, arg_widths: Sequence[int], attr: Any, constants: Constants) -> float:
        return 0.0

    def area(self, width: int, arg_widths: Sequence[int], constants: Constants) -> Area:
        return Area()


class Shift(Operator):
    """A variable shift. Argument 0 has the result's width, the amount any width; amounts of ``width`` or more
    give 0, or the sign in every bit for ``ashr``. The hardware shifts by powers of two, one after another."""

    def __init__(self, name: str, summary: str, left: bool, arithmetic: bool) -> None:
        super().__init__(name, summary)
        self._left = left
        self._arithmetic = arithmetic

    def problem(self, width: int, arg_widths: Sequence[int], attr: Any) -> str | None:
        right = len(arg_widths) == 2 and arg_widths[0] == width
        return None if right else "takes a value of the result's width and an amount"

    def evaluate(self, width: int, attr: Any, arg_widths: Sequence[int], args: Sequence[int]) -> int:
        value, amount = args[0], min(args[1], width)
        if self._left:
            return value << amount & ((1 << width) - 1)
        return (signed(value, width) if self._arithmetic else value) >> amount & ((1 << width) - 1)

    def build(self, m: Module, width: int, attr: Any, args: Sequence[Value]) -> Value:
        value, amount = args
        fill = value[-1] if self._arithmetic else Const(0, 1)
        levels = min((width - 1).bit_length(), len(amount))
        for level in range(levels):
            shifted = Signal(width)
            m.d.comb += shifted.eq(Mux(amount[level], self.by(value, 1 << level, fill), value))
            value = shifted
        if len(amount) > levels:
            return Mux(amount[levels:].any(), fill.replicate(width), value)
        return value

    def by(self, value: Value, amount: int, fill: Value) -> Value:
        """``value`` shifted by a constant."""
        width = len(value)
        if amount >= width:
            return fill.replicate(width)
        if self._left:
            return Cat(Const(0, amount), value[: width - amount])
        return Cat(value[amount:], fill.replicate(amount))

    def delay(self, width: int, arg_widths: Sequence[int], attr: Any, constants: Constants) -> float:
        if constants[1] is not None:
            return 0.0
        levels = min((width - 1).bit_length() + 1, arg_widths[1])
        return delays.select(width) + (levels - 1) * delays.choice()

    def area(self, width: int, arg_widths: Sequence[int], constants: Constants) -> Area:
        if constants[1] is not None:
            return Area()
        levels = min((width - 1).bit_length() + 1, arg_widths[1])
        return Area(lut4=levels * width * (0.5 if constants[0] is not None else 1))


def signed(value: int, width: int) -> int:
    """The two's complement reading of an unsigned number of ``width`` bits."""
    return value - (1 << width) if value >> (width - 1) else value


def _exactly(value: Value, width: int) -> Value:
    """Cut or zero-extend to ``width`` bits."""
    if len(value) == width:
        return value if not value.shape().signed else value.as_unsigned()
    return value[:width] if len(value) > width else Cat(value, Const(0, width - len(value)))


def _signed_quotient(width: int, args: Sequence[int]) -> int:
    a, b = (signed(x, width) for x in args)
    if b == 0:
        return 0
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def _signed_remainder(width: int, args: Sequence[int]) -> int:
    a, b = (signed(x, width) for x in args)
    if b == 0:
        return a
    return abs(a) % abs(b) * (-1 if a < 0 else 1)


def _build_quotient(width: int, args: Sequence[Value]) -> Value:
    return Mux(args[1] == 0, 0, args[0] // args[1])


def _build_remainder(width: int, args: Sequence[Value]) -> Value:
    return Mux(args[1] == 0, args[0], args[0] % args[1])


def _magnitude(value: Value) -> Value:
    return _exactly(Mux(value[-1], -value, value), len(value))


def _build_signed_quotient(width: int, args: Sequence[Value]) -> Value:
    quotient = _build_quotient(width, [_magnitude(x) for x in args])
    return Mux(args[0][-1] ^ args[1][-1], -quotient, quotient)


def _build_signed_remainder(width: int, args: Sequence[Value]) -> Value:
    remainder = _build_remainder(width, [_magnitude(x) for x in args])
    return Mux(args[0][-1], -remainder, remainder)


def _divider_delay(width: int) -> float:
    return width * (delays.carry_chain(width) + delays.select(width))


def _concat(width: int, attr: Any, arg_widths: Sequence[int], args: Sequence[int]) -> int:
    offsets = accumulate(arg_widths, initial=0)
    return sum(arg << offset for arg, offset in zip(args, offsets, strict=False))


def _check_slice(width: int, arg_widths: Sequence[int], attr: Any) -> str | None:
    right = len(arg_widths) == 1 and isinstance(attr, int) and attr >= 0 and attr + width <= arg_widths[0]
    return None if right else "takes bits attr .. attr + width - 1 of one argument"


def _check_extension(width: int, arg_widths: Sequence[int], attr: Any) -> str | None:
    return None if len(arg_widths) == 1 and arg_widths[0] <= width else "takes one argument that is not wider"


def _check_concat(width: int, arg_widths: Sequence[int], attr: Any) -> str | None:
    return None if sum(arg_widths) == width else "arguments' widths must add up to the result's"


def _gate(_width: int) -> float:
    return delays.LEVEL / 2  # three two-input gates fill one LUT4


def _bits(width: int, _constant: bool) -> float:
    return float(width)  # an adder has one LUT4 a bit


def _any_constant(constants: Constants) -> bool:
    return any(c is not None for c in constants)


def _gate_luts(width: int, constant: bool) -> float:
    return 0.0 if constant else width / 2  # with a constant only wires and inverters are left


def _equality_luts(width: int, constant: bool) -> float:
    return (width if constant else 2 * width) / 3  # a tree of LUT4, each of which takes three bits away


def _divider_luts(width: int, _constant: bool) -> float:
    return 2.0 * width * width  # a subtraction and a choice for each bit of the quotient


_ALL: tuple[Operator, ...] = (
    Elementwise("add", "a + b", 2, lambda w, a: a[0] + a[1], lambda w, a: a[0] + a[1], delays.carry_chain, _bits),
    Elementwise("sub", "a - b", 2, lambda w, a: a[0] - a[1], lambda w, a: a[0] - a[1], delays.carry_chain, _bits),
    Multiply("mul", "low bits of a * b", 2, lambda w, a: a[0] * a[1], lambda w, a: a[0] * a[1], _divider_delay, _bits),
    Elementwise("and", "a & b", 2, lambda w, a: a[0] & a[1], lambda w, a: a[0] & a[1], _gate, _gate_luts),
    Elementwise("or", "a | b", 2, lambda w, a: a[0] | a[1], lambda w, a: a[0] | a[1], _gate, _gate_luts),
    Elementwise("xor", "a ^ b", 2, lambda w, a: a[0] ^ a[1], lambda w, a: a[0] ^ a[1], _gate, _gate_luts),
    Elementwise("not", "~a", 1, lambda w, a: ~a[0], lambda w, a: ~a[0], lambda w: 0.0, lambda w, constant: 0.0),
    Compare(
        "eq",
        "a == b",
        lambda w, a: int(a[0] == a[1]),
        lambda w, a: a[0] == a[1],
        lambda w, constant: delays.tree(w if constant else 2 * w),
        _equality_luts,
    ),
    Compare(
        "ult",
        "a < b, unsigned",
        lambda w, a: int(a[0] < a[1]),
        lambda w, a: a[0] < a[1],
        lambda w, constant: delays.comparison(w),
        _bits,
    ),
    Compare(
        "slt",
        "a < b, two's complement",
        lambda w, a: int(signed(a[0], w) < signed(a[1], w)),
        lambda w, a: a[0].as_signed() < a[1].as_signed(),
        lambda w, constant: delays.comparison(w),
        _bits,
    ),
    Select("mux", "a if select else b (arguments: select, a, b)"),
    Wiring("concat", "first argument in the lowest bits", _check_concat, _concat, lambda w, attr, a: Cat(*a)),
    Wiring(
        "slice",
        "bits attr .. attr + width - 1",
        _check_slice,
        lambda w, attr, ws, a: a[0] >> attr & ((1 << w) - 1),
        lambda w, attr, a: a[0][attr : attr + w],
    ),
    Wiring(
        "zext",
        "zeros above",
        _check_extension,
        lambda w, attr, ws, a: a[0],
        lambda w, attr, a: _exactly(a[0], w),
    ),
    Wiring(
        "sext",
        "the sign bit above",
        _check_extension,
        lambda w, attr, ws, a: signed(a[0], ws[0]) & ((1 << w) - 1),
        lambda w, attr, a: Cat(a[0], a[0][-1].replicate(w - len(a[0]))),
    ),
    Shift("shl", "a << amount", left=True, arithmetic=False),
    Shift("lshr", "a >> amount, zeros from above", left=False, arithmetic=False),
    Shift("ashr", "a >> amount, the sign bit from above", left=False, arithmetic=True),
    Elementwise(
        "udiv",
        "a / b, 0 if b is 0",
        2,
        lambda w, a: a[0] // a[1] if a[1] else 0,
        _build_quotient,
        _divider_delay,
        _divider_luts,
    ),
    Elementwise(
        "urem",
        "a % b, a if b is 0",
        2,
        lambda w, a: a[0] % a[1] if a[1] else a[0],
        _build_remainder,
        _divider_delay,
        _divider_luts,
    ),
    Elementwise(
        "sdiv",
        "a / b towards zero, 0 if b is 0 (RFC 9669 section 4.1)",
        2,
        _signed_quotient,
        _build_signed_quotient,
        _divider_delay,
        _divider_luts,
    ),
    Elementwise(
        "srem",
        "what sdiv leaves, with the sign of a; a if b is 0",
        2,
        _signed_remainder,
        _build_signed_remainder,
        _divider_delay,
        _divider_luts,
    ),
)

OPERATORS: Mapping[str, Operator] = {operator.name: operator for operator in _ALL}
"""Every pure operator that a graph node may name."""
