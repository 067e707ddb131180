"""One channel of the relay's byte stream: frames in, data out, and flow control both ways."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from .frames import MAX_PAYLOAD, STREAM_WINDOW, Frame, FrameType, ProtocolError, encode, encode_header, encode_u32

_DATA = (FrameType.DATA, FrameType.STDERR)
# Data is bounded by its window, and small pieces of it are put together; this bounds frames without data.
_SIGNS = 16
_JOINED = 4096
_WINDOW_STEP = 64 * 1024
_OUTBOX_LIMIT = 256 * 1024
_OUTBOX_PIECES = 100_000


class ByteChannel(Protocol):
    """A stream of bytes to the relay and back."""

    async def send(self, data: bytes) -> None:
        """Sends all of it; waits while the other end is slow."""

    async def receive(self) -> bytes:
        """The next bytes; none at the end of the stream."""

    async def aclose(self) -> None:
        """Closes both directions: the relay then cleans up and exits."""

    async def diagnosis(self) -> str:
        """What is known about why the stream ended, in sentences; never raises."""


class Outbox:
    """Frames on their way to the relay: one writer, in order, as many at a time as there are."""

    def __init__(self, channel: ByteChannel) -> None:
        self._channel = channel
        self._pieces: list[bytes | memoryview] = []
        self._size = 0
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def put(self, *pieces: bytes | memoryview) -> None:
        """Queues the pieces of a frame."""
        self._pieces.extend(pieces)
        self._size += sum(map(len, pieces))
        self._filled.set()
        if self._size >= _OUTBOX_LIMIT:
            self._room.clear()

    @property
    def neglected(self) -> bool:
        """Whether so much waits to be sent that the relay cannot be reading."""
        return len(self._pieces) > _OUTBOX_PIECES

    async def room(self) -> None:
        """Waits until bulk data may be put."""
        await self._room.wait()

    def end(self) -> None:
        """Nothing is sent any more: nobody has to wait for room."""
        self._room.set()

    async def run(self) -> None:
        """Sends what is queued, for as long as the channel lives."""
        while True:
            await self._filled.wait()
            pieces, self._pieces, self._size = self._pieces, [], 0
            self._filled.clear()
            self._room.set()
            await self._channel.send(b"".join(pieces))


class Stream:
    """One channel: frames in, data out, credit both ways."""

    def __init__(self, channel: int, outbox: Outbox, credit: int = STREAM_WINDOW) -> None:
        self.id = channel
        self._outbox = outbox
        self._credit = credit
        self._granted = asyncio.Event()
        self._arrived = asyncio.Event()
        self._frames: deque[Frame] = deque()
        self._room = STREAM_WINDOW
        self._consumed = 0
        self._error: Exception | None = None
        self._unread = False

    def feed(self, frame: Frame) -> None:
        """Takes what the relay sent."""
        if frame.type is FrameType.WINDOW:
            self._credit += frame.u32()
            self._granted.set()
            return
        if frame.type in _DATA:
            self._room -= len(frame.payload)
            if self._room < 0:
                raise ProtocolError(f"channel {self.id} exceeds its window")
            self._append(frame)
        else:
            self._frames.append(frame)
            if sum(waiting.type not in _DATA for waiting in self._frames) > _SIGNS:
                raise ProtocolError(f"channel {self.id} is flooded")
        self._arrived.set()

    def _append(self, frame: Frame) -> None:
        """Queues data, together with what waits already if both are small: each frame costs more than its bytes."""
        last = self._frames[-1] if self._frames else None
        if last and last.type is frame.type and len(last.payload) + len(frame.payload) <= _JOINED:
            self._frames[-1] = Frame(frame.type, frame.channel, last.payload + frame.payload)
        else:
            self._frames.append(frame)

    def fail(self, error: Exception) -> None:
        """The session has ended: so do all who wait."""
        self._error = error
        self._arrived.set()
        self._granted.set()

    def end_sending(self) -> None:
        """Nobody reads what is sent any more: it is dropped, and nobody has to wait for credit."""
        self._unread = True
        self._granted.set()

    async def receive(self) -> Frame:
        """The next frame; `consumed()` has to be told once its data is out of the way."""
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

    def pending(self) -> tuple[Frame, ...]:
        """What has arrived and was not received yet."""
        return tuple(self._frames)

    def put(self, frame: bytes) -> None:
        """Sends a frame now, whatever the credit; does nothing once the session has ended."""
        if not self._error:
            self._outbox.put(frame)

    async def send(self, data: bytes | memoryview) -> None:
        """Sends data as credit allows."""
        view = memoryview(data)
        while len(view):
            await self._outbox.room()
            while not (self._credit or self._error or self._unread):
                self._granted.clear()
                await self._granted.wait()
            if self._error:
                raise self._error
            if self._unread:
                return
            piece = view[: min(self._credit, MAX_PAYLOAD)]
            self._credit -= len(piece)
            self._outbox.put(encode_header(FrameType.DATA, self.id, len(piece)), piece)
            view = view[len(piece) :]

    def send_eof(self) -> None:
        """Says that nothing more will be sent."""
        self.put(encode(FrameType.EOF, self.id))


async def pump_in(stream: Stream, writer: asyncio.StreamWriter) -> None:
    """Copies from the sandbox to the host's app; raises when the connection was reset there."""
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


async def pump_out(reader: asyncio.StreamReader, stream: Stream) -> None:
    """Copies from the host's app to the sandbox."""
    while data := await reader.read(MAX_PAYLOAD):
        await stream.send(data)
    stream.send_eof()
