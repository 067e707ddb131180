"""Inspect agents made from an adapter and options."""

from __future__ import annotations

import logging
from dataclasses import replace

from inspect_ai.agent import Agent, AgentState, agent_with
from inspect_ai.model import ChatMessage

from .._contract.adapter import Adapter, Turn
from .._contract.conversation import ResumePoint
from .._contract.options import AgentOptions
from .._contract.result_specs import ResultSpec
from .._errors import AgentOptionError
from .._inspect.private import agent_arguments
from .centaur import run_centaur
from .checkpoints import Checkpoints, checkpoints
from .conversation import ConversationRecord
from .files import place_images
from .prompt import opening
from .routing import check_env
from .run import run_unattended
from .session import open_session
from .tool_names import offered_tools

logger = logging.getLogger(__name__)

_PARTS = "__inspect_swe_parts__"


def cli_agent(adapter: Adapter, options: AgentOptions) -> Agent:
    """Return an Inspect agent that runs a CLI in the sample's sandbox.

    Args:
        adapter: The CLI's adapter.
        options: The user's options.

    Raises:
        AgentOptionError: The options ask for a centaur mode or saved sessions that the CLI does not support. Or the
            CLI cannot offer a tool to the model under its name, or a variable would divert its model requests.

    Examples:
        ```python
        from inspect_ai.agent import Agent, agent

        from inspect_swe.adapter import Adapter, agent_options, swe_agent


        def factory_of(adapter: Adapter):
            @agent
            def coder(attempts: int = 1) -> Agent:
                options = agent_options(name="Coder", description="Writes code.", attempts=attempts)
                return swe_agent(adapter, options)

            return coder
        ```
    """
    if options.centaur is not None and type(adapter).terminal is Adapter.terminal:
        raise AgentOptionError(f"{adapter.label} has no centaur mode.", hint="omit `centaur`.")
    if options.keep_session and not adapter.sessions:
        raise AgentOptionError(f"The sessions of {adapter.label} cannot be saved.", hint="omit `keep_session`.")
    offered_tools(adapter, options)
    check_env(adapter, options.env)

    async def execute(state: AgentState) -> AgentState:
        if options.centaur is not None:
            return await run_centaur(adapter, options, options.centaur, state)
        async with checkpoints() as points:
            return points.restored(state) if points.is_done else await work(state, points)

    async def work(state: AgentState, points: Checkpoints) -> AgentState:
        earlier = ConversationRecord.recall(adapter, options, state)
        _warn_of_media(adapter, state)
        first = opening(state.messages, options.system_prompt, earlier.seen)
        start = earlier.start if first.resume else ResumePoint(first.system)
        async with open_session(adapter, options, state, start, points) as session:
            images = first.images if adapter.takes_images else ()
            paths = await place_images(session.workspace, session.context, images)
            restored = session.started.archive is not None
            turn = Turn(first.prompt, first.resume or restored, paths, session.started.fork)
            await run_unattended(session, Turn(points.prompt, True) if points.resumes else turn)
            earlier.save(session.state, session.context)
        return session.state

    setattr(execute, _PARTS, (adapter, options))
    return agent_with(execute, name=options.name, description=options.description)


def adapter_of(agent: Agent) -> Adapter | None:
    """Return the adapter of an agent made by `cli_agent()`, or None for any other agent."""
    parts: tuple[Adapter, AgentOptions] | None = getattr(agent, _PARTS, None)
    return None if parts is None else parts[0]


def with_result(agent: Agent, result: ResultSpec) -> Agent:
    """Return a copy of an agent that also has to produce a result.

    Raises:
        AgentOptionError: The agent is not made by `cli_agent()`, runs in centaur mode, or has several attempts.
    """
    parts: tuple[Adapter, AgentOptions] | None = getattr(agent, _PARTS, None)
    if parts is None or parts[1].centaur is not None or parts[1].attempts.attempts > 1:
        raise AgentOptionError(
            f"{agent_arguments(agent)[0]} cannot produce a validated result.",
            hint="use an agent of this package with one attempt, neither interactive nor in centaur mode.",
        )
    adapter, options = parts
    return cli_agent(adapter, replace(options, result=result))


def _warn_of_media(adapter: Adapter, state: AgentState) -> None:
    supported = {"image"} if adapter.takes_images else set[str]()
    unsupported = {kind for message in state.messages for kind in _media(message)} - supported
    if unsupported:
        logger.warning("%s does not accept %s in its input: omitted.", adapter.label, ", ".join(unsupported))


def _media(message: ChatMessage) -> set[str]:
    content = message.content if isinstance(message.content, list) else []
    return {str(part.type) for part in content if part.type in ("image", "audio", "video", "document")}
