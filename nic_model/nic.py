"""The NIC: ports, queues and counters around a datapath that runs cycle by cycle.

What comes in is decided in the simulated device (`sim.stepping`): the receive queues of the ports, their turns at the
datapath and what is lost there depend on every cycle. Nothing behind the datapath makes it wait - a frame that finds a
full queue is dropped, as NICs do it -, so all that is reckoned here, from the time at which each frame came out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

from ..codegen.redirects import redirect_target
from ..hdl.errors import InputError
from ..hdl.helpers.events import Event
from ..hdl.maps.base import RedirectTarget
from ..sim.control_client import LatencyFigures
from ..sim.engine import DEFAULTS, Engine, Options
from ..sim.mapfile import Contents
from ..sim.paths import Paths
from ..sim.program import Hardware
from ..sim.results import Verdict
from ..sim.stepping import Device, Passage, Report
from ..sim.timeline import Timeline
from .arrivals import Arrival, arrivals, from_host
from .cpu_queues import cpu_queues
from .scenario import MapUpdate, PortSettings, Scenario
from .statistics import PortStatistics, QueueStatistics
from .wire import Reader, Sender

STEP = 1000  # frames that arrive between two looks at the device


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one frame, or of one copy of a broadcast. Times in ps.

    ``index``: counts the frames on all lines in the order of their last bits, from 0; None for a frame that the host
    sent. ``port``: where it came in, or the host wanted it to go out. ``arrived``: its last bit in (the host's wish).
    ``verdict``: None if the program never saw it. ``to``: what got it (``tx NAME``, ``host NAME``, ``cpu N``,
    ``socket N``), or the counter that tells why it was dropped. ``left``: its first bit out, or when the host took it;
    None if it was dropped. ``data``: its bytes at the end of its way. ``latency_cycles``: what the hardware measured
    from the first beat in to the first beat out, or to the verdict; None if the program never saw it.
    """

    index: int | None
    port: str
    arrived: int
    verdict: Verdict | None
    to: str
    left: int | None
    data: bytes
    latency_cycles: int | None = None


Told = Callable[[Fate], None]
EventTold = Callable[[int, Event], None]


class Port:
    """A port's queues and counters."""

    def __init__(self, settings: PortSettings) -> None:
        self.settings = settings
        self.counts = PortStatistics()
        self.sender = Sender(settings.line, settings.tx_queue)
        self.host = Reader(settings.host_queue, settings.host_interval)
        self.latency: dict[str, Counter[int]] = defaultdict(Counter)  # where to -> ps -> frames
        self.offered = 0

    def __str__(self) -> str:
        return self.settings.name


@dataclass(frozen=True, slots=True)
class Update:
    """What the host did with a map, from when to when (ps). ``errno``: 0, or why the map did not do it."""

    wanted: MapUpdate
    errno: int
    begun: int
    ended: int


@dataclass(frozen=True)
class Outcome:
    """A scenario that has run. ``cycles``: of the datapath's clock until the last frame was through. ``stalls``: cycles
    by cause. ``queues``: those of CPUs and sockets. ``maps``: contents afterwards. ``latency``: ps by verdict, of what
    was not lost: from the last bit in to the first bit out, to the host that takes it, or to the verdict of a frame
    that goes nowhere. ``timeline``: the same by the last bit in. ``measured``: the histogram in the datapath.
    ``paths``: None if they were not asked for; their latencies are those of ``latency``. ``updates``: in order."""

    ports: list[Port]
    queues: dict[str, QueueStatistics]
    verdicts: Counter[Verdict]
    cycles: int
    stalls: dict[str, int]
    maps: Contents
    latency: dict[Verdict, Counter[int]]
    timeline: Timeline
    measured: LatencyFigures
    paths: Paths | None
    updates: list[Update]


