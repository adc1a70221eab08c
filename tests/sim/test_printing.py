"""bpf_trace_printk and bpf_trace_vprintk: graph, interpreter, hardware and what Linux really prints."""

import os
import random
import re
import subprocess
from pathlib import Path

import pytest
from assembler import FP, Label
from engines_here import skipped_without
from hardpath.codegen.flow import compile_program
from hardpath.codegen.graph import Evaluator, build
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.spec import MapSpec, ObjectSpec
from hardpath.codegen.verify import verify
from hardpath.hdl.errors import InputError, Refused
from hardpath.hdl.helpers.events import ANY_POINTER, NULL_POINTER, PRINTED, Event, line
from hardpath.sim.captures import Frame
from hardpath.sim.engine import Options
from hardpath.sim.events import read_events
from hardpath.sim.interpreter import Interpreter
from hardpath.sim.linux import LinuxOracle, available
from hardpath.sim.session import Session, engine
from hardpath.sim.toolchain import has_compiler

PRINTK, VPRINTK, LOOKUP = 6, 177, 1
DROP, TX = 1, 3
needs_linux = pytest.mark.skipif(available() is not None, reason=str(available()))


def begin(a):
    """r6 = data, of at least 64 bytes."""
    a.frame_or(64, DROP)


def put_text(a, text):
    """The text with its zero on the stack; its place and size in r1 and r2."""
    data = text.encode() + b"\0"
    data += bytes(-len(data) % 8)
    for at in range(0, len(data), 8):
        a.constant(1, int.from_bytes(data[at : at + 8], "little"))
        a.store(8, FP, at - len(data), src=1)
    a.move(1, src=FP)
    a.alu(Alu.ADD, 1, imm=-len(data))
    a.move(2, imm=len(text) + 1)


def printing(text, numbers, helper):
    """Prints ``numbers`` numbers from the frame's bytes 0, 8, ..."""

    def write(a):
        begin(a)
        if helper == VPRINTK:
            for i in range(numbers):
                a.load(8, 1, 6, 8 * i)
                a.store(8, FP, -512 + 8 * i, src=1)
        put_text(a, text)
        if helper == PRINTK:
            for i in range(numbers):
                a.load(8, 3 + i, 6, 8 * i)
        else:
            a.move(3, src=FP)
            a.alu(Alu.ADD, 3, imm=-512)
            a.move(4, imm=8 * numbers)
        a.call(helper)
        a.move(0, imm=TX)
        a.exit()

    return write


def random_format(rng, numbers):
    pieces = []
    for _ in range(numbers):
        flags = "".join(rng.sample("0+- ", rng.choice((0, 0, 1, 2))))
        width = rng.choice(("", "", "1", "7", "12", "20"))
        kind = rng.choice("diuxX")
        before, length = rng.choice(("", "a=", " %% ", "value: ")), rng.choice(("", "l", "ll"))
        pieces.append(f"{before}%{flags}{width}{length}{kind}")
    return rng.choice(("", "start ")) + ",".join(pieces) + rng.choice(("", " end", "%%"))


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    """What Linux printed since the last call, of this process only."""
    folder = tmp_path_factory.mktemp("tracing")
    if subprocess.run(["mount", "-t", "tracefs", "nodev", folder], capture_output=True, check=False).returncode:
        pytest.skip("tracefs cannot be mounted")
    instance = folder / "instances" / f"hardpath-{os.getpid()}"
    try:
        instance.mkdir()
        (instance / "set_event_pid").write_text(str(os.getpid()))
        (instance / "events/bpf_trace/bpf_trace_printk/enable").write_text("1")

        def printed():
            text = (instance / "trace").read_text("utf-8", "backslashreplace")
            (instance / "trace").write_text("")
            return re.findall(r"bpf_trace_printk: (.*)", text)

        yield printed
        (instance / "events/bpf_trace/bpf_trace_printk/enable").write_text("0")
        instance.rmdir()
    finally:
        subprocess.run(["umount", folder], check=True)


