"""The cache of compiled simulations."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from hardpath.codegen import build_cache
from hardpath.codegen.build_cache import BuildCache
from hardpath.hdl.errors import InputError


def write(text: str) -> object:
    return lambda folder: (folder / "made").write_text(text)


def test_the_same_inputs_are_built_once(tmp_path: Path) -> None:
    cache = BuildCache(tmp_path)
    first = cache.get("x", ["a", b"b"], write("first"))
    again = cache.get("x", ["a", b"b"], write("second"))
    assert again == first and (again / "made").read_text() == "first"


def test_other_inputs_are_another_build_even_if_their_bytes_join_to_the_same(tmp_path: Path) -> None:
    cache = BuildCache(tmp_path)
    folders = {cache.get("x", inputs, write("x")) for inputs in (["ab", "c"], ["a", "bc"], ["abc"])}
    assert len(folders) == 3


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        BuildCache(tmp_path).get("x", ["a"], fail)
    assert list(tmp_path.iterdir()) == []


def test_the_builds_not_used_for_longest_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_cache, "KEEP", 3)
    cache = BuildCache(tmp_path)
    folders = [cache.get("x", [str(i)], write("x")) for i in range(3)]
    for age, folder in enumerate(folders):
        os.utime(folder, (1000 - age, 1000 - age))
    cache.get("x", ["2"], write("x"))  # the oldest, used again
    cache.get("x", ["new"], write("x"))
    assert [folder.is_dir() for folder in folders] == [True, False, True]


def test_a_cache_inside_another_one_is_no_build_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bitstreams lie in a folder in the cache of simulations, which are many more."""
    monkeypatch.setattr(build_cache, "KEEP", 1)
    hours = BuildCache(tmp_path / "boards").get("placement", ["a"], write("x"))
    os.utime(tmp_path / "boards", (1000, 1000))
    cache = BuildCache(tmp_path)
    first, last = (cache.get("native", [text], write("x")) for text in "bc")
    assert hours.is_dir() and last.is_dir() and not first.is_dir()


def test_a_user_without_a_home_is_told_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(user: int) -> None:
        raise KeyError(user)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(InputError, match=r"no home.*set HOME to a writable folder"):
        BuildCache()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert BuildCache().root == tmp_path / "hardpath"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file.*--cache"):
        BuildCache(tmp_path / "file" / "cache").get("x", [], write("x"))