class Nic:
    """A scenario's NIC. ``told`` gets every frame's fate, frames of one way in the order of their going, ``event`` what
    the program tells the host, with the frame's index, in order, when all is over. ``paths``: find them."""

    def __init__(
        self,
        scenario: Scenario,
        hardware: Hardware,
        told: Told = lambda fate: None,
        event: EventTold = lambda index, event: None,
        *,
        paths: bool = False,
    ) -> None:
        self._event = event
        self._refused: list[int] = []  # for each frame that did not fit: frames that the device had got before it
        self._scenario = scenario
        self._hardware = hardware
        self._told = told
        self._period = hardware.session.netlist.period_ps
        self._target = redirect_target(hardware.design)
        self._cpu_queues = cpu_queues(hardware.design, hardware.contents)
        self.ports = [Port(settings) for settings in scenario.ports]
        self._by_ifindex = {port.settings.ifindex: port for port in self.ports}
        self._readers: dict[str, Reader] = {}
        self._queues: dict[str, QueueStatistics] = {}
        self._verdicts: Counter[Verdict] = Counter()
        self._latency: dict[Verdict, Counter[int]] = defaultdict(Counter)
        self._timeline = Timeline(0)
        self._updates = deque(scenario.updates)
        self._done: list[Update] = []
        if paths and scenario.updates:
            raise InputError("paths cannot be told while the host changes maps: leave out map-updates, or the paths")
        self._paths = Paths(hardware.session) if paths else None
        self._waiting: dict[int, tuple[int, Arrival]] = {}  # the device's index -> frame in or before it
        self._host = from_host(scenario.ports, scenario.duration)
        self._next_host = next(self._host, None)

    def run(
        self, engine: Engine, options: Options = DEFAULTS, progress: Callable[[int], None] = lambda ps: None
    ) -> Outcome:
        """Run the whole scenario. ``progress`` gets the time of the last frame that has come in."""
        with self._hardware.session.stepping(engine, options) as device:
            if self._updates:
                _ = device.bus.client.maps  # the host gets to know the device before the clock of frames starts
            for port in self.ports:
                device.port(port.settings.ifindex, port.settings.rx_queue)
            known = 0  # time up to which all arrivals are known to the device
            for batch in _batches(enumerate(arrivals(self._scenario.ports, self._scenario.duration))):
                for index, arrival in batch:
                    self._arrive(device, index, arrival)
                # A batch behind, so that frames go on coming while the host is at the maps.
                self._advance(device, known)
                known = batch[-1][1].last
                progress(known)
            self._advance(device, max([known, *(update.at for update in self._updates)]))
            report = device.drain()
            self._take(report)
            self._send_for_host(None)
            for number, event in device.events():
                self._event(number + bisect_right(self._refused, number), event)
            maps = self._hardware.session.contents_on(device.bus)
            stalls, measured = device.bus.client.stalls(), device.bus.client.latency("first")
        return Outcome(
            ports=self.ports,
            queues=self._queues,
            verdicts=self._verdicts,
            cycles=report.cycle,
            stalls=stalls,
            maps=maps,
            latency=self._latency,
            timeline=self._timeline,
            measured=measured,
            paths=self._paths,
            updates=self._done,
        )

    def _advance(self, device: Device, until: int) -> None:
        """Let the clock run to a time; what the host does with maps until then it does meanwhile."""
        while self._updates and self._updates[0].at <= until:
            update = self._updates.popleft()
            begun = device.step(self._cycle(update.at))
            self._take(begun)
            owner = device.bus.client.maps[update.map]
            status = owner.delete(update.key) if update.value is None else owner.update(update.key, update.value)
            ended = device.step(0)
            self._take(ended)
            self._done.append(Update(update, -status, begun.cycle * self._period, ended.cycle * self._period))
        self._take(device.step(self._cycle(until)))

    def _cycle(self, ps: int) -> int:
        """The first cycle that begins at or after a time."""
        return -(-ps // self._period)

    # Receiving

    def _arrive(self, device: Device, index: int, arrival: Arrival) -> None:
        port = self.ports[arrival.port]
        port.offered += 1
        if not device.takes(len(arrival.frame.data)):
            self._refused.append(index - len(self._refused))
            self._lose(index, arrival, "rx_length_errors")
            return
        self._waiting[device.arrive(arrival.frame, self._cycle(arrival.last))] = index, arrival

    def _take(self, report: Report) -> None:
        for number in report.lost:
            index, arrival = self._waiting.pop(number)
            self._lose(index, arrival, "rx_fifo_errors")
        for passage in report.frames:
            self._deliver(passage)

    # Behind the datapath

    def _deliver(self, passage: Passage) -> None:
        index, arrival = self._waiting.pop(passage.index)
        port, verdict = self.ports[arrival.port], passage.verdict
        at = (passage.ended + 1) * self._period
        self._send_for_host(at)
        self._verdicts[verdict] += 1
        if self._paths is not None:
            self._paths.add(arrival.frame, verdict)
        counts = port.counts
        counts.rx_packets += 1
        counts.rx_bytes += len(arrival.frame.data)
        name = f"rx_xdp_{verdict.name.lower()}"
        counts.add(name)
        tell = partial(Fate, index, str(port), arrival.last, verdict, latency_cycles=passage.latency)
        if not verdict.sends or not passage.targets:  # a broadcast to nobody is no error
            self._time(arrival, passage, at)
            self._told(tell(to=name, left=None, data=passage.out if verdict.sends else arrival.frame.data))
            return
        for target in passage.targets:
            to, left, reason = self._pass_on(port, passage, target, at)
            if left is None:
                counts.rx_dropped += reason != "rx_missed_errors"
                counts.add(reason)
                self._told(tell(to=reason, left=None, data=passage.out))
                continue
            port.latency[to.split()[0]][left - arrival.last] += 1
            self._time(arrival, passage, left)
            self._told(tell(to=to, left=left, data=passage.out))

    def _time(self, arrival: Arrival, passage: Passage, end: int) -> None:
        """A frame, or a copy of one, has got where the program wanted it."""
        latency = end - arrival.last
        self._latency[passage.verdict][latency] += 1
        self._timeline.add(arrival.last, latency)
        if self._paths is not None:
            self._paths.time(latency)

    def _pass_on(self, port: Port, passage: Passage, target: int, at: int) -> tuple[str, int | None, str]:
        """A frame on its way out: where to, when it leaves (None: no room there), and what counts it if it does not."""
        size = len(passage.out)
        if passage.verdict is Verdict.PASS:
            left = port.host.offer(at, size)
            if left is not None:
                port.counts.host_packets += 1
                port.counts.host_bytes += size
            return f"host {port}", left, "rx_missed_errors"
        if passage.verdict is Verdict.TX:
            return f"tx {port}", self._send(port, at, size), "rx_xdp_tx_full"
        reason = "rx_xdp_redirect_errors"
        if self._target is not RedirectTarget.PORT:
            return *self._hand_over(target, at, size), reason
        other = self._by_ifindex.get(target)
        if other is None:
            return "", None, reason
        left = self._send(other, at, size)
        other.counts.tx_xdp_xmit += left is not None
        return f"tx {other}", left, reason

    def _send(self, port: Port, at: int, size: int) -> int | None:
        left = port.sender.offer(at, size)
        if left is None:
            port.counts.tx_dropped += 1
        else:
            port.counts.tx_packets += 1
            port.counts.tx_bytes += size
        return left

    def _hand_over(self, number: int, at: int, size: int) -> tuple[str, int | None]:
        """To a CPU or a socket."""
        assert self._target is not None
        name = f"{self._target.value} {number}"
        if name not in self._readers:
            settings = self._scenario.redirect_queue
            self._readers[name] = Reader(self._cpu_queues.get(number, settings.depth), settings.interval)
            self._queues[name] = QueueStatistics()
        left, counts = self._readers[name].offer(at, size), self._queues[name]
        if left is None:
            counts.dropped += 1
        else:
            counts.packets += 1
            counts.bytes += size
        return name, left

    def _send_for_host(self, until: int | None) -> None:
        """Send what the host wanted to send up to a time, or all."""
        while self._next_host is not None and (until is None or self._next_host[0] <= until):
            at, position, data = self._next_host
            port = self.ports[position]
            port.counts.tx_host_packets += 1
            left = self._send(port, at, len(data))
            to = "tx_dropped" if left is None else f"tx {port}"
            self._told(Fate(None, str(port), at, None, to, left, data))
            self._next_host = next(self._host, None)

    def _lose(self, index: int, arrival: Arrival, reason: str) -> None:
        """A frame that the program never sees. ``reason``: the counter."""
        port = self.ports[arrival.port]
        port.counts.add(reason)
        self._told(Fate(index, str(port), arrival.last, None, reason, None, arrival.frame.data))


def _batches(items: Iterator[tuple[int, Arrival]]) -> Iterator[list[tuple[int, Arrival]]]:
    while batch := list(islice(items, STEP)):
        yield batch

