from __future__ import annotations

import contextlib
import os
import random
import secrets
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inspect_swe._sandbox.relay.frames import FrameType, encode

from .relay_support import ENV, RELAY, gone_within, session_pids

# A process with a child that daemonised itself, one that forgot the token, and a stopped one.
FAMILY = "setsid sh -c 'setsid sleep 301 & exit' & env -i sleep 302 & sh -c 'kill -STOP $$' & sleep 303"


class RawSession:
    """A relay spoken to without the multiplexer."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(8)
        self.process = subprocess.Popen([RELAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.send(encode(FrameType.HELLO, 0, b"\0\0" + self.token.encode()))
        strings = ["", "sh", "-c", FAMILY, *(f"{k}={v}" for k, v in ENV.items())]
        payload = struct.pack("<II", 3, len(ENV)) + b"".join(s.encode() + b"\0" for s in strings)
        self.send(encode(FrameType.SPAWN, 2, payload))
        deadline = time.monotonic() + 5
        while len(session_pids(self.token)) < 3 or not self.forgetful():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def send(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def forgetful(self) -> list[int]:
        """Descendants of this relay that don't carry the token."""
        out = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
        return [int(line.split()[0]) for line in out.splitlines() if line.endswith("sleep 302")]

    def ended(self) -> bool:
        code = self.process.wait(30)
        return code == 0 and gone_within(self.token, 60) and not self.forgetful()


@pytest.fixture
def session() -> Iterator[RawSession]:
    raw = RawSession()
    yield raw
    raw.process.kill()
    raw.process.wait()
    subprocess.run([RELAY, "--kill", raw.token], check=True)
    for pid in raw.forgetful():
        os.kill(pid, signal.SIGKILL)
    for pipe in (raw.process.stdin, raw.process.stdout, raw.process.stderr):
        if pipe:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def test_end_of_input_kills_everything(session: RawSession) -> None:
    assert session.process.stdin
    session.process.stdin.close()
    assert session.ended()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_kills_everything(session: RawSession, number: int) -> None:
    session.process.send_signal(number)
    assert session.ended()


def test_a_host_that_reads_no_more_is_gone(session: RawSession) -> None:
    assert session.process.stdout
    session.process.stdout.close()
    assert session.ended()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (struct.pack("<III", FrameType.DATA, 3, 70_000), b"oversized frame"),
        (struct.pack("<III", 99, 2, 0), b"unknown frame"),
        (random.Random(3).randbytes(100_000), b""),
        (encode(FrameType.HELLO, 0, b"\0\0again"), b"bad HELLO"),
        (encode(FrameType.SPAWN, 4, struct.pack("<II", 2**31, 2**31) + b"x\0"), b"malformed SPAWN"),
        (encode(FrameType.SPAWN, 4, struct.pack("<II", 1, 0) + b"\0true"), b"malformed SPAWN"),
        (encode(FrameType.SPAWN, 4, b""), b"malformed SPAWN"),
        (encode(FrameType.WRITE, 4, b"abc"), b"malformed WRITE"),
        (encode(FrameType.KILL, 2, struct.pack("<I", 4000)), b"bad KILL"),
        (encode(FrameType.WINDOW, 2, struct.pack("<I", 2**32 - 1)), b"bad WINDOW"),
        (encode(FrameType.DATA, 2, b"x" * 65536) * 12, b"beyond the window"),
        (encode(FrameType.SPAWN_PART, 4, b"x" * 65536) * 65, b"bad SPAWN"),
        (encode(FrameType.SPAWN_PART, 4, b"x") + encode(FrameType.EOF, 4), b"before SPAWN"),
    ],
)
def test_a_broken_host_ends_the_session(session: RawSession, data: bytes, reason: bytes) -> None:
    session.send(data)
    assert session.ended()
    assert session.process.stderr
    assert reason in session.process.stderr.read()


def test_mutated_frames_never_hang_or_crash_the_relay() -> None:
    rng = random.Random(4)
    kinds = list(FrameType)
    for _ in range(150):
        stream = bytearray(encode(FrameType.HELLO, 0, b"\0\0fuzz"))
        for _ in range(20):
            # Even ids for files would write to random paths: only ids that exist or are odd get payload.
            kind = rng.choice([k for k in kinds if k not in (FrameType.WRITE, FrameType.SPAWN)])
            stream += encode(kind, rng.choice((0, 1, 2, 3, 4)), rng.randbytes(rng.choice((0, 1, 4, 8, 300))))
        if rng.random() < 0.5:
            stream = stream[: rng.randrange(len(stream))]
        done = subprocess.run([RELAY], input=bytes(stream), capture_output=True, timeout=60)
        assert done.returncode == 0


def test_killing_the_host_process_is_enough(tmp_path: Path) -> None:
    """SIGKILL to the Python process that holds the session."""
    token = secrets.token_hex(8)
    script = f"""
import asyncio, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.sandbox.relay_support import ENV, LocalPipeChannel
from inspect_swe._sandbox.relay.multiplexer import Multiplexer
async def main():
    relay = Multiplexer(await LocalPipeChannel.open(), token={token!r}, connect=None)
    await relay.start()
    await relay.spawn(["sh", "-c", "(setsid sleep 304 &); sleep 305"], cwd=None, env=ENV)
    print("started", flush=True)
    await asyncio.sleep(100)
asyncio.run(main())
"""
    host = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert host.stdout and host.stdout.readline() == b"started\n"
    end = time.monotonic() + 60
    while len(session_pids(token)) < 2:
        assert time.monotonic() < end
        time.sleep(0.02)
    host.kill()
    host.wait()
    host.stdout.close()
    assert gone_within(token, 60)


def test_kill_by_token() -> None:
    token = secrets.token_hex(8)
    env = {**ENV, "AGENT_SESSION": token}
    ours = [subprocess.Popen(["sleep", "100"], env=env) for _ in range(3)]
    others = [subprocess.Popen(["sleep", "100"], env={**ENV, "AGENT_SESSION": t}) for t in (token + "x", token[:-1])]
    time.sleep(0.1)
    try:
        subprocess.run([RELAY, "--kill", token], check=True, timeout=60)
        assert [p.wait(60) for p in ours] == [-9] * 3
        assert [p.poll() for p in others] == [None] * 2
    finally:
        for p in ours + others:
            p.kill()
            p.wait()


@pytest.mark.parametrize("argv", [["--nope"], ["--kill"], ["--exchange", "/tmp", "x", "1", "1"], ["--daemon"]])
def test_wrong_arguments(argv: list[str]) -> None:
    done = subprocess.run([RELAY, *argv], capture_output=True, timeout=60)
    assert done.returncode == 64
    assert done.stderr.startswith(b"usage:")
