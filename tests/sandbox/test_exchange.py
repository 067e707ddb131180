from __future__ import annotations

import asyncio
import base64
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from inspect_ai.util import ExecResult, SandboxEnvironment

from inspect_swe._errors import SandboxDiedError
from inspect_swe._sandbox import exchange, portable
from inspect_swe._sandbox.exchange import ExchangeChannel
from inspect_swe._sandbox.frames import FrameType, encode
from inspect_swe._sandbox.multiplexer import ExitStatus
from inspect_swe._sandbox.portable import PortableTransport
from inspect_swe._sandbox.probe import Probe

from .relay_support import ENV, RELAY, collect, exchange_channel, gone_within, local_session, session_pids


def start_daemon(folder: Path, *lease_ms: str) -> None:
    done = subprocess.run([RELAY, "--daemon", str(folder), *lease_ms], capture_output=True, timeout=5, check=True)
    assert done.stdout == b"ready\n"


def call(folder: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(
        [RELAY, "--exchange", str(folder), *arguments], input=stdin, capture_output=True, timeout=10, check=True
    )
    return base64.b64decode(done.stdout, validate=True)


def test_end_to_end(tmp_path: Path) -> None:
    start_daemon(tmp_path)

    async def main() -> None:
        async with local_session(channel=exchange_channel(tmp_path)) as session:
            reader, writer = await session.connect()
            for text in (b"hello", b"x" * 100_000):
                writer.write(text)
                assert await reader.readexactly(len(text)) == text
            writer.close()
            process = await session.relay.spawn(["sh", "-c", "echo 1; sleep 0.5; echo 2; exit 4"], cwd=None, env=ENV)
            times = []
            async for _, chunk in process.output():
                times.append((chunk, time.monotonic()))
            assert [chunk for chunk, _ in times] == [b"1\n", b"2\n"]
            assert times[1][1] - times[0][1] > 0.3  # streamed, not kept until the end
            assert await process.wait() == ExitStatus(4, None)
            data = bytes(range(256)) * 20_000
            await session.relay.write_file(str(tmp_path / "file"), data)
            assert (tmp_path / "file").read_bytes() == data
            assert (await session.run("cat", str(tmp_path / "file")))[1] == data
            await session.relay.spawn(["sh", "-c", "(setsid sleep 306 &); sleep 307"], cwd=None, env=ENV)
        assert session_pids(session.token) == []
        assert not (tmp_path / "s").exists()

    asyncio.run(main())


def test_many_connections_with_small_exchanges(tmp_path: Path) -> None:
    start_daemon(tmp_path)

    async def main() -> None:
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

    asyncio.run(main())


def test_input_is_taken_in_order_and_output_goes_to_the_oldest(tmp_path: Path) -> None:
    start_daemon(tmp_path)
    hello = encode(FrameType.HELLO, 0, b"\0\0ordered")
    command = [RELAY, "--exchange", str(tmp_path)]
    pipe = subprocess.PIPE
    second = subprocess.Popen([*command, "1", "300", "4096"], stdin=pipe, stdout=pipe)
    assert second.stdin
    second.stdin.write(hello[5:])
    second.stdin.close()
    second.stdin = None
    time.sleep(0.2)
    assert second.poll() is None
    started = time.monotonic()
    assert call(tmp_path, "0", "5000", "4096", stdin=hello[:5])[0] == FrameType.LISTENING
    assert time.monotonic() - started < 2  # it needn't wait: a newer one came
    assert second.communicate(timeout=5)[0] == b""
    assert call(tmp_path, "1", "5000", "4096") == b""  # used before
    started = time.monotonic()
    assert call(tmp_path, "2", "300", "4096") == b""
    assert 0.25 < time.monotonic() - started < 1.5
    assert call(tmp_path, "end") == b""


def test_the_lease(tmp_path: Path) -> None:
    """A host that has died makes no exchange any more."""
    start_daemon(tmp_path, "700")

    async def main() -> None:
        channel = exchange_channel(tmp_path, wait_ms=500)
        async with local_session(channel=channel) as session:
            await session.relay.spawn(["sleep", "100"], cwd=None, env=ENV)
            await asyncio.sleep(1.5)
            assert session_pids(session.token)  # as long as there are exchanges it goes on
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                if "keep_exchanging" in repr(task) or "_exchange" in repr(task):
                    task.cancel()
            assert await asyncio.to_thread(gone_within, session.token, 5)

    asyncio.run(main())
    done = subprocess.run([RELAY, "--exchange", str(tmp_path), "9", "1", "1"], input=b"", capture_output=True)
    assert done.returncode == 7
    assert done.stderr.startswith(b"relay: ") and done.stderr.count(b"\n") == 1


def test_a_sandbox_that_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its exchange does not come back; that alone is no proof, a command that does nothing is asked for."""
    monkeypatch.setattr(portable, "_LOOK", 0.2)

    class Sandbox:
        answer: ExecResult[str] | None = None

        async def exec(self, cmd: list[str], **options: Any) -> ExecResult[str]:
            if self.answer is None:
                await asyncio.sleep(60)
                raise ConnectionError("gone")
            return self.answer

    async def main() -> None:
        sandbox = Sandbox()
        transport = PortableTransport(cast(SandboxEnvironment, sandbox), None)
        assert await transport.ailment() is None
        transport._channel = channel = ExchangeChannel(lambda arguments, stdin: sleeping(), wait_ms=1)
        receiving = asyncio.create_task(channel.receive())
        await asyncio.sleep(0.2)
        assert not channel.overdue and await transport.ailment() is None
        await asyncio.sleep(1)
        assert channel.overdue
        assert "did not end" in (await transport.ailment() or "")
        sandbox.answer = ExecResult(False, 1, "", "it is paused")
        assert "it is paused" in (await transport.ailment() or "")
        sandbox.answer = ExecResult(True, 0, "", "")
        assert await transport.ailment() is None
        receiving.cancel()
        await channel.aclose()

    async def sleeping() -> str:
        await asyncio.sleep(60)
        return ""

    monkeypatch.setattr(exchange, "_END", 0.2)
    asyncio.run(main())


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


def test_a_daemon_that_is_gone(tmp_path: Path) -> None:
    start_daemon(tmp_path)

    async def main() -> None:
        async with local_session(channel=exchange_channel(tmp_path, wait_ms=300)) as session:
            process = await session.relay.spawn(["sleep", "100"], cwd=None, env=ENV)
            await asyncio.to_thread(call, tmp_path, "end")
            with pytest.raises(SandboxDiedError):
                await asyncio.wait_for(collect(process), 5)

    asyncio.run(main())
