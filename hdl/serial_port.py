"""Messages on a serial line: each with its FCS (that of Ethernet) between two END bytes, as RFC 1055 (SLIP) has it."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.crc.catalog import CRC32_ETHERNET
from amaranth.lib.wiring import In, Out, connect, flipped

from .mac.beats import Gather, beat_layout
from .message_queue import MessageQueue
from .message_server import WORD, BusMaster, MessageServer
from .uart import UartReceiver, UartTransmitter, cycles_a_bit

END, ESC, ESC_END, ESC_ESC = 0xC0, 0xDB, 0xDC, 0xDD
_FCS_BYTES = 4


class SerialReceiver(wiring.Component):
    """``data`` In(8) in cycles with ``valid``; ``beat`` and ``full`` as `Gather` gives them, four bytes each, the FCS
    among them. ``error`` at the end of a message with a wrong FCS."""

    def __init__(self) -> None:
        super().__init__({"data": In(8), "valid": In(1), "beat": Out(beat_layout(4)), "full": Out(1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.crc = crc = CRC32_ETHERNET(data_width=8).create()
        m.submodules.gather = gather = Gather(4)
        m.d.comb += [self.beat.eq(gather.beat), self.full.eq(gather.full)]
        held, any_held, escaped = Signal(8), Signal(), Signal()  # the last byte is known by what follows it
        byte = Mux(escaped, Mux(self.data == ESC_END, END, ESC), self.data)
        m.d.comb += [gather.input.data.eq(held), crc.data.eq(byte)]
        with m.If(self.valid):
            with m.If(self.data == END):
                m.d.comb += [
                    gather.valid.eq(any_held),
                    gather.input.last.eq(1),
                    gather.input.error.eq(~crc.match_detected),
                    crc.start.eq(1),
                ]
                m.d.sync += [any_held.eq(0), escaped.eq(0)]
            with m.Elif(~escaped & (self.data == ESC)):
                m.d.sync += escaped.eq(1)
            with m.Else():
                m.d.comb += [gather.valid.eq(any_held), crc.valid.eq(1)]
                m.d.sync += [held.eq(byte), any_held.eq(1), escaped.eq(0)]
        return m


class SerialSender(wiring.Component):
    """``input``: stream of WORD, whole messages; ``output``: stream of bytes for the line."""

    def __init__(self) -> None:
        super().__init__({"input": In(stream.Signature(WORD)), "output": Out(stream.Signature(8))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.crc = crc = CRC32_ETHERNET(data_width=8).create()
        out, word = self.output, self.input.payload
        index, escaped, byte = Signal(range(4)), Signal(), Signal(8)
        sent = Signal()  # a byte of the message
        special = (byte == END) | (byte == ESC)
        m.d.comb += crc.data.eq(byte)

        def send() -> None:
            m.d.comb += [
                out.payload.eq(Mux(escaped, Mux(byte == END, ESC_END, ESC_ESC), Mux(special, ESC, byte))),
                sent.eq(out.valid & out.ready & (escaped | ~special)),
            ]
            with m.If(out.valid & out.ready):
                m.d.sync += [escaped.eq(special & ~escaped), index.eq(index + sent)]

        with m.FSM():
            with m.State("begin"):
                m.d.comb += [out.payload.eq(END), out.valid.eq(self.input.valid), crc.start.eq(1)]
                with m.If(out.valid & out.ready):
                    m.next = "message"
            with m.State("message"):
                m.d.comb += [byte.eq(word.data.word_select(index, 8)), out.valid.eq(self.input.valid)]
                send()
                m.d.comb += [crc.valid.eq(sent), self.input.ready.eq(sent & (index == 3))]
                with m.If(self.input.ready & word.last):
                    m.next = "fcs"
            with m.State("fcs"):
                m.d.comb += [byte.eq(crc.crc.word_select(index, 8)), out.valid.eq(1)]
                send()
                with m.If(sent & (index == _FCS_BYTES - 1)):
                    m.next = "end"
            with m.State("end"):
                m.d.comb += [out.payload.eq(END), out.valid.eq(1)]
                with m.If(out.ready):
                    m.next = "begin"
        return m


class SerialPort(wiring.Component):
    """A serial line (``rx`` In(1), ``tx`` Out(1)) that reaches control buses: ``bus``."""

    def __init__(self, clock_hz: float, baud: int) -> None:
        self._clock_hz = clock_hz
        self._cycles = cycles_a_bit(clock_hz, baud)
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1), "bus": Out(BusMaster)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.uart_rx = uart_rx = UartReceiver(self._cycles)
        m.submodules.uart_tx = uart_tx = UartTransmitter(self._cycles)
        m.submodules.receiver = receiver = SerialReceiver()
        m.submodules.queue = queue = MessageQueue()
        m.submodules.server = server = MessageServer(self._clock_hz)
        m.submodules.sender = sender = SerialSender()
        m.d.comb += [
            uart_rx.line.eq(self.rx),
            receiver.data.eq(uart_rx.data),
            receiver.valid.eq(uart_rx.valid),
            queue.word.data.eq(receiver.beat.data),
            queue.word.last.eq(receiver.beat.last),
            queue.error.eq(receiver.beat.error),
            queue.valid.eq(receiver.full),
            self.tx.eq(uart_tx.line),
        ]
        connect(m, queue.output, server.input)
        connect(m, server.output, sender.input)
        connect(m, sender.output, uart_tx.input)
        connect(m, server.bus, flipped(self.bus))
        return m
