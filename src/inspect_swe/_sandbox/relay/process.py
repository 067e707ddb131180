"""Sandbox processes run by the relay, their exit statuses and errors."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from typing import Literal, NamedTuple

from .frames import FrameType, encode_u32
from .streams import Stream

# Error numbers that differ on hosts other than Linux.
_LINUX_ERRORS = {
    36: "File name too long",
    39: "Directory not empty",
    40: "Too many levels of symbolic links",
    98: "Address already in use",
    110: "Timed out",
    122: "Disk quota exceeded",
}


class ExitStatus(NamedTuple):
    """The exit code of a process, or the signal that killed it."""

    code: int | None
    signal: int | None

    @property
    def returncode(self) -> int:
        """The exit code, or -N if signal N killed the process."""
        return -(self.signal or 9) if self.code is None else self.code


class SandboxFileError(OSError):
    """Failure to write a file in the sandbox. `errno` is a Linux error number."""


def error_text(number: int) -> str:
    """Return the text of a Linux error number, on any host system."""
    known = _LINUX_ERRORS.get(number)
    return known or (os.strerror(number) if number < 4096 else f"error {number}")


class Process:
    """A process in the sandbox. It blocks once 256 KiB of its `output()` are unread."""

    def __init__(self, stream: Stream, pid: int, feeder: asyncio.Task[None] | None) -> None:
        self.pid = pid
        self.tap: Callable[[Literal["stdout", "stderr"], bytes], None] | None = None
        self._stream = stream
        self._feeder = feeder
        self._finished = False
        self._exit: asyncio.Future[ExitStatus] = asyncio.get_running_loop().create_future()

    async def output(self) -> AsyncIterator[tuple[Literal["stdout", "stderr"], bytes]]:
        """Yield the process's output, in order, until it ends.

        Raises:
            SandboxDiedError: The sandbox or the connection to it ended first.
        """
        while not self._finished:
            frame = await self._stream.receive()
            self._finished = frame.type is FrameType.EXIT
            if frame.type not in (FrameType.DATA, FrameType.STDERR):
                continue  # other frames do not count towards the window
            stream: Literal["stdout", "stderr"] = "stdout" if frame.type is FrameType.DATA else "stderr"
            if self.tap is not None:
                self.tap(stream, frame.payload)
            yield stream, frame.payload
            self._stream.consumed(len(frame.payload))

    async def wait(self) -> ExitStatus:
        """Wait for the process to end. Its `output()` must be read meanwhile.

        Raises:
            SandboxDiedError: The sandbox or the connection to it ended first.
        """
        return await asyncio.shield(self._exit)

    async def kill(self, signal: int = 9) -> None:
        """Send a signal to its process group, even after the process itself has ended.

        Does nothing once the channel is closed.
        """
        self._stream.put(encode_u32(FrameType.KILL, self._stream.id, signal))

    async def write(self, data: bytes) -> None:
        """Write to its stdin, if left open, and wait while the process is slow to read.

        Data that remains when the process ends is dropped.
        """
        await self._stream.send(data)

    async def close_stdin(self) -> None:
        """Close its stdin, if left open."""
        self._stream.send_eof()

    def _ended(self, result: ExitStatus | Exception) -> None:
        if self._feeder:
            self._feeder.cancel()
        if self._exit.done():
            return
        if isinstance(result, ExitStatus):
            self._exit.set_result(result)
        else:
            self._exit.set_exception(result)
            self._exit.exception()  # avoids asyncio's warning if no task calls wait()
