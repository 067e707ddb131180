"""Writes the seeds: short sessions as the real host begins them, with a world that goes along.

python fuzz/relay/seeds.py FOLDER
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

from inspect_swe._sandbox.relay.frames import FrameType, encode, encode_u32
from inspect_swe._sandbox.relay.multiplexer import _spawn_frames

DAEMON, CALLER, CHILD, MEMORY_SHORT, STRETCHED = 1, 2, 4, 8, 16
HELLO = encode(FrameType.HELLO, 0, b"\0\0token")
RUN = b"".join(_spawn_frames(2, ["sh", "-c", "true"], "/tmp", {"A": "b"}))
PARTS = encode(FrameType.SPAWN_PART, 2, b"\1\0\0\0\0\0\0\0/\0") + encode(FrameType.SPAWN, 2, b"true\0")
FILE = encode(FrameType.WRITE, 4, struct.pack("<I", 0o644) + b"/tmp/a/b")


def data(channel: int, text: bytes = b"some data") -> bytes:
    """Data, and its end."""
    return encode(FrameType.DATA, channel, text) + encode(FrameType.EOF, channel)


SESSIONS = {
    "hello": HELLO,
    "connection": HELLO + data(1) + encode_u32(FrameType.WINDOW, 1, 5) + encode(FrameType.RESET, 3),
    "process": HELLO + RUN + data(2) + encode_u32(FrameType.KILL, 2, 9),
    "parts": HELLO + PARTS + data(2, b"x" * 900) + encode_u32(FrameType.WINDOW, 2, 1),
    "no-shell": HELLO + b"".join(_spawn_frames(2, ["no/such"], "", {})) + encode(FrameType.KILL_ALL, 0),
    "file": HELLO + FILE + data(4),
    "much": HELLO + RUN + FILE + encode(FrameType.DATA, 2, bytes(60)) * 3 + encode(FrameType.DATA, 4, bytes(65)) * 9,
    "file-reset": HELLO + FILE + encode(FrameType.DATA, 4, b"x") + encode(FrameType.RESET, 4),
    "kill-all": HELLO + RUN + encode(FrameType.KILL_ALL, 0),
    "detach": HELLO + RUN + encode(FrameType.DETACH, 0),
}
# Answers of the world: everything ready; only a little at a time; processes that write and end; refusals.
WORLDS = [
    bytes([3, 1]) * 150,
    bytes([0x81, 0x43, 1, 2]) * 80,
    bytes([1, 3, 0x55, 7, 0, 0x21]) * 60,
    bytes([0xF8, 3, 0xFC, 1, 0x41]) * 60,
]


def seed(flags: int, host: bytes, world: bytes) -> bytes:
    """One input of the fuzz target."""
    return bytes([flags]) + struct.pack("<H", len(host)) + host + world


def main(folder: Path) -> None:
    """Write all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, host in SESSIONS.items():
        for number, world in enumerate(WORLDS):
            for flags in (0, DAEMON, CHILD, MEMORY_SHORT, STRETCHED):
                call = struct.pack("<IIII", 0, 1000, 60_000, len(host)) if flags == DAEMON else b""
                (folder / f"{name}-{number}-{flags}").write_bytes(seed(flags, call + host, world))
    for number, world in enumerate(WORLDS):
        (folder / f"caller-{number}").write_bytes(seed(CALLER, HELLO * 20, world))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
