"""ACP's updates as agents send them."""

from __future__ import annotations

from typing import Any

from acp.schema import SessionNotification


def update(kind: str, /, **fields: Any) -> Any:
    """The SDK's object for an update."""
    return SessionNotification.model_validate({"sessionId": "one", "update": {"sessionUpdate": kind, **fields}}).update


def tool_call(**fields: Any) -> Any:
    """A call that begins."""
    return update("tool_call", **{"toolCallId": "c1", "title": "ls", "kind": "execute", **fields})


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}
