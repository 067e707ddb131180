"""Mapping between the provider's ids and ids that are unique and legal in the CLI's session."""

from __future__ import annotations

import json
import re
import secrets
import weakref
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageTool, ChatMessageUser, ModelOutput
from inspect_ai.tool import ToolCall

from .._inspect.private import sample_identity
from .dialects import serving_dialect

MAX_ID = 64
"""Longest tool call id, in characters, that every CLI and API accepts."""

_ILLEGAL = re.compile("[^a-zA-Z0-9_-]")
_ENTRY = re.compile(r"(.*)_\d+")  # A CLI may read `X_1` as a part of an existing call `X`.

_Place = tuple[object, int]
"""Position of a call: the previous call (or the conversation's beginning), and a hash of function and arguments."""

_previous: ContextVar[object] = ContextVar("the last call of the request's conversation", default=None)
_tables: weakref.WeakKeyDictionary[Any, Identities] = weakref.WeakKeyDictionary()


def sample_identities() -> Identities:
    """Return the running sample's table, which all its bridges share, or a new one outside a sample."""
    sample = sample_identity()
    if sample is None:
        return Identities()
    if sample not in _tables:
        _tables[sample] = Identities()
    return _tables[sample]


@dataclass
class Identities:
    """Table of a CLI's ids and the provider's ids.

    An id changes only if it is missing, illegal in the CLI's dialect, or already in use. New ids derive from the
    provider's, so that a conversation replayed from Inspect's cache has the same ids.
    """

    provider_ids: dict[str, str] = field(default_factory=dict, init=False)
    _used: set[str] = field(default_factory=set, init=False)
    _split: set[str] = field(default_factory=set, init=False)
    _used_by_provider: set[str] = field(default_factory=set, init=False)
    _counts: dict[str, int] = field(default_factory=dict, init=False)
    _places: dict[_Place, list[str]] = field(default_factory=dict, init=False)
    _unanswered: dict[str, ToolCall] = field(default_factory=dict, init=False)
    _repeats: dict[tuple[str, int], str] = field(default_factory=dict, init=False)
    _message_ids: set[str] = field(default_factory=set, init=False)

    def read(self, messages: Sequence[ChatMessage]) -> None:
        """Restore the bridge's ids of a request's calls and results, and make all ids unique.

        Args:
            messages: The request's messages, modified in place. Clients may send other ids, or none.
        """
        seen: dict[str, int] = {}
        turn: list[tuple[str, str]] = []
        named: dict[str, str] = {}
        latest = max((n for n, message in enumerate(messages) if _calls(message)), default=-1)
        previous: object = _beginning(messages)
        for number, message in enumerate(messages):
            if calls := _calls(message):
                turn = []
            for call in calls:
                sent, call.id = call.id, self._recognise(call, previous, seen, is_latest=number == latest)
                seen[call.id] = seen.get(call.id, 0) + 1
                self._use(call.id)
                turn.append((sent, call.id))
                named[sent] = previous = call.id
            if isinstance(message, ChatMessageTool):
                self._pair(message, turn, named)
        _previous.set(previous)

    def to_provider(self, messages: list[ChatMessage]) -> list[ChatMessage] | None:
        """Return a copy of the messages with the provider's ids, or None if they have those already.

        Args:
            messages: The messages of a request.
        """
        if self.provider_ids.keys().isdisjoint(_ids(messages)):
            return None
        return [self._with_provider_ids(message) for message in self._in_order_of_calls(messages)]

    def give(self, output: ModelOutput) -> dict[str, str]:
        """Assign ids that the CLI accepts to an answer's calls and messages.

        Args:
            output: The answer. Messages with changed ids are replaced.

        Returns:
            Provider ids that occur more than once in the session, by new id.
        """
        repeated: dict[str, str] = {}
        previous = _previous.get()
        for choice in output.choices:
            message = choice.message
            changes: dict[str, Any] = {}
            if message.id in self._message_ids:
                changes["id"] = secrets.token_hex(11)
            calls = [self._given(call, repeated) for call in message.tool_calls or []]
            if calls != (message.tool_calls or []):
                changes["tool_calls"] = calls
            if changes:
                choice.message = message = message.model_copy(update=changes)
            self._message_ids.add(message.id or "")
            for call in calls:
                self._places.setdefault(_place(previous, call), []).append(call.id)
                self._unanswered[call.id] = call
                previous = call.id
        return repeated

    def _given(self, call: ToolCall, repeated: dict[str, str]) -> ToolCall:
        own = call.id
        new = self._new_id(own)
        if own and new != own:
            self.provider_ids[new] = own
        if own and own in self._used_by_provider:
            repeated[new] = own
        self._used_by_provider.add(own)
        return call if new == own else replace(call, id=new)

    def _new_id(self, own: str) -> str:
        """Return an unused id: the provider's if it is legal and free, else one derived from it."""
        dialect = serving_dialect.get()
        is_legal = bool(own) and len(own) <= MAX_ID and (dialect is None or dialect.call_id.fullmatch(own))
        new = own if is_legal else _ILLEGAL.sub("_", own)[:MAX_ID]
        base = (new or "call")[: MAX_ID - 10]
        count = self._counts.get(base, 1 if own else 0)
        while not new or self._is_taken(new):
            count += 1
            new = f"{base}_n{count}"
            self._counts[base] = count
        self._use(new)
        return new

    def _is_taken(self, id: str) -> bool:
        entry = _ENTRY.fullmatch(id)
        return id in self._used or id in self._split or (entry is not None and entry[1] in self._used)

    def _use(self, id: str) -> None:
        self._used.add(id)
        if entry := _ENTRY.fullmatch(id):
            self._split.add(entry[1])

    def _recognise(self, call: ToolCall, previous: object, seen: dict[str, int], is_latest: bool) -> str:
        """Return the bridge's id of a call in a request."""
        if call.id not in self._used or call.id in seen:
            # The client chose the id: identify the call by its place, or one of the latest calls by its contents.
            known = [id for id in self._places.get(_place(previous, call), ()) if id not in seen]
            if known:
                return known[-1]
            alike = (id for id, each in self._unanswered.items() if id not in seen and _is_alike(each, call))
            if is_latest and (equal := next(alike, None)):
                return equal
        if call.id not in seen:
            return call.id
        repeat = (call.id, seen[call.id])
        seen[call.id] += 1
        if repeat not in self._repeats:
            self._repeats[repeat] = self._new_id(call.id)
            self.provider_ids[self._repeats[repeat]] = self.provider_ids.get(call.id, call.id)
        return self._repeats[repeat]

    def _pair(self, message: ChatMessageTool, turn: list[tuple[str, str]], named: dict[str, str]) -> None:
        """Assign a result to the first of the latest calls that has its id and no result yet."""
        original = message.tool_call_id or ""
        if call := next((call for call in turn if call[0] == original), None):
            turn.remove(call)
            message.tool_call_id = call[1]
        else:
            message.tool_call_id = named.get(original, message.tool_call_id)
        self._unanswered.pop(message.tool_call_id or "", None)

    def _with_provider_ids(self, message: ChatMessage) -> ChatMessage:
        own = self.provider_ids
        if isinstance(message, ChatMessageAssistant) and any(call.id in own for call in _calls(message)):
            calls = [replace(call, id=own.get(call.id, call.id)) for call in _calls(message)]
            return message.model_copy(update={"tool_calls": calls})
        if isinstance(message, ChatMessageTool) and message.tool_call_id in own:
            return message.model_copy(update={"tool_call_id": own[message.tool_call_id]})
        if isinstance(message, ChatMessageUser) and own.keys() & {*(message.tool_call_id or [])}:
            return message.model_copy(update={"tool_call_id": [own.get(id, id) for id in message.tool_call_id or []]})
        return message

    def _in_order_of_calls(self, messages: list[ChatMessage]) -> list[ChatMessage]:
        """Return messages with results in call order wherever the provider's ids are ambiguous."""
        ordered = list(messages)
        for number, message in enumerate(messages):
            ids = [call.id for call in _calls(message)]
            if len({self.provider_ids.get(id, id) for id in ids}) == len(ids):
                continue
            places = [place for place in _results_of(messages, number) if _result_id(messages[place]) in ids]
            results = sorted((messages[place] for place in places), key=lambda each: ids.index(_result_id(each)))
            for place, result in zip(places, results, strict=True):
                ordered[place] = result
        return ordered


