"""Clients for ACP's SDK."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from acp import RequestError
from acp.schema import (
    PermissionOption,
    RequestPermissionResponse,
    TextContentBlock,
    ToolCallProgress,
    ToolCallStart,
    ToolCallUpdate,
)

from .events import Decision, Event, events_of
from .permissions import PermissionRequest, request_of, response


class PermissiveClient:
    """A client that grants every permission and ignores updates. The SDK rejects all other requests."""

    async def request_permission(
        self, session_id: str, tool_call: ToolCallUpdate, options: list[PermissionOption], **kwargs: Any
    ) -> RequestPermissionResponse:
        """Grant the permission."""
        return response("allow_once", options)

    async def session_update(self, session_id: str, update: Any, **kwargs: Any) -> None:
        """Ignore the update."""

    async def ext_method(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Reject the extension method."""
        raise RequestError.method_not_found(method)

    async def ext_notification(self, method: str, params: dict[str, Any]) -> None:
        """Ignore the extension notification."""


class SessionClient(PermissiveClient):
    """The client of one session.

    Args:
        on_update: Called for each update with the session's id and the events.
        on_permission: Callback that answers permission requests.
    """

    def __init__(
        self,
        on_update: Callable[[str, list[Event]], None],
        on_permission: Callable[[PermissionRequest], Awaitable[Decision]],
    ) -> None:
        self.update_count = 0
        self._on_update = on_update
        self._on_permission = on_permission
        self._replaying = False
        self._calls: dict[str, dict[str, Any]] = {}

    @contextlib.contextmanager
    def replaying(self) -> Iterator[None]:
        """Mark the updates received in this block as a replay."""
        self._replaying = True
        try:
            yield
        finally:
            self._replaying = False

    async def session_update(self, session_id: str, update: Any, **kwargs: Any) -> None:
        """Pass the update's events on."""
        self.update_count += 1
        if isinstance(update, ToolCallStart | ToolCallProgress):
            if update.status in ("completed", "failed"):  # No more permission requests for this call.
                self._calls.pop(update.tool_call_id, None)
            else:
                self._calls.setdefault(update.tool_call_id, {}).update(_details(update))
        self._on_update(session_id, events_of(update, self._replaying))

    async def request_permission(
        self, session_id: str, tool_call: ToolCallUpdate, options: list[PermissionOption], **kwargs: Any
    ) -> RequestPermissionResponse:
        """Return the decision on a permission request."""
        # Agents may omit details that an earlier update of the call contained.
        earlier = self._calls.get(tool_call.tool_call_id, {})
        details = {"kind": None, "raw_input": _arguments(earlier.get("text", "")), **earlier, **_details(tool_call)}
        complete = tool_call.model_copy(update={name: details[name] for name in ("kind", "raw_input")})
        return response(await self._on_permission(request_of(complete, options)), options)


def _details(call: ToolCallStart | ToolCallUpdate) -> dict[str, Any]:
    details = {name: value for name in ("kind", "raw_input") if (value := getattr(call, name)) is not None}
    texts = [
        each.content.text for each in call.content or () if isinstance(getattr(each, "content", None), TextContentBlock)
    ]
    return {**details, "text": texts[-1]} if texts else details


def _arguments(text: str) -> Any:
    """Parse the arguments of a call that the agent only streamed as text."""
    try:
        return json.loads(text)
    except ValueError:
        return None
