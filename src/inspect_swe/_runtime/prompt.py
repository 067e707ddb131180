"""Pure functions that turn a conversation into a CLI's prompt."""

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
    """The first prompt of a run.

    Args:
        system: Text to add to the CLI's system prompt.
        prompt: The prompt.
        resume: Whether the prompt continues a conversation that the CLI itself holds.
        images: The prompt's images: data URLs, URLs or paths on this host.
    """

    system: str | None
    prompt: str
    resume: bool
    images: tuple[str, ...] = ()


def opening(messages: Sequence[ChatMessage], system_prompt: str | None, seen: int | None) -> Opening:
    """Return the first prompt for a conversation.

    Args:
        messages: The agent's messages.
        system_prompt: The agent's own addition to the system prompt.
        seen: Number of messages that the CLI's conversation already holds; None if the CLI has no conversation.

    Raises:
        AgentOptionError: The conversation has no text to work on.
    """
    if seen is not None:
        prompt = _prompt(messages[seen:])
        if prompt.strip():
            return Opening(None, prompt, True, _images(messages[seen:], local=False))
    prompt = _prompt(messages)
    if not prompt.strip():
        raise AgentOptionError("The conversation has no text for the agent to work on.")
    # After an agent's message, content may come from a sandbox, so it must not name a file on this host.
    task_only = not any(isinstance(m, ChatMessageAssistant) for m in messages)
    return Opening(system_text(messages, system_prompt), prompt, False, _images(messages, local=task_only))


def system_text(messages: Sequence[ChatMessage], system_prompt: str | None) -> str | None:
    """Return the addition to the CLI's system prompt: the conversation's system messages, then the agent's own text."""
    texts = [message.text for message in messages if isinstance(message, ChatMessageSystem)]
    return "\n\n".join([*texts, *([system_prompt] if system_prompt else [])]) or None


def _prompt(messages: Sequence[ChatMessage]) -> str:
    """Return the user messages' text, or a transcript with roles if there are messages of other roles."""
    talk = [m for m in messages if not isinstance(m, ChatMessageSystem)]
    if all(isinstance(m, ChatMessageUser) for m in talk):
        return "\n\n".join(m.text for m in talk if m.text)
    return _transcript(talk)


def _images(messages: Sequence[ChatMessage], local: bool) -> tuple[str, ...]:
    parts = [part for m in messages if not isinstance(m.content, str) for part in m.content]
    images = [part.image for part in parts if isinstance(part, ContentImage)]
    return tuple(image for image in images if local or image.startswith("data:"))


def _transcript(messages: Sequence[ChatMessage]) -> str:
    """Return an earlier conversation as text, for an agent that takes it over."""
    parts = []
    for message in messages:
        if isinstance(message, ChatMessageAssistant):
            parts.append(f"[assistant]\n{message.text}")
        elif isinstance(message, ChatMessageTool):
            parts.append(f"[result of {message.function or 'a tool'}]\n{message.text}")
        elif message.text:
            parts.append(f"[user]\n{message.text}")
    return "This is the conversation so far. Continue with the last request.\n\n" + "\n\n".join(parts)
