"""The bpf(2) system call, as far as the Linux oracle needs it (include/uapi/linux/bpf.h), without libbpf."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from typing import NamedTuple

_NUMBER = {"x86_64": 321, "aarch64": 280, "riscv64": 280}.get(platform.machine())
_LIBC = ctypes.CDLL(None, use_errno=True)

MAP_CREATE, MAP_LOOKUP, MAP_UPDATE, MAP_DELETE, MAP_NEXT_KEY, PROG_LOAD = range(6)
PROG_TEST_RUN = 10
BTF_LOAD = 18
MAP_LOOKUP_AND_DELETE, MAP_FREEZE = 21, 22

LINK_CREATE = 28
LIVE_FRAMES = 1 << 1  # BPF_F_TEST_XDP_LIVE_FRAMES

PROG_TYPE_XDP = 6
ATTACH_XDP = 37  # BPF_XDP of enum bpf_attach_type
XDP_DRIVER_MODE = 1 << 2  # XDP_FLAGS_DRV_MODE
XDP_HAS_FRAGS = 1 << 5  # BPF_F_XDP_HAS_FRAGS
LOG_BYTES = 1 << 24

Buffer = ctypes.Array[ctypes.c_char]


def bpf(command: int, attributes: Buffer) -> int:
    """One bpf(2) call; raises OSError with the errno when it fails."""
    if _NUMBER is None or not hasattr(os, "sched_setaffinity"):
        raise OSError(f"bpf(2) is not known on {platform.system()} {platform.machine()}")
    result: int = _LIBC.syscall(_NUMBER, command, attributes, len(attributes))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def _attributes(layout: str, *values: int | bytes) -> Buffer:
    packed = struct.pack("<" + layout, *values)
    return ctypes.create_string_buffer(packed, len(packed))


def _address(buffer: ctypes.Array[ctypes.c_char] | None) -> int:
    return 0 if buffer is None else ctypes.addressof(buffer)


def object_name(name: str) -> bytes:
    """A name as the kernel takes it: 15 characters, alphanumeric, ``_`` and ``.``."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_.") else "_" for c in name)[:15].encode()


def map_create(
    kind: int,
    key_size: int,
    value_size: int,
    max_entries: int,
    flags: int,
    name: str,
    types: tuple[int, int, int] = (0, 0, 0),
    inner: int = 0,
) -> int:
    """A new map's file descriptor. ``types``: descriptor of a BTF, and the ids in it of key and value. ``inner``: that
    of a map like those in a map of maps."""
    return bpf(
        MAP_CREATE,
        _attributes("7I16sI3I", kind, key_size, value_size, max_entries, flags, inner, 0, object_name(name), 0, *types),
    )


def _element(fd: int, key: Buffer | None, value: Buffer | None, flags: int) -> Buffer:
    """Has the addresses of key and value: the caller must hold on to both until the call is over."""
    return _attributes("IIQQQ", fd, 0, _address(key), _address(value), flags)


def map_lookup(fd: int, key: bytes, size: int) -> bytes | None:
    """The ``size`` bytes behind a key (for per-CPU maps those of all CPUs), None if there is no entry."""
    return _fetch(MAP_LOOKUP, fd, key, size)


def map_pop(fd: int, size: int) -> bytes | None:
    """The value of ``size`` bytes that a map without keys gives next, and no longer has; None if there is none."""
    return _fetch(MAP_LOOKUP_AND_DELETE, fd, b"", size)


def _fetch(command: int, fd: int, key: bytes, size: int) -> bytes | None:
    key_buffer, value = _key(key), ctypes.create_string_buffer(size)
    try:
        bpf(command, _element(fd, key_buffer, value, 0))
    except FileNotFoundError:
        return None
    return value.raw


def map_holds(fd: int, value: bytes) -> bool:
    """Whether a bloom filter finds a value."""
    asked = ctypes.create_string_buffer(value, len(value))
    try:
        bpf(MAP_LOOKUP, _element(fd, None, asked, 0))
    except FileNotFoundError:
        return False
    return True


def _key(key: bytes) -> Buffer | None:
    """NULL for maps without keys."""
    return ctypes.create_string_buffer(key, len(key)) if key else None


def map_update(fd: int, key: bytes, value: bytes, flags: int = 0) -> None:
    """Insert or replace; without a key, push."""
    key_buffer, value_buffer = _key(key), ctypes.create_string_buffer(value, len(value))
    bpf(MAP_UPDATE, _element(fd, key_buffer, value_buffer, flags))


def map_delete(fd: int, key: bytes) -> None:
    """Remove; raises FileNotFoundError if the key is not there."""
    key_buffer = _key(key)
    bpf(MAP_DELETE, _element(fd, key_buffer, None, 0))


def map_next_key(fd: int, key: bytes | None, key_size: int) -> bytes | None:
    """The key after ``key`` in the map's order (the first for None); None at the end."""
    after = None if key is None else ctypes.create_string_buffer(key, len(key))
    found = ctypes.create_string_buffer(key_size)
    try:
        bpf(MAP_NEXT_KEY, _element(fd, after, found, 0))
    except FileNotFoundError:
        return None
    return found.raw


