"""TAP devices of Linux: Ethernet interfaces whose line is this process (Documentation/networking/tuntap.rst)."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from types import TracebackType

from ..hdl.errors import InputError

CLONE_DEVICE = "/dev/net/tun"
LONGEST_NAME = 15  # IFNAMSIZ - 1
LONGEST_READ = 1 << 16

# include/uapi/linux/if_tun.h, sockios.h, if.h
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_TUN_EXCL = 0x0002, 0x1000, 0x8000
SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
IFF_UP = 0x1


class Tap:
    """A new TAP device, up, that goes when this object is closed or the process ends, however it ends.

    It may be moved to another network namespace meanwhile. A context manager. Raises `InputError` where there can be no
    such device.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        if not 1 <= len(name.encode()) <= LONGEST_NAME or "/" in name or name in (".", ".."):
            raise InputError(f"{name!r} cannot be the name of an interface: give 1 to {LONGEST_NAME} characters, no /")
        try:
            self._file = os.open(CLONE_DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise InputError(
                f"{CLONE_DEVICE}: {error.strerror}: TAP devices need root and the kernel's tun module"
            ) from None
        try:
            fcntl.ioctl(self._file, TUNSETIFF, _request(name, IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL))
            _set_up(name)
        except OSError as error:
            os.close(self._file)
            if error.errno == errno.EBUSY:
                raise InputError(f"there is an interface {name} already: give another name") from None
            if error.errno == errno.EPERM:
                raise InputError(f"cannot make the TAP device {name}: it needs root (CAP_NET_ADMIN)") from None
            raise InputError(f"cannot make the TAP device {name}: {error.strerror}") from None

    def fileno(self) -> int:
        return self._file

    def __enter__(self) -> Tap:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def frames(self, most: int) -> Iterator[bytes]:
        """What the machine has sent to it, at most so many frames, without waiting."""
        for _ in range(most):
            try:
                yield os.read(self._file, LONGEST_READ)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.EIO:  # it is down
                    return
                raise InputError(f"the interface {self.name} is gone: {error.strerror}") from None

    def send(self, frame: bytes) -> bool:
        """Hand a frame to the machine; False if it does not take it, because the device is down."""
        try:
            os.write(self._file, frame)
        except OSError:
            return False
        return True


def _request(name: str, flags: int) -> bytes:
    """A struct ifreq."""
    return struct.pack("16sH22x", name.encode(), flags)


def _set_up(name: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        answer = fcntl.ioctl(control, SIOCGIFFLAGS, _request(name, 0))
        (flags,) = struct.unpack_from("H", answer, 16)
        fcntl.ioctl(control, SIOCSIFFLAGS, _request(name, flags | IFF_UP))
