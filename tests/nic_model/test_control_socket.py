"""The control socket: where it is, requests of any length, what the server takes notice of."""

from __future__ import annotations

import errno
import json
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hardpath.hdl.errors import InputError
from hardpath.hdl.registers import RegisterMap
from hardpath.nic_model import control_socket
from hardpath.nic_model.control_socket import ControlServer, check


class Memory:
    """A bus on which what was written is read."""

    def __init__(self) -> None:
        self.words: dict[int, int] = {}

    def transfer(self, transfers: Sequence[tuple[int, int | None]]) -> list[int]:
        found = []
        for address, word in transfers:
            if word is None:
                found.append(self.words.get(address, 0))
            else:
                self.words[address] = word
        return found


def exchange(server: ControlServer, lines: bytes, answers: int) -> tuple[list[Any], float]:
    """What a server answers, and the seconds of processor time that it takes for it."""
    found: list[Any] = []

    def client() -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(server.path))
            connection.sendall(lines)
            with connection.makefile("rb") as file:
                found.extend(json.loads(file.readline()) for _ in range(answers))

    thread = threading.Thread(target=client)
    thread.start()
    started = time.thread_time()
    while thread.is_alive():
        server.answer(Memory(), 0.05)
    return found, time.thread_time() - started


def ask(path: Path, lines: bytes, answers: int) -> tuple[list[Any], float]:
    """The same of a server of its own."""
    with ControlServer(path) as server:
        return exchange(server, lines, answers)


def test_a_place_for_a_socket_is_checked_without_a_trace(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with ControlServer(path), pytest.raises(InputError, match="a simulation is already there"):
        check(path)
    with closing(socket.socket(socket.AF_UNIX)) as left_over:
        left_over.bind(str(path))
    check(path)
    assert not path.exists()
    with pytest.raises(InputError, match="cannot make a socket there"):
        check(tmp_path / "nowhere" / "s")


def test_who_may_not_make_a_socket_is_told_who_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Forbidden(socket.socket):
        def bind(self, address: Any) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "socket", Forbidden)
    with pytest.raises(InputError, match="s: cannot make a socket there: Permission denied: run as root, or choose"):
        check(tmp_path / "s")


@pytest.mark.parametrize(
    ("register", "word", "cleared"),
    [("clear", 1, True), ("clear", 3, True), ("clear", 2, False), ("clear", None, False), ("map_select", 1, False)],
)
def test_a_server_knows_that_counters_have_started_over(
    tmp_path: Path, register: str, word: int | None, cleared: bool
) -> None:
    wish = [[RegisterMap().address(register), word]]
    with ControlServer(tmp_path / "s") as server:
        exchange(server, json.dumps(wish).encode() + b"\n[]\n", 2)
        assert server.cleared is cleared


def test_requests_may_come_in_pieces_or_together(tmp_path: Path) -> None:
    transfers = [[number, number] for number in range(30_000)] + [[number, None] for number in range(30_000)]
    lines = json.dumps(transfers).encode() + b"\n[[5, 7], [5, null]]\n\"nothing\"\n"
    found, _ = ask(tmp_path / "s", lines, 3)
    assert found[:2] == [list(range(30_000)), [7]] and "a request is" in found[2]["error"]


def test_a_long_request_takes_time_in_proportion(tmp_path: Path) -> None:
    found, seconds = ask(tmp_path / "s", b" " * (48 << 20) + b"[[5, 7], [5, null]]\n", 1)
    assert found == [[7]] and seconds < 2


def test_a_request_that_is_too_long_is_told_so_and_the_next_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_socket, "_LONGEST_REQUEST", 100_000)
    lines = b"[" + b"[5, 7]," * 50_000 + b"[5, null]]\n[[5, 7], [5, null]]\n"
    found, _ = ask(tmp_path / "s", lines, 2)
    assert "more than 100,000 bytes is too long" in found[0]["error"] and found[1] == [7]
