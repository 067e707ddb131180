"""The bridge's app in a real sample, reached over TCP as a CLI reaches it through the relay."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from inspect_ai import Task, eval
from inspect_ai.agent import AgentState, BridgedToolsSpec, SandboxAgentBridge
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog
from inspect_ai.model import GenerateFilter, Model, get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver
from starlette.types import ASGIApp

from inspect_swe._bridge.app import BridgeApp
from inspect_swe._bridge.conversations import ConversationTracker, Marks
from inspect_swe._bridge.identities import sample_identities
from inspect_swe._bridge.server import serving
from inspect_swe._bridge.settings import BridgeSettings
from inspect_swe._bridge.tool_events import ToolEvents
from inspect_swe._inspect.filters import before_generating
from inspect_swe._inspect.ids import IdChanges
from inspect_swe._inspect.private import create_bridge, host_calls
from inspect_swe._inspect.sentinel import ToolStages
from inspect_swe._sandbox.relay.multiplexer import Connect
from inspect_swe.testing import ScriptStep, scripted

_FOLDER = tempfile.TemporaryDirectory(prefix="inspect-swe-bridge-")


@dataclass
class Site:
    """A running bridge."""

    url: str
    app: BridgeApp
    bridge: SandboxAgentBridge
    state: AgentState
    model: Model
    asgi: ASGIApp
    connect: Connect
    tracker: ConversationTracker
    ended: list[BaseException] = field(default_factory=list)


@contextlib.asynccontextmanager
async def tcp(connect: Connect) -> AsyncIterator[str]:
    """Carry a TCP port of this host to the app, byte for byte."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        app_reader, app_writer = await connect()

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                while data := await source.read(65536):
                    sink.write(data)
                    await sink.drain()
            sink.close()

        await asyncio.gather(pump(reader, app_writer), pump(app_reader, writer))

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def in_sample(
    script: Sequence[ScriptStep],
    body: Callable[[Site], Awaitable[None]],
    *,
    bridged: Sequence[BridgedToolsSpec] = (),
    settings: BridgeSettings | None = None,
    model: Model | None = None,
    timeout: float | None = 60,
    log_format: Literal["eval", "json"] = "json",
    filter: GenerateFilter | None = None,
    **options: Any,
) -> EvalLog:
    """Run a coroutine against a bridge inside a sample; its assertion errors are raised here."""
    raised: list[BaseException] = []

    @solver
    def drive() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            agent_state = AgentState(messages=state.messages)
            tracker = ConversationTracker(Marks("session", sub_agent_header="sub-agent"))
            calls = ToolEvents(tracker, lambda: host_calls(made))
            changes = IdChanges(sample_identities())
            stages = ToolStages("Bash")
            seeing = before_generating(calls.on_messages, None, filter, changes, stages)
            made = create_bridge(
                agent_state, bridged, filter=seeing, on_output=calls.on_output, changes=changes, stages=stages
            )
            ended: list[BaseException] = []
            app = BridgeApp(made, settings or BridgeSettings(models=("m",)), tracker, ended.append)
            async with app.running() as asgi, serving(asgi) as connect, tcp(connect) as url:
                try:
                    await asyncio.wait_for(
                        body(Site(url, app, made, agent_state, get_model(), asgi, connect, tracker, ended)), timeout
                    )
                except BaseException as ex:
                    raised.append(ex)
                    raise
                finally:
                    calls.end(failed=False)
            return state

        return solve

    with pytest.MonkeyPatch.context() as patch:
        # Loading the certificates that nobody needs here takes every client longer than its requests.
        patch.delenv("SSL_CERT_FILE", raising=False)
        patch.setenv("SSL_CERT_DIR", _FOLDER.name)
        log = eval(
            Task(dataset=[Sample(input="The task.")], solver=drive()),
            model=model or scripted(script),
            display="none",
            log_format=log_format,
            log_dir=_FOLDER.name,
            **options,
        )[0]
    if raised:
        raise raised[0]
    assert log.status == "success", log.error and log.error.message
    return log
