"""Which of the conversations that pass over a bridge is the agent's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import takewhile

from inspect_ai.model import ChatMessage
from inspect_ai.tool import ToolInfo

_start: ContextVar[int] = ContextVar("which start of the CLI the request belongs to", default=0)
_session: ContextVar[str | None] = ContextVar("session that the request names", default=None)
_delegated: ContextVar[bool] = ContextVar("whether the request is known to be a sub-agent's", default=False)
_is_root: ContextVar[bool | None] = ContextVar("whether the request belongs to the root conversation", default=None)


@dataclass
class Threads:
    """Tells the root conversation from those of sub-agents, and of CLIs that the agent itself runs.

    A conversation that was compacted does not go on as it was. It has the same session, if requests name it; else it
    is known by its instructions and tools.

    Args:
        session_header: Header in which each request names its session.
        sub_agent_header: Header that the requests of sub-agents have, and no others.
    """

    session_header: str | None = None
    sub_agent_header: str | None = None
    _root: set[object] = field(default_factory=set, init=False)
    _last: Sequence[ChatMessage] = field(default=(), init=False)
    _starts: int = field(default=0, init=False)

    def begin(self) -> None:
        """The CLI goes to work: its first request with tools is the root's; what was asked before counts no more."""
        self._root = set()
        self._starts += 1

    def heard(self, headers: Mapping[str, str]) -> None:
        """A request comes in, which this task serves."""
        _start.set(self._starts)
        _session.set(headers.get(self.session_header) if self.session_header else None)
        _delegated.set(self.sub_agent_header is not None and self.sub_agent_header in headers)

    def asked(self, messages: Sequence[ChatMessage], tools: Sequence[ToolInfo], delegated: bool) -> None:
        """The request that this task serves has been read.

        Args:
            messages: Its messages.
            tools: The tools that it offers. What a CLI asks in passing, it asks without.
            delegated: Whether its messages tell that it is a sub-agent's.
        """
        _is_root.set(False if delegated or _delegated.get() else self._judge(messages, tools))

    def _judge(self, messages: Sequence[ChatMessage], tools: Sequence[ToolInfo]) -> bool | None:
        session = _session.get()
        if self._root and session is not None and session not in self._root:
            return False
        if not tools:
            return False if self._root and not self._goes_on(messages) else None
        known = session if session is not None else (_instructions(messages), frozenset(tool.name for tool in tools))
        if self._root and known not in self._root and not self._has_grown(messages):
            return None
        self._root.add(known)
        self._last = list(messages)
        return True

    def _has_grown(self, messages: Sequence[ChatMessage]) -> bool:
        """Whether messages are those of the root's last request and more: its tools may have changed on the way."""
        same = _instructions(messages) == _instructions(self._last)
        return same and len(messages) > len(self._last) and self._goes_on(messages)

    def _goes_on(self, messages: Sequence[ChatMessage]) -> bool:
        """Whether messages begin with those of the root's last request."""
        last, said = _conversation(self._last), _conversation(messages)
        return said[: len(last)] == last

    def is_root(self) -> bool | None:
        """Whether the request that this task serves belongs to the root conversation; None if nothing tells.

        An answer to a CLI that has died meanwhile does not, though the one that was started after it may be asking in
        the same session.
        """
        return _is_root.get() if _start.get() == self._starts else False


def _instructions(messages: Sequence[ChatMessage]) -> str:
    leading = takewhile(lambda message: message.role == "system", messages)
    return "\n".join(message.text for message in leading)


def _conversation(messages: Sequence[ChatMessage]) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in messages if message.role != "system"]
