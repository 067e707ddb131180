"""Conversations behind a bridge: the agent's own, its sub-agents' and others."""

from __future__ import annotations

import enum
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, NamedTuple

from inspect_ai.model import ChatMessage, ModelOutput
from inspect_ai.tool import ToolInfo

from .recent import Recent
from .subagents import beginning, is_paragraph_of, user_texts

_MAX_OTHERS = 1000
_MAX_LINES = 8

_MIN_SUMMARY = 32
"""Characters of the shortest summary that a compacted conversation is recognised by."""


class Asker(enum.Enum):
    """Sender of a request."""

    ROOT = "the agent's own conversation"
    SUB_AGENT = "a sub-agent"
    SIDE = "another conversation: a title, a summary, a CLI that the agent runs itself"
    UNKNOWN = "nothing tells"


@dataclass(frozen=True)
class Marks:
    """Headers and fields that identify the sender of a CLI's request.

    Args:
        session_header: Header with the conversation's id.
        session_body_field: Dotted path of the body field with the CLI's session id, which sub-agents share.
        sub_agent_header: Header that only sub-agents' requests have.
        kind_header: Header with the kind of a request.
        root_kinds: Kinds of the root's requests. A request without a kind may be the root's.
        sub_agent_kinds: Kinds of sub-agents' requests.
    """

    session_header: str | None = None
    session_body_field: str | None = None
    sub_agent_header: str | None = None
    kind_header: str | None = None
    root_kinds: frozenset[str] = frozenset()
    sub_agent_kinds: frozenset[str] = frozenset()

    def asker(self, headers: Mapping[str, str]) -> Asker:
        """Return the sender of a request with these headers."""
        kind = headers.get(self.kind_header) if self.kind_header else None
        if (self.sub_agent_header and self.sub_agent_header in headers) or kind in self.sub_agent_kinds:
            return Asker.SUB_AGENT
        return Asker.UNKNOWN if kind is None or kind in self.root_kinds else Asker.SIDE

    def session(self, headers: Mapping[str, str], body: Mapping[str, Any]) -> str | None:
        """Return the session id in a request."""
        if self.session_header:
            return headers.get(self.session_header)
        value: Any = body
        for name in self.session_body_field.split(".") if self.session_body_field else ():
            value = value.get(name) if isinstance(value, Mapping) else None
        return value if isinstance(value, str) else None

    @property
    def tell_sub_agents(self) -> bool:
        """True if the CLI marks its sub-agents' requests."""
        return bool(self.sub_agent_header or self.sub_agent_kinds)


class Evidence(NamedTuple):
    """Evidence that a conversation is the root, strongest first. Tuples compare in this order.

    Args:
        given: Its session is the one that the runtime opened or received from the CLI.
        prompt: Its newest user messages contain the prompt as a separate paragraph.
        extends: It continues the root conversation from before the prompt.
        known: Its session, or its model, instructions and tools, are those of the root before the prompt.
    """

    given: bool = False
    prompt: bool = False
    extends: bool = False
    known: bool = False


@dataclass
class _Request:
    """Request and the facts known about it."""

    start: int
    session: str | None = None
    asker: Asker = Asker.UNKNOWN
    model: str = ""
    is_read: bool = False
    messages: Sequence[ChatMessage] = ()
    has_tools: bool = False
    beginning: int = 0
    identity: object = None
    is_root: bool | None = None
    is_done: bool = False


_request: ContextVar[_Request | None] = ContextVar("request that this task serves", default=None)