def random_frame(rng):
    words = (0, 1, 9, 10, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 63, (1 << 64) - 1, rng.getrandbits(64))
    return b"".join(rng.choice(words).to_bytes(8, "little") for _ in range(8))


@pytest.mark.linux
@needs_linux
@pytest.mark.parametrize("helper", [PRINTK, VPRINTK])
@pytest.mark.parametrize("seed", range(6))
def test_lines_are_those_that_linux_prints(assemble, trace, helper, seed):
    rng = random.Random(f"{helper} {seed}")
    numbers = rng.randrange(4 if helper == PRINTK else 8)
    program = assemble(printing(random_format(rng, numbers), numbers, helper))
    interpreter, evaluator = Interpreter(program, {}), Evaluator(build(verify(program, {})), {})
    trace()
    with LinuxOracle(program, {}) as linux:
        for _ in range(10):
            frame = random_frame(rng)
            linux.run(frame)
            interpreter.run(frame)
            (expected,) = trace()
            assert interpreter.events == [Event(PRINTED, expected)]
            assert evaluator.run(frame).events == (Event(PRINTED, expected),)




def merged(a):
    """One call for two formats of different lengths, as compilers leave it where branches end in the same call."""
    begin(a)
    chosen = Label()
    a.load(1, 3, 6, 0)
    a.map(1, "formats", 0)
    a.move(2, imm=9)
    a.jump(Jump.JGT, chosen, 3, imm=100)
    a.map(1, "formats", 9)
    a.move(2, imm=10)
    a.place(chosen)
    a.call(PRINTK)
    a.move(0, imm=TX)
    a.exit()


def prints_pointers(a):
    """To the frame, and to the stack or a map, as a byte of the frame says."""
    begin(a)
    chosen = Label()
    put_text(a, "%p: %d, %p.")
    a.move(3, src=6)
    a.load(1, 4, 6, 0)
    a.move(5, src=FP)
    a.jump(Jump.JGT, chosen, 4, imm=100)
    a.map(5, "formats")
    a.place(chosen)
    a.call(PRINTK)
    a.move(0, imm=TX)
    a.exit()


def prints_what_may_be_null(a):
    """What a map has for the frame's first byte, and NULL."""
    begin(a)
    a.load(1, 7, 6, 0)
    a.store(4, FP, -4, src=7)
    a.map(1, "names")
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, imm=-4)
    a.call(LOOKUP)
    a.move(8, src=0)
    put_text(a, "%p: %d, %p.")
    a.move(3, src=8)
    a.move(4, src=7)
    a.move(5, imm=0)
    a.call(PRINTK)
    a.move(0, imm=TX)
    a.exit()


@pytest.mark.linux
@needs_linux
@pytest.mark.parametrize("write, second", [(prints_pointers, ANY_POINTER), (prints_what_may_be_null, NULL_POINTER)])
def test_pointers_are_those_that_linux_prints_before_it_can_hide_them(assemble, trace, write, second):
    program, maps = assemble(write), FORMATS | {"names": MapSpec("names", 2, 4, 16, 100)}
    interpreter, evaluator = Interpreter(program, maps), Evaluator(build(verify(program, maps)), maps)
    trace()
    with LinuxOracle(program, maps) as linux:
        for first in (7, 200):
            frame = bytes([first, *range(63)])
            linux.run(frame)
            interpreter.run(frame)
            (printed,) = trace()
            expected = re.sub(r"\b0{8}[0-9a-f]*[1-9a-f][0-9a-f]*\b", ANY_POINTER.decode(), printed)
            there = ANY_POINTER if first == 7 or write is prints_pointers else NULL_POINTER
            assert expected == f"{there.decode()}: {first}, {second.decode()}."
            assert interpreter.events == [Event(PRINTED, expected)]
            assert evaluator.run(frame).events == (Event(PRINTED, expected),)


