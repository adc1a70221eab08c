"""Stores to the frame that are kept back: what is put together, and what stays apart."""

from hardpath.codegen.graph.construct import Construct
from hardpath.codegen.graph.ir import Graph
from hardpath.codegen.graph.predicates import TRUE, Predicates
from hardpath.codegen.graph.stores import Place, Stores


def place(c, base, offset, low, high):
    return Place.of(c, base, offset, low, high, 1)


def test_bytes_behind_one_pointer_are_spread_over_the_window_once():
    c = Construct(Graph())
    base, byte = c.zext(c.input("length", 16), 64), c.const(7, 8)
    stores = Stores()
    for offset in range(14):
        stores = stores.with_store(place(c, base, offset, offset, offset + 2000), [byte], TRUE)
    (group,) = stores.groups
    assert (group.first, group.end, len(group.held)) == (0, 2014, 14)


def test_stores_that_may_meet_stay_in_their_order():
    c = Construct(Graph())
    names = [c.zext(c.input(name, 16), 64) for name in ("length", "place")]
    stores = Stores()
    for base in (*names, names[0]):
        stores = stores.with_store(place(c, base, 0, 0, 100), [c.const(7, 8)], TRUE)
    assert [group.base for group in stores.groups] == [*names, names[0]]


def test_stores_that_never_meet_need_not():
    c = Construct(Graph())
    near, far = (c.zext(c.input(name, 16), 64) for name in ("length", "place"))
    stores = Stores().with_store(place(c, near, 0, 0, 100), [c.const(7, 8)], TRUE)
    stores = stores.with_store(place(c, far, 200, 200, 300), [c.const(7, 8)], TRUE)
    stores = stores.with_store(place(c, near, 1, 1, 101), [c.const(7, 8)], TRUE)
    assert [len(group.held) for group in stores.groups] == [2, 1]


def test_loads_look_through_stores_until_spreading_them_is_less_work():
    c = Construct(Graph())
    p, window = Predicates(c), c.input("window", 8 * 64)
    base, other = (c.zext(c.input(name, 16), 64) for name in ("length", "place"))
    stores: Stores | None = Stores().with_store(place(c, base, 0, 0, 60), [c.const(7, 8)], TRUE)
    loads = 0
    while stores is not None:
        assert stores.seen(c, p, TRUE, place(c, base, 0, 0, 60), 0, 61, c.slice(window, 0, 8)).attr == 7
        behind_the_same = stores.after_load(place(c, base, 0, 0, 60), 0, 61, 1)
        assert behind_the_same is not None and behind_the_same.effort == stores.effort
        stores = stores.after_load(place(c, other, 0, 0, 60), 0, 61, 1)
        loads += 1
    assert loads == 31


def test_one_byte_of_one_place_seen_from_another_has_no_values_without_bits():
    c = Construct(Graph())
    base, other = (c.zext(c.input(name, 16), 64) for name in ("length", "place"))
    stores = Stores().with_store(place(c, base, 0, 0, 60), [c.const(7, 8)], TRUE)
    at, old = place(c, other, 0, 0, 60), c.slice(c.input("window", 512), 0, 8)
    assert stores.seen(c, Predicates(c), TRUE, at, 0, 61, old).width == 8
    assert all(node.width for node in c.graph.nodes)
