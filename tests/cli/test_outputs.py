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


def test_links_stay_and_lead_to_what_is_written(tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    link.symlink_to(real)
    with Outputs() as outputs:
        outputs.path(link).write_text("new")
    assert link.is_symlink() and real.read_text() == "new"


def test_an_open_file_is_the_same_one_for_engines(tmp_path):
    """Engines are other processes, to which /dev/fd/3 is nothing, and /dev/stdout what the command reads from them."""
    with open(tmp_path / "3", "w") as file, Outputs() as outputs:
        indirect = tmp_path / "indirect"  # as /dev/stdout is
        indirect.symlink_to(f"/proc/self/fd/{file.fileno()}")
        for name in (Path("/dev/fd", str(file.fileno())), indirect):
            assert outputs.path(name) == Path(f"/proc/{os.getpid()}/fd/{file.fileno()}")
        for name in ("-", "/dev/fd/1", "/dev/stdout", "/dev/stderr"):
            with pytest.raises(InputError, match=f"^{name}: figures and messages go there: name a file"):
                outputs.path(Path(name))
    assert Path("/dev/stdout").is_symlink()


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
