"""A compiled design on the simulator: map contents in, frames through, map contents out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from ..codegen.flow import Design
from ..codegen.graph import Evaluator
from ..codegen.spec import MapSpec
from ..codegen.tables import helper_tables
from ..hdl.errors import InputError
from ..hdl.helpers import fib
from ..hdl.helpers.events import PRINTED, Event
from ..hdl.maps.registry import MAP_TYPES
from . import linux
from .captures import Frame
from .compare import Record, fill, record_each
from .control_client import Map
from .engine import DEFAULTS, Bus, BusRoutine, Engine, Netlist, Options, RunResult
from .events import by_channel, read_events
from .interpreter import Interpreter
from .linux import LinuxOracle
from .mapfile import Contents, not_taken
from .network import LOOPBACK
from .network import unavailable as network_unavailable
from .results import FrameResult, Verdict
from .stepping import Device, stepping

ENGINES = ("verilator", "cocotb")


def engine(name: str) -> Engine:
    """The engine of that name. Raises `InputError` unless it is one of `ENGINES`."""
    if name not in ENGINES:
        raise InputError(f"there is no engine {name}: give {' or '.join(ENGINES)}")
    if name == "cocotb":
        from .cocotb_engine import CocotbEngine  # loads cocotb's runner

        return CocotbEngine()
    from .verilator_engine import VerilatorEngine

    return VerilatorEngine()


def refuse_frozen(contents: Contents, maps: Mapping[str, MapSpec]) -> None:
    """Raise `InputError` if contents are given for a map that nobody may write once the program is loaded, or for a
    buffer."""
    for name in contents:
        if MAP_TYPES[maps[name].type].is_buffer:
            raise InputError(f"map {name} is a buffer for what the program tells the host: it has no contents to give")
        if maps[name].readonly:
            raise InputError(f"map {name} is read-only: change its variables with --set NAME=VALUE")


class Session:
    """A design with the contents that its maps have before the first frame.

    ``contents``: of maps that the design uses (those of tables that the hardware does without are left out); entries
    not named keep their initial value. Raises `InputError` for read-only maps.
    """

    def __init__(self, design: Design, contents: Contents | None = None) -> None:
        self.design = design
        self.maps = design.known_maps
        unneeded = helper_tables(design.program.parts).keys() - self.maps.keys()
        self.contents = {name: entries for name, entries in (contents or {}).items() if name not in unneeded}
        self.channels = (PRINTED, *design.buffers)
        refuse_frozen(self.contents, self.maps)

    @cached_property
    def netlist(self) -> Netlist:
        """What engines run; making the Verilog takes seconds."""
        target = self.design.target
        events = () if target.event_queue else self.design.graph.events
        return Netlist(self.design.verilog, target.width, target.max_frame, target.clock_mhz, events=events)

    def run(
        self,
        engine: Engine,
        source: Path | Iterable[Frame],
        options: Options = DEFAULTS,
        *,
        read_maps: bool = True,
        during: BusRoutine | None = None,
    ) -> tuple[RunResult, dict[str, dict[bytes, bytes]]]:
        """Frames through the hardware: its figures, and its maps afterwards (none without ``read_maps``).
        ``during``: as `Engine.run` has it."""
        maps: dict[str, dict[bytes, bytes]] = {}

        def fetch(bus: Bus) -> None:
            maps.update(self.contents_on(bus))

        result = engine.run(self.netlist, source, options, self._load, fetch if read_maps else None, during)
        return result, maps

    @contextmanager
    def stepping(self, engine: Engine, options: Options = DEFAULTS) -> Iterator[Device]:
        """The hardware with its maps filled, its clock in the user's hands."""
        with stepping(engine, self.netlist, options) as device:
            self._load(device.bus)
            yield device

    def contents_on(self, bus: Bus) -> dict[str, dict[bytes, bytes]]:
        """What the maps hold now."""
        maps = {name: dict(found.items()) for name, found in bus.client.maps.items()}
        for name, spec in self.design.constants.items():
            maps[name] = {bytes(spec.key_size): (spec.initial or b"").ljust(spec.value_size, b"\0")}
        maps.update((name, {}) for name in self.design.buffers)
        return maps

    def _load(self, bus: Bus) -> None:
        for name, entries in self.contents.items():
            _fill(bus.client.maps[name], self.maps[name], entries)

    def hardware(self, engine: Engine, frames: Iterable[Frame], options: Options = DEFAULTS) -> Record:
        """What the hardware makes of frames, for comparison; ``options.frames_out`` and ``events_out`` are
        ignored."""
        with TemporaryDirectory(prefix="hardpath-") as folder:
            events = Path(folder) / "events.jsonl"
            options = replace(options, frames_out=Path(folder) / "frames.jsonl", events_out=events)
            result, maps = self.run(engine, frames, options)
            return Record("hardware", list(result.results()), maps, by_channel(self.channels, read_events(events)))

    def graph(self, frames: Sequence[Frame]) -> Record:
        """What the scheduled graph makes of them, without the hardware around it: a quick look, no proof."""
        evaluator = Evaluator(self.design.graph, self.maps)
        for name, entries in self.contents.items():
            if name in evaluator.models:  # else the program never reaches it
                for key, value in entries.items():
                    if error := evaluator.models[name].update(key, value, 0):
                        raise not_taken(self.maps[name], key, -error)
        told: tuple[Event, ...] = ()

        def run(index: int, frame: Frame) -> FrameResult:
            nonlocal told
            found = evaluator.run(
                frame.data, ifindex=frame.ifindex, rx_queue=frame.rx_queue, time_ns=frame.time_ns, frame_index=index
            )
            told, verdict = found.events, Verdict(found.verdict)
            return FrameResult(index, verdict, found.frame, found.redirect if verdict == Verdict.REDIRECT else None)

        def maps() -> Contents:
            return {name: dict(model.items()) for name, model in evaluator.models.items()}

        return record_each("graph", frames, run, lambda: told, maps, self.channels)

    def fresh_interpreter(self) -> Interpreter:
        """The reference interpreter with maps as they are declared."""
        return Interpreter(self.design.program, self.maps)

    def interpreter(self, frames: Sequence[Frame]) -> Record:
        """What the reference interpreter makes of them, with the hardware's clock and random numbers."""
        oracle = self.fresh_interpreter()
        fill(oracle, self.contents)

        def run(index: int, frame: Frame) -> FrameResult:
            outcome = oracle.run(frame.data, ifindex=frame.ifindex, rx_queue=frame.rx_queue, time_ns=frame.time_ns)
            return outcome.result(index)

        return record_each("interpreter", frames, run, lambda: oracle.events, oracle.maps, self.channels)

    def linux(self, frames: Sequence[Frame]) -> Record:
        """What the running kernel makes of them. Raises `InputError` where it cannot be asked."""
        own_network = linux.needs_network(self.design.program, self.maps)
        undefined = bool(self.design.verified.remarks)  # hardware for it is built with zeros only
        asked = self.maps.keys()  # the design has no other tables
        with LinuxOracle(self.design.program, self.maps, undefined, asked) as oracle:
            fill(oracle, self.contents)

            def maps() -> Contents:
                return {name: entries for name, entries in oracle.maps().items() if name in asked}

            def run(index: int, frame: Frame) -> FrameResult:
                ifindex = frame.ifindex if own_network else LOOPBACK
                return oracle.run(frame.data, ifindex=ifindex, time_ns=frame.time_ns).result(index)

            return record_each("Linux", frames, run, lambda: oracle.events, maps, self.design.buffers)

    def without_linux(self, frames: Sequence[Frame]) -> str | None:
        """Why Linux cannot be asked about these frames, in one line; None if it can.

        BPF_PROG_TEST_RUN fixes the context, and random numbers are the kernel's own.
        """
        if reason := linux.available():
            return reason
        inputs = {node.attr for node in self.design.graph.nodes if node.op == "input"}
        if "frame_index" in inputs:
            return "the program asks for random numbers, which are others there"
        own_network = linux.needs_network(self.design.program, self.maps)
        if own_network and (reason := network_unavailable()):
            return reason
        known = self.contents.get(fib.DEVICES.name, {})
        if helper_tables(self.design.program.parts) and not known:
            return "the program asks for routes or interfaces, and there are none: give them with --fib"
        if known and not known.keys() >= {fib.device_key(frame.ifindex) for frame in frames}:
            return "frames come in on interfaces that --fib does not have"
        if not own_network and "ifindex" in inputs and any(frame.ifindex != 1 for frame in frames):
            return "the program reads ingress_ifindex, which is always 1 in BPF_PROG_TEST_RUN"
        if "rx_queue" in inputs and any(frame.rx_queue for frame in frames):
            return "the program reads rx_queue_index, which is always 0 in BPF_PROG_TEST_RUN"
        for index, frame in enumerate(frames):
            if len(frame.data) > linux.LONGEST_FRAME:
                return f"frame {index} is longer than the {linux.LONGEST_FRAME} bytes that BPF_PROG_TEST_RUN takes"
        return linux.rejection(self.design.program, self.maps)


def _fill(into: Map, spec: MapSpec, entries: Mapping[bytes, bytes]) -> None:
    for key, status in zip(entries, into.update_many(entries.items()), strict=True):
        if status:
            raise not_taken(spec, key, -status)
