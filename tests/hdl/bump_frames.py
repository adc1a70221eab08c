"""Frames for a device in the wire, each another, and a program that does what they say."""

from __future__ import annotations

import random

from assembler import Assembler, Label
from bump_native import EXAMPLES
from hardpath.codegen.isa import Jump
from hardpath.codegen.spec import MapSpec, ObjectSpec, ProgramSpec
from hardpath.sim.captures import read_capture

DEVMAP, REDIRECT, REDIRECT_MAP, XDP_PASS, BROADCAST, EXCLUDE_INGRESS = 14, 23, 51, 2, 8, 16
PORTS = MapSpec("ports", DEVMAP, 4, 4, 4)


def told_by_frame(place):
    """Does what byte ``place`` of a frame says: 0 to 3 is the verdict, 4 redirects to the interface in bytes 16 to 19,
    5 to that of this key (if there is none: XDP_PASS), 6 to all, 7 to all others."""
    a = Assembler()
    out, to_one, by_key, to_all = (Label() for _ in range(4))
    a.move(0, imm=0)
    a.frame(20, out)
    a.load(1, 0, 6, place)
    a.load(4, 2, 6, 16)
    a.jump(Jump.JEQ, to_one, 0, imm=4)
    a.jump(Jump.JEQ, by_key, 0, imm=5)
    a.jump(Jump.JEQ, to_all, 0, imm=6)
    a.jump(Jump.JNE, out, 0, imm=7)
    for label, flags in ((None, BROADCAST | EXCLUDE_INGRESS), (to_all, BROADCAST), (by_key, XDP_PASS)):
        if label is not None:
            a.place(label)
        a.map(1, PORTS.name)
        a.move(3, imm=flags)
        a.call(REDIRECT_MAP)
        a.exit()
    a.place(to_one)
    a.move(1, src=2)
    a.move(2, imm=0)
    a.call(REDIRECT)
    a.place(out)
    a.exit()
    program = ProgramSpec(f"byte_{place}", "xdp", a.finish(), {0: f"byte_{place}"}, license="GPL")
    return ObjectSpec(f"byte_{place}.o", (program,), {PORTS.name: PORTS}), program


def told_frames(seed, count):
    """Bytes 14 and 15 say what two programs do with it; each frame is another."""
    random_ = random.Random(seed)
    frames = []
    for i in range(count):
        actions = random_.choices(range(9), (2, 4, 4, 4, 6, 6, 2, 2, 1), k=2)
        target = random_.choice((0, 1, 1, 2, 2, 3, 4, 9, 1 << 16 | 1, 1 << 31))
        body = random_.randbytes(random_.choice((31, 31, 90, 500)))
        head = random_.randbytes(14) + bytes(actions) + target.to_bytes(4, "little")
        frames.append(head + body.ljust(35, b"\0") + bytes([seed]) + i.to_bytes(4, "big"))
    return frames


def captured(names, seed, count):
    """Of the captures of examples, as long as a frame on the wire is, each with a number behind its end."""
    random_ = random.Random(seed)
    captures = (next((EXAMPLES / name).glob("capture.pcap*")) for name in names)
    frames = [frame.data for capture in captures for frame in read_capture(str(capture))]
    chosen = [random_.choice(frames)[:1500] for _ in range(count)]
    return [frame.ljust(55, b"\0") + bytes([seed]) + i.to_bytes(4, "big") for i, frame in enumerate(chosen)]
