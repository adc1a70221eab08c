"""What programs in the kernel tell the host: perf and ring buffers, mapped into memory, to be read after each frame.

Layouts are those of include/uapi/linux/perf_event.h and of kernel/bpf/ringbuf.c.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import platform
import struct
from abc import ABC, abstractmethod
from contextlib import ExitStack

from ..codegen.spec import MapSpec
from ..hdl.errors import InputError
from ..hdl.maps.ringbuf import HEADER_BYTES, PAGE_BYTES, record_bytes
from . import bpf_syscall as bpf

_PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241, "riscv64": 241}.get(platform.machine())
_LIBC = ctypes.CDLL(None, use_errno=True)
_SOFTWARE, _BPF_OUTPUT = 1, 10  # PERF_TYPE_SOFTWARE, PERF_COUNT_SW_BPF_OUTPUT
_RAW = 1 << 10  # PERF_SAMPLE_RAW
_ATTRIBUTES = struct.Struct("<IIQQQQQI")  # up to wakeup_events; the rest of the 64 bytes of version 0 is zero
_ATTRIBUTE_BYTES = 64
_CLOEXEC = 8  # PERF_FLAG_FD_CLOEXEC
_ENABLE = 0x2400  # PERF_EVENT_IOC_ENABLE
_HEAD = 1024  # where in the first page it says how much was written
_PERF_PAGES = 64
_SAMPLE, _LOST = 9, 2  # PERF_RECORD_*

_BUSY, _DISCARDED = 1 << 31, 1 << 30


class LinuxBuffer(ABC):
    """A buffer of records of one map in the kernel."""

    @abstractmethod
    def take(self) -> list[bytes]:
        """The records since the last call. Raises `InputError` if Linux has lost some."""


class PerfBuffer(LinuxBuffer):
    """The buffer of one CPU in a perf event array, closed by ``stack``. It is a fresh one, of zeros, after each `take`
    that found something."""

    def __init__(self, array: int, cpu: int, stack: ExitStack) -> None:
        self._fd = _perf_event_open(cpu)
        stack.callback(os.close, self._fd)
        self._memory = self._mapped()
        stack.callback(lambda: self._memory.close())
        bpf.map_update(array, cpu.to_bytes(4, "little"), self._fd.to_bytes(4, "little"))
        fcntl.ioctl(self._fd, _ENABLE, 0)

    def _mapped(self) -> mmap.mmap:
        return mmap.mmap(self._fd, (1 + _PERF_PAGES) * PAGE_BYTES, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)

    def take(self) -> list[bytes]:
        (end,) = struct.unpack_from("<Q", self._memory, _HEAD)
        if not end:
            return []
        data = self._memory[PAGE_BYTES : PAGE_BYTES + end]
        self._memory.close()
        self._memory = self._mapped()
        records, at = [], 0
        while at < end:
            kind, _, size = struct.unpack_from("<IHH", data, at)
            if kind == _LOST:
                raise InputError("Linux has lost records of a perf buffer: one frame makes too many")
            if kind == _SAMPLE:
                (length,) = struct.unpack_from("<I", data, at + 8)
                records.append(data[at + 12 : at + 12 + length])
            at += size
        return records


def _perf_event_open(cpu: int) -> int:
    attributes = _ATTRIBUTES.pack(_SOFTWARE, _ATTRIBUTE_BYTES, _BPF_OUTPUT, 1, _RAW, 0, 0, 1)
    buffer = ctypes.create_string_buffer(attributes, _ATTRIBUTE_BYTES)
    if _PERF_EVENT_OPEN is None:
        raise InputError(f"perf_event_open(2) is not known on {platform.machine()}")
    fd: int = _LIBC.syscall(_PERF_EVENT_OPEN, buffer, -1, cpu, -1, _CLOEXEC)
    if fd < 0:
        raise InputError(f"Linux gives no perf buffer: {os.strerror(ctypes.get_errno())}")
    return fd


class RingBuffer(LinuxBuffer):
    """A ring buffer; ``stack`` closes it."""

    def __init__(self, ring: int, spec: MapSpec, stack: ExitStack) -> None:
        self._size = spec.max_entries
        self._consumer = mmap.mmap(ring, PAGE_BYTES, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        stack.callback(self._consumer.close)
        # The data is mapped twice, one behind the other, so that no record is in two pieces.
        length = PAGE_BYTES + 2 * self._size
        self._producer = mmap.mmap(ring, length, mmap.MAP_SHARED, mmap.PROT_READ, offset=PAGE_BYTES)
        stack.callback(self._producer.close)

    def take(self) -> list[bytes]:
        (position,), (end,) = struct.unpack_from("<Q", self._consumer, 0), struct.unpack_from("<Q", self._producer, 0)
        records = []
        while position < end:
            at = PAGE_BYTES + position % self._size
            (header,) = struct.unpack_from("<I", self._producer, at)
            size = header & ~(_BUSY | _DISCARDED)
            if not header & _DISCARDED:
                records.append(self._producer[at + HEADER_BYTES : at + HEADER_BYTES + size])
            position += record_bytes(size)
        struct.pack_into("<Q", self._consumer, 0, position)
        return records
