"""bpf_spin_lock: a lock in a map value, held by one path at a time and for no other calls (process_spin_lock)."""

from __future__ import annotations

from collections.abc import Mapping

from ...hdl.helpers.base import HelperPlugin
from ...hdl.maps.base import LOCK_BYTES
from ..spec import MapSpec
from .failure import Category, Failure
from .result import Kind
from .state import State
from .values import Ptr


def check_argument(register: int, pointer: Ptr, plugin: HelperPlugin, maps: Mapping[str, MapSpec]) -> None:
    """Raise unless it points to the lock of a map value."""
    assert pointer.kind == Kind.MAP_VALUE and pointer.map is not None
    lock = maps[pointer.map].lock
    if lock is None:
        raise Failure(
            Category.LOCK,
            f"{plugin.name} on a value of map {pointer.map}, which has no struct bpf_spin_lock",
            "put one into the value's struct, and keep the map's BTF",
            register,
        )
    if pointer.total.constant != lock:
        raise Failure(
            Category.LOCK,
            f"r{register} points to byte {pointer.total.smin} of a value of map {pointer.map}, whose lock is at {lock}",
            "pass the address of the lock",
            register,
        )


def before_call(state: State, plugin: HelperPlugin) -> None:
    """Raise if the call is not allowed with or without a lock."""
    if plugin.unlocks:
        if state.lock is None:
            raise Failure(Category.LOCK, f"{plugin.name} without a lock", "take it on every path that gives it back")
        pointer = state.get(1)
        assert isinstance(pointer, Ptr)
        if state.lock != (pointer.map, pointer.lookup):
            raise Failure(
                Category.LOCK,
                f"{plugin.name} of another lock than the one of map {state.lock[0]} that is held",
                "unlock through the pointer that was locked",
                1,
            )
    elif state.lock is not None:
        raise Failure(
            Category.LOCK,
            f"{plugin.name} is called while the lock of map {state.lock[0]} is held",
            "call it before bpf_spin_lock or after bpf_spin_unlock",
        )


def after_call(state: State, plugin: HelperPlugin, pointer: object) -> None:
    """Note who holds a lock; ``pointer`` was the first argument."""
    if plugin.locks:
        assert isinstance(pointer, Ptr) and pointer.map is not None
        state.lock = pointer.map, pointer.lookup
    elif plugin.unlocks:
        state.lock = None


def check_exit(state: State) -> None:
    """Raise if the program ends with a lock."""
    if state.lock is not None:
        raise Failure(
            Category.LOCK,
            f"the program ends while the lock of map {state.lock[0]} is held",
            "call bpf_spin_unlock on every path",
        )


def check_access(register: int, spec: MapSpec, low: int, high: int) -> None:
    """Raise if bytes [low, high) of a value are partly its lock's."""
    if spec.lock is not None and low < spec.lock + LOCK_BYTES and spec.lock < high:
        raise Failure(
            Category.LOCK,
            f"bytes [{low}, {high}) of a value of map {spec.name} are partly its lock's",
            "leave the lock to bpf_spin_lock and bpf_spin_unlock, and copy values field by field",
            register,
        )
