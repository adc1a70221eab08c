"""Device maps (kernel/bpf/devmap.c): an index gives the interface out of which a frame is sent."""

from __future__ import annotations

from typing import Any

from .base import RedirectTarget
from .index_map import IndexMap
from .linux import BPF_F_BROADCAST, BPF_F_EXCLUDE_INGRESS
from .slots import first_word


class Devmap(IndexMap):
    """The host may give any ifindex but 0, which deletes the entry; programs on entries are refused (-EINVAL)."""

    type = 14
    name = "devmap"
    summary = "interfaces to redirect to, by index; filled by the host; the target is the ifindex"
    operations = frozenset({"lookup", "redirect"})
    redirects_to = RedirectTarget.PORT
    redirect_flags = BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS

    def reference_target(self, index: int, value: bytes | bytearray) -> int:
        return first_word(value)

    def lower_target(self, index: Any, word: Any) -> Any:
        return word
