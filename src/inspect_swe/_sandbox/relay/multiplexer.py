"""The host side of the relay: a sandbox's connections, processes and files over one byte stream."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..._errors import AgentStartError, SandboxDiedError
from .frames import (
    FILE_WINDOW,
    MAX_PAYLOAD,
    SPAWN_LIMIT,
    STREAM_WINDOW,
    Frame,
    FrameDecoder,
    FrameType,
    ProtocolError,
    encode,
    encode_u32,
)
from .process import ExitStatus, Process, SandboxFileError, error_text
from .streams import ByteChannel, Outbox, Stream, pump_in, pump_out

__all__ = ["ByteChannel", "Connect", "ExitStatus", "Multiplexer", "Process", "SandboxFileError"]

_CONNECTIONS = 128
START_TIMEOUT = 30.0
_READ_SIZE = 256 * 1024
_STAGES = {1: "its working directory cannot be entered", 2: "it cannot be executed"}
Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class Multiplexer:
    """A client of one relay.

    Args:
        channel: The relay's stdin and stdout, or an equivalent byte stream.
        token: Marks the session's processes (`AGENT_SESSION` in their environment).
        connect: Opens a connection to the app that serves the sandbox's connections. If None, they are refused.
        patience: Seconds within which a working relay answers; None means `START_TIMEOUT`.
    """

    def __init__(
        self, channel: ByteChannel, *, token: str, connect: Connect | None, patience: float | None = None
    ) -> None:
        self.closed = asyncio.Event()
        self.detached = False
        self.error: Exception | None = None
        self.last_received = time.monotonic()
        """Time of the last bytes from the relay, on the monotonic clock."""
        self._channel = channel
        self._token = token
        self._patience = START_TIMEOUT if patience is None else patience
        self._connect = connect
        self._outbox = Outbox(channel)
        self._streams: dict[int, Stream] = {}
        self._processes: dict[int, Process] = {}
        self._next_id = 2
        self._control = Stream(0, self._outbox)
        self._control_lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None] | None = None

    async def start(self, port: int = 0) -> int:
        """Make the relay listen on the sandbox's loopback addresses.

        Args:
            port: The port to listen on; 0 means any free port.

        Returns:
            The port.

        Raises:
            SandboxDiedError: The relay does not answer.
            AgentStartError: The relay cannot listen on the port.
        """
        self._run(self._receive())
        self._run(self._send())
        self._control.put(encode(FrameType.HELLO, 0, struct.pack("<H", port) + self._token.encode()))
        frame = await self._soon(self._answer(self._control, FrameType.LISTENING, FrameType.FAILED))
        if frame.type is FrameType.FAILED:
            raise AgentStartError(f"Cannot listen on port {port} in the sandbox: {error_text(frame.u32())}.")
        return frame.u16()

    async def spawn(
        self, argv: Sequence[str], *, cwd: str | None, env: Mapping[str, str], stdin: bytes | None = b""
    ) -> Process:
        """Start a process as the leader of its own session and process group.

        Args:
            argv: The program, looked up in the process's PATH, and its arguments.
            cwd: Working directory; None means the relay's own.
            env: Variables to add to the relay's environment and `AGENT_SESSION`.
            stdin: Standard input; None leaves it open for `Process.write`.

        Raises:
            AgentStartError: The process could not be started.
            SandboxDiedError: The sandbox or the connection to it ended.
        """
        frames = _spawn_frames(self._next_id, argv, cwd or "", env)
        stream = self._open()
        self._outbox.put(*frames)
        try:
            frame = await self._answer(stream, FrameType.STARTED, FrameType.FAILED)
        except asyncio.CancelledError:
            stream.put(encode_u32(FrameType.KILL, stream.id, 9))
            raise
        if frame.type is not FrameType.STARTED:
            self._streams.pop(stream.id, None)
            raise _start_error(argv, cwd, frame)
        feeder = self._run(_feed_stdin(stream, stdin)) if stdin is not None else None
        process = Process(stream, frame.u32(), feeder)
        self._processes[stream.id] = process
        for later in stream.pending():
            if later.type is FrameType.EXIT:
                self._exited(process, later)
        if self.error:
            process._ended(self.error)
        return process

    async def write_file(self, path: str, data: bytes | Path | Iterator[bytes], mode: int = 0o644) -> None:
        """Write a file in the sandbox atomically, and create its parent folders.

        Args:
            path: Path in the sandbox.
            data: Bytes, or a source to stream: a host file, or an iterator of non-empty pieces that runs in a thread.
            mode: Permissions of the file.

        Raises:
            SandboxFileError: The file could not be written.
            SandboxDiedError: The sandbox or the connection to it ended.
        """
        name = path.encode("utf-8", "surrogateescape")
        if not name or b"\0" in name or len(name) > MAX_PAYLOAD - 4:
            raise SandboxFileError(22, "Invalid file name", path)
        stream = self._open(FILE_WINDOW)
        stream.put(encode(FrameType.WRITE, stream.id, struct.pack("<I", mode) + name))
        sender = asyncio.ensure_future(_send_file(stream, data))
        done = asyncio.ensure_future(self._answer(stream, FrameType.DONE))
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
        """Kill every process of the session. The relay keeps running.

        Raises:
            SandboxDiedError: The sandbox or the connection to it ended.
        """
        async with self._control_lock:
            self._alive()
            self._control.put(encode(FrameType.KILL_ALL, 0))
            await self._soon(self._answer(self._control, FrameType.DONE))

    async def detach(self) -> None:
        """End the session, but leave its processes running. Never raises."""
        if not self.error:
            self.detached = True
            self._control.put(encode(FrameType.DETACH, 0))
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.closed.wait(), 5)
        await self.aclose()

    async def aclose(self) -> None:
        """End the session: the relay kills its processes and exits. Never raises; may be called again."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self.fail(SandboxDiedError("The session in the sandbox was closed."))
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

    def _open(self, credit: int = STREAM_WINDOW) -> Stream:
        self._alive()
        stream = Stream(self._next_id, self._outbox, credit)
        self._streams[stream.id] = stream
        self._next_id += 2
        return stream

    def _alive(self) -> None:
        if self.error:
            raise self._died()

    async def _answer(self, stream: Stream, *kinds: FrameType) -> Frame:
        """Return the relay's answer on a channel, or fail the session if its type is unexpected."""
        frame = await stream.receive()
        if frame.type not in kinds:
            self.fail(_nonsense(f"{frame.type.name} where {kinds[0].name} was due"))
            raise self._died()
        return frame

    async def _soon(self, answer: Coroutine[Any, Any, Frame]) -> Frame:
        """Return an answer, or fail the session if it does not arrive in time."""
        try:
            return await asyncio.wait_for(answer, self._patience)
        except asyncio.TimeoutError:
            self.fail(SandboxDiedError(f"The relay in the sandbox did not answer within {self._patience:.0f} s."))
            raise self._died() from None

    def _died(self) -> Exception:
        return self.error or SandboxDiedError("The connection to the sandbox ended.")

    def fail(self, error: Exception) -> None:
        """End the session with an error, and wake all waiters. Only the first error counts."""
        if self.error:
            return
        self.error = error
        for stream in (self._control, *self._streams.values()):
            stream.fail(error)
        for process in self._processes.values():
            process._ended(error)
        self._outbox.end()
        self.closed.set()

    async def _send(self) -> None:
        try:
            await self._outbox.run()
        except Exception as error:
            await self._lose(f"Writing to the sandbox failed: {error}.")

    async def _receive(self) -> None:
        decoder = FrameDecoder()
        try:
            while data := await self._channel.receive():
                self.last_received = time.monotonic()
                if not self.error:  # otherwise read and discard: a relay that cannot write might not exit
                    await self._take(decoder, data)
            await self._lose("The relay in the sandbox ended.")
        except Exception as error:
            await self._lose(f"Reading from the sandbox failed: {error}.")

    async def _lose(self, what: str) -> None:
        """Fail a session whose channel has ended. Adds a diagnosis if the end was not requested."""
        is_expected = self.error is not None or self.detached
        why = "" if is_expected else await self._channel.diagnosis()
        self.fail(SandboxDiedError(f"{what} {why}".rstrip()))

    async def _take(self, decoder: FrameDecoder, data: bytes) -> None:
        try:
            for at in range(0, len(data), MAX_PAYLOAD):
                for frame in decoder.feed(data[at : at + MAX_PAYLOAD]):
                    self._dispatch(frame.checked())
                if self._outbox.neglected:
                    raise ProtocolError("it wants answers and does not read them")
                await asyncio.sleep(0)  # a flood of small frames must not block other tasks
        except ProtocolError as error:
            self.fail(_nonsense(str(error)))

    def _dispatch(self, frame: Frame) -> None:
        if frame.channel == 0:
            self._control.feed(frame)
        elif frame.type is FrameType.OPEN:
            # The relay enforces the same limit, but other processes might write to its channel.
            if sum(number % 2 for number in self._streams) >= _CONNECTIONS:
                self._outbox.put(encode(FrameType.RESET, frame.channel))
                return
            self._accept(frame.channel)
        elif stream := self._streams.get(frame.channel):
            stream.feed(frame)
            process = self._processes.get(frame.channel)
            if process and frame.type is FrameType.EXIT:
                self._exited(process, frame)

    def _exited(self, process: Process, frame: Frame) -> None:
        code, signal = frame.i32(), frame.i32(4)
        self._streams.pop(process._stream.id, None)
        process._stream.end_sending()
        self._processes.pop(process._stream.id, None)
        process._ended(ExitStatus(None, signal) if signal else ExitStatus(code, None))

    def _accept(self, channel: int) -> None:
        if channel in self._streams:
            raise ProtocolError(f"connection with the number {channel}")
        if self._connect is None:
            self._outbox.put(encode(FrameType.RESET, channel))
            return
        stream = self._streams[channel] = Stream(channel, self._outbox)
        self._run(self._serve(stream, self._connect))

    async def _serve(self, stream: Stream, connect: Connect) -> None:
        """Forward one connection between the sandbox and the app until both sides have closed it."""
        writer: asyncio.StreamWriter | None = None
        pumps: list[asyncio.Task[None]] = []
        try:
            reader, writer = await connect()
            pumps = [asyncio.create_task(pump_in(stream, writer)), asyncio.create_task(pump_out(reader, stream))]
            await asyncio.gather(*pumps)
        except Exception:
            stream.put(encode(FrameType.RESET, stream.id))
            if writer:
                writer.transport.abort()
        finally:
            self._streams.pop(stream.id, None)
            for pump in pumps:
                pump.cancel()
            if writer:
                writer.close()


def _nonsense(what: str) -> SandboxDiedError:
    return SandboxDiedError(f"The relay in the sandbox sent nonsense: {what}.")


async def _feed_stdin(stream: Stream, data: bytes) -> None:
    with contextlib.suppress(SandboxDiedError):
        await stream.send(data)
        stream.send_eof()


async def _send_file(stream: Stream, data: bytes | Path | Iterator[bytes]) -> None:
    if isinstance(data, Path):
        with await asyncio.to_thread(data.open, "rb", 0) as file:
            while piece := await asyncio.to_thread(file.read, _READ_SIZE):
                await stream.send(piece)
    elif isinstance(data, bytes):
        await stream.send(data)
    else:
        while piece := await asyncio.to_thread(next, data, b""):
            await stream.send(piece)
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
