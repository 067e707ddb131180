"""The store's folder on disk: locks, scratch folders, finished copies, and which of them may go."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from .._packages.retries import Abandoned
from . import verification as sidecar
from .usage_locks import exclusive

KEPT = 5
"""How many versions of a kind are kept."""
_LOCK_POLL = 0.1
_WRITERS, _STICKY = 0o022, 0o3000


class Disk:
    """A folder that processes, and users of the machine, share.

    What is made in it can be read by everyone who may read the folder, and replaced by everyone who may write to it.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, name: str) -> Path:
        """Where a copy lies: `name` is `KIND/VERSION-PLATFORM`."""
        return self.root / "artifacts" / name

    def copies(self, kind: str, suffix: str) -> dict[str, Path]:
        """The copies of a kind whose names end like this, by the rest of the name."""
        found = self.folder(kind).glob(f"*{suffix}")
        return {folder.name[: -len(suffix)]: folder for folder in found}

    def put(self, unpacked: Path, folder: Path, scratch: Path) -> None:
        """Give a finished copy its final name, in one step."""
        for path, _, _ in os.walk(unpacked):
            os.chmod(path, 0o755 | self._mode(_WRITERS | _STICKY))
        (unpacked / sidecar.NAME).chmod(0o644 | self._mode(_WRITERS))
        self.make(folder.parent)
        if folder.exists():
            # A damaged copy goes into the scratch folder, to be removed with it.
            folder.rename(scratch / "damaged")
        unpacked.rename(folder)
        sidecar.sync(folder.parent)

    def remove_old(self, kind: str, suffix: str, spared: Collection[str]) -> None:
        """Remove all copies but the ones used last, the spared ones, and those that a process holds."""
        copies = sorted(self.copies(kind, suffix).values(), key=sidecar.last_used, reverse=True)
        for folder in copies[KEPT:]:
            if folder.name[: -len(suffix)] not in spared:
                self.remove(folder)

    def remove(self, folder: Path, unknown: bool = False) -> bool:
        """Remove a copy, unless a process holds it or is making it anew, or this user may not; says whether it did.

        Args:
            folder: The copy.
            unknown: Whether to remove it where it can't be known if a process holds it.
        """
        name = _name(folder)
        with contextlib.suppress(Timeout, OSError), self.lock(name).acquire(blocking=False):
            with exclusive(folder / sidecar.NAME) as free, self.scratch(name) as scratch:
                if free or (free is None and unknown):
                    folder.rename(scratch / "old")
                    return True
        return False

    @contextlib.contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """A temporary folder for work on what is called so."""
        scratch = self.make(self.root / "tmp" / f"{name}.{uuid4().hex}")
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def sweep(self, locked: str) -> None:
        """Remove what killed processes left behind: whoever holds a lock owns the temporary folders of that name."""
        for stale in self.root.glob("tmp/*"):
            owner = stale.name.rpartition(".")[0]
            if owner == locked:
                shutil.rmtree(stale, ignore_errors=True)
                continue
            with contextlib.suppress(Timeout, OSError), self.lock(owner).acquire(blocking=False):
                shutil.rmtree(stale, ignore_errors=True)

    def lock(self, name: str) -> FileLock:
        """The lock of all who want to change a copy."""
        folder = self.make(self.root / "locks")
        # Not a singleton: threads of one process exclude each other like processes do.
        return FileLock(folder / f"{name}.lock", mode=0o644 | self._mode(_WRITERS), is_singleton=False)

    @contextlib.contextmanager
    def locked(self, name: str, stop: threading.Event) -> Iterator[None]:
        """Have a lock, once it is free."""
        lock = self.lock(name)
        while not stop.is_set():
            with contextlib.suppress(Timeout):
                lock.acquire(blocking=False)
                break
            stop.wait(_LOCK_POLL)
        else:
            raise Abandoned
        try:
            yield
        finally:
            lock.release()

    def make(self, folder: Path) -> Path:
        """A folder below the root, made if need be."""
        self.root.mkdir(parents=True, exist_ok=True)
        below = [self.root.joinpath(*folder.relative_to(self.root).parts[:depth]) for depth in (1, 2, 3)]
        for one in dict.fromkeys(below):
            with contextlib.suppress(FileExistsError):
                one.mkdir()
                # Whatever the user's umask is.
                one.chmod(0o755 | self._mode(_WRITERS | _STICKY))
        return folder

    def _mode(self, bits: int) -> int:
        return self.root.stat().st_mode & bits


def _name(folder: Path) -> str:
    return f"{folder.parent.name}-{folder.name}"
