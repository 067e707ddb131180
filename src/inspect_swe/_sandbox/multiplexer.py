"""The host's end of the relay: connections, processes and files of a sandbox over one byte stream."""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from inspect_swe._errors import AgentStartError, SandboxDiedError
from inspect_swe._sandbox.frames import (
    FILE_WINDOW,
    MAX_PAYLOAD,
    SPAWN_LIMIT,
    STREAM_WINDOW,
    Frame,
    FrameDecoder,
    FrameType,
    ProtocolError,
    encode,
    encode_header,
    encode_u32,
)

START_TIMEOUT = 30.0
_WINDOW_STEP = 64 * 1024
_OUTBOX_LIMIT = 256 * 1024
_READ_SIZE = 256 * 1024
_STAGES = {1: "its working directory cannot be entered", 2: "it cannot be executed"}
# Numbers that mean something else on a host that is no Linux.
_LINUX_ERRORS = {
    36: "File name too long",
    39: "Directory not empty",
    40: "Too many levels of symbolic links",
    98: "Address already in use",
    110: "Timed out",
    122: "Disk quota exceeded",
}

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class ByteChannel(Protocol):
    """A stream of bytes to the relay and back."""

    async def send(self, data: bytes) -> None:
        """Sends all of it; waits while the other end is slow."""

    async def receive(self) -> bytes:
        """The next bytes; none at the end of the stream."""

    async def aclose(self) -> None:
        """Closes both directions: the relay then cleans up and exits."""


class ExitStatus(NamedTuple):
    """How a process ended: with an exit code, or killed by a signal."""

    code: int | None
    signal: int | None


class SandboxFileError(OSError):
    """A file could not be written in the sandbox (`errno` is Linux's)."""


def error_text(number: int) -> str:
    """What a Linux error number means, whatever system the host runs."""
    return _LINUX_ERRORS.get(number) or os.strerror(number)


class _Outbox:
    """Frames on their way to the relay: one writer, in order, as many at a time as there are."""

    def __init__(self, channel: ByteChannel) -> None:
        self._channel = channel
        self._pieces: list[bytes | memoryview] = []
        self._size = 0
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def put(self, *pieces: bytes | memoryview) -> None:
        self._pieces.extend(pieces)
        self._size += sum(map(len, pieces))
        self._filled.set()
        if self._size >= _OUTBOX_LIMIT:
            self._room.clear()

    async def room(self) -> None:
        """Waits until bulk data may be put."""
        await self._room.wait()

    async def run(self) -> None:
        while True:
            await self._filled.wait()
            pieces, self._pieces, self._size = self._pieces, [], 0
            self._filled.clear()
            self._room.set()
            await self._channel.send(b"".join(pieces))


class _Stream:
    """One channel: frames in, data out, credit both ways."""

    def __init__(self, channel: int, outbox: _Outbox, credit: int = STREAM_WINDOW) -> None:
        self.id = channel
        self._outbox = outbox
        self._credit = credit
        self._granted = asyncio.Event()
        self._arrived = asyncio.Event()
        self._frames: deque[Frame] = deque()
        self._room = STREAM_WINDOW
        self._consumed = 0
        self._error: Exception | None = None

    def feed(self, frame: Frame) -> None:
        if frame.type is FrameType.WINDOW:
            self._credit += frame.u32()
            self._granted.set()
            return
        if frame.type in (FrameType.DATA, FrameType.STDERR):
            self._room -= len(frame.payload)
            if self._room < 0:
                raise ProtocolError(f"channel {self.id} exceeds its window")
        self._frames.append(frame)
        self._arrived.set()

    def fail(self, error: Exception) -> None:
        self._error = error
        self._arrived.set()
        self._granted.set()

    async def receive(self) -> Frame:
        while not self._frames:
            if self._error:
                raise self._error
            self._arrived.clear()
            await self._arrived.wait()
        return self._frames.popleft()

    def consumed(self, size: int) -> None:
        """Lets the relay send as much again, in few and large steps."""
        self._consumed += size
        if self._consumed >= _WINDOW_STEP:
            self.put(encode_u32(FrameType.WINDOW, self.id, self._consumed))
            self._room += self._consumed
            self._consumed = 0

    def put(self, frame: bytes) -> None:
        if not self._error:
            self._outbox.put(frame)

    async def send(self, data: bytes | memoryview) -> None:
        """Sends data as credit allows."""
        view = memoryview(data)
        while len(view):
            await self._outbox.room()
            while not self._credit and not self._error:
                self._granted.clear()
                await self._granted.wait()
            if self._error:
                raise self._error
            piece = view[: min(self._credit, MAX_PAYLOAD)]
            self._credit -= len(piece)
            self._outbox.put(encode_header(FrameType.DATA, self.id, len(piece)), piece)
            view = view[len(piece) :]

    def send_eof(self) -> None:
        self.put(encode(FrameType.EOF, self.id))


