"""Programs that make one record in a perf buffer, and frames for them."""

from dataclasses import dataclass

from assembler import CTX, FP, Label
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.spec import MapSpec

OUTPUT, ADJUST_HEAD, ADJUST_TAIL = 25, 44, 65
DROP, TX = 1, 3
CURRENT_CPU = (1 << 32) - 1
EVENTS = {"events": MapSpec("events", 4, 4, 4, 3)}


@dataclass(frozen=True)
class Shape:
    """A program that makes one record: ``size`` bytes of memory (None: byte 0 of the frame, modulo 64, says how many),
    with ``flags`` (None: those of the frame's bytes 8 to 15), to which the least of the frame's length and ``sample``
    is added in the upper half. ``head``, ``tail``: moves the frame's ends by so much before; ``write``: changes byte
    20."""

    size: int | None = 16
    flags: int | None = CURRENT_CPU
    sample: int = 0
    head: int = 0
    tail: int = 0
    write: bool = False


def writer(shape):
    def write(a):
        drop = Label()
        a.move(7, src=CTX)

        def bounds(size):
            a.frame(size, drop, ctx=7, end=8)

        for helper, distance in ((ADJUST_HEAD, shape.head), (ADJUST_TAIL, shape.tail)):
            if distance:
                a.move(1, src=7)
                a.move(2, imm=distance)
                a.call(helper)
                a.jump(Jump.JNE, drop, 0, imm=0)
        bounds(40)
        if shape.write:
            a.store(1, 6, 20, imm=0x5A)
        for at in range(0, 64, 8):
            a.load(4, 1, 6, at // 2)
            a.store(8, FP, at - 64, src=1)
        a.constant(3, shape.flags or 0)
        if shape.flags is None:
            a.load(8, 3, 6, 8)
        a.move(4, src=FP)
        a.alu(Alu.ADD, 4, imm=-64)
        a.move(5, imm=shape.size or 0)
        if shape.size is None:
            a.load(1, 5, 6, 0)
            a.alu(Alu.AND, 5, imm=63)
        if shape.sample:
            less = Label()
            a.alu(Alu.SUB, 8, src=6)
            a.jump(Jump.JLE, less, 8, imm=shape.sample)
            a.move(8, imm=shape.sample)
            a.place(less)
            a.alu(Alu.AND, 8, imm=0xFFFF)
            a.alu(Alu.LSH, 8, imm=32)
            a.alu(Alu.OR, 3, src=8)
        a.move(1, src=7)
        a.map(2, "events")
        a.call(OUTPUT)
        a.move(9, src=0)
        bounds(40)
        a.store(4, 6, 0, src=9)
        a.store(1, 6, 21, imm=0xA5)
        a.move(0, imm=TX)
        a.exit()
        a.place(drop)
        a.move(0, imm=DROP)
        a.exit()

    return write


def random_frame(rng):
    """With flags that mean something in bytes 8 to 15."""
    length = rng.choice((39, 40, 41, 63, 64, 65, 100, 128, 300, 1400))
    index = rng.choice((0, 1, 2, 3, 4, CURRENT_CPU, CURRENT_CPU - 1))
    sample = rng.choice((0, 1, length - 1, length, length + 1, 0xFFFFF))
    unknown = rng.choice((0, 0, 0, 0, 1, 1 << 11))
    flags = index | sample << 32 | unknown << 52
    return (rng.randbytes(8) + flags.to_bytes(8, "little") + rng.randbytes(1400))[:length]


SHAPES = [
    Shape(),
    Shape(size=None),
    Shape(size=0),
    Shape(size=13, flags=0),
    Shape(flags=1),
    Shape(flags=3),
    Shape(sample=14),
    Shape(size=None, sample=33, write=True),
    Shape(sample=9, head=8, write=True),
    Shape(sample=9, head=-16),
    Shape(sample=30, tail=-20),
    Shape(sample=60, tail=20),
]
FAR = [
    Shape(flags=None),
    Shape(sample=64),
    Shape(sample=65, write=True),
    Shape(size=3, sample=1024, head=6, write=True),
    Shape(sample=2000, head=-3, write=True),
    Shape(size=0, sample=2000),
]
