"""Interactive agents: CLIs driven by code, a simulated user or a person."""

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
from .saved import SavedSession, record_folder, resume_point_of
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
        retry_refusals: Maximum number of retries of a refused generation.
        model_map: Model names that the CLI may request, each with the Inspect model that serves it.
        cwd: Working directory (relative to the sandbox's own).
        env: Environment variables for the CLI; they override ours. Those that divert model requests are refused.
        user: User to run the CLI as.
        sandbox: Name of the sandbox to run in.
        version: "auto", "sandbox", "stable", "latest" or a version number.
        debug: Whether to write all CLI output to the log and to Inspect's trace log (`inspect trace`).
        permissions: Policy for the CLI's permission requests before tool calls: "allow" (the CLI is then configured not
            to ask), "reject", "approver" (Inspect's approval policy) or an async function that takes a
            `PermissionRequest`.
        operator: Whether a person may write to the agent and interrupt it, over `inspect acp` or an editor. When called
            as an agent, it then works on the task's input and the person's messages instead of waiting for a caller to
            drive it.
        mcp_ready_timeout: Seconds from the first prompt within which bridged tools must be offered to the model.
        transparent_proxy: Whether the CLI's own generation parameters apply where the eval sets none. By default they
            do if the served model is the one that the CLI requests.
        collect: Files to save in the log: globs below the working directory, or `OutputFiles`.
        resume_messages: User, assistant and tool messages of a conversation to continue. Each session that resumes no
            other one starts with them. Supported by Claude Code and Codex CLI.
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
    transparent_proxy: bool | None
    collect: str | Sequence[str] | OutputFiles | None
    resume_messages: Sequence[ChatMessage] | None


def acp_params(arguments: Mapping[str, Any]) -> ACPAgentParams:
    """Return the arguments that every interactive agent accepts, given `locals()` of a factory."""
    return cast(ACPAgentParams, {name: arguments[name] for name in ACPAgentParams.__annotations__ if name in arguments})


class _Run:
    """State of an agent's run in one sample, shared by its callers."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self.error: BaseException | None = None
        self.session: ACPSession | None = None


class ACPAgent(Agent):
    """An agent whose CLI speaks ACP: its sessions take many prompts and can be interrupted.

    Drive it with `session()`. Called as an Inspect agent, it opens a session, sets `ready` and waits until its task is
    cancelled or the CLI exits, while the caller uses `conn` and `session_id`. With `operator=True` it works on the
    task's input and the person's messages.

    An agent may run in several samples at once: its attributes refer to the current sample.

    Args:
        adapter: Adapter of the CLI.
        skills: Skills to make available.
        **params: See `ACPAgentParams`.

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
        arguments: dict[str, Any] = dict(params)
        self._permissions: Permissions = arguments.pop("permissions", "allow")
        self._operator: bool = arguments.pop("operator", False)
        self._seed: Sequence[ChatMessage] | None = arguments.pop("resume_messages", None)
        if self._seed is not None:
            if type(adapter).seeded_session is AcpAdapter.seeded_session:
                raise AgentOptionError(f"{adapter.label} cannot resume from messages.", hint="omit `resume_messages`.")
            check_messages(self._seed)
        self._adapter = adapter
        self._options = agent_options(
            name=f"interactive_{adapter.key}",
            description=f"{adapter.label} as an interactive agent.",
            model_aliases=arguments.pop("model_map", None),
            skills=skills,
            **arguments,
        )
        offered_tools(adapter, self._options)
        check_env(adapter, self._options.env)
        self._runs: weakref.WeakKeyDictionary[object, _Run] = weakref.WeakKeyDictionary()

    @property
    def ready(self) -> asyncio.Event:
        """The event that is set while the agent can be driven. It stays the same object throughout the sample."""
        return self._run.ready

    @property
    def conn(self) -> ClientSideConnection:
        """The SDK's connection to the CLI. A call that fails raises an `ACPError`.

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
            AgentExitedError: The run ended before the agent was ready. If an error ended the run, that error is raised.
        """
        run = self._run
        waits = [asyncio.ensure_future(event.wait()) for event in (run.ready, run.ended)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not run.ready.is_set():
            raise run.error or AgentExitedError("The agent's run has ended.", hint="start it again.")

    async def __call__(self, state: AgentState, *args: Any, **kwargs: Any) -> AgentState:
        """Run until the task is cancelled, the CLI exits or, with `operator=True`, the work is done.

        Returns:
            The conversation. After a plain `task.cancel()` the task still returns it.

        Raises:
            AgentError: The agent could not be started, or its process exited.
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
            # Only the caller of a plain task reads its result after a cancellation; a cancelled scope discards it.
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
        """Open a session. The end of the block ends the session and all of its processes.

        Args:
            state: The solver's or agent's state to keep up to date. Its system messages are added to the CLI's system
                prompt; no message is sent as a prompt.
            resume: Session to resume: the id of a session of the same sandbox, or the result of `ACPSession.save()` in
                another sandbox.

        Raises:
            AgentError: The agent could not be started.
        """
        conversation = AgentState(messages=list(state.messages))
        start = self._start(conversation, resume)
        async with open_session(self._adapter, self._options, conversation, start) as inner:
            reopened = resume if isinstance(resume, str) else None
            if inner.started.archive is not None:  # One that is packed, or that came with the sample.
                reopened = inner.started.session_id
            elif resume is None and self._seed is not None:
                file = self._adapter.seeded_session(inner.context, self._seed)
                await inner.workspace.write(file.path, file.content, file.mode)
                reopened = inner.started.session_id
            session = ACPSession(inner, self._adapter, self._permissions, state)
            try:
                await session.open(reopened)
                record_folder(session.id, inner.context)
                yield session
            finally:
                await session.close()

    async def _driven(self, session: ACPSession) -> None:
        """Wait for the end of a session that the caller drives, and warn if it gets no prompt."""
        exited = asyncio.ensure_future(session.wait_exited())
        try:
            await asyncio.wait({exited}, timeout=_IDLE)
            if not exited.done() and not session.prompted:
                logger.warning(
                    "%s has been waiting for a prompt for %d seconds. Drive it with session() or conn, or use "
                    "operator=True to work on the sample's input.",
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
            return resume_point_of(resume)
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


def acp_agent(label: str) -> Callable[[Callable[P, ACPAgent]], Callable[P, ACPAgent]]:
    """Register a factory of interactive agents with Inspect, by its CLI's name and by its own.

    The CLI's name ("Claude Code") is the one in logs, and the one that other packages read from the registry.
    """

    def register(factory: Callable[P, ACPAgent]) -> Callable[P, ACPAgent]:
        checked = checked_parameters(factory)
        agent(checked)
        return cast(Callable[P, ACPAgent], agent(name=label)(checked))

    return register
