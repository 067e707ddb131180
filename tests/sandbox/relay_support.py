"""The relay as a local process, for tests."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import platform
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from inspect_swe._sandbox.relay.exchange import ExchangeChannel
from inspect_swe._sandbox.relay.multiplexer import ExitStatus, Multiplexer, Process

SOURCES = Path(__file__).parents[2] / "src/inspect_swe/_sandbox/relay_src"
NATIVE = SOURCES / f"relay-{'aarch64' if platform.machine() in ('aarch64', 'arm64') else 'x86_64'}"
RELAY = os.environ.get("RELAY_COMMAND", str(NATIVE))
ENV = {"PATH": os.environ["PATH"]}


class LocalPipeChannel:
    """The standard streams of a relay that runs on this machine."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin and process.stdout
        self.process = process
        self.reader, self.writer = process.stdout, process.stdin

    @classmethod
    async def open(cls, *argv: str) -> LocalPipeChannel:
        pipe = asyncio.subprocess.PIPE
        command = argv or (RELAY,)
        return cls(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=1024 * 1024))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self) -> bytes:
        return await self.reader.read(1024 * 1024)

    async def diagnosis(self) -> str:
        return "That is known of it."

    async def aclose(self) -> None:
        self.writer.close()
        await asyncio.wait_for(self.process.wait(), 10)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


class Local:
    """A session with a relay on this machine, whose connections end at `handler`."""

    def __init__(self, relay: Multiplexer, token: str, port: int) -> None:
        self.relay = relay
        self.token = token
        self.port = port

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def run(self, *argv: str, stdin: bytes = b"", cwd: str | None = None) -> tuple[ExitStatus, bytes, bytes]:
        return await collect(await self.relay.spawn(argv, cwd=cwd, env=ENV, stdin=stdin))


async def collect(process: Process) -> tuple[ExitStatus, bytes, bytes]:
    texts = {"stdout": bytearray(), "stderr": bytearray()}
    async for stream, chunk in process.output():
        texts[stream] += chunk
    return await process.wait(), bytes(texts["stdout"]), bytes(texts["stderr"])


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def local_session(
    handler: Handler = echo, channel: LocalPipeChannel | ExchangeChannel | None = None
) -> AsyncIterator[Local]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    token = secrets.token_hex(8)
    relay = Multiplexer(
        channel or await LocalPipeChannel.open(), token=token, connect=lambda: asyncio.open_connection(host, port)
    )
    try:
        yield Local(relay, token, await relay.start())
    finally:
        await relay.aclose()
        server.close()


def session_pids(token: str) -> list[int]:
    """The living processes that carry the session's token."""
    entry = f"AGENT_SESSION={token}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if entry in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def gone_within(token: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while session_pids(token):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def exchange_channel(folder: Path, **options: int) -> ExchangeChannel:
    async def run(arguments: list[str], stdin: bytes) -> str:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            RELAY, "--exchange", str(folder), *arguments, stdin=pipe, stdout=pipe, stderr=pipe
        )
        try:
            out, err = await process.communicate(stdin)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise RuntimeError(f"exit code {process.returncode}: {err.decode()}")
        base64.b64decode(out, validate=True)
        return out.decode()

    return ExchangeChannel(run, **options)
