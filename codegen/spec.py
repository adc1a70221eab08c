"""What an object file contains, as immutable specifications; nothing here knows ELF."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..hdl.errors import HardpathError, Place
from ..hdl.maps.slot_table import SlotTable
from .btf import Btf
from .isa import Instruction, Poison


@dataclass(frozen=True)
class SourceLine:
    """One entry of .BTF.ext line info."""

    file: str
    line: int
    column: int
    text: str


@dataclass(frozen=True)
class MapSpec:
    """One map. Sizes in bytes. ``type`` is the kernel's BPF_MAP_TYPE_* number, ``flags`` its BPF_F_* flags.

    Global data sections are array maps of one entry with ``initial`` bytes; ``readonly`` for .rodata (frozen).
    ``key_type``/``value_type`` are type ids of ``btf``, 0 when unknown. ``section`` is the ELF section it is from.
    ``inner`` is the template of the maps in a map of maps; ``slots`` names the maps or programs that a map of
    maps or programs holds from the start, by index; ``spare`` those that the host may put into a slot besides.
    ``table`` is what `codegen.inner_maps` makes of these, or for one program `codegen.chain`. ``lock`` is where in the
    value there is a struct bpf_spin_lock. ``number`` is the map's id in iproute2's definitions (``bpf_elf_map.id``), 0
    if it has none. ``pinned``: libbpf pins it by its name (LIBBPF_PIN_BY_NAME), so objects that do share it.
    ``room``: how many keys the hardware of an LRU map takes beyond ``max_entries``, at least, until others go; the
    compiler gives it what the stages of a program need (`codegen.emit.late_inserts`), 0 is what the type has anyway.
    """

    name: str
    type: int
    key_size: int
    value_size: int
    max_entries: int
    flags: int = 0
    initial: bytes | None = None
    readonly: bool = False
    section: str = ""
    key_type: int = 0
    value_type: int = 0
    inner: MapSpec | None = None
    lock: int | None = None
    slots: Mapping[int, str] = field(default_factory=dict)
    spare: Mapping[int, tuple[str, ...]] = field(default_factory=dict, repr=False)
    table: SlotTable | None = field(default=None, repr=False)
    number: int = field(default=0, repr=False)
    pinned: bool = field(default=False, repr=False)
    room: int = field(default=0, repr=False)
    btf: Btf | None = field(default=None, repr=False, compare=False)

    def string(self, offset: int) -> bytes | None:
        """The string at byte ``offset`` of contents that never change, without its NUL; None if there is none."""
        if not self.readonly or self.initial is None or not 0 <= offset < self.value_size:
            return None
        text, end, _ = self.initial.ljust(self.value_size, b"\0")[offset : self.value_size].partition(b"\0")
        return text if end else None


@dataclass(frozen=True, slots=True)
class Variable:
    """A global variable: ``size`` bytes at ``offset`` of the value of the global data ``map``. ``number``: whether
    it is an integer of 1 to 8 bytes, as far as the object tells."""

    map: str
    offset: int
    size: int
    number: bool


@dataclass(frozen=True)
class ProgramSpec:
    """One program with the subprograms it calls appended: ``instructions[i]`` is slot i, calls are relative
    (src = 1, imm = target - slot - 1) and map references are symbolic.

    ``functions`` maps the first slot of the main program (0) and each subprogram to its name, in slot order.
    ``type`` is "xdp", "raw", or what the section name says it is instead ("kprobe", "tc" ...); ``attach`` says what an
    XDP program is attached to: "xdp" (a device's ingress), "devmap" or "cpumap" (an entry of such a map).
    ``problem`` is why the program cannot be used, raised when it is selected; then there are no instructions.
    A raw program is no XDP program: r1 points to ``memory`` bytes that it may read and write, r2 is their number, and
    its 64-bit result is r0 at exit. RFC 9669 alone says what it may do, not Linux's verifier.

    A program with tail calls has the programs that it may go on with appended (`codegen.chain`): ``members`` are all
    of them by their first slot, itself at 0, each as it was on its own; ``tables`` what arrays of programs can hold.
    """

    name: str
    section: str
    instructions: tuple[Instruction, ...]
    functions: Mapping[int, str]
    lines: Mapping[int, SourceLine] = field(default_factory=dict)  # slot -> the line that starts there
    license: str = ""
    frags: bool = False
    type: str = "xdp"
    attach: str = "xdp"
    memory: int = 0
    members: Mapping[int, ProgramSpec] = field(default_factory=dict)
    tables: Mapping[str, SlotTable] = field(default_factory=dict)
    problem: HardpathError | None = None

    @property
    def parts(self) -> tuple[ProgramSpec, ...]:
        """The programs as Linux gets them: those of the chain, or this one."""
        return tuple(self.members.values()) or (self,)

    @property
    def helpers(self) -> frozenset[int]:
        """The numbers of the helpers that are called. What a CO-RE relocation left without an answer calls none."""
        calls = (i for i in self.instructions if i.is_helper_call)
        return frozenset(i.imm for i in calls if not isinstance(i.reference, Poison))

    def entry(self, array: str, number: int) -> int:
        """The first slot of the member with a number in an array of programs."""
        name = self.tables[array].name(number)
        return next(slot for slot, member in self.members.items() if member.name == name)

    def line_of(self, slot: int) -> SourceLine | None:
        """The source line of a slot: that of the nearest line entry at or before it in the same function."""
        start = max((s for s in self.functions if s <= slot), default=0)
        best = max((s for s in self.lines if start <= s <= slot), default=None)
        return None if best is None else self.lines[best]

    def place(self, slot: int) -> Place:
        """A `Place` for messages, with disassembly and source line; in a chain that of the member."""
        first = max((s for s in self.members if s <= slot), default=0)
        if first:
            return self.members[first].place(slot - first)
        from .disassemble import disassemble  # formatting only, loaded when a message is made

        line = self.line_of(slot)
        text = disassemble(self.instructions[slot], slot) if slot < len(self.instructions) else ""
        if line is None:
            return Place(self.name, slot, text)
        return Place(self.name, slot, text, line.file, line.line, line.text)


@dataclass(frozen=True)
class ObjectSpec:
    """One ELF object: programs in file order, maps and global variables by name, BTF (`codegen.btf.Btf`) if present; or
    several of them in a chain (`codegen.chain_file`). ``main``: the program meant if nobody names one, "" if open."""

    path: str
    programs: tuple[ProgramSpec, ...]
    maps: Mapping[str, MapSpec]
    license: str = ""
    btf: Btf | None = None
    variables: Mapping[str, Variable] = field(default_factory=dict)
    main: str = ""
