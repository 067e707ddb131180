"""From options and an adapter to an Inspect agent."""

from __future__ import annotations

import logging

from inspect_ai.agent import Agent, AgentState, agent_with
from inspect_ai.model import ChatMessage

from .._errors import AgentOptionError
from .adapter import Adapter, Turn
from .centaur import run_centaur
from .files import place_images
from .memory import Memory, Start
from .options import AgentOptions
from .prompt import opening
from .session import open_session
from .unattended import run_unattended

logger = logging.getLogger(__name__)


def cli_agent(adapter: Adapter, options: AgentOptions) -> Agent:
    """An Inspect agent that runs a CLI in the sample's sandbox.

    Args:
        adapter: Knowledge of the CLI.
        options: What the user asked for.

    Raises:
        AgentOptionError: The CLI has no centaur mode, which was asked for.
    """
    if options.centaur is not None and type(adapter).terminal is Adapter.terminal:
        raise AgentOptionError(f"{adapter.label} has no centaur mode.", hint="leave `centaur` out.")

    async def execute(state: AgentState) -> AgentState:
        if options.centaur is not None:
            return await run_centaur(adapter, options, options.centaur, state)
        memory = Memory.recall(adapter, options, state)
        _warn_of_media(adapter, state)
        first = opening(state.messages, options.system_prompt, memory.seen)
        start = memory.start if first.resume else Start(first.system)
        async with open_session(adapter, options, state, start) as session:
            images = first.images if adapter.takes_images else ()
            paths = await place_images(session.workspace, session.site, images)
            await run_unattended(session, Turn(first.prompt, first.resume, paths))
            memory.keep(session.link.bridge.state, session.site)
        return session.link.bridge.state

    return agent_with(execute, name=options.name, description=options.description)


def _warn_of_media(adapter: Adapter, state: AgentState) -> None:
    taken = {"image"} if adapter.takes_images else set[str]()
    left_out = {kind for message in state.messages for kind in _media(message)} - taken
    if left_out:
        logger.warning("%s cannot take these in its input, they are left out: %s.", adapter.label, ", ".join(left_out))


def _media(message: ChatMessage) -> set[str]:
    content = message.content if isinstance(message.content, list) else []
    return {str(part.type) for part in content if part.type in ("image", "audio", "video", "document")}
