"""Translate each part of a CLI's conversations once, although every request repeats the whole conversation."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain
from typing import Any

from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageSystem, ChatMessageTool
from inspect_ai.tool import ToolCall
from shortuuid import uuid

_MAX_LINES = 16
"""Limit on stored conversations: the root, sub-agents and side requests."""

_MAX_ANSWERS = 256
"""Limit on stored answers of the model that no request has contained yet."""

_MAX_INSTRUCTIONS = 64
"""Limit on stored instructions."""

_MAX_IDS = 100_000
"""Limit on messages whose ids are stored."""


@dataclass
class Part:
    """Items of a request that are translated together, with their messages."""

    items: list[Any]
    messages: list[ChatMessage]


Translate = Callable[[list[Any], "EarlierCalls"], Awaitable[list[ChatMessage]]]
"""Translates items, given the calls before them."""


@dataclass
class History:
    """The conversations of one CLI, as it sent them and as messages.

    A message keeps its id and its object for as long as the CLI repeats it. The model's answers come back as the
    objects that Inspect made of them, with the reasoning and the provider's state that the CLI doesn't know.

    Args:
        bare: Returns an item without marks that may change in repetitions, such as those of a prompt cache.
    """

    bare: Callable[[Any], Any] = lambda item: item
    _lines: list[list[Part]] = field(default_factory=list, init=False)
    _answers: dict[object, ChatMessageAssistant] = field(default_factory=dict, init=False)
    _ids: dict[bytes, list[str]] = field(default_factory=dict, init=False)
    _instructions: dict[str, ChatMessageSystem] = field(default_factory=dict, init=False)

    async def read(self, parts: Sequence[list[Any]], translate: Translate) -> tuple[list[ChatMessage], int]:
        """Return the messages of a request, and the number of those that an earlier request had.

        Args:
            parts: The request's items, grouped as they are translated.
            translate: Translates a part.
        """
        line = self._repeated(parts)
        known = sum(len(part.messages) for part in line)
        calls = EarlierCalls(line)
        ids = {message.id for part in line for message in part.messages}
        for items in parts[len(line) :]:
            messages: list[ChatMessage] = []
            for message in await translate(items, calls):
                answer = self._answer(message)
                if answer is None or answer.id in ids:
                    answer, message.id = None, self._id(message, ids)
                messages.append(answer or message)
                ids.add(messages[-1].id)
            line.append(Part(items, messages))
        self._lines.append(line)
        return [message for part in line for message in part.messages], known

    def instruction(self, text: str) -> ChatMessageSystem:
        """Return the message of an instruction, which keeps its id for as long as the text stays the same."""
        if text not in self._instructions:
            self._instructions[text] = ChatMessageSystem(content=text, id=uuid())
            _limit(self._instructions, _MAX_INSTRUCTIONS)
        return self._instructions[text]

    def add_answer(self, answer: ChatMessageAssistant) -> None:
        """Record the model's answer, which the CLI's next request contains."""
        if (key := _answer_key(answer)) is not None:
            self._answers.pop(key, None)
            self._answers[key] = answer
            _limit(self._answers, _MAX_ANSWERS)

    def _repeated(self, parts: Sequence[list[Any]]) -> list[Part]:
        """Return the parts that repeat a stored conversation, which is removed if the request extends it."""
        best, length = -1, 0
        for number in reversed(range(len(self._lines))):
            common = self._common(self._lines[number], parts)
            if common > length:
                best, length = number, common
            if length == len(self._lines[number]):
                break
        if best < 0:
            del self._lines[: -_MAX_LINES + 1]
            return []
        line = self._lines[best]
        if length == len(line):
            del self._lines[best]
            return line
        del self._lines[: -_MAX_LINES + 1]
        return line[:length]

    def _common(self, line: Sequence[Part], parts: Sequence[list[Any]]) -> int:
        """Return how many parts two conversations have in common."""
        for number, (part, items) in enumerate(zip(line, parts, strict=False)):
            if part.items == items:
                continue
            if [*map(self.bare, part.items)] != [*map(self.bare, items)]:
                return number
            part.items = items
        return min(len(line), len(parts))

    def _answer(self, message: ChatMessage) -> ChatMessageAssistant | None:
        """Return the object that Inspect made of the model's answer, if the message is one."""
        if not isinstance(message, ChatMessageAssistant) or (key := _answer_key(message)) is None:
            return None
        answer = self._answers.pop(key, None)
        return answer if answer is not None and _is_alike(answer, message) else None

    def _id(self, message: ChatMessage, taken: set[str | None]) -> str:
        """Return an id: that of an equal message of another conversation if it is free, else a new one."""
        dumped = message.model_dump_json(exclude={"id"}, exclude_none=True)
        known = self._ids.setdefault(blake2b(dumped.encode(errors="replace"), digest_size=16).digest(), [])
        _limit(self._ids, _MAX_IDS)
        free = next((id for id in known if id not in taken), None)
        if free is None:
            free = uuid()
            known.append(free)
        return free


class EarlierCalls:
    """The calls of a conversation before the items that are translated."""

    def __init__(self, line: Sequence[Part]) -> None:
        self._line = line

    def name(self, id: str | None) -> str | None:
        """Return the name of the function that a call calls, or None if there is no such call."""
        return next((call.function for call in self._backwards() if call.id == id), None)

    def name_results(self, messages: Sequence[ChatMessage]) -> None:
        """Set the functions of results that lack them, to those of their calls."""
        for message in messages:
            if isinstance(message, ChatMessageTool):
                message.function = message.function or self.name(message.tool_call_id)

    def unanswered(self) -> list[ToolCall]:
        """Return the calls of the last answer with calls that have no result yet."""
        answered: set[str | None] = set()
        for message in self._messages():
            if isinstance(message, ChatMessageTool):
                answered.add(message.tool_call_id)
            elif isinstance(message, ChatMessageAssistant) and message.tool_calls:
                return [call for call in message.tool_calls if call.id not in answered]
        return []

    def _messages(self) -> Iterator[ChatMessage]:
        return chain.from_iterable(reversed(part.messages) for part in reversed(self._line))

    def _backwards(self) -> Iterator[ToolCall]:
        for message in self._messages():
            if isinstance(message, ChatMessageAssistant):
                yield from message.tool_calls or ()


def _answer_key(message: ChatMessageAssistant) -> object:
    """Return what an answer and its repetition by a CLI have in common, or None if there is nothing."""
    if message.tool_calls:
        return tuple(call.id for call in message.tool_calls)
    return _letters(message) or None


def _is_alike(answer: ChatMessageAssistant, message: ChatMessageAssistant) -> bool:
    def calls(message: ChatMessageAssistant) -> list[tuple[str, str]]:
        return [(call.function, json.dumps(call.arguments, default=str)) for call in message.tool_calls or ()]

    return calls(answer) == calls(message) and _letters(answer) == _letters(message)


def _letters(message: ChatMessageAssistant) -> str:
    """Return a message's text without white space, as CLIs join its parts differently."""
    return "".join(message.text.split())


def _limit(table: dict[Any, Any], limit: int) -> None:
    """Drop the oldest entries of a table above a limit."""
    while len(table) > limit:
        del table[next(iter(table))]
