"""Interactive agents: a CLI that is driven by code, by a simulated user or by a person."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypedDict, cast

import anyio
from acp.client.connection import ClientSideConnection
from inspect_ai.agent import Agent, AgentState, BridgedToolsSpec, agent, agent_channel
from inspect_ai.model import ChatMessage, GenerateFilter, Model
from inspect_ai.solver import TaskState
from inspect_ai.tool import MCPServerConfig, Skill, Tool
from typing_extensions import Unpack

from .._contract.conversation import ResumePoint
from .._contract.options import agent_options
from .._contract.parameters import checked_parameters
from .._contract.result_specs import OutputFiles
from .._errors import AgentExitedError, AgentOptionError
from .._inspect.private import sample_identity
from .._runtime.prompt import system_text
from .._runtime.routing import check_env
from .._runtime.session import open_session
from .._runtime.tool_names import offered_tools
from .adapter import AcpAdapter
from .operator import run_channel
from .permissions import Permissions
from .saved import SavedSession, folder_of, keep_folder
from .seeded import check_messages
from .session import ACPSession

logger = logging.getLogger(__name__)

_IDLE = 60

P = ParamSpec("P")


class ACPAgentParams(TypedDict, total=False):
    """Keyword arguments that every interactive agent accepts.

    Attributes:
        model: Model that serves the CLI's calls (default: the eval's).
        filter: Filter for the bridged model requests.
        bridged_tools: Host-side Inspect tools to expose over MCP.
        mcp_servers: MCP servers that run in, or are reached from, the sandbox.
        system_prompt: Text to add to the CLI's own system prompt.
        retry_refusals: How often a refused generation is retried.
        model_map: Model names that the CLI may ask for, each with the Inspect model that serves it.
        cwd: Working directory (relative to the sandbox's own).
        env: Environment variables for the CLI; they win over ours. None may divert its model requests.
        user: User to run the CLI as.
        sandbox: Name of the sandbox to run in.
        version: "auto", "sandbox", "stable", "latest" or a version number.
        debug: Whether all that the CLI prints goes into the log, and into Inspect's trace log (`inspect trace`).
        permissions: Who answers when the CLI asks whether it may call a tool: "allow" (the CLI then isn't made to
            ask at all), "reject", "approver" (Inspect's approval policy) or an async function of a
            `PermissionRequest`.
        operator: Whether a person may write to the agent and interrupt it, over `inspect acp` or an editor: called
            as an agent, it then works on the task's input and on what the person says, instead of waiting for a
            caller to drive it.
        mcp_ready_timeout: Seconds from the first prompt within which bridged tools must be offered to the model.
        collect: Files to keep in the log: globs below the working directory, or `OutputFiles`.
        resume_messages: A conversation to go on with: user, assistant and tool messages. Each session that resumes no
            other begins as if it had been held. Claude Code and Codex CLI can do that.
    """

    model: str | Model | None
    filter: GenerateFilter | None
    bridged_tools: Sequence[BridgedToolsSpec | Tool] | None
    mcp_servers: Sequence[MCPServerConfig] | None
    system_prompt: str | None
    retry_refusals: int | None
    model_map: Mapping[str, str | Model] | None
    cwd: str | None
    env: Mapping[str, str] | None
    user: str | None
    sandbox: str | None
    version: str
    debug: bool | None
    permissions: Permissions
    operator: bool
    mcp_ready_timeout: float
    collect: str | Sequence[str] | OutputFiles | None
    resume_messages: Sequence[ChatMessage] | None


class _Run:
    """What the callers of an agent in one sample see of it."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self.error: BaseException | None = None
        self.session: ACPSession | None = None


class ACPAgent(Agent):
    """An agent whose CLI speaks ACP: it has sessions of many prompts, which can be interrupted.

    `session()` is the way to drive it. Called as an Inspect agent it opens a session, sets `ready`, and then waits
    until its task is cancelled or the CLI ends, while the caller uses `conn` and `session_id`; with `operator=True`
    it works on the task's input, and on what a person says.

    An agent may run in several samples at once: what its attributes say is about the current sample.

    Args:
        adapter: Knowledge of the CLI.
        skills: Skills to make available.
        **params: As described at `ACPAgentParams`.

    Raises:
        AgentOptionError: An argument is wrong or contradicts another one.
    """

    @checked_parameters
    def __init__(
        self,
        adapter: AcpAdapter,
        *,
        skills: Sequence[str | Path | Skill] | None = None,
        **params: Unpack[ACPAgentParams],
    ) -> None:
        given: dict[str, Any] = dict(params)
        self._permissions: Permissions = given.pop("permissions", "allow")
        self._operator: bool = given.pop("operator", False)
        self._planted: Sequence[ChatMessage] | None = given.pop("resume_messages", None)
        if self._planted is not None:
            if type(adapter).planted is AcpAdapter.planted:
                raise AgentOptionError(f"{adapter.label} cannot go on with messages.", hint="leave them out.")
            check_messages(self._planted)
        self._adapter = adapter
        self._options = agent_options(
            name=f"interactive_{adapter.key}",
            description=f"{adapter.label} as an interactive agent.",
            model_aliases=given.pop("model_map", None),
            skills=skills,
            **given,
        )
        offered_tools(adapter, self._options)
        check_env(adapter, self._options.env)
        self._runs: weakref.WeakKeyDictionary[object, _Run] = weakref.WeakKeyDictionary()

    @property
    def ready(self) -> asyncio.Event:
        """Set while the agent can be driven. It is one event for as long as the sample lives."""
        return self._run.ready

    @property
    def conn(self) -> ClientSideConnection:
        """The SDK's connection to the CLI.

        Raises:
            AgentExitedError: The agent isn't running.
        """
        return self._session.conn

    @property
    def session_id(self) -> str:
        """The session's id.

        Raises:
            AgentExitedError: The agent isn't running.
        """
        return self._session.id

    async def wait_ready(self) -> None:
        """Wait until the agent can be driven.

        Raises:
            AgentExitedError: Its run has ended before it could be; or the error that ended it.
        """
        run = self._run
        waits = [asyncio.ensure_future(event.wait()) for event in (run.ready, run.ended)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not run.ready.is_set():
            raise run.error or AgentExitedError("The agent's run has ended.", hint="start it anew.")

    async def __call__(self, state: AgentState, *args: Any, **kwargs: Any) -> AgentState:
        """Run until the task is cancelled, the CLI ends or, with `operator=True`, the work is done.

        Returns:
            The conversation. A plain `task.cancel()` ends the run well, and the task then returns it too.

        Raises:
            AgentError: The agent could not be started, or its process has ended by itself.
        """
        run = self._run
        run.ended.clear()
        run.error = None
        try:
            async with self.session(state) as session:
                run.session = session
                run.ready.set()
                if self._operator:
                    async with agent_channel() as channel:
                        await run_channel(session, channel)
                else:
                    await self._driven(session)
        except asyncio.CancelledError:
            # Of a scope's cancellation nobody sees the result; of a plain task's the caller does.
            if anyio.current_effective_deadline() == -float("inf"):
                raise
        except BaseException as error:
            run.error = error
            raise
        finally:
            run.ready.clear()
            run.ended.set()
        return state

    @contextlib.asynccontextmanager
    async def session(
        self, state: AgentState | TaskState, *, resume: str | SavedSession | None = None
    ) -> AsyncIterator[ACPSession]:
        """Open a session; when the block ends, so do the session and everything that belongs to it.

        Args:
            state: The state to keep up to date (a solver's or an agent's). Its system messages are added to the
                CLI's system prompt; nothing of it is sent as a prompt.
            resume: A session to go on with: the id of one in the same sandbox, or what `ACPSession.save()` returned
                in another.

        Raises:
            AgentError: The agent could not be started.
        """
        own = AgentState(messages=list(state.messages))
        start = self._start(own, resume)
        async with open_session(self._adapter, self._options, own, start) as place:
            opened = resume if isinstance(resume, str) else None
            if place.started.archive is not None:  # One that is packed, or that came with the sample.
                opened = place.started.session_id
            elif resume is None and self._planted is not None:
                file = self._adapter.planted(place.site, self._planted)
                await place.workspace.write(file.path, file.content, file.mode)
                opened = place.started.session_id
            session = ACPSession(place, self._adapter, self._permissions, state)
            try:
                await session.open(opened)
                keep_folder(session.id, place.site)
                yield session
            finally:
                await session.close()

    async def _driven(self, session: ACPSession) -> None:
        """Wait for the end of a session that the caller drives; one that nobody drives is warned of."""
        exited = asyncio.ensure_future(session.wait_exited())
        try:
            await asyncio.wait({exited}, timeout=_IDLE)
            if not exited.done() and not session.prompted:
                logger.warning(
                    "%s has been waiting for a prompt for %d seconds. Drive it with session() or conn, or use "
                    "operator=True to have it work on the sample's input.",
                    self._options.name,
                    _IDLE,
                )
            await exited
        finally:
            exited.cancel()

    def _start(self, state: AgentState, resume: str | SavedSession | None) -> ResumePoint:
        if isinstance(resume, SavedSession):
            if resume.agent != self._adapter.key:
                raise AgentOptionError(f"The saved session is {resume.agent}'s, not {self._adapter.key}'s.")
            return ResumePoint(resume.system, resume.id, archive=resume.archive)
        if resume is not None:
            return folder_of(resume)
        return ResumePoint(system_text(state.messages, self._options.system_prompt))

    @property
    def _run(self) -> _Run:
        return self._runs.setdefault(sample_identity() or self, _Run())

    @property
    def _session(self) -> ACPSession:
        run = self._run
        if run.session is None or not run.ready.is_set():
            raise AgentExitedError("The agent is not running.", hint="wait_ready() waits until it is.")
        return run.session


def acp_agent(factory: Callable[P, ACPAgent]) -> Callable[P, ACPAgent]:
    """Inspect's `@agent` for factories of interactive agents: it keeps the type of what they make."""
    return cast(Callable[P, ACPAgent], agent(checked_parameters(factory)))
