from __future__ import annotations

import asyncio
import base64
import concurrent.futures
import struct
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from inspect_ai.util import ExecResult, SandboxEnvironment

from inspect_swe._errors import SandboxDiedError
from inspect_swe._sandbox.probe import Probe
from inspect_swe._sandbox.relay.frames import FrameType, encode
from inspect_swe._sandbox.relay.multiplexer import ExitStatus
from inspect_swe._sandbox.transports.exec import PortableTransport

from .relay_support import ENV, RELAY, collect, exchange_channel, gone_within, local_session, session_pids


def start_daemon(folder: Path, *lease_ms: str) -> None:
    done = subprocess.run([RELAY, "--daemon", str(folder), *lease_ms], capture_output=True, timeout=60, check=True)
    assert done.stdout == b"ready\n"


def call(folder: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    length = [] if arguments == ("end",) else [str(len(stdin))]
    done = subprocess.run(
        [RELAY, "--exchange", str(folder), *arguments, *length],
        input=stdin,
        capture_output=True,
        timeout=60,
        check=True,
    )
    return base64.b64decode(done.stdout, validate=True)


@pytest.mark.anyio
async def test_end_to_end(tmp_path: Path) -> None:
    start_daemon(tmp_path)
    async with local_session(channel=exchange_channel(tmp_path)) as session:
        reader, writer = await session.connect()
        for text in (b"hello", b"x" * 100_000):
            writer.write(text)
            assert await reader.readexactly(len(text)) == text
        writer.close()
        go = tmp_path / "go"
        script = f"echo 1; until [ -e {go} ]; do sleep 0.05; done; echo 2; exit 4"
        process = await session.relay.spawn(["sh", "-c", script], cwd=None, env=ENV)
        chunks = []
        async for _, chunk in process.output():
            chunks.append(chunk)
            go.touch()  # it goes on, since its output is streamed and not kept until the end
        assert chunks == [b"1\n", b"2\n"]
        assert await process.wait() == ExitStatus(4, None)
        data = bytes(range(256)) * 20_000
        await session.relay.write_file(str(tmp_path / "file"), data)
        assert (tmp_path / "file").read_bytes() == data
        assert (await session.run("cat", str(tmp_path / "file")))[1] == data
        await session.relay.spawn(["sh", "-c", "(setsid sleep 306 &); sleep 307"], cwd=None, env=ENV)
    assert session_pids(session.token) == []
    assert not (tmp_path / "s").exists()


@pytest.mark.anyio
async def test_many_connections_with_small_exchanges(tmp_path: Path) -> None:
    start_daemon(tmp_path)
    channel = exchange_channel(tmp_path, wait_ms=200, max_in=5000, max_out=7000)
    async with local_session(channel=channel) as session:

        async def one(n: int) -> None:
            reader, writer = await session.connect()
            text = bytes([n]) * 20_000
            writer.write(text)
            assert await reader.readexactly(len(text)) == text
            writer.close()

        await asyncio.gather(*(one(n) for n in range(8)))
        await asyncio.sleep(0.5)  # empty answers
        await one(9)


def test_input_is_taken_in_order_and_output_goes_to_the_oldest(tmp_path: Path) -> None:
    start_daemon(tmp_path)
    hello = encode(FrameType.HELLO, 0, b"\0\0ordered")
    command = [RELAY, "--exchange", str(tmp_path)]
    pipe = subprocess.PIPE
    second = subprocess.Popen([*command, "1", "2000", "4096", str(len(hello[5:]))], stdin=pipe, stdout=pipe)
    assert second.stdin
    second.stdin.write(hello[5:])
    second.stdin.close()
    second.stdin = None
    time.sleep(0.2)
    assert second.poll() is None
    # It needn't wait for all that time, as a newer one came.
    assert call(tmp_path, "0", "600000", "4096", stdin=hello[:5])[0] == FrameType.LISTENING
    assert second.communicate(timeout=60)[0] == b""
    started = time.monotonic()
    assert call(tmp_path, "2", "300", "4096") == b""
    assert time.monotonic() - started > 0.25
    assert call(tmp_path, "end") == b""


def test_a_call_that_is_run_twice_gets_the_same_answer(tmp_path: Path) -> None:
    """A provider that has lost an answer runs the command again; the input counts once, and no output is lost."""
    start_daemon(tmp_path)
    hello = encode(FrameType.HELLO, 0, b"\0\0repeated")
    listening = call(tmp_path, "0", "5000", "4096", stdin=hello)
    assert listening[0] == FrameType.LISTENING
    assert call(tmp_path, "0", "5000", "4096", stdin=hello) == listening
    write = encode(FrameType.WRITE, 2, struct.pack("<I", 0o644) + str(tmp_path / "file").encode())
    write += encode(FrameType.DATA, 2, b"once") + encode(FrameType.EOF, 2)
    with concurrent.futures.ThreadPoolExecutor() as threads:
        runs = [threads.submit(call, tmp_path, "1", "5000", "4096", stdin=write) for _ in range(3)]
        answers = {run.result() for run in runs}
    assert [answer[0] for answer in answers] == [FrameType.DONE]  # whichever of them brought the input
    assert (tmp_path / "file").read_bytes() == b"once"
    for number in range(2, 8):
        assert call(tmp_path, str(number), "1", "4096") == b""
    assert call(tmp_path, "1", "5000", "4096", stdin=write) in answers
    assert call(tmp_path, "end") == b""


def test_a_part_of_an_input_is_none(tmp_path: Path) -> None:
    start_daemon(tmp_path)
    hello = encode(FrameType.HELLO, 0, b"\0\0parts")
    cut = [RELAY, "--exchange", str(tmp_path), "0", "5000", "4096", str(len(hello))]
    assert subprocess.run(cut, input=hello[:9], capture_output=True, timeout=60).returncode == 7
    assert call(tmp_path, "0", "5000", "4096", stdin=hello)[0] == FrameType.LISTENING
    assert call(tmp_path, "end") == b""


def test_a_stdin_without_end_is_not_waited_for(tmp_path: Path) -> None:
    """As a shell hands on its own to commands that were given none."""
    start_daemon(tmp_path)
    command = [RELAY, "--exchange", str(tmp_path), "0", "100", "4096", "0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.wait(timeout=60) == 0
    assert call(tmp_path, "end") == b""


def test_a_daemon_that_is_started_twice_is_one(tmp_path: Path) -> None:
    start_daemon(tmp_path)
    hello = encode(FrameType.HELLO, 0, b"\0\0twice")
    listening = call(tmp_path, "0", "5000", "4096", stdin=hello)
    start_daemon(tmp_path)
    assert call(tmp_path, "0", "5000", "4096", stdin=hello) == listening
    assert call(tmp_path, "end") == b""
    assert not (tmp_path / "s").exists()


@pytest.mark.anyio
async def test_the_lease(tmp_path: Path) -> None:
    """A host that has died makes no exchange any more."""
    start_daemon(tmp_path, "2000")
    channel = exchange_channel(tmp_path, wait_ms=200)
    async with local_session(channel=channel) as session:
        await session.relay.spawn(["sleep", "100"], cwd=None, env=ENV)
        await asyncio.sleep(2.5)
        assert session_pids(session.token)  # the daemon runs while there are exchanges
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            if "keep_exchanging" in repr(task) or "_exchange" in repr(task):
                task.cancel()
        assert await asyncio.to_thread(gone_within, session.token, 60)
    late = [RELAY, "--exchange", str(tmp_path), "9", "1", "1", "0"]
    done = await asyncio.to_thread(subprocess.run, late, input=b"", capture_output=True)
    assert done.returncode == 7
    assert done.stdout.startswith(b"relay: ") and done.stdout.count(b"\n") == 1


def test_the_daemon_waits_longer_than_a_command_may_take(tmp_path: Path) -> None:
    commands: list[list[str]] = []

    class Sandbox:
        async def exec(self, cmd: list[str], *, timeout: int, **options: Any) -> ExecResult[str]:
            commands.append(cmd)
            assert cmd[-4:-1] == [probe.relay, "--daemon", probe.scratch] and int(cmd[-1]) > 1000 * timeout
            return ExecResult(True, 0, "+ready\n", "")

    probe = SimpleNamespace(machine="x86_64", relay=str(tmp_path / "relay"), scratch=str(tmp_path))
    transport = PortableTransport(cast(SandboxEnvironment, Sandbox()), None)
    asyncio.run(cast(Any, transport.open_channel(cast(Probe, probe))))
    assert len(commands) == 1


@pytest.mark.anyio
async def test_a_daemon_that_is_gone(tmp_path: Path) -> None:
    start_daemon(tmp_path)
    async with local_session(channel=exchange_channel(tmp_path, wait_ms=300)) as session:
        process = await session.relay.spawn(["sleep", "100"], cwd=None, env=ENV)
        await asyncio.to_thread(call, tmp_path, "end")
        with pytest.raises(SandboxDiedError):
            await asyncio.wait_for(collect(process), 60)