def _calls(message: ChatMessage) -> Sequence[ToolCall]:
    return message.tool_calls or [] if isinstance(message, ChatMessageAssistant) else []


def _result_id(message: ChatMessage) -> str:
    return message.tool_call_id or "" if isinstance(message, ChatMessageTool) else ""


def _results_of(messages: Sequence[ChatMessage], number: int) -> Iterator[int]:
    """Yield the positions of the results between one message with calls and the next."""
    for place in range(number + 1, len(messages)):
        if _calls(messages[place]):
            return
        if isinstance(messages[place], ChatMessageTool):
            yield place


def _ids(messages: Sequence[ChatMessage]) -> Iterator[str]:
    for message in messages:
        yield from (call.id for call in _calls(message))
        if isinstance(message, ChatMessageTool):
            yield message.tool_call_id or ""


def _beginning(messages: Sequence[ChatMessage]) -> object:
    """Return a hash of the user texts before the first answer, which only a compaction changes."""
    texts: list[str] = []
    for message in messages:
        if isinstance(message, ChatMessageAssistant):
            break
        if message.role == "user":
            texts.append(message.text)
    return hash(tuple(texts))


def _place(previous: object, call: ToolCall) -> _Place:
    return previous, hash((call.function, json.dumps(call.arguments, sort_keys=True, default=str)))


def _is_alike(one: ToolCall, other: ToolCall) -> bool:
    return one.function == other.function and one.arguments == other.arguments
