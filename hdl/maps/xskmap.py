"""AF_XDP socket maps (net/xdp/xskmap.c): an index gives the socket that gets the frame."""

from __future__ import annotations

from typing import Any

from .base import RedirectTarget
from .index_map import IndexMap
from .index_model import IndexRules
from .linux import EBADF


class Xskmap(IndexMap):
    """Sockets are known by their index, usually the receive queue's number. The value is what the host knows the
    socket by, any number but 0; a program may look an entry up, but not read the socket's fields."""

    type = 17
    name = "xskmap"
    summary = "AF_XDP sockets of the host to redirect to; filled by the host; the target is the key, usually the queue"
    operations = frozenset({"lookup", "redirect"})
    redirects_to = RedirectTarget.SOCKET
    values_readable = False
    value_sizes = (4,)
    rules = IndexRules(by_entry=True, zero=EBADF)

    def reference_target(self, index: int, value: bytes | bytearray) -> int:
        return index

    def lower_target(self, index: Any, word: Any) -> Any:
        return index