def map_freeze(fd: int) -> None:
    """No more changes through system calls; lets the verifier read constant contents."""
    bpf(MAP_FREEZE, _attributes("I", fd))


def btf_load(blob: bytes) -> int:
    """The file descriptor of type information."""
    data = ctypes.create_string_buffer(blob, len(blob))
    return bpf(BTF_LOAD, _attributes("QQIII", _address(data), 0, len(blob), 0, 0))


def xdp_attach(program: int, ifindex: int) -> int:
    """Attach a program to an interface, in its driver: the descriptor of the link, which ends with it."""
    return bpf(LINK_CREATE, _attributes("4I", program, ifindex, ATTACH_XDP, XDP_DRIVER_MODE))


class FunctionInfo(NamedTuple):
    """Type information that says where functions begin: bpf_func_info records of 8 bytes, and the BTF they name."""

    btf: int
    records: bytes


def prog_load(code: bytes, name: str, license: str, flags: int = 0, functions: FunctionInfo | None = None) -> int:
    """An XDP program's file descriptor; raises OSError when the verifier says no."""
    return _load(code, name, license, flags, functions, None)


def prog_verdict(
    code: bytes, name: str, license: str, flags: int = 0, functions: FunctionInfo | None = None
) -> tuple[int | None, str]:
    """(file descriptor or None, the verifier's log)."""
    log = ctypes.create_string_buffer(LOG_BYTES)
    try:
        return _load(code, name, license, flags, functions, log), log.value.decode(errors="replace")
    except OSError as error:
        return None, log.value.decode(errors="replace") or str(error)


def _load(
    code: bytes, name: str, license: str, flags: int, functions: FunctionInfo | None, log: Buffer | None
) -> int:
    instructions = ctypes.create_string_buffer(code, len(code))
    licence = ctypes.create_string_buffer(license.encode())
    btf, records = functions or FunctionInfo(0, b"")
    info = ctypes.create_string_buffer(records, len(records)) if records else None
    return bpf(
        PROG_LOAD,
        _attributes(
            "IIQQIIQII16sIIIIQI",
            PROG_TYPE_XDP,
            len(code) // 8,
            _address(instructions),
            _address(licence),
            int(log is not None),
            0 if log is None else len(log),
            _address(log),
            0,
            flags,
            object_name(name),
            0,
            0,
            btf,
            8 if records else 0,
            _address(info),
            len(records) // 8,
        ),
    )


class TestRun:
    """BPF_PROG_TEST_RUN of one program, with buffers that are used again for every frame. ``duration_ns``: of the last
    runs, the kernel's mean for one."""

    _LAYOUT = struct.Struct("<4IQQ4IQQ3I4x")
    _CONTEXT = struct.Struct("<6I")  # struct xdp_md
    LONGEST_OUT = 4096

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.duration_ns = 0
        self._attributes = ctypes.create_string_buffer(self._LAYOUT.size)
        self._out = ctypes.create_string_buffer(self.LONGEST_OUT)
        self._context = ctypes.create_string_buffer(self._CONTEXT.size)

    def live(self, frame: bytes, ifindex: int, count: int) -> None:
        """Run copies of a frame that came in on an interface, and do with them what the program says."""
        data = ctypes.create_string_buffer(frame, len(frame))
        self._CONTEXT.pack_into(self._context, 0, 0, len(frame), 0, ifindex, 0, 0)
        self._LAYOUT.pack_into(
            self._attributes, 0,
            self._fd, 0, len(frame), 0, _address(data), 0,
            count, 0, self._CONTEXT.size, 0, _address(self._context), 0, LIVE_FRAMES, 0, 0,
        )  # fmt: skip
        bpf(PROG_TEST_RUN, self._attributes)

    def __call__(self, frame: bytes, ifindex: int = 0, repeat: int = 1) -> tuple[int, bytes, bytes]:
        """(return value, metadata, frame afterwards); raises OSError when the kernel refuses the frame. ``ifindex``: an
        interface with an XDP program, or 0, the loopback. ``repeat``: runs, each on what the one before has left."""
        self._CONTEXT.pack_into(self._context, 0, 0, len(frame), 0, ifindex, 0, 0)
        data = ctypes.create_string_buffer(frame, len(frame))
        context, context_size = _address(self._context), self._CONTEXT.size
        self._LAYOUT.pack_into(
            self._attributes, 0,
            self._fd, 0, len(frame), self.LONGEST_OUT, _address(data), _address(self._out),
            repeat, 0, context_size, context_size, context, context, 0, 0, 0,
        )  # fmt: skip
        bpf(PROG_TEST_RUN, self._attributes)
        _, value, _, size, _, _, _, self.duration_ns = self._LAYOUT.unpack_from(self._attributes)[:8]
        (metadata,) = struct.unpack_from("<I", self._context)
        out = ctypes.string_at(self._out, size)
        return value, out[:metadata], out[metadata:]
