"""The store's folder on disk: locks, scratch folders, finished copies, and removal of old ones."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from inspect_swe._errors import AgentInstallError
from inspect_swe._folders import CACHE_VARIABLE

from .._packages.http import Abandoned
from . import verification
from .usage_locks import exclusive

MAX_COPIES = 5
"""Number of recent copies to retain per agent, platform and Python."""
_LOCK_POLL = 0.1
_WRITERS, _STICKY = 0o022, 0o3000


class Disk:
    """A folder shared by processes and users of the machine.

    Everyone who may read the folder can read its content, and everyone who may write to it can replace its content.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, name: str) -> Path:
        """Return the folder of a copy by its name, `KIND/VERSION-PLATFORM`."""
        return self.root / "artifacts" / name

    def copies(self, kind: str, suffix: str) -> dict[str, Path]:
        """Return the copies of a kind whose names end with a suffix, by name without the suffix."""
        folders = self.folder(kind).glob(f"*{suffix}")
        return {folder.name[: -len(suffix)]: folder for folder in folders}

    def put(self, unpacked: Path, folder: Path, scratch: Path) -> None:
        """Move a finished copy to its final folder, atomically."""
        for path, _, _ in os.walk(unpacked):
            os.chmod(path, 0o755 | self._mode(_WRITERS | _STICKY))
        (unpacked / verification.NAME).chmod(0o644 | self._mode(_WRITERS))
        self.make(folder.parent)
        if folder.exists():
            # An existing copy is damaged: it is removed with the scratch folder.
            folder.rename(scratch / "damaged")
        unpacked.rename(folder)
        verification.sync(folder.parent)

    def remove_old(self, kind: str, suffix: str, spared: Collection[str]) -> None:
        """Remove all copies except recently used ones, spared versions, and those that a process uses."""
        copies = sorted(self.copies(kind, suffix).values(), key=verification.last_used, reverse=True)
        for folder in copies[MAX_COPIES:]:
            if folder.name[: -len(suffix)] not in spared:
                self.remove(folder)

    def remove(self, folder: Path, unknown: bool = False) -> bool:
        """Remove a copy, unless a process uses or remakes it or this user lacks permission.

        Args:
            folder: Folder of the copy.
            unknown: True to remove it even if the file system can't tell whether a process uses it.

        Returns:
            True if the copy was removed.
        """
        name = _name(folder)
        with contextlib.suppress(Timeout, OSError), self.lock(name).acquire(blocking=False):
            with exclusive(folder / verification.NAME) as free, self.scratch(name) as scratch:
                if free or (free is None and unknown):
                    folder.rename(scratch / "old")
                    return True
        return False

    @contextlib.contextmanager
    def errors(self, what: str) -> Iterator[None]:
        """Convert a system error in the block to an `AgentInstallError` that says what can't be stored."""
        try:
            yield
        except OSError as error:
            raise AgentInstallError(
                f"{what} can't be stored in {self.root}: {error}.",
                hint=f"set {CACHE_VARIABLE} to a writable folder with enough space.",
            ) from error

    @contextlib.contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """Make a temporary folder for the block, named after the copy it is for."""
        scratch = self.make(self.root / "tmp" / f"{name}.{uuid4().hex}")
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def sweep(self, locked: str) -> None:
        """Remove temporary folders of killed processes.

        The holder of a lock owns the temporary folders of that name.

        Args:
            locked: Name of the lock that the caller has acquired.
        """
        for stale in self.root.glob("tmp/*"):
            owner = stale.name.rpartition(".")[0]
            if owner == locked:
                shutil.rmtree(stale, ignore_errors=True)
                continue
            with contextlib.suppress(Timeout, OSError), self.lock(owner).acquire(blocking=False):
                shutil.rmtree(stale, ignore_errors=True)

    def lock(self, name: str) -> FileLock:
        """Return the lock that guards changes of a copy."""
        folder = self.make(self.root / "locks")
        # Not a singleton: threads of one process must exclude each other, too.
        return FileLock(folder / f"{name}.lock", mode=0o644 | self._mode(_WRITERS), is_singleton=False)

    @contextlib.contextmanager
    def locked(self, name: str, stop: threading.Event) -> Iterator[None]:
        """Acquire a lock for the block, and wait for it if necessary.

        Raises:
            Abandoned: `stop` was set first.
        """
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
        """Create a folder below the root if missing, and return it."""
        self.root.mkdir(parents=True, exist_ok=True)
        below = [self.root.joinpath(*folder.relative_to(self.root).parts[:depth]) for depth in (1, 2, 3)]
        for one in dict.fromkeys(below):
            with contextlib.suppress(FileExistsError):
                one.mkdir()
                # mkdir applies the user's umask.
                one.chmod(0o755 | self._mode(_WRITERS | _STICKY))
        return folder

    def _mode(self, bits: int) -> int:
        return self.root.stat().st_mode & bits


def _name(folder: Path) -> str:
    return f"{folder.parent.name}-{folder.name}"
