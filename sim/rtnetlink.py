"""rtnetlink(7), as far as a network namespace for tests needs it: interfaces, addresses, routes, neighbours."""

from __future__ import annotations

import os
import socket
import struct
from itertools import count

NETLINK_ROUTE = 0
NLMSG_ERROR = 2
NEW_LINK, DELETE_ADDRESS, NEW_ROUTE, NEW_NEIGHBOUR = 16, 21, 24, 28
REQUEST, ACK, EXCLUSIVE, CREATE = 0x1, 0x4, 0x200, 0x400

IFF_UP = 1
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINKINFO = 1, 3, 4, 18
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
IFA_ADDRESS, IFA_LOCAL = 1, 2
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_METRICS, RTA_TABLE, RTA_VIA = 1, 4, 5, 6, 8, 15, 18
RTAX_LOCK, RTAX_MTU = 1, 2
RTPROT_STATIC, RTNH_F_ONLINK = 4, 4
RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, RT_SCOPE_HOST = 0, 253, 254
NDA_DST, NDA_LLADDR, NUD_PERMANENT = 1, 2, 0x80

_HEADER = struct.Struct("<IHHII")


def attribute(kind: int, value: bytes | int) -> bytes:
    """One attribute; a number has 32 bits."""
    data = value if isinstance(value, bytes) else struct.pack("<I", value)
    return struct.pack("<HH", 4 + len(data), kind) + data.ljust(-(-len(data) // 4) * 4, b"\0")


def link(ifindex: int = 0, flags: int = 0) -> bytes:
    """struct ifinfomsg."""
    return struct.pack("<BxHiII", 0, 0, ifindex, flags, flags)


def address(family: int, prefix: int, ifindex: int) -> bytes:
    """struct ifaddrmsg."""
    return struct.pack("<BBBBI", family, prefix, 0, 0, ifindex)


def route(family: int, prefix: int, kind: int, scope: int, flags: int = 0) -> bytes:
    """struct rtmsg; the table comes as RTA_TABLE."""
    return struct.pack("<8BI", family, prefix, 0, 0, 0, RTPROT_STATIC, scope, kind, flags)


def neighbour(family: int, ifindex: int, state: int) -> bytes:
    """struct ndmsg."""
    return struct.pack("<BxxxiHBB", family, ifindex, state, 0, 0)


class RouteSocket:
    """A socket in the network namespace of the thread that opens it."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE)
        self._numbers = count(1)

    def close(self) -> None:
        self._socket.close()

    def request(self, kind: int, flags: int, message: bytes, *attributes: bytes) -> None:
        """One request; raises OSError with the kernel's errno if it fails."""
        body, number = message + b"".join(attributes), next(self._numbers)
        self._socket.send(_HEADER.pack(_HEADER.size + len(body), kind, REQUEST | ACK | flags, number, 0) + body)
        while True:
            reply = self._socket.recv(1 << 16)
            _, what, _, of, _ = _HEADER.unpack_from(reply)
            if what == NLMSG_ERROR and of == number:
                (error,) = struct.unpack_from("<i", reply, _HEADER.size)
                if error:
                    raise OSError(-error, os.strerror(-error))
                return