def written_by_paths(a):
    """One call for three formats that paths wrote to one place of the stack, two of them of the same length."""
    begin(a)
    chosen, other = Label(), Label()
    a.load(1, 3, 6, 0)
    a.jump(Jump.JGT, other, 3, imm=100)
    put_text(a, "a: %d")
    a.jump(Jump.JNE, chosen, 3, imm=7)
    put_text(a, "b: %u")
    a.load(1, 3, 6, 1)
    a.jump(Jump.JA, chosen)
    a.place(other)
    put_text(a, "none")
    a.place(chosen)
    a.call(PRINTK)
    a.move(0, imm=TX)
    a.exit()


FORMATS = {"formats": MapSpec("formats", 2, 4, 19, 1, initial=b"large %d\0small: %u\0", readonly=True)}


@pytest.mark.linux
@needs_linux
@pytest.mark.parametrize("write", [merged, written_by_paths])
def test_one_call_can_print_with_a_format_for_each_path_to_it(assemble, trace, write):
    program = assemble(write)
    interpreter, evaluator = Interpreter(program, FORMATS), Evaluator(build(verify(program, FORMATS)), FORMATS)
    trace()
    with LinuxOracle(program, FORMATS) as linux:
        for first in (0, 7, 99, 100, 101, 255):
            frame = bytes([first, *range(63)])
            linux.run(frame)
            interpreter.run(frame)
            (expected,) = trace()
            assert interpreter.events == [Event(PRINTED, expected)]
            assert evaluator.run(frame).events == (Event(PRINTED, expected),)


TEXTS = {
    # Strings at 0 (of different lengths, one after the other), 16 (each in 8 bytes), 48 (with a byte that is no ASCII).
    "texts": MapSpec(
        "texts", 2, 4, 64, 1, readonly=True,
        initial=b"yes\0never\0\0\0\0\0\0\0zero\0\0\0\0one\0\0\0\0\0two\0\0\0\0\0three\0\0\0caf\xc3\xa9 \x80\0endless!",
    ),
    "names": MapSpec("names", 2, 4, 16, 4),
}


def prints_strings(a):
    """A constant, a choice of two, and one of a table, by the frame's first two bytes."""
    begin(a)
    chosen = Label()
    put_text(a, "<%6s|%-8s|%s>%%")
    a.map(3, "texts", 48)
    a.load(1, 7, 6, 0)
    a.map(4, "texts", 0)
    a.jump(Jump.JGT, chosen, 7, imm=100)
    a.map(4, "texts", 4)
    a.place(chosen)
    a.load(1, 7, 6, 1)
    a.alu(Alu.AND, 7, imm=3)
    a.alu(Alu.LSH, 7, imm=3)
    a.map(5, "texts", 16)
    a.alu(Alu.ADD, 5, src=7)
    a.call(PRINTK)
    a.move(0, imm=TX)
    a.exit()


def prints_map_value(a, ended=True):
    """Bytes of the frame, through a map value whose last byte is set to zero, and a number behind them."""
    begin(a)
    found = Label()
    a.load(1, 1, 6, 0)
    a.alu(Alu.AND, 1, imm=3)
    a.store(4, FP, -4, src=1)
    a.map(1, "names")
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, imm=-4)
    a.call(LOOKUP)
    a.jump(Jump.JNE, found, 0, imm=0)
    a.move(0, imm=DROP)
    a.exit()
    a.place(found)
    a.move(7, src=0)
    a.load(8, 1, 6, 8)
    a.store(8, 7, 0, src=1)
    if ended:
        a.move(1, imm=0)
        a.store(1, 7, 15, src=1)
    put_text(a, "%s, %d")
    a.move(3, src=7)
    a.alu(Alu.ADD, 3, imm=1)
    a.load(2, 4, 6, 16)
    a.call(PRINTK)
    a.load(4, 1, 6, 16)
    a.store(4, 7, 8, src=1)
    a.move(0, imm=TX)
    a.exit()


