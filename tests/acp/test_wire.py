"""Messages over a process' stdin and stdout: bounded, hostile until proven JSON, and ended at once by what breaks."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any, Literal, cast

import anyio
import pytest
from acp import RequestError, text_block
from acp.client.connection import ClientSideConnection
from inspect_ai.tool import MCPServerConfigHTTP, MCPServerConfigStdio
from inspect_ai.util import ExecCompleted, ExecOutput, ExecStderr, ExecStdout

from inspect_swe import ACPError, AgentExitedError
from inspect_swe._acp import connection as connection_module
from inspect_swe._acp import wire as wire_module
from inspect_swe._acp.connection import mcp_to_acp
from inspect_swe._acp.wire import ErrorInfo, Wire
from inspect_swe.acp import acp_connection, bridge_mcp_to_acp

pytestmark = pytest.mark.anyio

Output = tuple[Literal["stdout", "stderr"], bytes]


class FakeProcess:
    """A process whose output the test writes."""

    def __init__(self, code: int | None = 0) -> None:
        self.written: list[bytes] = []
        self.killed = False
        self.broken = False
        self.said = asyncio.Event()
        self._chunks: asyncio.Queue[Output | None] = asyncio.Queue()
        self._code = code

    def say(self, data: bytes, stream: Literal["stdout", "stderr"] = "stdout") -> None:
        self._chunks.put_nowait((stream, data))

    def end(self) -> None:
        self._chunks.put_nowait(None)

    async def output(self) -> AsyncIterator[Output]:
        while (chunk := await self._chunks.get()) is not None:
            yield chunk

    async def write(self, data: bytes) -> None:
        if self.broken:
            raise OSError("broken pipe")
        self.written.append(data)

    async def close_stdin(self) -> None:
        self.end()

    async def kill(self) -> None:
        self.killed = True
        self.end()

    async def exit_code(self) -> int | None:
        return self._code


class FakeRemoteProcess(FakeProcess):
    """The same as Inspect's `exec_remote()` has it."""

    async def write_stdin(self, data: bytes) -> None:
        await self.write(data)
        self.said.set()

    async def __aiter__(self) -> AsyncIterator[ExecOutput]:
        async for stream, data in self.output():
            yield (ExecStdout if stream == "stdout" else ExecStderr)(data=data.decode())
        yield ExecCompleted(exit_code=self._code or 0)


def connected(process: FakeProcess) -> Any:
    return acp_connection(cast(Any, process))


async def received(*chunks: bytes) -> tuple[list[Any], ErrorInfo]:
    """The messages that a process' output holds."""
    process, info = FakeProcess(), ErrorInfo()
    wire = Wire(process, info)
    for chunk in chunks:
        process.say(chunk)
    process.end()
    messages = []
    async with anyio.create_task_group() as group:
        group.start_soon(wire.feed)
        while (message := await wire.receive()) is not None:
            messages.append(message)
    return messages, info


@pytest.mark.parametrize(
    ("chunks", "found"),
    [
        ([b'{"a": 1}\n'], [{"a": 1}]),
        ([b'{"a"', b': "\xc3', b'\xa4"}\n{"b": 2}', b"\n"], [{"a": "ä"}, {"b": 2}]),
        ([b'warming up\n[1]\n"text"\n\n{"a": 1}\n'], [{"a": 1}]),
        ([b"[" * 200_000 + b"\n", b'{"a": 1}\n'], [{"a": 1}]),
        ([b'{"a": "' + b"x" * (2 << 20) + b'"}\n'], [{"a": "x" * (2 << 20)}]),
        ([b'{"a": 1}'], []),
    ],
    ids=["one", "in pieces", "noise", "nested too deep", "large", "no end"],
)
async def test_messages(chunks: list[bytes], found: list[Any]) -> None:
    assert (await received(*chunks))[0] == found


async def test_noise_is_kept_for_errors() -> None:
    _, info = await received(b"cannot find its configuration\n")
    assert info.stdout == "cannot find its configuration"
    assert info.exit_code == 0


async def test_an_endless_line_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_module, "_LONGEST_LINE", 100)
    process = FakeProcess()
    wire = Wire(process, ErrorInfo())
    process.say(b"x" * 101)
    with pytest.raises(ConnectionError, match="more than 100 bytes"):
        await wire.feed()
    assert await wire.receive() is None


async def test_a_write_that_fails_ends_every_call() -> None:
    process = FakeRemoteProcess()
    async with connected(process) as (conn, _feeder, _info):
        waiting = asyncio.ensure_future(conn.new_session(cwd="/"))
        await asyncio.sleep(0.01)
        process.broken = True
        with pytest.raises(AgentExitedError, match=r"initialize\(\) .* cannot be reached: broken pipe"):
            await conn.initialize(protocol_version=1)
        with anyio.fail_after(60), pytest.raises(AgentExitedError, match=r"new_session\(\)"):
            await waiting


async def test_an_exit_ends_every_call_with_its_reason() -> None:
    process = FakeRemoteProcess(code=-9)
    async with connected(process) as (conn, feeder, info):
        waiting = asyncio.ensure_future(conn.prompt(session_id="one", prompt=[text_block("x")]))
        await asyncio.sleep(0.01)
        process.say(b"out of memory", "stderr")
        process.end()
        with anyio.fail_after(60), pytest.raises(AgentExitedError, match="out of memory") as caught:
            await waiting
        assert isinstance(caught.value.__cause__, ConnectionError)
        await feeder
        assert (info.exit_code, info.stderr) == (-9, "out of memory")


