"""Locks that prevent the removal of copies in use: shared file locks, held until the process ends."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_BUSY = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)


class UsageLocks:
    """The shared locks of a process. They need read access only."""

    def __init__(self) -> None:
        self._descriptors: dict[Path, int] = {}
        self._guard = threading.Lock()

    def acquire(self, file: Path) -> bool:
        """Lock a file until the process ends. Returns False if it is missing or being removed."""
        with self._guard:
            previous = self._descriptors.get(file)
            if previous is not None and _refers_to(previous, file):
                return True
            try:
                descriptor = os.open(file, os.O_RDONLY)
            except OSError:
                return False
            if _lock(descriptor, exclusive=False) is False or not _refers_to(descriptor, file):
                os.close(descriptor)
                return False
            self._descriptors[file] = descriptor
            if previous is not None:
                os.close(previous)
            return True

    def release(self) -> None:
        """Release all locks."""
        with self._guard:
            while self._descriptors:
                os.close(self._descriptors.popitem()[1])


@contextlib.contextmanager
def exclusive(file: Path) -> Iterator[bool | None]:
    """Try to lock a file exclusively for the block, without waiting.

    Yields True if the file is locked or missing, False if it is in use or can't be opened, and None if the file system
    doesn't support locks.
    """
    try:
        descriptor = os.open(file, os.O_RDWR)
    except FileNotFoundError:
        yield True
        return
    except OSError:
        yield False
        return
    try:
        yield _lock(descriptor, exclusive=True)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, *, exclusive: bool) -> bool | None:
    """Return whether the file was locked, or None if the platform or file system doesn't support locks."""
    if sys.platform == "win32":
        return None
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in _BUSY else None
    return True


def _refers_to(descriptor: int, file: Path) -> bool:
    """Return whether a path still refers to an open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(file))
    except OSError:
        return False