def frames_with_text(rng, count):
    """Frames for the two programs above; some texts end early, some use all bytes up to the zero."""
    for index in range(count):
        text = rng.choice((b"a\0bcdefg", b"\0rest of", b"abcdefgh", b"A%s %d\0z", b"\xff\xc3\xa9 \x01\x7f<"))
        head = bytes([rng.choice((index & 3, 100, 101)), index & 3, *bytes(6)])
        yield (head + text.ljust(8, b"\0") + rng.choice((b"tailtail", b"x\0\0\0yyyy", bytes(8)))).ljust(64, b"-")


STRINGS = pytest.mark.parametrize("write", [prints_strings, prints_map_value])


@pytest.mark.linux
@needs_linux
@STRINGS
def test_strings_are_those_that_linux_prints(assemble, trace, write):
    program = assemble(write)
    interpreter, evaluator = Interpreter(program, TEXTS), Evaluator(build(verify(program, TEXTS)), TEXTS)
    trace()
    lines = set()
    with LinuxOracle(program, TEXTS) as linux:
        for frame in frames_with_text(random.Random(5), 40):
            linux.run(frame)
            interpreter.run(frame)
            (expected,) = trace()
            assert interpreter.events == [Event(PRINTED, expected)]
            assert evaluator.run(frame).events == (Event(PRINTED, expected),)
            lines.add(expected)
    assert len(lines) >= 8


@pytest.mark.skipif(not has_compiler(), reason="Verilator needs a C++ compiler")
@pytest.mark.parametrize("write", [prints_strings, prints_map_value, prints_what_may_be_null])
def test_strings_come_out_of_the_hardware(assemble, tmp_path, write):
    program = assemble(write)
    session = Session(compile_program(ObjectSpec("test.o", (program,), TEXTS), program))
    frames, path = [Frame(data) for data in frames_with_text(random.Random(6), 60)], tmp_path / "events.jsonl"
    expected = []
    interpreter = Interpreter(program, TEXTS)
    for index, frame in enumerate(frames):
        interpreter.run(frame.data)
        expected += [(index, event) for event in interpreter.events]
    session.run(engine("verilator"), frames, Options(events_out=path, quick=True))
    assert list(read_events(path)) == expected


def chatty(a):
    """None to three lines, as bits of byte 8 say; the last one in a loop that is run twice."""
    begin(a)
    a.move(7, src=6)
    for bit, (text, offset) in enumerate((("first %d", 0), ("second %lx", 16), ("third", 0))):
        skip = Label()
        a.load(1, 1, 7, 8)
        a.alu(Alu.AND, 1, imm=1 << bit)
        a.jump(Jump.JEQ, skip, 1, imm=0)
        put_text(a, text)
        a.load(8, 3, 7, offset)
        a.call(PRINTK)
        a.place(skip)
    a.load(1, 1, 7, 9)
    a.move(0, imm=DROP)
    skip = Label()
    a.jump(Jump.JGT, skip, 1, imm=127)
    a.move(0, imm=TX)
    a.place(skip)
    a.exit()


@pytest.mark.skipif(not has_compiler(), reason="Verilator needs a C++ compiler")
def test_both_engines_give_the_events_of_every_frame_in_order(assemble, tmp_path):
    program = assemble(chatty)
    session = Session(compile_program(ObjectSpec("test.o", (program,), {}), program))
    rng = random.Random(3)
    frames = [Frame(rng.randbytes(rng.choice((20, 63, 64, 65, 100, 300)))) for _ in range(300)]
    expected = []
    interpreter = Interpreter(program, {})
    for index, frame in enumerate(frames):
        interpreter.run(frame.data)
        expected += [(index, event) for event in interpreter.events]
    assert len(expected) > 100
    files: list[bytes] = []
    for name, take in (("verilator", 1.0), ("verilator", 0.4), ("cocotb", 1.0)):
        path = tmp_path / f"{name}{take}.jsonl"
        with skipped_without():
            session.run(engine(name), frames, Options(events_out=path, take=take, quick=True))
        assert list(read_events(path)) == expected
        files.append(Path(path).read_bytes())
    assert len(set(files)) == 1


