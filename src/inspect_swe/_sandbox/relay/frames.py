"""Frames between the host and the relay. The relay's implementation is in `relay_src/`."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

MAX_PAYLOAD = 65536
STREAM_WINDOW = 256 * 1024
FILE_WINDOW = 4 * 1024 * 1024
SPAWN_LIMIT = 4 * 1024 * 1024

_HEADER = struct.Struct("<III")
HEADER_SIZE = _HEADER.size


class ProtocolError(Exception):
    """Received bytes that violate the relay's protocol."""


class FrameType(IntEnum):
    """The type of a frame: the first field of its header."""

    HELLO = 1
    DATA = 2
    EOF = 3
    RESET = 4
    WINDOW = 5
    SPAWN = 6
    SPAWN_PART = 7
    KILL = 8
    WRITE = 9
    KILL_ALL = 10
    DETACH = 11
    LISTENING = 16
    OPEN = 17
    STDERR = 18
    STARTED = 19
    FAILED = 20
    EXIT = 21
    DONE = 22


# Frames that the relay may send on the control channel, on connections (odd numbers) and on host channels (even ones).
_ON_CONTROL = {FrameType.LISTENING, FrameType.FAILED, FrameType.DONE}
_ON_CONNECTIONS = {FrameType.OPEN, FrameType.DATA, FrameType.EOF, FrameType.RESET, FrameType.WINDOW}
_ON_OURS = {
    *(FrameType.DATA, FrameType.STDERR, FrameType.EOF, FrameType.WINDOW),
    *(FrameType.STARTED, FrameType.FAILED, FrameType.EXIT, FrameType.DONE),
}
_SHORTEST = {
    FrameType.DATA: 1,
    FrameType.STDERR: 1,
    FrameType.WINDOW: 4,
    FrameType.LISTENING: 2,
    FrameType.STARTED: 4,
    FrameType.FAILED: 4,
    FrameType.EXIT: 8,
    FrameType.DONE: 4,
}


class Frame(NamedTuple):
    """A message on a channel. Channel 0 controls the session."""

    type: FrameType
    channel: int
    payload: bytes = b""

    def u32(self, offset: int = 0) -> int:
        """Return the unsigned 32-bit number at an offset of the payload."""
        return self._number("<I", offset)

    def i32(self, offset: int = 0) -> int:
        """Return the signed 32-bit number at an offset of the payload."""
        return self._number("<i", offset)

    def u16(self) -> int:
        """Return the unsigned 16-bit number at the start of the payload."""
        return self._number("<H", 0)

    def checked(self) -> Frame:
        """Return this frame if the relay may send it.

        Raises:
            ProtocolError: The frame's type is not allowed on its channel, or its payload is too short.
        """
        expected = _ON_CONTROL if self.channel == 0 else _ON_CONNECTIONS if self.channel % 2 else _ON_OURS
        if self.type not in expected:
            raise ProtocolError(f"{self.type.name} frame on channel {self.channel}")
        if len(self.payload) < _SHORTEST.get(self.type, 0):
            raise self._too_short()
        return self

    def _number(self, form: str, offset: int) -> int:
        try:
            return int(struct.unpack_from(form, self.payload, offset)[0])
        except struct.error:
            raise self._too_short() from None

    def _too_short(self) -> ProtocolError:
        return ProtocolError(f"{self.type.name} frame of {len(self.payload)} bytes is too short")


def encode(kind: FrameType, channel: int, payload: bytes = b"") -> bytes:
    """Return the bytes of a frame.

    Raises:
        ValueError: The payload is too long.
    """
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"a frame carries at most {MAX_PAYLOAD} bytes, not {len(payload)}")
    return _HEADER.pack(kind, channel, len(payload)) + payload


def encode_header(kind: FrameType, channel: int, length: int) -> bytes:
    """Return the header of a frame whose payload is sent separately, to avoid a copy."""
    return _HEADER.pack(kind, channel, length)


def encode_u32(kind: FrameType, channel: int, value: int) -> bytes:
    """Return the bytes of a frame whose payload is an unsigned 32-bit number."""
    return encode(kind, channel, struct.pack("<I", value))


class FrameDecoder:
    """An incremental decoder of a byte stream into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._broken = False

    def feed(self, data: bytes) -> list[Frame]:
        """Add bytes and return the frames that they complete.

        Args:
            data: The next bytes of the stream.

        Raises:
            ProtocolError: The bytes are not valid frames. All later calls raise, too.
        """
        if self._broken:
            raise ProtocolError("the stream was broken before")
        self._buffer += data
        try:
            return self._cut()
        except ProtocolError:
            self._broken = True
            self._buffer.clear()
            raise

    def _cut(self) -> list[Frame]:
        frames: list[Frame] = []
        at = 0
        with memoryview(self._buffer) as view:
            while len(view) - at >= HEADER_SIZE:
                kind, channel, length = _HEADER.unpack_from(view, at)
                if length > MAX_PAYLOAD:
                    raise ProtocolError(f"frame of {length} bytes")
                end = at + HEADER_SIZE + length
                if end > len(view):
                    break
                frames.append(Frame(_frame_type(kind), channel, bytes(view[at + HEADER_SIZE : end])))
                at = end
        del self._buffer[:at]
        return frames


_TYPES = {int(kind): kind for kind in FrameType}


def _frame_type(number: int) -> FrameType:
    try:
        return _TYPES[number]
    except KeyError:
        raise ProtocolError(f"frame of unknown type {number:#x}") from None
