"""The payload FIFO for all inputs and for ever: an inductive proof by the SAT solver inside Yosys."""

from __future__ import annotations

from amaranth import Array, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from hardpath.hdl.payload_fifo import PayloadFifo
from proofs import FOR_EVER, prove_for_ever

WIDTH, DEPTH = 2, 4


class Claims(wiring.Component):
    """A FIFO with its specification beside it: ``items`` by position, of which [read, committed) may come out and
    [committed, written) may still be taken back. Positions count modulo twice the depth, as many as can be told apart.
    ``holds``: the two agree.
    """

    def __init__(self) -> None:
        super().__init__({
            "write": In(1),
            "write_data": In(WIDTH),
            "commit": In(1),
            "rollback": In(1),
            "ready": In(1),
            "holds": Out(1),
            **{f"spec_{name}": Out(range(2 * DEPTH)) for name in ("written", "committed", "read")},
            **{f"spec_memory_{i}": Out(WIDTH) for i in range(DEPTH)},
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.fifo = fifo = PayloadFifo(WIDTH, DEPTH)
        written, committed, read = self.spec_written, self.spec_committed, self.spec_read
        memory = Array(getattr(self, f"spec_memory_{i}") for i in range(DEPTH))
        items = Array(Signal(WIDTH, name=f"item_{i}") for i in range(2 * DEPTH))
        write = self.write & (distance(written, read) != DEPTH)
        before = Signal.like(committed)  # what was committed before this cycle
        m.d.comb += [
            fifo.write.eq(self.write & ~fifo.full),
            fifo.write_data.eq(self.write_data),
            fifo.commit.eq(self.commit),
            fifo.rollback.eq(self.rollback),
            fifo.output.ready.eq(self.ready),
        ]
        m.d.sync += before.eq(committed)
        with m.If(write):
            m.d.sync += [items[written].eq(self.write_data), memory[written[:-1]].eq(self.write_data)]
            m.d.sync += written.eq(written + 1)
        with m.If(self.commit):
            m.d.sync += committed.eq(written + write)
        with m.If(self.rollback):
            m.d.sync += [written.eq(committed), committed.eq(committed)]
        with m.If((read != before) & self.ready):
            m.d.sync += read.eq(read + 1)

        claims = [
            fifo.full == (distance(written, read) == DEPTH),
            fifo.output.valid == (read != before),
            ~fifo.output.valid | (fifo.output.payload == items[read]),
            # what the induction needs besides
            distance(before, read) <= distance(committed, read),
            distance(committed, read) <= distance(written, read),
            distance(written, read) <= DEPTH,
            ~fifo.output.valid | (fifo.output.payload == memory[read[:-1]]),
            *(
                (distance(i, read) >= distance(written, read)) | (items[i] == memory[i % DEPTH])
                for i in range(2 * DEPTH)
            ),
        ]
        m.d.comb += self.holds.eq(sum(~claim for claim in claims) == 0)
        return m


def distance(position, read):
    return (position - read)[: (2 * DEPTH - 1).bit_length()]


def test_it_keeps_what_it_was_given_for_all_inputs_and_for_ever(tmp_path):
    state = {f"fifo.{name}": f"spec_{name}" for name in ("written", "committed", "read")}
    state |= {f"fifo.memory[{i}]": f"spec_memory_{i}" for i in range(DEPTH)}
    log = prove_for_ever(tmp_path, Claims(), state)
    assert FOR_EVER in log, log[-3000:]
