"""Permission requests of CLIs, and the policies that answer them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from acp.schema import (
    AllowedOutcome,
    DeniedOutcome,
    PermissionOption,
    RequestPermissionResponse,
    ToolCallUpdate,
)
from inspect_ai.agent import AgentState
from inspect_ai.tool import ToolCall

from .._errors import AgentOptionError
from .._inspect.private import approve_tool_call
from .events import Decision


@dataclass(frozen=True)
class PermissionRequest:
    """A CLI's request for permission to call a tool.

    Args:
        id: Id of the call.
        title: Description of the call, for people.
        kind: ACP's kind of tool: "read", "edit", "execute", "search", "fetch", ... or "other".
        input: Arguments, if the CLI reports them.
        choices: Answers that the CLI accepts.
    """

    id: str
    title: str
    kind: str
    input: Any
    choices: tuple[Decision, ...]


Permissions = Literal["allow", "reject", "approver"] | Callable[[PermissionRequest], Awaitable[Decision]]
"""The policy: allow all, reject all, Inspect's approval policy, or a function."""

_FALLBACK: dict[Decision, Decision] = {
    "allow_once": "allow_always",
    "allow_always": "allow_once",
    "reject_once": "reject_always",
    "reject_always": "reject_once",
}


def request_of(call: ToolCallUpdate, options: Sequence[PermissionOption]) -> PermissionRequest:
    """Convert ACP's request."""
    choices = tuple(option.kind for option in options)
    return PermissionRequest(
        call.tool_call_id, call.title or "", str(call.kind or "other"), call.raw_input, (*choices, "cancel")
    )


async def decide(permissions: Permissions, request: PermissionRequest, state: AgentState) -> Decision:
    """Return the answer to a request.

    Args:
        permissions: Policy.
        request: Permission request.
        state: The conversation, for the approver.

    Raises:
        Exception: Any error of the function, or the approver's to end the sample.
    """
    if permissions == "allow":
        return "allow_once"
    if permissions == "reject":
        return "reject_once"
    if permissions == "approver":
        arguments = request.input if isinstance(request.input, dict) else {"input": request.input}
        call = ToolCall(request.id, request.kind, json.loads(json.dumps(arguments, default=str)))
        approved = await approve_tool_call(request.title, call, list(state.messages))
        return "allow_once" if approved else "reject_once"
    assert callable(permissions)
    decision = await permissions(request)
    if decision not in get_args(Decision):
        raise AgentOptionError(
            f"The permissions function returned {decision!r} instead of one of {get_args(Decision)}."
        )
    return decision


def response(decision: Decision, options: Sequence[PermissionOption]) -> RequestPermissionResponse:
    """Return ACP's answer: the option of that kind or the nearest one, else a cancellation of the call."""
    for kind in (decision, _FALLBACK.get(decision)):
        for option in options:
            if option.kind == kind:
                return RequestPermissionResponse(outcome=AllowedOutcome(outcome="selected", option_id=option.option_id))
    return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
