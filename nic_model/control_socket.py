"""The control bus of a running simulation on a UNIX socket: the server beside the simulation, and the client's end.

Both talk in lines of JSON, an answer for each request. A list of transfers ``[[ADDRESS, WORD or null], ...]`` is
answered by the list of the words read; no others come in between. ``"about"`` is answered by what the device was built
from (`About`), ``"stop"`` by null, after which the simulation takes no more frames and ends. A simulation may know
other words. A request that makes no sense is answered by ``{"error": text}``.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import selectors
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from ..hdl.errors import InputError
from ..hdl.registers import RegisterMap
from ..sim.engine import Bus

CALM_S = 0.05
"""How often the server looks whether it shall stop for reasons that no socket tells."""

PATIENCE_S = 5.0
"""How long a client may leave an answer unread before it is left alone."""

_CLEAR = RegisterMap().address("clear")

_LONGEST_REQUEST = 64 << 20
"""Bytes. What is longer is answered by an error, once its line has ended."""


@dataclass(frozen=True)
class About:
    """What a device was built from.

    ``object``: the file with its types; ``fingerprint``: what tells it from another (`nic_model.host`). ``programs``:
    names of those that arrays of programs can hold (number - 1: position); ``inner_maps``: the same of maps in maps of
    maps. ``maps``: of each on the bus its type,
    max_entries and flags. ``constants``: the contents of read-only data, which is not on the bus (hexadecimal).
    """

    object: str
    fingerprint: str
    program: str
    programs: tuple[str, ...] = ()
    inner_maps: tuple[str, ...] = ()
    maps: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)


class _Requests:
    """What came from a client so far of the line that has not ended."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._size = 0

    def take(self, got: bytes) -> Iterator[bytes | None]:
        """The lines that end with what has come now; None for one that is too long."""
        *ends, rest = got.split(b"\n")
        for end in ends:
            self._keep(end)
            yield b"".join(self._chunks) if self._size <= _LONGEST_REQUEST else None
            self._chunks, self._size = [], 0
        self._keep(rest)

    def _keep(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size <= _LONGEST_REQUEST:
            self._chunks.append(chunk)
        else:
            self._chunks.clear()


class ControlServer:
    """A context manager that listens at a path, which must be free or left over. Raises `InputError`.

    ``words``: requests besides those that every simulation knows, and what answers them. ``stopping``: somebody has
    asked for it. ``cleared``: somebody has let the device's counters and stalls start over.
    """

    def __init__(self, path: Path, about: About | None = None) -> None:
        self.path = path
        self.about = about
        self.words: dict[str, Callable[[], Any]] = {}
        self.stopping = False
        self.cleared = False
        self._clients: dict[socket.socket, _Requests] = {}

    def __enter__(self) -> ControlServer:
        self._listener = _bind(self.path)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._selector.close()
        for connection in (self._listener, *self._clients):
            connection.close()
        self.path.unlink(missing_ok=True)

    def serve(self, bus: Bus) -> None:
        """Answer until somebody asks to stop: a client, or who ends this process by SIGINT or SIGTERM."""
        with stopping_signals() as stopped:
            while not (self.stopping or stopped.is_set()):
                self.answer(bus, CALM_S)
                bus.look()
        bus.stop()

    def fileno(self) -> int:
        """Can be read from when `answer` has something to do."""
        return self._selector.fileno()

    def answer(self, bus: Bus, timeout: float = 0) -> None:
        """Answer what has been asked; wait at most ``timeout`` seconds if nothing has."""
        for key, _ in self._selector.select(timeout):
            found = key.fileobj
            assert isinstance(found, socket.socket)
            if found is self._listener:
                connection, _ = found.accept()
                connection.settimeout(PATIENCE_S)
                self._clients[connection] = _Requests()
                self._selector.register(connection, selectors.EVENT_READ)
            else:
                self._read(found, bus)

    def _read(self, connection: socket.socket, bus: Bus) -> None:
        """Take in what a client sent."""
        try:
            got = connection.recv(1 << 16)
            if not got:
                raise ConnectionError
            for request in self._clients[connection].take(got):
                connection.sendall(json.dumps(self._answer(request, bus)).encode() + b"\n")
        except (ConnectionError, TimeoutError):
            self._selector.unregister(connection)
            del self._clients[connection]
            connection.close()

    def _answer(self, request: bytes | None, bus: Bus) -> Any:
        if request is None:
            return {"error": f"a request of more than {_LONGEST_REQUEST:,} bytes is too long: ask in several"}
        try:
            wish = json.loads(request)
        except (ValueError, RecursionError):
            return {"error": "a request is a line of JSON"}
        match wish:
            case "stop":
                self.stopping = True
                return None
            case "about":
                return asdict(self.about) if self.about else {"error": "nobody said what this device is"}
            case list() if all(_is_transfer(each) for each in wish):
                self.cleared |= any(address == _CLEAR and word is not None and word & 1 for address, word in wish)
                return bus.transfer([(address, word) for address, word in wish])
            case str() if wish in self.words:
                return self.words[wish]()
        return {"error": 'a request is "about", "stop" or a list of [address, word or null]'}


def _is_transfer(found: Any) -> bool:
    match found:
        case [int() as address, int() | None as word]:
            return 0 <= address < 1 << 16 and (word is None or 0 <= word < 1 << 32)
    return False


@contextlib.contextmanager
def stopping_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, where signals can be had: in the main thread."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check(path: Path) -> None:
    """Raise `InputError` now if no `ControlServer` could listen at a path; take away what a crash has left there."""
    _bind(path).close()
    path.unlink()


def _bind(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    try:
        if path.is_socket():
            with contextlib.closing(socket.socket(socket.AF_UNIX)) as probe:
                if probe.connect_ex(str(path)) == 0:
                    raise InputError(f"{path}: a simulation is already there: end it, or name another socket")
            path.unlink()
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        reason = "something else is there" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        hint = ": run as root, or choose another place" if error.errno in (errno.EPERM, errno.EACCES) else ""
        raise InputError(f"{path}: cannot make a socket there: {reason}{hint}") from None
    except InputError:
        listener.close()
        raise
    os.chmod(path, 0o600)
    listener.listen()
    return listener


class SocketTransport:
    """The client's end: a `sim.control_client.Transport`. Raises `InputError` where no simulation answers."""

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise InputError(
                f"{path}: no simulation is there ({error.strerror or error}): start one with hardpath sim ... "
                f"--control {path}"
            ) from None
        self._answers = self._socket.makefile("rb")

    def __call__(self, transfers: Sequence[tuple[int, int | None]]) -> list[int]:
        words: list[int] = self.ask(transfers)
        return words

    def about(self) -> About:
        """What the device was built from."""
        return About(**self.ask("about"))

    def stop(self) -> None:
        """The simulation takes no more frames and ends."""
        self.ask("stop")

    def wait(self) -> None:
        """Until the simulation has ended."""
        with contextlib.suppress(ConnectionError):
            self._answers.read()

    def close(self) -> None:
        """Leave."""
        self._answers.close()
        self._socket.close()

    def ask(self, request: Any) -> Any:
        """The answer to a request of any kind."""
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            line = self._answers.readline()
        except (ConnectionError, TimeoutError):
            line = b""
        if not line:
            raise InputError(f"{self._path}: the simulation has ended")
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            raise InputError(f"{self._path}: {answer['error']}")
        return answer
