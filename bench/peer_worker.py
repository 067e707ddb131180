"""The peer's side of the measurements: runs under the peer's interpreter and calls public API only."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from acp import PROTOCOL_VERSION, text_block
from inspect_ai.agent import Agent, AgentState, agent, sandbox_agent_bridge
from inspect_ai.util import ExecRemoteStreamingOptions, concurrency, sandbox

from inspect_swe import ACPAgent, acp_connection, claude_code, interactive_claude_code, interactive_gemini_cli

from .probes import Together
from .talk import Talk, emitter_argv, events_job, talk_job
from .workload import Job, Result, acp_launch, client_argv, evaluate, install_job, latency_job, sample_job

_PLACE = "/var/tmp/claude"
_WORKSPACE = "/workspace"
_CACHE = Path(sys.prefix) / "cache"


async def _run_client(state: AgentState, job: Job) -> tuple[AgentState, str]:
    async with sandbox_agent_bridge(state) as bridge:
        done = await sandbox().exec(client_argv(job, f"http://localhost:{bridge.port}"))
    if not done.success:
        raise RuntimeError(f"the client failed: {done.stdout}{done.stderr}")
    return state, done.stdout


async def _install(job: Job, together: Together) -> int:
    """As the peer puts a cached binary in place: whole in memory, written by Inspect, one container at a time."""
    async with together.placing():
        async with concurrency("claude-install", 1):
            contents = Path(job["binary"]).read_bytes()  # noqa: ASYNC240 - as the peer does
            hashlib.sha256(contents).hexdigest()
            await sandbox().write_file(_PLACE, contents)
            del contents
    return int((await sandbox().exec(["sh", "-c", f"wc -c <{_PLACE}"])).stdout)


class PeerTalk(logging.Handler):
    """A session of the peer's, as the benchmark drives it.

    Its client hands no updates on: it only logs them. So an update's arrival is the time of its log record.
    """

    def __init__(self, conn, session_id: str) -> None:
        super().__init__(logging.DEBUG)
        self.heard: list[float] = []
        self._conn = conn
        self._session_id = session_id

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().endswith(": AgentMessageChunk"):
            self.heard.append(record.created)

    async def prompt(self, text: str) -> str:
        answer = await self._conn.prompt(session_id=self._session_id, prompt=[text_block(text)])
        return answer.stop_reason

    async def cancel(self) -> None:
        await self._conn.cancel(session_id=self._session_id)


@asynccontextmanager
async def _talking(conn, session_id: str) -> AsyncIterator[Talk]:
    talk = PeerTalk(conn, session_id)
    logger = logging.getLogger("inspect_swe.acp.client")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(talk)
    try:
        yield talk
    finally:
        logger.removeHandler(talk)


def _agent(job: Job) -> ACPAgent:
    if job["agent"] == "gemini_cli":
        return interactive_gemini_cli(version=job["gemini_version"], cwd=_WORKSPACE)
    return interactive_claude_code(cwd=_WORKSPACE)


@asynccontextmanager
async def _open(job: Job, state: AgentState) -> AsyncIterator[Talk]:
    made = _agent(job)
    running = asyncio.ensure_future(made(state))
    try:
        await asyncio.sleep(0)  # the call replaces the event
        ready = asyncio.ensure_future(made.ready.wait())
        await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            ready.cancel()
            raise RuntimeError(f"the agent ended before it was ready: {running.result()}")
        async with _talking(made.conn, made.session_id) as talk:
            yield talk
    finally:
        running.cancel()
        await asyncio.wait({running})


@asynccontextmanager
async def _open_emitter(job: Job, state: AgentState) -> AsyncIterator[Talk]:
    """The emitter over the connection that the peer's agents have."""
    async with sandbox_agent_bridge(state):
        options = ExecRemoteStreamingOptions(stdin_open=True)
        process = await sandbox().exec_remote(emitter_argv(job), options)
        async with acp_connection(process) as (conn, _, _):
            await conn.initialize(protocol_version=PROTOCOL_VERSION)
            session = await conn.new_session(cwd=_WORKSPACE, mcp_servers=[])
            async with _talking(conn, session.session_id) as talk:
                yield talk


def _acp(job: Job) -> Result:
    """What the peer keeps on the host of an agent is there already when it is measured."""
    kept = _CACHE / f"{job['agent']}.kept"
    if not kept.exists():
        _keep(job)
        kept.touch()
    return talk_job(job, _open)


def _keep(job: Job) -> None:
    @agent
    def starting() -> Agent:
        async def execute(state: AgentState) -> AgentState:
            async with _open(job, AgentState(messages=list(state.messages))):
                return state

        return execute

    evaluate(job, starting())


def _sample(job: Job) -> Result:
    return sample_job(job, claude_code(version="sandbox"))


if __name__ == "__main__":
    _CACHE.mkdir(exist_ok=True)
    os.environ["XDG_CACHE_HOME"] = str(_CACHE)  # the peer's default is where our store is
    acp_launch(
        "inspect_swe",
        {
            "latency": lambda job: latency_job(job, _run_client),
            "sample": _sample,
            "install": lambda job: install_job(job, _install),
            "acp": _acp,
            "acp_events": lambda job: events_job(job, _open_emitter),
        },
    )