# Each public method of the SDK's connection, with arguments, and whether the agent answers it.
CALLS: dict[str, tuple[dict[str, Any], bool]] = {
    "authenticate": ({"method_id": "x"}, True),
    "cancel": ({"session_id": "one"}, False),
    "close_session": ({"session_id": "one"}, True),
    "ext_method": ({"method": "x", "params": {}}, True),
    "ext_notification": ({"method": "x", "params": {}}, False),
    "fork_session": ({"session_id": "one", "cwd": "/"}, True),
    "initialize": ({"protocol_version": 1}, True),
    "list_sessions": ({}, True),
    "load_session": ({"session_id": "one", "cwd": "/"}, True),
    "new_session": ({"cwd": "/"}, True),
    "prompt": ({"session_id": "one", "prompt": [text_block("x")]}, True),
    "resume_session": ({"session_id": "one", "cwd": "/"}, True),
    "set_config_option": ({"session_id": "one", "config_id": "x", "value": "y"}, True),
    "set_session_mode": ({"session_id": "one", "mode_id": "x"}, True),
}


def test_every_method_of_the_connection_is_tried() -> None:
    methods = {name for name in vars(ClientSideConnection) if re.fullmatch("[a-z][a-z_]*", name)}
    assert methods - {"close", "on_connect"} == CALLS.keys()


@pytest.mark.parametrize("name", CALLS)
async def test_each_method_that_fails_raises_our_error(name: str) -> None:
    arguments, answers = CALLS[name]
    process = FakeRemoteProcess()
    async with connected(process) as (conn, _feeder, _info):
        if answers:
            process.say(b"its last words", "stderr")
            calling = asyncio.ensure_future(getattr(conn, name)(**arguments))
            with anyio.fail_after(60):
                await process.said.wait()
            error = {"code": -32603, "message": "Internal error", "data": {"details": "no such thing"}}
            answer = {"jsonrpc": "2.0", "id": json.loads(process.written[0])["id"], "error": error}
            process.say(json.dumps(answer).encode() + b"\n")
            with anyio.fail_after(60), pytest.raises(ACPError, match="no such thing") as refused:
                await calling
            assert isinstance(refused.value.__cause__, RequestError)
            assert f"{name}()" in str(refused.value) and "its last words" in str(refused.value)
        process.broken = True
        with anyio.fail_after(60), pytest.raises(AgentExitedError) as lost:
            await getattr(conn, name)(**arguments)
        assert isinstance(lost.value.__cause__, ConnectionError) and f"{name}()" in str(lost.value)


async def test_an_answer_that_is_wrong_raises_our_error() -> None:
    process = FakeRemoteProcess()
    async with connected(process) as (conn, _feeder, _info):
        calling = asyncio.ensure_future(conn.new_session(cwd="/"))
        with anyio.fail_after(60):
            await process.said.wait()
        answer = {"jsonrpc": "2.0", "id": json.loads(process.written[0])["id"], "result": {"sessionId": 7}}
        process.say(json.dumps(answer).encode() + b"\n")
        with anyio.fail_after(60), pytest.raises(ACPError, match=r"new_session\(\)"):
            await calling


async def test_a_process_that_stays_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "_PATIENCE", 0.05)
    process = FakeRemoteProcess()

    async def stay() -> None:
        pass

    monkeypatch.setattr(process, "close_stdin", stay)
    async with connected(process):
        pass
    assert process.killed


async def test_requests_for_permission_are_allowed_by_default() -> None:
    options = [
        {"optionId": "no", "name": "No", "kind": "reject_once"},
        {"optionId": "ok", "name": "Yes", "kind": "allow_once"},
    ]
    asked = {"sessionId": "one", "toolCall": {"toolCallId": "1"}, "options": options}
    request = {"jsonrpc": "2.0", "id": 7, "method": "session/request_permission", "params": asked}
    process = FakeRemoteProcess()
    async with connected(process):
        process.say(json.dumps(request).encode() + b"\n")
        with anyio.fail_after(60):
            await process.said.wait()
    assert json.loads(process.written[0])["result"]["outcome"] == {"outcome": "selected", "optionId": "ok"}


async def test_mcp_servers_of_all_kinds() -> None:
    http = MCPServerConfigHTTP(type="http", name="web", url="http://localhost/mcp", headers={"X-Key": "1"})
    sse = MCPServerConfigHTTP(type="sse", name="old", url="http://localhost/sse")
    stdio = MCPServerConfigStdio(name="local", command="serve", args=["-x"], env={"A": "b"})
    found = [each.model_dump(by_alias=True, exclude_none=True) for each in mcp_to_acp([http, sse, stdio])]
    assert found == [
        {"type": "http", "name": "web", "url": "http://localhost/mcp", "headers": [{"name": "X-Key", "value": "1"}]},
        {"type": "sse", "name": "old", "url": "http://localhost/sse", "headers": []},
        {"name": "local", "command": "serve", "args": ["-x"], "env": [{"name": "A", "value": "b"}]},
    ]
    assert bridge_mcp_to_acp([http])[0].name == "web"
