"""Whoever is root in a sandbox can write to the relay's channel: the host's end of it takes anything."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import struct
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_swe._errors import AgentStartError, SandboxDiedError
from inspect_swe._sandbox.relay import multiplexer
from inspect_swe._sandbox.relay.frames import FrameDecoder, FrameType, ProtocolError, encode, encode_u32
from inspect_swe._sandbox.relay.multiplexer import Multiplexer, Process, SandboxFileError

from .rounds import rounds

pytestmark = pytest.mark.anyio

TYPED = (SandboxDiedError, AgentStartError, SandboxFileError)
LISTENING = encode(FrameType.LISTENING, 0, b"\x01\x20")


class Channel:
    """A relay that says what it is told to, and reads nothing if it is told so."""

    def __init__(self, reads: bool = True) -> None:
        self.sent = 0
        self._reads = reads
        self._said: asyncio.Queue[bytes] = asyncio.Queue()

    def say(self, data: bytes) -> None:
        self._said.put_nowait(data)

    async def send(self, data: bytes) -> None:
        self.sent += len(data)
        if not self._reads:
            await asyncio.sleep(3600)

    async def receive(self) -> bytes:
        return await self._said.get()

    async def aclose(self) -> None:
        self.say(b"")

    async def diagnosis(self) -> str:
        return ""


async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to an app that has something to say and never reads."""
    app, ours = socket.socketpair()
    app.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    app.shutdown(socket.SHUT_WR)
    reader, writer = await asyncio.open_connection(sock=ours)
    asyncio.get_running_loop().call_later(0.05, app.close)
    return reader, writer


numbers = st.one_of(st.integers(0, 9), st.sampled_from([2**31 - 1, 2**31, 2**32 - 1]), st.integers(0, 2**32 - 1))
payloads = st.one_of(
    st.binary(max_size=12),
    st.lists(numbers, max_size=3).map(lambda many: struct.pack(f"<{len(many)}I", *many)),
    st.sampled_from([1, 4096, 65_536]).map(bytes),
)
channels = st.one_of(st.integers(0, 9), numbers)
frames = st.builds(encode, st.sampled_from(FrameType), channels, payloads)
answers = st.one_of(
    st.builds(encode_u32, st.sampled_from([FrameType.STARTED, FrameType.DONE]), st.integers(0, 8), numbers),
    st.builds(encode, st.just(FrameType.EXIT), st.integers(1, 4).map(lambda n: 2 * n), st.just(bytes(8))),
    st.builds(encode, st.just(FrameType.OPEN), st.integers(0, 300).map(lambda n: 2 * n + 1)),
    st.builds(encode, st.sampled_from([FrameType.DATA, FrameType.STDERR]), st.integers(1, 8), payloads),
)
wishes = st.sampled_from(["spawn", "feed", "write", "kill_all", "detach", "close"])
scripts = st.lists(st.one_of(answers, answers, frames, wishes, st.binary(max_size=20)), max_size=25)


async def run_process(relay: Multiplexer, stdin: bytes | None) -> None:
    process: Process = await relay.spawn(["program"], cwd=None, env={}, stdin=stdin)
    await process.kill()
    if stdin is None:
        await process.write(b"x" * 300_000)
        await process.close_stdin()
    async for _ in process.output():
        pass
    await process.wait()


def wish(relay: Multiplexer, what: str) -> Coroutine[Any, Any, Any]:
    return {
        "spawn": lambda: run_process(relay, b"input"),
        "feed": lambda: run_process(relay, None),
        "write": lambda: relay.write_file("/tmp/file", b"x" * 100),
        "kill_all": relay.kill_all,
        "detach": relay.detach,
        "close": relay.aclose,
    }[what]()


