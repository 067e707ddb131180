"""From a conversation to the prompt a CLI gets. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    ContentImage,
)

from .._errors import AgentOptionError


@dataclass(frozen=True)
class Opening:
    """How a run begins.

    Args:
        system: Text to add to the CLI's system prompt.
        prompt: The prompt.
        resume: Whether it continues a conversation that the CLI itself holds.
        images: Images that belong to the prompt: data URLs, URLs or files of this host.
    """

    system: str | None
    prompt: str
    resume: bool
    images: tuple[str, ...] = ()


def opening(messages: Sequence[ChatMessage], system_prompt: str | None, seen: int | None) -> Opening:
    """Read a conversation.

    Args:
        messages: The agent's messages.
        system_prompt: The agent's own addition to the system prompt.
        seen: How many of the messages the CLI's conversation already holds; None where it has none.

    Raises:
        AgentOptionError: There is nothing to do in it.
    """
    if seen is not None:
        prompt = _prompt(messages[seen:])
        if prompt.strip():
            return Opening(None, prompt, True, _images(messages[seen:], local=False))
    prompt = _prompt(messages)
    if not prompt.strip():
        raise AgentOptionError("The conversation holds no text for the agent to work on.")
    # Where an agent has spoken, a message may be a sandbox's: it must not name a file of this host.
    task_only = not any(isinstance(m, ChatMessageAssistant) for m in messages)
    return Opening(system_text(messages, system_prompt), prompt, False, _images(messages, local=task_only))


def system_text(messages: Sequence[ChatMessage], system_prompt: str | None) -> str | None:
    """What to add to the CLI's system prompt: the conversation's system messages, then the agent's own addition."""
    texts = [message.text for message in messages if isinstance(message, ChatMessageSystem)]
    return "\n\n".join([*texts, *([system_prompt] if system_prompt else [])]) or None


def _prompt(messages: Sequence[ChatMessage]) -> str:
    """What the user says; where others have spoken too, all of it with their names."""
    talk = [m for m in messages if not isinstance(m, ChatMessageSystem)]
    return _texts(talk) if all(isinstance(m, ChatMessageUser) for m in talk) else _transcript(talk)


def _images(messages: Sequence[ChatMessage], local: bool) -> tuple[str, ...]:
    parts = [part for m in messages if not isinstance(m.content, str) for part in m.content]
    images = [part.image for part in parts if isinstance(part, ContentImage)]
    return tuple(image for image in images if local or image.startswith("data:"))


def _texts(messages: Sequence[ChatMessage]) -> str:
    return "\n\n".join(m.text for m in messages if m.text)


def _transcript(messages: Sequence[ChatMessage]) -> str:
    """A conversation others have had, for an agent that takes over from them."""
    parts = []
    for message in messages:
        if isinstance(message, ChatMessageAssistant):
            parts.append(f"[assistant]\n{message.text}")
        elif isinstance(message, ChatMessageTool):
            parts.append(f"[result of {message.function or 'a tool'}]\n{message.text}")
        elif message.text:
            parts.append(f"[user]\n{message.text}")
    return "The conversation so far. Continue with what was last asked of you.\n\n" + "\n\n".join(parts)
