"""What the bridge needs of its host and of uvicorn."""

from __future__ import annotations

import asyncio
import inspect
import tempfile
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from inspect_swe._bridge.server import BoundedProtocol, serving

from .support import tcp

pytestmark = pytest.mark.anyio


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.mark.parametrize("name", ["x" * 120, "two words", "\udcff\udcfe", "not-there/at-all"])
async def test_no_temporary_folder_is_needed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path of a unix socket may have 107 bytes only."""
    folder = tmp_path / name
    if "not-there" not in name:
        folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    async with serving(hello) as connect, tcp(connect) as url, httpx.AsyncClient() as http:
        assert (await http.get(url)).text == "hello"


async def test_connections_end_with_the_server() -> None:
    async with serving(hello) as connect:
        reader, writer = await connect()
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
    assert (await asyncio.wait_for(reader.read(), 5)).endswith(b"\r\n0\r\n\r\n")
    writer.close()


async def test_what_is_used_of_uvicorn() -> None:
    """Its internals may change with any release: this names what the bridge extends and reads."""
    assert list(inspect.signature(HttpToolsProtocol.__init__).parameters)[1:4] == [
        "config",
        "server_state",
        "app_state",
    ]
    overridden = {name for name in vars(BoundedProtocol) if not name.startswith("__")}
    assert overridden == {"data_received", "on_message_begin", "on_header", "on_headers_complete", "on_body"}
    for name in overridden:
        ours, theirs = getattr(BoundedProtocol, name), getattr(HttpToolsProtocol, name)
        assert inspect.signature(ours).parameters.keys() == inspect.signature(theirs).parameters.keys(), name
    assert inspect.signature(HttpToolsProtocol.send_400_response).parameters.keys() == {"self", "msg"}
    config = uvicorn.Config(hello, http=BoundedProtocol, log_config=None, lifespan="off", ws="none")
    config.load()
    state = ServerState()
    assert len(state.connections) == len(state.tasks) == 0
    protocol = BoundedProtocol(config, state, {})
    assert len(protocol.pipeline) == 0 and hasattr(protocol, "headers") and hasattr(protocol, "transport")
    assert callable(protocol.shutdown)
