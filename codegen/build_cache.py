"""What slow tools made (compiled simulations, placed designs), kept by the digest of everything it was made from."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from ..hdl.errors import InputError

KEEP = 128  # builds, two for a netlist; the ones not used for longest go first


_BUILD = re.compile(r"-[0-9a-f]{32}$")
"""What names of builds end with."""


def default_cache() -> Path:
    """$XDG_CACHE_HOME/hardpath, by default ~/.cache/hardpath. `InputError` for a user without a home."""
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "hardpath"
    try:
        return Path.home() / ".cache" / "hardpath"
    except RuntimeError:
        reason = "this user has no home, where builds are kept: set HOME to a writable folder"
        raise InputError(reason) from None


class BuildCache:
    """A folder of finished builds. Several processes may use it at the same time: a build appears all at once."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or default_cache()

    def get(self, kind: str, inputs: Iterable[str | bytes], build: Callable[[Path], None]) -> Path:
        """The folder that ``build(folder)`` filled for these inputs, now or at some earlier time.

        ``kind`` starts the folder's name. ``build`` may raise: nothing is kept then. `InputError` when the cache
        cannot be written.
        """
        digest = hashlib.sha256()
        for part in inputs:
            data = part.encode() if isinstance(part, str) else part
            digest.update(len(data).to_bytes(8, "little") + data)
        folder = self.root / f"{kind}-{digest.hexdigest()[:32]}"
        try:
            if folder.is_dir():
                os.utime(folder)
                return folder
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from None
        # On the same file system as the result, so that the rename is atomic.
        scratch = self.root / f".build-{secrets.token_hex(8)}"
        try:
            try:
                scratch.mkdir(mode=0o700)
            except OSError as error:
                raise self._unusable(error) from None
            build(scratch)
            try:
                scratch.rename(folder)
            except OSError:
                if not folder.is_dir():  # someone else finished the same build first otherwise
                    raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        self._trim(keep=folder)
        return folder

    def _unusable(self, error: OSError) -> InputError:
        return InputError(f"{self.root}: {error.strerror}: choose another place with --cache")

    def _trim(self, keep: Path) -> None:
        # Another cache may have its folder in here, and others build in theirs.
        builds = [folder for folder in self.root.iterdir() if folder.is_dir() and _BUILD.search(folder.name)]
        if len(builds) <= KEEP:
            return

        def used(folder: Path) -> float:
            try:
                return folder.stat().st_mtime
            except FileNotFoundError:  # another process trims too
                return 0.0

        for folder in sorted(builds, key=used)[: len(builds) - KEEP]:
            if folder != keep:
                shutil.rmtree(folder, ignore_errors=True)
