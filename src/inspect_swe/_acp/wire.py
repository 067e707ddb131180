"""ACP messages over the stdin and stdout of a sandbox process, whose output is untrusted until parsed as JSON."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from inspect_ai.util import ExecCompleted, ExecRemoteProcess, ExecStdout

from .._contract.output import OutputBuffer
from .._errors import tail
from .._sandbox.relay.multiplexer import Process

_LONGEST_LINE = 256 << 20
_SLOW_TO_PARSE = 1 << 20
_WAITING_MESSAGES = 1000

Message = dict[str, Any]


class Stdio(Protocol):
    """A process with open stdin."""

    def output(self) -> AsyncIterator[tuple[Literal["stdout", "stderr"], bytes]]:
        """Yield the process' output in order until it exits."""

    async def write(self, data: bytes) -> None:
        """Write to the process' stdin."""

    async def close_stdin(self) -> None:
        """Close the process' stdin."""

    async def kill(self) -> None:
        """Kill the process and its process group."""

    async def exit_code(self) -> int | None:
        """Return the exit code; -N after signal N, None if unknown."""


class RelayedProcess:
    """A process started by our relay."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.output = process.output
        self.write = process.write
        self.close_stdin = process.close_stdin
        self.kill = process.kill

    async def exit_code(self) -> int | None:
        return (await self._process.wait()).returncode


class RemoteProcess:
    """A process started by Inspect's `exec_remote()` (with `stdin_open=True`)."""

    def __init__(self, process: ExecRemoteProcess) -> None:
        self._process = process
        self._code: int | None = None
        self.write = process.write_stdin
        self.close_stdin = process.close_stdin
        self.kill = process.kill

    async def output(self) -> AsyncIterator[tuple[Literal["stdout", "stderr"], bytes]]:
        async for event in self._process:
            if isinstance(event, ExecCompleted):
                self._code = event.exit_code
            else:
                yield "stdout" if isinstance(event, ExecStdout) else "stderr", event.data.encode()

    async def exit_code(self) -> int | None:
        return self._code


def stdio_of(process: ExecRemoteProcess | Process) -> Stdio:
    """Wrap a process in the `Stdio` interface."""
    return RelayedProcess(process) if isinstance(process, Process) else RemoteProcess(process)


@dataclass
class ErrorInfo:
    """The output of a process other than ACP messages, and its exit code.

    Args:
        exit_code: Exit code; -N after signal N, None while the process runs.
        trace: Called with each chunk of stderr.
    """

    exit_code: int | None = None
    trace: Callable[[bytes], None] | None = None
    _stderr: OutputBuffer = field(default_factory=lambda: OutputBuffer(0, 64 << 10))
    _stdout: OutputBuffer = field(default_factory=lambda: OutputBuffer(0, 64 << 10))

    def add_stderr(self, chunk: bytes) -> None:
        """Add a chunk of stderr."""
        self._stderr.add(chunk)
        if self.trace:
            self.trace(chunk)

    def add_stdout(self, line: bytes) -> None:
        """Add a line of stdout that is not an ACP message."""
        self._stdout.add(line[-4096:] + b"\n")

    @property
    def stderr(self) -> str:
        """The end of the process' stderr."""
        return self._stderr.tail

    @property
    def stdout(self) -> str:
        """The end of the stdout lines that are not ACP messages."""
        return tail(self._stdout.tail)


class Wire:
    """The SDK's transport over a process. Any failure ends the transport and every pending call.

    Args:
        process: The process.
        info: Receives the process' other output.
        sent: Called with each message that is sent.
    """

    def __init__(
        self, process: Stdio, info: ErrorInfo, sent: Callable[[Mapping[str, Any]], None] | None = None
    ) -> None:
        self._process = process
        self._info = info
        self._sent = sent
        self._messages: asyncio.Queue[Message] = asyncio.Queue(_WAITING_MESSAGES)
        self._writing = asyncio.Lock()
        self._dead = asyncio.Event()

    async def feed(self) -> None:
        """Read the process' output until it exits."""
        line = bytearray()
        try:
            async for stream, chunk in self._process.output():
                if stream == "stderr":
                    self._info.add_stderr(chunk)
                    continue
                *whole, rest = chunk.split(b"\n")
                for piece in whole:
                    line += piece
                    await self._take(bytes(line))
                    line.clear()
                line += rest
                if len(line) > _LONGEST_LINE:
                    raise ConnectionError(f"a message of more than {_LONGEST_LINE} bytes")
            self._info.exit_code = await self._process.exit_code()
        finally:
            self._dead.set()

    async def send(self, message: Message) -> None:
        """Send a message."""
        if self._dead.is_set():
            raise ConnectionError("The agent has ended.")
        if self._sent:
            self._sent(message)
        async with self._writing:
            try:
                await self._process.write(json.dumps(message).encode() + b"\n")
            except Exception as error:
                self._dead.set()
                raise ConnectionError(f"The agent cannot be reached: {error}") from error

    async def receive(self) -> Message | None:
        """Return the next message, or None after the transport has ended."""
        if self._messages.empty() and not self._dead.is_set():
            message, dead = asyncio.ensure_future(self._messages.get()), asyncio.ensure_future(self._dead.wait())
            try:
                await asyncio.wait({message, dead}, return_when=asyncio.FIRST_COMPLETED)
                if message.done():
                    return message.result()
            finally:
                dead.cancel()
                message.cancel()
        return None if self._messages.empty() else self._messages.get_nowait()

    async def close(self) -> None:
        """Close the agent's stdin."""
        if not self._dead.is_set():
            with contextlib.suppress(Exception):
                await self._process.close_stdin()

    async def _take(self, line: bytes) -> None:
        try:
            large = len(line) > _SLOW_TO_PARSE
            message = await asyncio.to_thread(json.loads, line) if large else json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if isinstance(message, dict):
            await self._messages.put(message)
        elif line.strip():
            self._info.add_stdout(line)
