"""Copies in use: a shared lock on the note beside each, until the process ends, keeps others from removing it."""

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


class Holds:
    """What a process holds. Files are opened for reading only, so users without write access hold as well."""

    def __init__(self) -> None:
        self._held: dict[Path, int] = {}
        self._guard = threading.Lock()

    def take(self, file: Path) -> bool:
        """Hold a file until the process ends; False if it isn't there or is being removed."""
        with self._guard:
            held = self._held.get(file)
            if held is not None and _is(held, file):
                return True
            try:
                descriptor = os.open(file, os.O_RDONLY)
            except OSError:
                return False
            if _lock(descriptor, exclusive=False) is False or not _is(descriptor, file):
                os.close(descriptor)
                return False
            self._held[file] = descriptor
            if held is not None:
                os.close(held)
            return True

    def release(self) -> None:
        """Hold nothing any more."""
        with self._guard:
            while self._held:
                os.close(self._held.popitem()[1])


@contextlib.contextmanager
def exclusive(file: Path) -> Iterator[bool | None]:
    """Whether nobody holds a file, and while the block lasts nobody can begin to. Doesn't wait.

    None where files can't be locked, so that nobody knows.
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
    """Whether a file could be locked; None where files can't be."""
    if sys.platform == "win32":
        return None
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in _BUSY else None
    return True


def _is(descriptor: int, file: Path) -> bool:
    """Whether a path still leads to an open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(file))
    except OSError:
        return False
