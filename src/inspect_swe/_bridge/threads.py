"""Which of the conversations that pass over a bridge is the agent's own."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

_session: ContextVar[str | None] = ContextVar("session that the request names", default=None)
_delegated: ContextVar[bool] = ContextVar("whether the request is known to be a sub-agent's", default=False)
_is_root: ContextVar[bool | None] = ContextVar("whether the request belongs to the root conversation", default=None)


@dataclass
class Threads:
    """Tells the root conversation from those of sub-agents, and of CLIs that the agent itself runs.

    Args:
        session_header: Header in which each request names its session.
        sub_agent_header: Header that the requests of sub-agents have, and no others.
    """

    session_header: str | None = None
    sub_agent_header: str | None = None
    _root: str | None = field(default=None, init=False)

    def begin(self) -> None:
        """The CLI goes to work: the session of its first request with tools is the root."""
        self._root = None

    def heard(self, headers: Mapping[str, str]) -> None:
        """A request comes in, which this task serves."""
        _session.set(headers.get(self.session_header) if self.session_header else None)
        _delegated.set(self.sub_agent_header is not None and self.sub_agent_header in headers)

    def asked(self, has_tools: bool, delegated: bool) -> None:
        """The request that this task serves has been read.

        Args:
            has_tools: Whether it offers tools. What a CLI asks in passing, it asks without.
            delegated: Whether its messages tell that it is a sub-agent's.
        """
        session = _session.get()
        if delegated or _delegated.get():
            _is_root.set(False)
        elif session is None:
            _is_root.set(None)
        else:
            if self._root is None and has_tools:
                self._root = session
            foreign = self._root is not None and session != self._root
            _is_root.set(False if foreign else True if has_tools else None)

    @staticmethod
    def is_root() -> bool | None:
        """Whether the request that this task serves belongs to the root conversation; None if nothing tells."""
        return _is_root.get()
