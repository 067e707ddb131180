"""Channels of the relay's byte stream, with flow control in both directions."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from .frames import MAX_PAYLOAD, STREAM_WINDOW, Frame, FrameType, ProtocolError, encode, encode_header, encode_u32

_DATA = (FrameType.DATA, FrameType.STDERR)
# The window bounds data, and small pieces of data are joined; this bounds frames without data.
_SIGNS = 16
_JOINED = 4096
_WINDOW_STEP = 64 * 1024
_OUTBOX_LIMIT = 256 * 1024
_OUTBOX_PIECES = 100_000


class ByteChannel(Protocol):
    """A bidirectional byte stream to the relay."""

    async def send(self, data: bytes) -> None:
        """Send all bytes, and wait while the relay is slow to read."""

    async def receive(self) -> bytes:
        """Return the next bytes, or none at the end of the stream."""

    async def aclose(self) -> None:
        """Close both directions, so that the relay cleans up and exits."""

    async def diagnosis(self) -> str:
        """Return known facts about why the stream ended, as sentences. Never raises."""


class Outbox:
    """The queue of frames to the relay. One writer sends all queued frames at once, in order."""

    def __init__(self, channel: ByteChannel) -> None:
        self._channel = channel
        self._pieces: list[bytes | memoryview] = []
        self._size = 0
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def put(self, *pieces: bytes | memoryview) -> None:
        """Queue the pieces of a frame."""
        self._pieces.extend(pieces)
        self._size += sum(map(len, pieces))
        self._filled.set()
        if self._size >= _OUTBOX_LIMIT:
            self._room.clear()

    @property
    def neglected(self) -> bool:
        """True if the queue is so long that the relay must have stopped reading."""
        return len(self._pieces) > _OUTBOX_PIECES

    async def room(self) -> None:
        """Wait until the queue has room for bulk data."""
        await self._room.wait()

    def end(self) -> None:
        """Wake all senders that wait for room: nothing more will be sent."""
        self._room.set()

    async def run(self) -> None:
        """Send queued frames until the channel fails."""
        while True:
            await self._filled.wait()
            pieces, self._pieces, self._size = self._pieces, [], 0
            self._filled.clear()
            self._room.set()
            await self._channel.send(b"".join(pieces))


class Stream:
    """One channel: received frames, sent data, and credit in both directions."""

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
        """Accept a frame from the relay.

        Raises:
            ProtocolError: The relay exceeds the window, or sends too many frames without data.
        """
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
        """Queue data. Joins small pieces, because each frame has overhead."""
        last = self._frames[-1] if self._frames else None
        if last and last.type is frame.type and len(last.payload) + len(frame.payload) <= _JOINED:
            self._frames[-1] = Frame(frame.type, frame.channel, last.payload + frame.payload)
        else:
            self._frames.append(frame)

    def fail(self, error: Exception) -> None:
        """Wake all waiters with an error: the session has ended."""
        self._error = error
        self._arrived.set()
        self._granted.set()

    def end_sending(self) -> None:
        """Drop all further data, and wake senders that wait for credit: the reader has ended."""
        self._unread = True
        self._granted.set()

    async def receive(self) -> Frame:
        """Return the next frame. The caller must call `consumed()` after processing its data.

        Raises:
            Exception: The error that ended the session.
        """
        while not self._frames:
            if self._error:
                raise self._error
            self._arrived.clear()
            await self._arrived.wait()
        return self._frames.popleft()

    def consumed(self, size: int) -> None:
        """Grant the relay credit for consumed bytes, in few, large steps."""
        self._consumed += size
        if self._consumed >= _WINDOW_STEP:
            self.put(encode_u32(FrameType.WINDOW, self.id, self._consumed))
            self._room += self._consumed
            self._consumed = 0

    def pending(self) -> tuple[Frame, ...]:
        """Return the queued frames that `receive()` has not returned yet."""
        return tuple(self._frames)

    def put(self, frame: bytes) -> None:
        """Send a frame regardless of credit. Does nothing once the session has ended."""
        if not self._error:
            self._outbox.put(frame)

    async def send(self, data: bytes | memoryview) -> None:
        """Send data as credit allows.

        Raises:
            Exception: The error that ended the session.
        """
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
        """Send an end-of-file frame."""
        self.put(encode(FrameType.EOF, self.id))


async def pump_in(stream: Stream, writer: asyncio.StreamWriter) -> None:
    """Copy data from the sandbox to the host's app.

    Raises:
        ConnectionResetError: The connection was reset in the sandbox.
    """
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
    """Copy data from the host's app to the sandbox."""
    while data := await reader.read(MAX_PAYLOAD):
        await stream.send(data)
    stream.send_eof()
