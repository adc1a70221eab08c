"""Files appear whole or not at all, whenever the command is ended."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hardpath.cli.outputs import Outputs, check_folder
from hardpath.codegen.build_cache import BuildCache
from hardpath.hdl.errors import InputError


@pytest.fixture
def terminated(monkeypatch):
    """SIGTERM comes when a folder has just been made: its handler raises before the caller knows of the folder."""
    make = os.mkdir

    def mkdir(path, *args, **kwargs):
        make(path, *args, **kwargs)
        raise SystemExit

    monkeypatch.setattr(os, "mkdir", mkdir)


def test_outputs_ended_as_soon_as_their_folder_is_there_leave_nothing_behind(tmp_path, terminated):
    with pytest.raises(SystemExit), Outputs() as outputs:
        outputs.path(tmp_path / "out.pcapng")
    assert os.listdir(tmp_path) == []


def test_a_build_ended_as_soon_as_its_folder_is_there_leaves_nothing_behind(tmp_path, terminated):
    with pytest.raises(SystemExit):
        BuildCache(tmp_path).get("kind", ["input"], lambda folder: None)
    assert os.listdir(tmp_path) == []


def test_standard_output_and_links_are_written_through(tmp_path):
    """Standard output may be a file, and its name must still be there for others afterwards."""
    real, link = tmp_path / "real", tmp_path / "link"
    link.symlink_to(real)
    shown = [f"/proc/{os.getpid()}/fd", "/dev/fd", "/proc/self/fd"]
    with open(tmp_path / "stdout", "w") as stdout, Outputs() as outputs:
        for name in (Path(folder, str(stdout.fileno())) for folder in shown):
            assert outputs.path(name) == name
        indirect = tmp_path / "indirect"  # as /dev/stdout is
        indirect.symlink_to(f"/proc/self/fd/{stdout.fileno()}")
        assert outputs.path(indirect) == indirect
        outputs.path(link).write_text("new")
    assert link.is_symlink() and real.read_text() == "new"
    with pytest.raises(InputError, match="name a file, or /dev/stdout"):
        Outputs().path(Path("-"))


def test_looking_whether_a_folder_can_be_written_puts_no_name_into_it(tmp_path, monkeypatch):
    seen: list[str] = []
    monkeypatch.setattr(os, "mkdir", lambda path, *_: seen.append(path))
    check_folder(tmp_path / "new" / "folder")
    assert seen == [] and os.listdir(tmp_path) == []


def test_outputs_appear_when_nothing_failed_and_not_before(tmp_path):
    final = tmp_path / "out.pcapng"
    with Outputs() as outputs:
        outputs.path(final).write_text("frames")
        assert not final.exists()
    assert final.read_text() == "frames" and os.listdir(tmp_path) == ["out.pcapng"]
