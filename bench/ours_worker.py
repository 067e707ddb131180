"""Our side of the measurements, in a process of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import ClassVar

from inspect_ai.agent import AgentState
from inspect_ai.util import sandbox

from inspect_swe import claude_code
from inspect_swe._agents.claude_code.agent import ClaudeCode
from inspect_swe._agents.gemini_cli.acp import InteractiveGeminiCli
from inspect_swe._contract.adapter import Invocation, LaunchContext, Turn
from inspect_swe._contract.conversation import ResumePoint
from inspect_swe._contract.options import agent_options
from inspect_swe._runtime.provisioning import find_cli, place_cli
from inspect_swe._runtime.session import open_session
from inspect_swe._sandbox.workspace import open_workspace
from inspect_swe.acp import ACPAgent, AcpLaunch, ACPSession, TextChunk, interactive_claude_code, interactive_gemini_cli

from .engine import docker
from .probes import Together
from .talk import Talk, emitter_argv, events_job, talk_job
from .workload import Job, Result, acp_launch, client_argv, install_job, latency_job, sample_job


@dataclass(frozen=True)
class Client(ClaudeCode):
    """Our client in the place of the CLI: the session around it is the real one."""

    command: ClassVar[str] = "python3"
    job: Job = field(default_factory=dict)

    def turn(self, site: LaunchContext, turn: Turn) -> Invocation:
        return Invocation((*site.command, *client_argv(self.job, site.base_url)[1:]))


async def _run_client(state: AgentState, job: Job) -> tuple[AgentState, str]:
    options = agent_options(name="bench", description="", version="sandbox")
    async with open_session(Client(job=job), options, state, ResumePoint()) as session:
        end = await session.spawn(Turn("", False))
    if end.code != 0:
        raise RuntimeError(f"the client failed: {end.stdout}{end.stderr}")
    return state, end.stdout


async def _install(job: Job, together: Together) -> int:
    return await _place(together, lambda: None)


async def _mount(job: Job, together: Together) -> int:
    container = (await sandbox().connection()).container
    assert container is not None

    def size() -> int:
        return int(docker("container", "inspect", "--size", "--format", "{{.SizeRw}}", container))

    return await _place(together, size)


async def _place(together: Together, size: Callable[[], int | None]) -> int:
    """Have the CLI in its place; returns how big it is there, and notes by how much the container grew."""
    adapter = ClaudeCode()
    workspace = await open_workspace(None, None, None, [adapter.command])
    async with workspace.relaying(None):
        before = await asyncio.to_thread(size)
        async with together.placing():
            cli = await find_cli(adapter, "stable", workspace)
            await place_cli(cli, workspace)
        after = await asyncio.to_thread(size)
        together.written += (after or 0) - (before or 0)
        return int((await workspace.shell('wc -c <"$1"', cli.command[0])).stdout)


_INTERACTIVE: dict[str, Callable[[], ACPAgent]] = {
    "claude_code": interactive_claude_code,
    "gemini_cli": interactive_gemini_cli,
}


@dataclass(frozen=True)
class Emitter(InteractiveGeminiCli):
    """The emitter in the place of the CLI: the session around it is the real one."""

    command: ClassVar[str] = "python3"
    job: Job = field(default_factory=dict)

    def acp_launch(self, site: LaunchContext, asks: bool) -> AcpLaunch:
        return AcpLaunch(tuple(emitter_argv(self.job)))


class OurTalk:
    """A session of ours, as the benchmark drives it."""

    def __init__(self, session: ACPSession) -> None:
        self.heard: list[float] = []
        self._session = session

    async def prompt(self, text: str) -> str:
        prompt = self._session.prompt(text)
        async for event in prompt:
            if isinstance(event, TextChunk):
                self.heard.append(time.time())
        return prompt.result.stop_reason

    async def cancel(self) -> None:
        await self._session.cancel()


@asynccontextmanager
async def _open(job: Job, state: AgentState) -> AsyncIterator[Talk]:
    emits = job["kind"] == "acp_events"
    made = ACPAgent(Emitter(job=job), version="sandbox") if emits else _INTERACTIVE[job["agent"]]()
    async with made.session(state) as session:
        yield OurTalk(session)


def _sample(job: Job) -> Result:
    return sample_job(job, claude_code(version="sandbox"))


if __name__ == "__main__":
    acp_launch(
        "inspect_swe",
        {
            "latency": lambda job: latency_job(job, _run_client),
            "sample": _sample,
            "install": lambda job: install_job(job, _install),
            "mount": lambda job: install_job(job, _mount),
            "acp": lambda job: talk_job(job, _open),
            "acp_events": lambda job: events_job(job, _open),
        },
    )