class Process:
    """A process in the sandbox. Read `output()`: with 256 KiB of it unread the process has to wait."""

    def __init__(self, stream: _Stream, pid: int, feeder: asyncio.Task[None] | None) -> None:
        self.pid = pid
        self._stream = stream
        self._feeder = feeder
        self._exit: asyncio.Future[ExitStatus] = asyncio.get_running_loop().create_future()

    async def output(self) -> AsyncIterator[tuple[Literal["stdout", "stderr"], bytes]]:
        """What it writes, in order, until it has ended.

        Raises:
            SandboxDiedError: The sandbox or the connection to it ended first.
        """
        while not self._exit.done() or self._stream._frames:
            frame = await self._stream.receive()
            if frame.type is FrameType.EXIT:
                return
            if frame.type is FrameType.DATA:
                yield "stdout", frame.payload
            elif frame.type is FrameType.STDERR:
                yield "stderr", frame.payload
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
        """Writes to its stdin, if it was left open; waits while the process doesn't read."""
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


class Multiplexer:
    """Talks to one relay.

    Args:
        channel: The relay's stdin and stdout, or what stands for them.
        token: Marks the session's processes (`AGENT_SESSION` in their environment).
        connect: Opens a connection to the app that serves the sandbox's connections; without it they are refused.
    """

    def __init__(self, channel: ByteChannel, *, token: str, connect: Connect | None) -> None:
        self.closed = asyncio.Event()
        self.error: Exception | None = None
        self._channel = channel
        self._token = token
        self._connect = connect
        self._outbox = _Outbox(channel)
        self._streams: dict[int, _Stream] = {}
        self._processes: dict[int, Process] = {}
        self._next_id = 2
        self._control = _Stream(0, self._outbox)
        self._control_lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None] | None = None

    async def start(self, port: int = 0) -> int:
        """Makes the relay listen on the sandbox's loopback addresses.

        Args:
            port: The port to listen on; 0 leaves the choice to the sandbox.

        Returns:
            The port.

        Raises:
            SandboxDiedError: The relay does not answer.
            AgentStartError: The port cannot be had.
        """
        self._run(self._receive())
        self._run(self._send())
        self._control.put(encode(FrameType.HELLO, 0, struct.pack("<H", port) + self._token.encode()))
        try:
            frame = await asyncio.wait_for(self._control.receive(), START_TIMEOUT)
        except asyncio.TimeoutError:
            self._fail(SandboxDiedError(f"The relay in the sandbox did not answer within {START_TIMEOUT:.0f} s."))
            raise self._died() from None
        if frame.type is FrameType.FAILED:
            raise AgentStartError(f"Cannot listen on port {port} in the sandbox: {error_text(frame.u32())}.")
        return frame.u16()

    async def spawn(
        self, argv: Sequence[str], *, cwd: str | None, env: Mapping[str, str], stdin: bytes | None = b""
    ) -> Process:
        """Starts a process, the leader of a session and process group of its own.

        Args:
            argv: The program, looked up in `env`'s PATH, and its arguments.
            cwd: Its working directory; None is the relay's own.
            env: Its whole environment; only `AGENT_SESSION` is added.
            stdin: What it reads; None leaves stdin open for `Process.write`.

        Raises:
            AgentStartError: It could not be started.
            SandboxDiedError: The sandbox or the connection to it ended.
        """
        frames = _spawn_frames(self._next_id, argv, cwd or "", env)
        stream = self._open()
        self._outbox.put(*frames)
        try:
            frame = await stream.receive()
        except asyncio.CancelledError:
            stream.put(encode_u32(FrameType.KILL, stream.id, 9))
            raise
        if frame.type is not FrameType.STARTED:
            self._streams.pop(stream.id, None)
            raise _start_error(argv, cwd, frame)
        feeder = self._run(_feed_stdin(stream, stdin)) if stdin is not None else None
        process = Process(stream, frame.u32(), feeder)
        self._processes[stream.id] = process
        for later in stream._frames:
            if later.type is FrameType.EXIT:
                self._exited(process, later)
        if self.error:
            process._ended(self.error)
        return process

    async def write_file(self, path: str, data: bytes | Path, mode: int = 0o644) -> None:
        """Writes a file in the sandbox, its folders included; it has its name only when it is whole.

        Args:
            path: Where.
            data: What: bytes, or a file of the host, which is streamed.
            mode: Its permissions.

        Raises:
            SandboxFileError: The sandbox refused.
            SandboxDiedError: The sandbox or the connection to it ended.
        """
        name = path.encode("utf-8", "surrogateescape")
        if not name or b"\0" in name or len(name) > MAX_PAYLOAD - 4:
            raise SandboxFileError(22, "Invalid file name", path)
        stream = self._open(FILE_WINDOW)
        stream.put(encode(FrameType.WRITE, stream.id, struct.pack("<I", mode) + name))
        sender = asyncio.ensure_future(_send_file(stream, data))
        done = asyncio.ensure_future(stream.receive())
        try:
            await asyncio.wait({sender, done}, return_when=asyncio.FIRST_COMPLETED)
            if not done.done():
                sender.result()
            number = (await done).u32()
        except BaseException:
            stream.put(encode(FrameType.RESET, stream.id))
            raise
        finally:
            self._streams.pop(stream.id, None)
            for task in (sender, done):
                task.cancel()
            await asyncio.gather(sender, done, return_exceptions=True)
        if number:
            raise SandboxFileError(number, error_text(number), path)

    async def kill_all(self) -> None:
        """Kills every process of the session; the relay goes on.

        Raises:
            SandboxDiedError: The sandbox or the connection to it ended.
        """
        async with self._control_lock:
            self._alive()
            self._control.put(encode(FrameType.KILL_ALL, 0))
            while (await self._control.receive()).type is not FrameType.DONE:
                pass

    async def aclose(self) -> None:
        """Ends the session: the relay kills what it started and exits. Never raises; may be called again."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._fail(SandboxDiedError("The session in the sandbox was closed."))
        with contextlib.suppress(Exception):
            await self._channel.aclose()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _open(self, credit: int = STREAM_WINDOW) -> _Stream:
        self._alive()
        stream = _Stream(self._next_id, self._outbox, credit)
        self._streams[stream.id] = stream
        self._next_id += 2
        return stream

    def _alive(self) -> None:
        if self.error:
            raise self._died()

    def _died(self) -> Exception:
        return self.error or SandboxDiedError("The connection to the sandbox ended.")

    def _fail(self, error: Exception) -> None:
        """Ends the session for all who wait for it; only the first reason counts."""
        if self.error:
            return
        self.error = error
        for stream in (self._control, *self._streams.values()):
            stream.fail(error)
        for process in self._processes.values():
            process._ended(error)
        self.closed.set()

    async def _send(self) -> None:
        try:
            await self._outbox.run()
        except Exception as error:
            self._fail(SandboxDiedError(f"Writing to the sandbox failed: {error}"))

    async def _receive(self) -> None:
        decoder = FrameDecoder()
        try:
            while data := await self._channel.receive():
                for frame in decoder.feed(data):
                    self._dispatch(frame)
            self._fail(SandboxDiedError("The relay in the sandbox ended."))
        except ProtocolError as error:
            self._fail(SandboxDiedError(f"The relay in the sandbox sent nonsense: {error}."))
        except Exception as error:
            self._fail(SandboxDiedError(f"Reading from the sandbox failed: {error}"))

    def _dispatch(self, frame: Frame) -> None:
        if frame.channel == 0:
            self._control.feed(frame)
        elif frame.type is FrameType.OPEN:
            self._accept(frame.channel)
        elif stream := self._streams.get(frame.channel):
            stream.feed(frame)
            process = self._processes.get(frame.channel)
            if process and frame.type is FrameType.EXIT:
                self._exited(process, frame)

    def _exited(self, process: Process, frame: Frame) -> None:
        code, signal = frame.i32(), frame.i32(4)
        self._streams.pop(process._stream.id, None)
        self._processes.pop(process._stream.id, None)
        process._ended(ExitStatus(None, signal) if signal else ExitStatus(code, None))

    def _accept(self, channel: int) -> None:
        if channel % 2 == 0 or channel in self._streams:
            raise ProtocolError(f"connection with the number {channel}")
        if self._connect is None:
            self._outbox.put(encode(FrameType.RESET, channel))
            return
        stream = self._streams[channel] = _Stream(channel, self._outbox)
        self._run(self._serve(stream, self._connect))

    async def _serve(self, stream: _Stream, connect: Connect) -> None:
        """Carries one connection between the sandbox and the app, until both have ended it."""
        writer: asyncio.StreamWriter | None = None
        upward: asyncio.Task[None] | None = None
        try:
            reader, writer = await connect()
            upward = asyncio.create_task(_pump_in(stream, writer))
            await asyncio.gather(upward, _pump_out(reader, stream))
        except Exception:
            stream.put(encode(FrameType.RESET, stream.id))
            if writer:
                writer.transport.abort()
        finally:
            self._streams.pop(stream.id, None)
            if upward:
                upward.cancel()
            if writer:
                writer.close()


async def _pump_in(stream: _Stream, writer: asyncio.StreamWriter) -> None:
    while True:
        frame = await stream.receive()
        if frame.type is FrameType.EOF:
            writer.write_eof()
            return
        if frame.type is FrameType.RESET:
            raise ConnectionResetError("reset in the sandbox")
        writer.write(frame.payload)
        await writer.drain()
        stream.consumed(len(frame.payload))


async def _pump_out(reader: asyncio.StreamReader, stream: _Stream) -> None:
    while data := await reader.read(MAX_PAYLOAD):
        await stream.send(data)
    stream.send_eof()


async def _feed_stdin(stream: _Stream, data: bytes) -> None:
    with contextlib.suppress(SandboxDiedError):
        await stream.send(data)
        stream.send_eof()


async def _send_file(stream: _Stream, data: bytes | Path) -> None:
    if isinstance(data, Path):
        with await asyncio.to_thread(data.open, "rb", 0) as file:
            while piece := await asyncio.to_thread(file.read, _READ_SIZE):
                await stream.send(piece)
    else:
        await stream.send(data)
    stream.send_eof()


def _spawn_frames(channel: int, argv: Sequence[str], cwd: str, env: Mapping[str, str]) -> list[bytes]:
    texts = [cwd, *argv, *(f"{name}={value}" for name, value in env.items())]
    if not argv or any("\0" in text for text in texts):
        raise AgentStartError("A command needs a program, and nothing in it may contain a NUL character.")
    strings = b"".join(text.encode("utf-8", "surrogateescape") + b"\0" for text in texts)
    payload = struct.pack("<II", len(argv), len(env)) + strings
    if len(payload) > SPAWN_LIMIT:
        raise AgentStartError(
            f"The arguments and environment of {argv[0]} have {len(payload)} bytes; {SPAWN_LIMIT} is the limit.",
            hint="Hand large inputs over on stdin or in files.",
        )
    parts = [payload[at : at + MAX_PAYLOAD] for at in range(0, len(payload), MAX_PAYLOAD)]
    kinds = [FrameType.SPAWN_PART] * (len(parts) - 1) + [FrameType.SPAWN]
    return [encode(kind, channel, part) for kind, part in zip(kinds, parts, strict=True)]


def _start_error(argv: Sequence[str], cwd: str | None, frame: Frame) -> AgentStartError:
    number, stage = frame.u32(), frame.payload[4] if len(frame.payload) > 4 else 0
    what = _STAGES.get(stage, "the sandbox has no room for another process")
    where = f" ({cwd})" if stage == 1 else ""
    hint = "Hand large inputs over on stdin or in files." if number == 7 else None
    return AgentStartError(f"Cannot start {argv[0]}: {what}{where}: {error_text(number)}.", hint=hint)
