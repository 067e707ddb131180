"""Which bridge is used."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from inspect_ai.agent import AgentState
from inspect_ai.model import GenerateConfig, ModelOutput, StopReason

import inspect_swe._inspect.handlers as handlers
from inspect_swe._contract.adapter import Route
from inspect_swe._errors import AgentStartError
from inspect_swe._runtime import bridge_connection as link
from inspect_swe._runtime.output_limit import MAX_TRUNCATED
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


@contextlib.contextmanager
def inspects_bridge(monkeypatch: pytest.MonkeyPatch, code: int, state: AgentState) -> Iterator[tuple[Any, Any]]:
    """Inspect's bridge without a sandbox; yields the context of the connection, and the options of Inspect's."""
    given: dict[str, Any] = {}

    @contextlib.asynccontextmanager
    async def bridging(*arguments: Any, **options: Any) -> AsyncIterator[Any]:
        given.update(options)
        yield SimpleNamespace(port=1234)

    class Workspace:
        relaying = staticmethod(bridging)
        wait_lost = None

        async def shell(self, script: str, port: str) -> Completed:
            assert port == "04D2"
            return Completed(code, "", "")

    monkeypatch.setattr(link, "sandbox_agent_bridge", bridging)
    options = SimpleNamespace(
        **dict.fromkeys(
            ("model", "effort", "filter", "transparent_proxy", "retry_refusals", "compaction", "sandbox", "centaur")
        ),
        **{"bridged_tools": [], "mcp_servers": [], "model_aliases": {}},
    )
    ending = SimpleNamespace(watching=lambda *watches: contextlib.nullcontext())
    parts: list[Any] = [SimpleNamespace(reads_json=False), options, Route(), state, Workspace(), ending, None]
    yield link.inspect_bridge(*parts), given


def test_a_proxy_of_inspects_that_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        with inspects_bridge(monkeypatch, 1, AgentState(messages=[])) as (opened, _):
            with pytest.raises(AgentStartError, match="does not listen on port 1234"):
                async with opened:
                    pass

    asyncio.run(main())


def test_truncated_answers_are_counted_over_inspects_bridge(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(reason: StopReason) -> ModelOutput:
        return ModelOutput.from_content("m", "Half", stop_reason=reason)

    async def main() -> None:
        state = AgentState(messages=[])
        with inspects_bridge(monkeypatch, 0, state) as (opened, given):
            async with opened as connection:
                cuts: list[StopReason] = ["max_tokens"] * MAX_TRUNCATED
                reasons: list[StopReason] = ["max_tokens", "stop", *cuts]
                for reason in reasons:
                    for _ in range(2):  # a side request leaves the agent's last answer as it is
                        await given["filter"](SimpleNamespace(name="m"), [], [], None, GenerateConfig())
                    assert not connection.output_limit.is_reached
                    state.output = answer(reason)
                await given["filter"](SimpleNamespace(name="m"), [], [], None, GenerateConfig())
                assert connection.output_limit.is_reached

    asyncio.run(main())
