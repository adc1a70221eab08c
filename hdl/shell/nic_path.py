"""A program on the way from the ports of a NIC to its host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..clock import Nanoseconds
from ..datapath import Datapath
from ..frame_switch import FrameSwitch
from ..stream import Skid, mask_bytes
from ..verdicts import XDP_PASS, sent_through


def beat_layout(width: int, user: int) -> data.StructLayout:
    """A beat of ``width`` bytes with ``user`` bits of whatever the NIC tells of the frame."""
    return data.StructLayout({"data": 8 * width, "keep": width, "last": 1, "user": user})


def tag_bits(ports: int, user: int) -> int:
    """The tag that `NicPath` wants its datapath to have."""
    return _port_bits(ports) + user


def _port_bits(ports: int) -> int:
    return max(1, (ports - 1).bit_length())


class NicPath(wiring.Component):
    """``ports`` network ports, each with a way to and from the host, and one program for all that arrive.

    What arrives at port p (``from_net_<p>``, with ``error_<p>`` valid with its last beat: the frame is dropped) comes
    to the program with ifindex p + 1. PASS: to the host (``to_host_<p>``), with the frame's ``user`` bits
    (``host_user`` of them, valid with the first beat). TX: out of the same port (``to_net_<p>``), XDP_REDIRECT out of
    the port with that ifindex, a broadcast out of each of them; the frame's ``user`` bits (``net_user``) are
    ``sent_user(length)``, length in bytes. What the host sends (``from_host_<p>``) goes out of port p as it is; program
    and host take turns. Redirects to interfaces that are no ports are dropped, as in Linux; ``unreachable`` Out(32)
    counts them.

    ``shortest``: bytes that a frame must have to go out (a beat at most, 0: any); the program's get zeros at their end.

    Outputs come from registers. ``datapath``: with a tag of `tag_bits`. ``clock_hz``: for the time that programs see.
    """

    def __init__(
        self,
        datapath: Datapath,
        ports: int,
        *,
        clock_hz: float,
        host_user: int,
        net_user: int,
        sent_user: Callable[[Value], Any],
        shortest: int = 0,
    ) -> None:
        assert shortest <= datapath.identity.width
        self._datapath = datapath
        self._ports = ports
        self._clock_hz = clock_hz
        self._sent_user = sent_user
        self._shortest = shortest
        width = datapath.identity.width
        self._host_layout = beat_layout(width, host_user)
        self._net_layout = beat_layout(width, net_user)
        each = {
            "from_net": In(stream.Signature(self._host_layout)),
            "error": In(1),
            "to_host": Out(stream.Signature(self._host_layout)),
            "to_host_length": Out(16),
            "from_host": In(stream.Signature(self._net_layout)),
            "to_net": Out(stream.Signature(self._net_layout)),
        }
        super().__init__({
            **{f"{name}_{i}": member for i in range(ports) for name, member in each.items()},
            "unreachable": Out(32),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.datapath = self._datapath
        self._enter(m)
        self._leave(m)
        return m

    def _enter(self, m: Module) -> None:
        """All ports into the datapath, a frame each."""
        datapath, host = self._datapath, self._host_layout
        layout = data.StructLayout({**host.members, "error": 1, "port": _port_bits(self._ports)})
        m.submodules.entrance = switch = FrameSwitch(layout, self._ports, 1)
        m.submodules.time = time = Nanoseconds(self._clock_hz)
        for port, (given, ways) in enumerate(zip(switch.inputs, switch.ways, strict=True)):
            source = getattr(self, f"from_net_{port}")
            m.d.comb += [
                ways.eq(1),
                *(given.payload[name].eq(source.payload[name]) for name in host.members),
                given.payload.error.eq(getattr(self, f"error_{port}")),
                given.payload.port.eq(port),
                given.valid.eq(source.valid),
                source.ready.eq(given.ready),
            ]
        (entering,) = switch.outputs
        beat = entering.payload
        m.d.comb += [
            datapath.rx_data.eq(beat.data),
            datapath.rx_keep.eq(beat.keep),
            datapath.rx_last.eq(beat.last),
            datapath.rx_error.eq(beat.error),
            datapath.rx_ifindex.eq(beat.port + 1),
            datapath.rx_time.eq(time.now),
            datapath.rx_tag.eq(Cat(beat.port, beat.user)),
            datapath.rx_valid.eq(entering.valid),
            entering.ready.eq(datapath.rx_ready),
        ]

    def _leave(self, m: Module) -> None:
        """What the program and the hosts send, to hosts and network."""
        count, net = self._ports, self._net_layout
        user = max(self._host_layout["user"].width, net["user"].width)
        layout = data.StructLayout({**beat_layout(self._datapath.identity.width, user).members, "length": 16, "own": 1})
        m.submodules.exit = switch = FrameSwitch(layout, 1 + count, 2 * count)
        self._send_own(m, switch.inputs[0], switch.ways[0])
        for i, (given, ways) in enumerate(zip(switch.inputs[1:], switch.ways[1:], strict=True)):
            source = getattr(self, f"from_host_{i}")
            m.d.comb += [
                ways.eq(1 << count + i),
                *(given.payload[name].eq(source.payload[name]) for name in net.members),
                given.valid.eq(source.valid),
                source.ready.eq(given.ready),
            ]
        for i in range(count):
            self._to_host(m, i, switch.outputs[i])
            self._to_net(m, i, switch.outputs[count + i])

    def _send_own(self, m: Module, own: Any, ways: Value) -> None:
        """What the datapath sends, and where: to hosts (lower bits) and ports."""
        datapath, bits = self._datapath, _port_bits(self._ports)
        port, verdict, target = datapath.tx_tag[:bits], datapath.tx_verdict, datapath.tx_redirect
        to_hosts = [(verdict == XDP_PASS) & (port == i) for i in range(self._ports)]
        to_ports = [sent_through(i, port, verdict, target) for i in range(self._ports)]
        m.d.comb += [
            ways.eq(Cat(*to_hosts, *to_ports)),
            own.payload.data.eq(datapath.tx_data),
            own.payload.keep.eq(datapath.tx_keep),
            own.payload.last.eq(datapath.tx_last),
            own.payload.length.eq(datapath.tx_length),
            own.payload.user.eq(datapath.tx_tag[bits:]),
            own.payload.own.eq(1),
            own.valid.eq(datapath.tx_valid),
            datapath.tx_ready.eq(own.ready),
        ]
        m.d.sync += self.unreachable.eq(
            self.unreachable + (datapath.tx_valid & datapath.tx_ready & datapath.tx_last & ~ways.any())
        )

    def _to_host(self, m: Module, i: int, given: Any) -> None:
        beat, host = given.payload, self._host_layout
        layout = data.StructLayout({**host.members, "length": 16})
        m.submodules[f"to_host_{i}"] = skid = Skid(layout)
        sink = getattr(self, f"to_host_{i}")
        m.d.comb += [
            *(skid.input.payload[name].eq(beat[name]) for name in layout.members),
            skid.input.valid.eq(given.valid),
            given.ready.eq(skid.input.ready),
            *(sink.payload[name].eq(skid.output.payload[name]) for name in host.members),
            getattr(self, f"to_host_length_{i}").eq(skid.output.payload.length),
            sink.valid.eq(skid.output.valid),
            skid.output.ready.eq(sink.ready),
        ]

    def _to_net(self, m: Module, i: int, given: Any) -> None:
        beat, shortest = given.payload, self._shortest
        m.submodules[f"to_net_{i}"] = skid = Skid(self._net_layout)
        wiring.connect(m, skid.output, wiring.flipped(getattr(self, f"to_net_{i}")))
        short = Signal()  # so it is one beat
        m.d.comb += [
            short.eq(beat.own & (beat.length < shortest)),
            skid.input.payload.data.eq(Mux(short, mask_bytes(beat.data, beat.keep), beat.data)),
            skid.input.payload.keep.eq(beat.keep | Mux(short, (1 << shortest) - 1, 0)),
            skid.input.payload.last.eq(beat.last),
            skid.input.payload.user.eq(
                Mux(beat.own, self._sent_user(Mux(short, shortest, beat.length)), beat.user)
            ),
            skid.input.valid.eq(given.valid),
            given.ready.eq(skid.input.ready),
        ]
