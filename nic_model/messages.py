"""The host's end of the messages that carry transfers to a device (`hdl.messages`), over any link."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..hdl.errors import InputError
from ..hdl.messages import HEAD_WORDS, LONGEST_RUN, MORE, REPLY, REQUEST, WORDS, kind_word, run_word

TRIES = 5


class Link(Protocol):
    """What carries messages, or loses them."""

    def send(self, message: bytes) -> None: ...

    def receive(self) -> bytes | None:
        """The next message, maybe with bytes behind its end; None if none came for as long as one may take."""

    def close(self) -> None: ...


@dataclass
class _Run:
    """Transfers at addresses that follow each other; ``words``: to write, None: reads."""

    address: int
    count: int
    words: list[int] | None


@dataclass
class _Request:
    runs: list[_Run] = field(default_factory=list)
    words: int = HEAD_WORDS
    reads: int = 0

    def takes(self, words: int, reads: int) -> bool:
        return self.words + words <= WORDS and self.reads + reads <= WORDS - HEAD_WORDS

    def add(self, address: int, word: int | None) -> bool:
        """Whether a transfer found room."""
        last = self.runs[-1] if self.runs else None
        write = word is not None
        joins = (
            last is not None
            and (last.words is not None) == write
            and last.address + last.count == address
            and last.count < LONGEST_RUN
        )
        if not self.takes(write + (not joins), not write):
            return False
        if not joins:
            last = _Run(address, 0, [] if write else None)
            self.runs.append(last)
        assert last is not None
        last.count += 1
        if last.words is not None and word is not None:
            last.words.append(word)
        self.words += write + (not joins)
        self.reads += not write
        return True

    def encode(self, number: int, unit: int, more: bool) -> bytes:
        words = [kind_word(REQUEST, MORE if more else 0), number, len(self.runs)]
        for run in self.runs:
            words.append(run_word(unit, run.address, run.count, run.words is not None))
            words += run.words or []
        return struct.pack(f"<{len(words)}I", *words)


def _requests(transfers: Sequence[tuple[int, int | None]]) -> Iterator[_Request]:
    request = _Request()
    for address, word in transfers:
        if not request.add(address, word):
            yield request
            request = _Request()
            request.add(address, word)
    if request.runs:
        yield request


class Messages:
    """A device behind a link. ``name``: how its user calls the link. Raises `InputError` when nobody answers.

    A request that gets no reply is sent again, with its number, so that it is carried out once.
    """

    def __init__(self, link: Link, name: str) -> None:
        self._link = link
        self._name = name
        self._number = int.from_bytes(os.urandom(4), "little")  # none that an earlier host used just before

    def transfer(self, unit: int, transfers: Sequence[tuple[int, int | None]]) -> list[int]:
        """As `sim.control_client.Transport`, on the control bus of a unit."""
        words: list[int] = []
        requests = list(_requests(transfers))
        for i, request in enumerate(requests):
            words += self._ask(request, unit, more=i < len(requests) - 1)
        return words

    def close(self) -> None:
        """Leave the link."""
        self._link.close()

    def _ask(self, request: _Request, unit: int, more: bool) -> list[int]:
        self._number = self._number + 1 & 0xFFFFFFFF
        message = request.encode(self._number, unit, more)
        for _ in range(TRIES):
            self._link.send(message)
            while (reply := self._link.receive()) is not None:
                found = _decode(reply, self._number)
                if found is None:
                    continue  # an answer to what was asked before
                kind, words = found
                if kind == REPLY and len(words) == request.reads:
                    return words
                raise InputError(f"{self._name}: the device does not understand this software: build it anew")
        raise InputError(
            f"{self._name}: no device answers: see that it is powered, has its bitstream, and that this is its line"
        )


def _decode(reply: bytes, number: int) -> tuple[int, list[int]] | None:
    """What kind of reply it is, and its words; None if it is no answer to this request."""
    if len(reply) < 4 * HEAD_WORDS:
        return None
    kind, answered, count = struct.unpack_from("<3I", reply)
    if kind & 0xFFFF != kind_word(0) & 0xFFFF or answered != number or len(reply) < 4 * (HEAD_WORDS + count):
        return None
    return kind >> 16 & 0xFF, list(struct.unpack_from(f"<{count}I", reply, 4 * HEAD_WORDS))