def test_events_go_to_a_device_that_cannot_be_read_back(assemble):
    """/dev/full reads as zeros without end, and takes nothing."""
    program = assemble(chatty)
    session = Session(compile_program(ObjectSpec("test.o", (program,), {}), program))
    frames = [Frame(bytes([i]) * 64) for i in range(100)]
    with pytest.raises(InputError, match="/dev/full: cannot write: No space left"):
        session.run(engine("verilator"), frames, Options(events_out=Path("/dev/full"), quick=True))


def uses_result(a):
    put_text(a, "some")
    a.call(PRINTK)
    a.exit()


def unknown_format(a):
    begin(a)
    a.load(8, 1, 6, 0)
    a.store(8, FP, -8, src=1)
    a.move(1, src=FP)
    a.alu(Alu.ADD, 1, imm=-8)
    a.move(2, imm=8)
    a.call(PRINTK)
    a.move(0, imm=TX)
    a.exit()


def prints_a_pointer(a):
    put_text(a, "at %lx")
    a.move(3, src=FP)
    a.call(PRINTK)
    a.move(0, imm=TX)
    a.exit()


@pytest.mark.parametrize(
    "write, reason",
    [
        (uses_result, "the result of bpf_trace_printk is used"),
        (unknown_format, "the format is not known"),
        (prints_a_pointer, "pointer where a number is needed"),
        (printing("text %s", 1, PRINTK), "argument 3 is a number where a string is printed"),
        (printing("text %p", 1, PRINTK), "prints with '%p'"),
        (printing("text %p", 1, VPRINTK), "bpf_trace_vprintk prints with %p"),
        (printing("text %pB", 1, PRINTK), "prints with '%p', which the hardware does not have"),
        (printing("text %sx", 1, PRINTK), "'x' behind it, for which Linux prints nothing"),
        (printing("text %s", 1, VPRINTK), "bpf_trace_vprintk prints with %s"),
        (printing("%d %d %d %d", 3, PRINTK), "prints 4 numbers"),
        (printing("%d %d", 1, VPRINTK), "gets 8 bytes for the 2 numbers"),
    ],
)
def test_what_the_hardware_cannot_print_is_refused_with_its_place(assemble, write, reason):
    with pytest.raises(Refused, match=reason) as refused:
        build(verify(assemble(write), {}))
    assert refused.value.place is not None and refused.value.remedy


def prints_endless_string(a):
    prints_map_value(a, ended=False)


def prints_what_may_not_end(a):
    put_text(a, "%s")
    a.map(3, "texts", 56)
    a.call(PRINTK)
    a.move(0, imm=TX)
    a.exit()


def prints_from_the_stack(a):
    put_text(a, "%s")
    a.move(3, src=FP)
    a.alu(Alu.ADD, 3, imm=-8)
    a.call(PRINTK)
    a.move(0, imm=TX)
    a.exit()


@pytest.mark.parametrize(
    "write, reason",
    [
        (prints_endless_string, "may have no end within the value of map names"),
        (prints_what_may_not_end, "may have no end within the value of map texts"),
        (prints_from_the_stack, "the string in argument 3 lies on the stack"),
    ],
)
def test_strings_that_may_depend_on_other_memory_are_refused(assemble, write, reason):
    with pytest.raises(Refused, match=reason) as refused:
        build(verify(assemble(write), TEXTS))
    assert refused.value.place is not None and refused.value.remedy


def test_strings_that_linux_would_cut_are_refused():
    """The strings, each with its zero, and the numbers must find room in 512 bytes."""
    kind = line("bpf_trace_printk", b"%s %s\0")
    assert kind.with_strings([255, 255]).widths == (2040, 2040)
    with pytest.raises(Refused, match="may take 513 bytes, of which Linux copies 512"):
        kind.with_strings([255, 256])


@pytest.mark.parametrize("format", [b"no end", b"tab \x80\0", b"\x01\0"])
def test_what_is_no_text_is_refused(format):
    with pytest.raises(Refused, match="no text that Linux prints"):
        line("bpf_trace_printk", format)
