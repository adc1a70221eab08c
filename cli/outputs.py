"""Files appear whole or not at all: they are written beside their place and moved there at the end."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from pathlib import Path

from ..hdl.errors import InputError

_MOST_LINKS = 40  # as in Linux (path_resolution(7))
_STANDARD = 2  # the highest descriptor of standard input, output and errors


class Outputs:
    """A context manager. ``path(final)`` is where to write what shall become ``final`` if nothing fails."""

    def __init__(self) -> None:
        self._scratch: dict[Path, Path] = {}  # folder of outputs -> folder to write them in
        self._moves: list[tuple[Path, Path]] = []

    def path(self, final: Path) -> Path:
        """A path with the same name. Raises `InputError` where nothing can be written or something else will be."""
        number = 1 if final == Path("-") else _descriptor(final)
        if number is not None and number <= _STANDARD:
            raise InputError(f"{final}: figures and messages go there: name a file")
        if number is not None:
            return Path(f"/proc/{os.getpid()}/fd/{number}")  # engines that write to it are processes of their own
        if final.is_dir():
            raise InputError(f"{final} is a directory: name a file")
        if final.exists() and not final.is_file():
            return final  # a device or a pipe: nothing to move
        if final.is_symlink():
            final = final.resolve()  # the link stays
        folder = final.parent
        if folder not in self._scratch:
            scratch = folder / f".hardpath-{secrets.token_hex(8)}"
            self._scratch[folder] = scratch  # first: a signal may come as soon as the folder is there
            try:
                scratch.mkdir(mode=0o700)
            except OSError as error:
                raise InputError(f"{final}: cannot write there: {error.strerror}") from None
        path = self._scratch[folder] / final.name
        if any(final.resolve() == other.resolve() for _, other in self._moves):
            raise InputError(f"{final} is named for two outputs: name another file for one of them")
        self._moves.append((path, final))
        return path

    def optional(self, final: Path | None) -> Path | None:
        """`path` unless there is none."""
        return None if final is None else self.path(final)

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, kind: type[BaseException] | None, *failure: object) -> None:
        try:
            if kind is None:
                for path, final in self._moves:
                    if path.exists():
                        path.replace(final)
        finally:
            for folder in self._scratch.values():
                shutil.rmtree(folder, ignore_errors=True)


def _descriptor(path: Path) -> int | None:
    """The number of the open file of this process that a path means, as /dev/stdout and /dev/fd/3 do."""
    for _ in range(_MOST_LINKS):
        if not path.is_symlink():
            break
        if path.parent.resolve() == Path(f"/proc/{os.getpid()}/fd"):
            return int(path.name)
        path = path.parent / path.readlink()
    return None


def check_folder(folder: Path) -> None:
    """Raise `InputError`, before anything takes time, if a folder can neither be written nor made."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: name a folder")
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    try:
        tempfile.TemporaryFile(dir=there).close()  # it has no name that a signal could leave behind
    except OSError as error:
        raise InputError(f"{folder}: cannot write there: {error.strerror}") from None
