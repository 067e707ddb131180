"""Operators: people who take part over `inspect acp`, an editor or anything else that writes to the agent channel."""

from __future__ import annotations

from collections.abc import Sequence

from inspect_ai.agent import AgentChannel, AgentInterrupted
from inspect_ai.model import ChatMessage, ChatMessageUser

from .._errors import AgentOptionError
from .._runtime.prompt import opening
from .session import ACPSession


async def run_channel(session: ACPSession, channel: AgentChannel) -> None:
    """Work on the task's input and an operator's messages until a turn ends without a new message.

    An interrupt cancels the turn; the agent then waits for the operator's next message.

    Args:
        session: The session.
        channel: Inspect's channel, as opened by `agent_channel()`.

    Raises:
        AgentOptionError: The task has no input, and no operator can connect.
    """
    if not channel.is_live and not any(isinstance(message, ChatMessageUser) for message in session.state.messages):
        raise AgentOptionError(
            "The conversation has nothing for the agent to work on, and no operator can connect.",
            hint="give the sample an input, or run the eval with --acp-server.",
        )
    task = _text(session.state.messages)
    if task:
        task = opening(session.state.messages, None, None).prompt
    messages: Sequence[ChatMessage] = await channel.before_turn(session.state.messages)
    while text := "\n\n".join(filter(None, [task, _text(messages)])):
        source = "operator" if messages else None
        task = ""
        try:
            with channel.turn_scope():
                await session.prompt(text, source=source)
        except AgentInterrupted:
            messages = await channel.after_cancel(session.state.messages)
        else:
            messages = await channel.before_turn(session.state.messages)


def _text(messages: Sequence[ChatMessage]) -> str:
    return "\n\n".join(message.text for message in messages if isinstance(message, ChatMessageUser) and message.text)
