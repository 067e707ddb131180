"""A process in a sandbox, as its relay runs it, and how such things end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from typing import Literal, NamedTuple

from .frames import FrameType, encode_u32
from .streams import Stream

# Numbers that mean something else on a host that is no Linux.
_LINUX_ERRORS = {
    36: "File name too long",
    39: "Directory not empty",
    40: "Too many levels of symbolic links",
    98: "Address already in use",
    110: "Timed out",
    122: "Disk quota exceeded",
}


class ExitStatus(NamedTuple):
    """How a process ended: with an exit code, or killed by a signal."""

    code: int | None
    signal: int | None

    @property
    def returncode(self) -> int:
        """The exit code; -N where signal N killed it."""
        return -(self.signal or 9) if self.code is None else self.code


class SandboxFileError(OSError):
    """A file could not be written in the sandbox (`errno` is Linux's)."""


def error_text(number: int) -> str:
    """What a Linux error number means, whatever system the host runs."""
    known = _LINUX_ERRORS.get(number)
    return known or (os.strerror(number) if number < 4096 else f"error {number}")


class Process:
    """A process in the sandbox. Read `output()`: with 256 KiB of it unread the process has to wait."""

    def __init__(self, stream: Stream, pid: int, feeder: asyncio.Task[None] | None) -> None:
        self.pid = pid
        self.tap: Callable[[Literal["stdout", "stderr"], bytes], None] | None = None
        self._stream = stream
        self._feeder = feeder
        self._finished = False
        self._exit: asyncio.Future[ExitStatus] = asyncio.get_running_loop().create_future()

    async def output(self) -> AsyncIterator[tuple[Literal["stdout", "stderr"], bytes]]:
        """What it writes, in order, until it has ended.

        Raises:
            SandboxDiedError: The sandbox or the connection to it ended first.
        """
        while not self._finished:
            frame = await self._stream.receive()
            self._finished = frame.type is FrameType.EXIT
            if frame.type not in (FrameType.DATA, FrameType.STDERR):
                continue  # no other frame was charged to the window
            stream: Literal["stdout", "stderr"] = "stdout" if frame.type is FrameType.DATA else "stderr"
            if self.tap is not None:
                self.tap(stream, frame.payload)
            yield stream, frame.payload
            self._stream.consumed(len(frame.payload))

    async def wait(self) -> ExitStatus:
        """Waits for its end; someone has to read `output()` meanwhile.

        Raises:
            SandboxDiedError: The sandbox or the connection to it ended first.
        """
        return await asyncio.shield(self._exit)

    async def kill(self, signal: int = 9) -> None:
        """Sends a signal to its process group, also after its own end. Does nothing once the channel is closed."""
        self._stream.put(encode_u32(FrameType.KILL, self._stream.id, signal))

    async def write(self, data: bytes) -> None:
        """Writes to its stdin, if it was left open, as fast as it reads; once it has ended, the rest is dropped."""
        await self._stream.send(data)

    async def close_stdin(self) -> None:
        """Ends its stdin, if it was left open."""
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
            self._exit.exception()  # nobody has to wait for it
