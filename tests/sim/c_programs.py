"""Programs that tests have in C: compiled when they run, where clang and libbpf's headers are."""

from __future__ import annotations

import platform
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from hardpath.codegen.elf import load, select
from hardpath.codegen.flow import Design, compile_program
from hardpath.codegen.spec import ObjectSpec
from hardpath.sim.captures import Frame

CLANG = shutil.which("clang-19") or shutil.which("clang")
HEADERS = Path("/usr/include/bpf/bpf_helpers.h")

needs_clang = pytest.mark.skipif(CLANG is None, reason="clang is not installed")
needs_headers = pytest.mark.skipif(not HEADERS.exists(), reason="libbpf's headers are not there")

HEAD = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#define MAP(name, kind, keys, values, entries) struct { __uint(type, BPF_MAP_TYPE_##kind); \\
    __type(key, keys); __type(value, values); __uint(max_entries, entries); } name SEC(".maps")
#define START void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end; \\
    unsigned char *b = data; if (b + 20 > (unsigned char *)end) return XDP_DROP
"""
"""What most begin with: START looks at frames of 20 bytes or more only."""

LICENSE = 'char _license[] SEC("license") = "GPL";\n'


def compiled(source: str, folder: Path, *options: str) -> ObjectSpec:
    """The object of a whole source text."""
    path, made = folder / "program.c", folder / "program.o"
    path.write_text(source)
    include = f"-I/usr/include/{platform.machine()}-linux-gnu"
    command = [str(CLANG), "-O2", "-g", "-target", "bpf", include, *options, "-c", path, "-o", made]
    subprocess.run(command, check=True)
    return load(made)


def design_of(body: str, folder: Path) -> Design:
    """Hardware for the program ``program`` of ``body``, which stands behind `HEAD`."""
    spec = compiled(HEAD + body + LICENSE, folder)
    return compile_program(spec, select(spec, "program"))


def random_frames(count: int) -> list[Frame]:
    """Some too short for `HEAD`, arriving at any time; the same each time."""
    rng = random.Random(count)
    lengths = (14, 19, 20, 60, 64, 64, 65, 100, 200, 900)
    return [Frame(rng.randbytes(rng.choice(lengths)), time_ns=rng.getrandbits(50)) for _ in range(count)]


def little(*numbers: int) -> bytes:
    """Numbers of 32 bits as maps have them."""
    return b"".join(number.to_bytes(4, "little") for number in numbers)
