"""What programs of a device in the wire do with frames, and where these go: the interpreter, and Linux beside it."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack

from hardpath.sim.interpreter import Interpreter
from hardpath.sim.linux import LinuxOracle, available, needs_network
from hardpath.sim.network import LOOPBACK
from hardpath.sim.results import Verdict


def outcomes(programs, contents, frames):
    """Source and outcome of each frame, those of port 0 first. ``programs`` (an object and one of its programs) are
    those of each port, or the only one is that of all; ``contents``: a list of map, key and value for each."""
    with ExitStack() as stack:
        oracles = []
        for (found, program), entries in zip(programs, contents, strict=True):
            ours, linux = Interpreter(program, found.maps), None
            if available() is None:
                linux = stack.enter_context(LinuxOracle(program, found.maps))
            for oracle in (ours, linux) if linux else (ours,):
                for name, key, value in entries:
                    oracle.set_map(name, key, value)
            oracles.append((ours, linux, needs_network(program, found.maps)))
        for source, given in enumerate(frames):
            ours, linux, has_interfaces = oracles[source % len(programs)]
            for frame in given:
                outcome = ours.run(frame, ifindex=source + 1)
                if linux:  # which does not tell where to
                    theirs = linux.run(frame, ifindex=source + 1 if has_interfaces else LOOPBACK)
                    assert (theirs.verdict, theirs.frame) == (outcome.verdict, outcome.frame)
                yield source, outcome


def ports_of(outcome, source, ports):
    """The ports that a frame from port ``source`` leaves through, of so many."""
    redirect = outcome.redirect if isinstance(outcome.redirect, tuple) else (outcome.redirect,)
    wanted = {Verdict.PASS: (2 - source,), Verdict.TX: (source + 1,), Verdict.REDIRECT: redirect}
    return [ifindex - 1 for ifindex in wanted.get(outcome.verdict, ()) if 1 <= ifindex <= ports]


class Expected:
    """``ways[source, port]``: frames in order; ``lost[source]``: those with nowhere to go. ``programs`` and
    ``contents`` as `outcomes` has them; so are ``verdicts``, by the names of the counters."""

    def __init__(self, programs, contents, frames):
        ports = len(frames)
        self.ways = {(source, port): [] for source in range(ports) for port in range(ports)}
        self.lost, self.verdicts = [0] * ports, [Counter() for _ in programs]
        for source, outcome in outcomes(programs, contents, frames):
            self.verdicts[source % len(programs)][f"verdict_{outcome.verdict.name.lower()}"] += 1
            there = ports_of(outcome, source, ports)
            self.lost[source] += outcome.verdict.sends and not there
            for port in there:
                self.ways[source, port].append(outcome.frame.ljust(60, b"\0"))