async def play(listening: bool, reads: bool, script: list[bytes | str]) -> list[dict[str, Any]]:
    """Lets a relay say what the script says, while the host has its wishes; returns what asyncio complained of."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
    channel = Channel(reads)
    relay = Multiplexer(channel, token="t", connect=connect)
    wishes = [asyncio.ensure_future(relay.start())]
    if listening:
        channel.say(LISTENING)
    for step in script:
        if isinstance(step, str):
            wishes.append(asyncio.ensure_future(wish(relay, step)))
        elif step:
            channel.say(step)
        await asyncio.sleep(0)
    channel.say(b"")
    done = await asyncio.wait_for(asyncio.gather(*wishes, return_exceptions=True), 20)
    for result in done:
        assert not isinstance(result, BaseException) or isinstance(result, TYPED), repr(result)
    await asyncio.wait_for(relay.aclose(), 20)
    assert relay.closed.is_set() and not relay._tasks
    return complaints


def test_any_frames_in_any_order() -> None:
    complaints: list[dict[str, Any]] = []

    @given(st.booleans(), st.booleans(), scripts)
    def any_frames_in_any_order(listening: bool, reads: bool, script: list[bytes | str]) -> None:
        complaints.extend(asyncio.run(play(listening, reads, script)))

    rounds(any_frames_in_any_order)
    gc.collect()
    assert complaints == []


def test_any_bytes_are_frames_or_an_error() -> None:
    @given(
        st.lists(st.one_of(frames, st.binary(max_size=40)), max_size=10), st.lists(st.integers(1, 70_000), min_size=1)
    )
    def any_bytes_are_frames_or_an_error(pieces: list[bytes], sizes: list[int]) -> None:
        decoder, stream, turn = FrameDecoder(), b"".join(pieces), 0
        with contextlib.suppress(ProtocolError):
            while stream:
                size = sizes[turn % len(sizes)]
                for frame in decoder.feed(stream[:size]):
                    with contextlib.suppress(ProtocolError):
                        frame.checked()
                stream, turn = stream[size:], turn + 1
                assert len(decoder._buffer) < 12 + 65_536

    rounds(any_bytes_are_frames_or_an_error)


@contextlib.asynccontextmanager
async def hostile(reads: bool = True) -> AsyncIterator[tuple[Channel, Multiplexer]]:
    channel = Channel(reads)
    relay = Multiplexer(channel, token="t", connect=connect)
    channel.say(LISTENING)
    await relay.start()
    yield channel, relay
    await relay.aclose()


def ends(flood: bytes, reason: str, reads: bool = True) -> None:
    async def main() -> None:
        async with hostile(reads) as (channel, relay):
            for _ in range(400):
                channel.say(flood)
            await asyncio.wait_for(relay.closed.wait(), 20)
            assert isinstance(relay.error, SandboxDiedError) and reason in str(relay.error)

    asyncio.run(main())


def test_a_flood_of_frames_without_data_ends_the_session() -> None:
    ends(encode(FrameType.OPEN, 1) + encode(FrameType.EOF, 1) * 1000, "channel 1 is flooded")


def test_a_relay_that_wants_answers_and_reads_none_ends_the_session() -> None:
    opens = b"".join(encode(FrameType.OPEN, 2 * number + 1) for number in range(5000))
    ends(opens, "does not read", reads=False)


async def test_data_in_small_pieces_takes_no_more_than_in_large_ones() -> None:
    async with hostile() as (channel, relay):
        process = asyncio.ensure_future(relay.spawn(["program"], cwd=None, env={}))
        await asyncio.sleep(0)
        channel.say(encode_u32(FrameType.STARTED, 2, 5))
        stream = (await process)._stream
        for _ in range(200):
            channel.say(encode(FrameType.DATA, 2, b"x") * 1000)
        channel.say(encode(FrameType.EXIT, 2, bytes(8)))
        await asyncio.wait_for((await process).wait(), 20)
        assert len(stream._frames) < 100
        assert b"".join(frame.payload for frame in stream._frames) == b"x" * 200_000 + bytes(8)


async def test_the_end_of_a_process_ends_a_write() -> None:
    async with hostile() as (channel, relay):
        spawning = asyncio.ensure_future(relay.spawn(["program"], cwd=None, env={}, stdin=None))
        await asyncio.sleep(0)
        channel.say(encode_u32(FrameType.STARTED, 2, 5))
        writing = asyncio.ensure_future((await spawning).write(b"x" * 300_000))
        await asyncio.sleep(0.05)
        assert not writing.done()
        channel.say(encode(FrameType.EXIT, 2, bytes(8)))
        await asyncio.wait_for(writing, 60)


async def test_the_end_of_a_relay_that_does_not_read_ends_a_write() -> None:
    async with hostile(reads=False) as (channel, relay):
        spawning = asyncio.ensure_future(relay.spawn(["program"], cwd=None, env={}, stdin=None))
        await asyncio.sleep(0)
        channel.say(encode_u32(FrameType.STARTED, 2, 5))
        process = await spawning
        writing = asyncio.ensure_future(process.write(b"x" * 300_000))
        channel.say(encode_u32(FrameType.WINDOW, 2, 300_000))
        await asyncio.sleep(0.05)
        assert not writing.done()
        channel.say(b"")
        with pytest.raises(SandboxDiedError):
            await asyncio.wait_for(writing, 60)


@pytest.mark.parametrize("number", [2**31, 2**32 - 1])
async def test_an_error_that_no_system_has(number: int) -> None:
    async with hostile() as (channel, relay):
        spawning = asyncio.ensure_future(relay.spawn(["program"], cwd=None, env={}))
        await asyncio.sleep(0)
        channel.say(encode(FrameType.FAILED, 2, struct.pack("<IB", number, 2)))
        with pytest.raises(AgentStartError, match=f"error {number}"):
            await spawning


async def test_a_relay_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiplexer, "START_TIMEOUT", 0.1)
    async with hostile() as (_, relay):
        with pytest.raises(SandboxDiedError, match="did not answer"):
            await relay.kill_all()
