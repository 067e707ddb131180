from __future__ import annotations

import asyncio

import pytest

from inspect_swe._errors import AgentStartError, SandboxDiedError
from inspect_swe._sandbox.relay.frames import FrameDecoder, FrameType
from inspect_swe._sandbox.relay.multiplexer import Multiplexer

from .relay_support import Local, LocalPipeChannel, local_session

pytestmark = pytest.mark.anyio


async def exchange(session: Local, data: bytes) -> bytes:
    reader, writer = await session.connect()

    async def send() -> None:
        writer.write(data)
        await writer.drain()
        writer.write_eof()

    _, answer = await asyncio.gather(send(), reader.read(-1))
    writer.close()
    return answer


async def test_echo_on_both_loopback_addresses() -> None:
    async with local_session() as session:
        assert await exchange(session, b"hello") == b"hello"
        reader, writer = await asyncio.open_connection("::1", session.port)
        writer.write(b"six")
        assert await reader.readexactly(3) == b"six"
        writer.close()


async def test_20_mb_each_way() -> None:
    data = bytes(range(256)) * (20 * 4096)
    async with local_session() as session:
        assert await exchange(session, data) == data


async def test_a_stalled_reader_does_not_block_others() -> None:
    async with local_session() as session:
        _, stalled = await session.connect()
        stalled.transport.pause_reading()  # type: ignore[attr-defined]
        stalled.write(b"x" * 64_000_000)
        await asyncio.sleep(0.3)
        data = b"y" * 300_000
        answers = await asyncio.wait_for(asyncio.gather(*(exchange(session, data) for _ in range(32))), 20)
        assert answers == [data] * 32
        assert stalled.transport.get_write_buffer_size() > 0  # it really is stalled
        stalled.transport.abort()
        assert await exchange(session, b"after") == b"after"


async def test_more_connections_than_the_relay_takes_at_once() -> None:
    async with local_session() as session:
        idle = [await session.connect() for _ in range(64)]
        late = asyncio.create_task(exchange(session, b"late"))
        await asyncio.sleep(0.2)
        assert not late.done()
        for _, writer in idle[:10]:
            writer.close()
        assert await asyncio.wait_for(late, 60) == b"late"
        for _, writer in idle:
            writer.close()


async def test_the_apps_close_and_reset_reach_the_client() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readexactly(1) == b"r":
            writer.transport.abort()
        else:
            writer.write(b"bye")
            writer.close()

    async with local_session(answer) as session:
        reader, writer = await session.connect()
        writer.write(b"c")
        assert await reader.read() == b"bye"
        writer.close()
        reader, writer = await session.connect()
        writer.write(b"r")
        assert await reader.read() == b""
        writer.close()


async def test_the_clients_reset_reaches_the_app() -> None:
    seen: list[bytes | None] = []

    async def record(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(100):
                seen.append(data)
        except ConnectionError:
            pass
        seen.append(None)
        writer.close()

    async def until(expected: list[bytes | None]) -> None:
        for _ in range(3000):
            if seen == expected:
                return
            await asyncio.sleep(0.02)
        assert seen == expected

    async with local_session(record) as session:
        _, writer = await session.connect()
        writer.write(b"a")
        await until([b"a"])
        writer.transport.abort()
        await until([b"a", None])


async def test_without_an_app_connections_are_refused() -> None:
    relay = Multiplexer(await LocalPipeChannel.open(), token="t", connect=None)
    port = await relay.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    writer.close()
    await relay.aclose()
    await relay.aclose()


async def test_a_port_in_use() -> None:
    async with local_session() as session:
        relay = Multiplexer(await LocalPipeChannel.open(), token="t", connect=None)
        with pytest.raises(AgentStartError, match="Address already in use"):
            await relay.start(session.port)
        await relay.aclose()


async def test_silent_until_greeted() -> None:
    channel = await LocalPipeChannel.open()
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(channel.receive(), 0.2)
    await channel.aclose()
    assert await channel.receive() == b""


@pytest.mark.parametrize("program", ["true", "head -c 100000 /dev/urandom", "sleep 0.1; exit 3"])
async def test_what_is_no_relay(program: str) -> None:
    relay = Multiplexer(await LocalPipeChannel.open("sh", "-c", program), token="t", connect=None)
    with pytest.raises(SandboxDiedError):
        await relay.start()
    assert relay.closed.is_set()
    await relay.aclose()


async def test_window_is_respected_by_the_relay() -> None:
    """A host that gives no credit back gets 256 KiB and no more."""
    channel = await LocalPipeChannel.open()
    await channel.send(b"\x01\0\0\0" + b"\0" * 4 + b"\x03\0\0\0" + b"\0\0t")
    decoder = FrameDecoder()
    (listening,) = decoder.feed(await channel.receive())
    _, writer = await asyncio.open_connection("127.0.0.1", listening.u16())
    writer.write(b"x" * 3_000_000)
    got = 0
    while True:
        try:
            data = await asyncio.wait_for(channel.receive(), 0.5)
        except asyncio.TimeoutError:
            break
        got += sum(len(frame.payload) for frame in decoder.feed(data) if frame.type is FrameType.DATA)
    assert got == 256 * 1024
    writer.transport.abort()
    await channel.aclose()
