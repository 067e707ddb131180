"""Which bridge is used."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from inspect_ai.agent import AgentState

import inspect_swe._inspect.handlers as handlers
from inspect_swe._contract.adapter import Route
from inspect_swe._errors import AgentStartError
from inspect_swe._runtime import bridge_connection as link
from inspect_swe._sandbox.probe import Completed


def test_our_own_bridge() -> None:
    assert asyncio.run(link.choose_bridge(Route(dialect="anthropic"))) is link.own_bridge
    assert asyncio.run(link.choose_bridge(Route())) is link.own_bridge


def test_a_release_that_has_moved_what_all_agents_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "BRIDGE_AVAILABLE", False)
    assert asyncio.run(link.choose_bridge(Route())) is link.inspect_bridge


def test_a_release_that_has_moved_what_a_dialect_needs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(handlers, "_loaded", {})
    monkeypatch.setitem(sys.modules, "inspect_swe._inspect.handlers.google", None)
    assert asyncio.run(link.choose_bridge(Route(dialect="anthropic"))) is link.own_bridge
    assert asyncio.run(link.choose_bridge(Route(dialect="google"))) is link.inspect_bridge
    assert "slower bridge" in caplog.text


def test_waiting_for_inspects_proxy(tmp_path: Path) -> None:
    (tmp_path / "seq").write_text("#!/bin/sh\necho 1 2\n")
    (tmp_path / "seq").chmod(0o755)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        wait = ["sh", "-c", link._UNTIL_IT_LISTENS, "sh", f"{port:04X}"]
        assert subprocess.run(wait, env=path, timeout=20).returncode == 0
    assert subprocess.run(wait, env=path, timeout=20).returncode != 0


@pytest.mark.anyio
async def test_a_proxy_of_inspects_that_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.asynccontextmanager
    async def bridging(*arguments: Any, **options: Any) -> AsyncIterator[Any]:
        yield SimpleNamespace(port=1234)

    class Workspace:
        relaying = staticmethod(bridging)

        async def shell(self, script: str, port: str) -> Completed:
            assert port == "04D2"
            return Completed(1, "", "")

    monkeypatch.setattr(link, "sandbox_agent_bridge", bridging)
    options = SimpleNamespace(
        **dict.fromkeys(
            ("model", "effort", "filter", "transparent_proxy", "retry_refusals", "compaction", "sandbox", "centaur")
        ),
        **{"bridged_tools": [], "mcp_servers": [], "model_aliases": {}},
    )
    adapter = SimpleNamespace(reads_json=False)
    opened = link.inspect_bridge(
        cast(Any, adapter),
        cast(Any, options),
        Route(),
        AgentState(messages=[]),
        cast(Any, Workspace()),
        cast(Any, None),
        None,
    )
    with pytest.raises(AgentStartError, match="does not listen on port 1234"):
        async with opened:
            pass
