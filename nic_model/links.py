"""Links to a device: a serial line and an Ethernet interface."""

from __future__ import annotations

import os
import select
import socket
import termios
import time
import tty
import zlib
from pathlib import Path

from ..hdl.errors import InputError
from ..hdl.messages import ETHERTYPE, HEAD_WORDS, WORDS
from ..hdl.serial_port import END, ESC, ESC_END, ESC_ESC

PATIENCE_S = 0.5
"""How long an answer may take beyond its time on the line."""


class SerialLink:
    """A serial line (``path``) to a device: 8 data bits, no parity, 1 stop bit. Raises `InputError`."""

    def __init__(self, path: str | Path, baud: int) -> None:
        self._patience = PATIENCE_S + 2 * 10 * 4 * WORDS / baud
        self._bytes = bytearray()
        speed = getattr(termios, f"B{baud}", None)
        if speed is None:
            raise InputError(f"{path}: this system knows no serial lines of {baud} baud")
        try:
            self._file = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError as error:
            raise InputError(f"{path}: cannot open it: {error.strerror}") from None
        try:
            tty.setraw(self._file)
            settings = termios.tcgetattr(self._file)
            settings[2] = settings[2] & ~(termios.CSTOPB | termios.CRTSCTS) | termios.CLOCAL | termios.CREAD
            settings[4] = settings[5] = speed
            termios.tcsetattr(self._file, termios.TCSANOW, settings)
            termios.tcflush(self._file, termios.TCIOFLUSH)
        except termios.error:
            os.close(self._file)
            raise InputError(f"{path}: this is no serial line") from None

    def send(self, message: bytes) -> None:
        """Between two END bytes, with its FCS."""
        rest = memoryview(bytes([END]) + _escaped(message + zlib.crc32(message).to_bytes(4, "little")) + bytes([END]))
        while rest:
            select.select([], [self._file], [])
            rest = rest[os.write(self._file, rest) :]

    def receive(self) -> bytes | None:
        """The next one whose FCS is right."""
        end = time.monotonic() + self._patience
        while (left := end - time.monotonic()) > 0:
            frame, found, rest = self._bytes.partition(bytes([END]))
            if found:
                self._bytes = rest
                message = _unescaped(bytes(frame))
                if len(message) > 4 and zlib.crc32(message[:-4]).to_bytes(4, "little") == message[-4:]:
                    return message[:-4]
            elif select.select([self._file], [], [], left)[0]:
                self._bytes += os.read(self._file, 1 << 16)
        return None

    def close(self) -> None:
        """Leave the line."""
        os.close(self._file)


def _escaped(data: bytes) -> bytes:
    return data.replace(bytes([ESC]), bytes([ESC, ESC_ESC])).replace(bytes([END]), bytes([ESC, ESC_END]))


def _unescaped(data: bytes) -> bytes:
    return data.replace(bytes([ESC, ESC_END]), bytes([END])).replace(bytes([ESC, ESC_ESC]), bytes([ESC]))


class EthernetLink:
    """Management frames through an interface to a device with an Ethernet ``address``. Raises `InputError`."""

    def __init__(self, interface: str, address: bytes) -> None:
        self._address = address
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
        except PermissionError:
            raise InputError(f"{interface}: only root can send frames there") from None
        try:
            self._socket.bind((interface, ETHERTYPE))
        except OSError as error:
            self._socket.close()
            raise InputError(f"{interface}: cannot send frames there: {error.strerror}") from None
        self._own: bytes = self._socket.getsockname()[4]

    def send(self, message: bytes) -> None:
        """In a frame."""
        self._socket.send(self._address + self._own + message)

    def receive(self) -> bytes | None:
        """The next one from the device."""
        end = time.monotonic() + PATIENCE_S
        while (left := end - time.monotonic()) > 0:
            if select.select([self._socket], [], [], left)[0]:
                frame = self._socket.recv(4 * (3 + HEAD_WORDS + WORDS))
                if frame[:12] == self._own + self._address:
                    return frame[12:]
        return None

    def close(self) -> None:
        """Leave the interface."""
        self._socket.close()
