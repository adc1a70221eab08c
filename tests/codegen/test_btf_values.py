"""Values by BTF types: what `decode` reads, `encode` writes; what does not fit is told by name."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hardpath.codegen.btf import Array, Btf, Float, Int, Member, Struct, Void
from hardpath.codegen.btf_values import Address, Bits, decode, encode, plain
from hardpath.codegen.elf import load
from hardpath.hdl.errors import InputError

TYPES = load(Path(__file__).parent.parent / "nic_model" / "data" / "types.o")


def of(name: str) -> tuple[Btf, int]:
    """The value type of a map."""
    spec = TYPES.maps[name]
    assert spec.btf is not None
    return spec.btf, spec.value_type


@pytest.mark.parametrize("name", ["flows", "counts", "numbers", ".data"])
def test_what_is_read_can_be_written(name: str) -> None:
    types, kind = of(name)
    rng = random.Random(name)
    for _ in range(200):
        data = bytes(rng.choice((0, 0, 1, 6, 65, 127, 128, 254, 255)) for _ in range(types.size(kind)))
        value = plain(decode(types, kind, data))
        again = encode(types, kind, value)
        assert plain(decode(types, kind, again)) == value
        assert encode(types, kind, data) == data


def test_every_kind_of_member() -> None:
    types, kind = of("flows")
    value = {
        "packets": 1 << 63, "delta": -5, "mac": b"\1\2\3\4\5\6", "name": "abc", "kind": "UDP", "big": "LARGE",
        "on": True, "low": 5, "middle": 0x1FFF, "with_sign": -3, "in": [{"a": 1}, {"b": 2}], "bytes": [1, 2, 3, 4],
        "x": -1, "pointer": 1 << 40, "wide": -(1 << 100), "small": -128, "matrix": [[1, 2, 3], [4]],
    }  # fmt: skip
    data = encode(types, kind, value)
    found = plain(decode(types, kind, data))
    assert found == {
        **value, "mac": [1, 2, 3, 4, 5, 6], "high": 0, "in": [{"a": 1, "b": 0}, {"a": 0, "b": 2}], "word": 0x04030201,
        "letter": 0, "matrix": [[1, 2, 3], [4, 0, 0]], "text": "",
    }  # fmt: skip
    tree = dict(decode(types, kind, data))
    assert isinstance(tree["pointer"], Address) and isinstance(tree["with_sign"], Bits)
    assert (tree["with_sign"].pattern, int(tree["with_sign"])) == (0b11101, -3)
    assert encode(types, kind, {"kind": -3}) == encode(types, kind, {"kind": "ODD"})


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (5, "value: 5 is no dict of its members"),
        ({"packet": 1}, "value has no member packet; it has packets, delta"),
        ({"packets": -1}, "value.packets: -1 is outside of 0 to 18446744073709551615"),
        ({"delta": 1 << 63}, "value.delta: 9223372036854775808 is outside"),
        ({"packets": 1.5}, "value.packets: 1.5 is no whole number"),
        ({"low": 8}, "value.low: 8 is outside of 0 to 7"),
        ({"with_sign": 16}, "value.with_sign: 16 is outside of -16 to 15"),
        ({"kind": "ICMP"}, "value.kind: ICMP is none of NONE, TCP, UDP, ODD"),
        ({"mac": [0] * 7}, "value.mac: 7 elements, at most 6 fit"),
        ({"mac": 5}, "value.mac: 5 is no list"),
        ({"in": [{}, {"a": 256}]}, "value.in[1].a: 256 is outside"),
        ({"in": b"123456789"}, "value.in: 9 bytes, must be 8"),
        (b"short", "value: 5 bytes, must be"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(value: object, says: str) -> None:
    with pytest.raises(InputError) as raised:
        encode(*of("flows"), value)
    assert says in str(raised.value)


def test_damaged_types_are_an_input_error_and_take_no_time() -> None:
    empty, endless = Struct("e", 0, ()), Array(1, 1 << 32)
    assert decode(Btf("x", (Void(), empty, endless), b""), 2, b"") == []
    own = Struct("s", 8, (Member("again", 1, 0),))
    for kind in (own, Float("long double", 16), Array(0, 4), Struct("s", 4, (Member("far", 2, 1 << 20),))):
        types = Btf("x", (Void(), kind, Int("int", 4, True, False)), b"")
        with pytest.raises(InputError, match="x: "):
            decode(types, 1, bytes(16))