@dataclass
class ConversationTracker:
    """Tracker of the root conversation among all others.

    Ids decide first, then the order of starts, then texts. After each prompt the first request with tools is the
    root's, until another one has stronger `Evidence`. Each request is judged again when its reply arrives: only the
    answer to the root's newest request changes the root.

    Args:
        marks: Headers and fields that identify the sender of the CLI's requests.
    """

    marks: Marks = field(default_factory=Marks)
    _starts: int = field(default=0, init=False)
    _given: str | None = field(default=None, init=False)
    _seen: str | None = field(default=None, init=False)
    _prompts: tuple[str, ...] = field(default=(), init=False)
    _known: frozenset[object] = field(default=frozenset(), init=False)
    _before: Sequence[Sequence[ChatMessage]] = field(default=(), init=False)
    _root: set[object] = field(default_factory=set, init=False)
    _session: str | None = field(default=None, init=False)
    _evidence: Evidence | None = field(default=None, init=False)
    _lines: list[Sequence[ChatMessage]] = field(default_factory=list, init=False)
    _newest: _Request | None = field(default=None, init=False)
    _has_ended: bool = field(default=False, init=False)
    _last_answer: str = field(default="", init=False)
    _others: Recent[int, None] = field(default_factory=lambda: Recent(_MAX_OTHERS), init=False)

    def begin(self, session: str | None = None, prompts: Iterable[str] = ()) -> None:
        """Prepare for the root's requests after a new prompt.

        Args:
            session: Session id that the CLI was started with or reported.
            prompts: Texts of the prompt.
        """
        if session is not None and self._session not in (None, session):
            self._root, self._lines = set(), []
        self._starts += 1
        self._given = session
        self._prompts = tuple(filter(None, (text.strip() for text in prompts)))
        self._known, self._before = frozenset(self._root), tuple(self._lines)
        self._evidence, self._newest, self._has_ended, self._last_answer = None, None, False, ""

    def on_request(self, headers: Mapping[str, str], body: Mapping[str, Any]) -> None:
        """Read the sender and session from this task's request."""
        session, asker = self.marks.session(headers, body), self.marks.asker(headers)
        _request.set(_Request(self._starts, session, asker, str(body.get("model", ""))))

    @property
    def is_certain(self) -> bool:
        """True if ids alone identify this task's request as the root's; its text then doesn't count."""
        request = _request.get()
        if request is None or request.asker is not Asker.UNKNOWN or not self.marks.session_header:
            return False
        return self.marks.tell_sub_agents and request.session is not None and request.session == self._given

    def on_messages(self, messages: Sequence[ChatMessage], tools: Sequence[ToolInfo], delegated: bool) -> None:
        """Judge the messages and tools of this task's request.

        Args:
            messages: The request's messages.
            tools: The offered tools. Most side requests offer none.
            delegated: Whether the messages identify the sender as a sub-agent.
        """
        request = _request.get() or _Request(self._starts)
        _request.set(request)
        if delegated and request.asker is Asker.UNKNOWN:
            request.asker = Asker.SUB_AGENT
        request.is_read, request.messages, request.has_tools = True, messages, bool(tools)
        request.beginning = hash(beginning(messages))
        request.identity = (request.model, _instructions(messages), frozenset(tool.name for tool in tools))
        if self.marks.session_header and request.session is not None:
            request.identity = request.session
        request.is_root = self._judge(request)
        if request.is_root is not True and self._claim(request):
            request.is_root = True
        if request.is_root:
            self._root.add(request.identity)
            self._follow(messages)
            self._newest, self._has_ended = request, False

    def is_root(self) -> bool | None:
        """Return whether this task's request belongs to the root conversation; None if it is unknown.

        Requests from before the newest prompt don't belong: their CLI may have died, and a new one may have resumed the
        same session.
        """
        request = _request.get()
        if request is None or not request.is_read:
            return None
        if request.start != self._starts:
            return False
        if request.is_root:
            return request is self._newest
        return False if self._judge(request) is False else None

    def answered(self, output: ModelOutput) -> None:
        """Record whether the root's newest answer ends the turn: it stops without tool calls."""
        self._has_ended = output.stop_reason == "stop" and not (output.choices and output.message.tool_calls)
        self._last_answer = output.completion.strip()

    def done(self) -> None:
        """Mark this task's request as answered or failed."""
        if (request := _request.get()) is not None:
            request.is_done, request.messages = True, ()

    def asker(self) -> Asker:
        """Return the sender of this task's request."""
        request = _request.get()
        if request is None or request.asker is not Asker.UNKNOWN:
            return request.asker if request is not None else Asker.UNKNOWN
        if request.start != self._starts or self._is_foreign(request):
            return Asker.SIDE
        return {True: Asker.ROOT, False: Asker.SIDE, None: Asker.UNKNOWN}[self.is_root()]

    def _judge(self, request: _Request) -> bool | None:
        if request.asker is not Asker.UNKNOWN or self._is_foreign(request):
            return False
        line = self._line_of(request.messages)
        if not request.has_tools:
            goes_on = line is not None and _instructions(request.messages) == _instructions(self._lines[line])
            return None if not self._lines or (goes_on and not self._has_ended) else False
        if self._evidence is None:
            return None
        if line is not None and self._is_alike(request, line):
            return True
        if request.identity in self._root and self._may_begin_anew(request):
            return True
        return False if any(self._evidence) and (self._has_ended or self._is_in_flight()) else None

    def _is_alike(self, request: _Request, line: int) -> bool:
        """Return whether a request that extends the root is its next one; the tools may have changed."""
        last = self._lines[line]
        grown = len(request.messages) > len(last)
        return request.identity in self._root or (grown and _instructions(request.messages) == _instructions(last))

    def _line_of(self, messages: Sequence[ChatMessage]) -> int | None:
        """Return the index of the newest root candidate that the messages extend, or None."""
        numbers = reversed(range(len(self._lines)))
        return next((number for number in numbers if _extends(messages, self._lines[number])), None)

    def _follow(self, messages: Sequence[ChatMessage]) -> None:
        """Record the root's messages.

        A conversation that doesn't extend the last one may be the compacted root, until an earlier one continues.
        """
        line = self._line_of(messages)
        if line is not None:
            self._others.update((hash(beginning(each)), None) for each in self._lines[line + 1 :])
            del self._lines[line:]
        self._lines = [*self._lines[1 - _MAX_LINES :], list(messages)]

    def _may_begin_anew(self, request: _Request) -> bool:
        """Return whether a request may be the root's without extending its last one, as after a compaction."""
        if self._is_in_flight() and len(self._lines) == 1:
            return False
        if request.identity == request.session:
            return True
        if request.beginning in self._others:
            return False
        return not self._has_ended or self._has_summary(request)

    def _has_summary(self, request: _Request) -> bool:
        """Return whether the user's texts contain the root's last answer, which then was a summary and not the end."""
        answer = self._last_answer
        return len(answer) >= _MIN_SUMMARY and any(answer in text for text in user_texts(request.messages))

    def _claim(self, request: _Request) -> bool:
        """Make a request's conversation the root if its evidence is the strongest so far."""
        if not request.has_tools or request.asker is not Asker.UNKNOWN:
            return False
        newest = _newest_texts(request.messages)
        evidence = Evidence(
            given=request.session is not None and request.session == self._given,
            prompt=any(is_paragraph_of(newest, prompt) for prompt in self._prompts),
            extends=any(_extends(request.messages, before) for before in self._before),
            known=request.identity in self._known,
        )
        # The CLI may change the session without reporting it. The new one then contains the prompt.
        is_doubtful = self._seen is not None and self._seen == self._given != request.session
        if (is_doubtful and not evidence.prompt) or (self._evidence is not None and evidence <= self._evidence):
            return False
        if evidence.given:
            self._seen = request.session
        if self._newest is not None:
            self._others[self._newest.beginning] = None
        self._root = set(self._known) if evidence.known else set()
        self._lines = list(self._before) if evidence.extends else []
        self._evidence, self._session = evidence, request.session
        return True

    def _is_foreign(self, request: _Request) -> bool:
        """Return whether a request's session is neither the root's nor the one that the runtime knows."""
        if request.session is None or request.session == self._given:
            return False
        if self._given is not None and self._seen == self._given:
            return True
        return self._evidence is not None and self._session not in (None, request.session)

    def _is_in_flight(self) -> bool:
        return self._newest is not None and not self._newest.is_done


def _extends(messages: Sequence[ChatMessage], earlier: Sequence[ChatMessage]) -> bool:
    """Return whether a conversation begins with an earlier one."""
    if len(messages) >= len(earlier) and all(map(operator.is_, messages, earlier)):
        return True
    texts = _conversation(messages)
    return all(next(texts, None) == each for each in _conversation(earlier))


def _newest_texts(messages: Sequence[ChatMessage]) -> tuple[str, ...]:
    """Return the user texts since the model's last answer."""
    newest = list(takewhile(lambda message: message.role != "assistant", reversed(messages)))
    return user_texts(reversed(newest))


def _instructions(messages: Sequence[ChatMessage]) -> str:
    leading = takewhile(lambda message: message.role == "system", messages)
    return "\n".join(message.text for message in leading)


def _conversation(messages: Sequence[ChatMessage]) -> Iterator[tuple[str, str]]:
    return ((message.role, message.text) for message in messages if message.role != "system")
