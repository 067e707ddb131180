"""Sentinel's tool stages around the tool calls of a CLI. Inspect calls them only for tools that it runs itself.

All calls of a reply are checked before the CLI receives any. As with approvals, the model receives a rejection and
answers again, and the CLI never sees the rejected reply. A result is checked when the CLI first sends it.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageTool, ModelOutput
from inspect_ai.tool import ToolCall, ToolError

from .release import absent_error, warn_absent

logger = logging.getLogger(__name__)

MAX_REJECTIONS = 3
"""Consecutive rejected replies that end the sample, as with approvals."""

_MAX_OPEN = 10_000
"""Limit on calls whose results have not arrived: a CLI may drop calls."""

Grant = Callable[[Sequence[ToolCall]], None]
"""Grants the calls of host tools that the CLI may make."""

_grant: ContextVar[Grant | None] = ContextVar("grants the calls of the reply that is checked", default=None)


def checks_calls() -> bool:
    """Return whether a sentinel is active."""
    try:
        from inspect_ai._sentinel._context import checks_tool_calls

        return checks_tool_calls()
    except ImportError:
        pass
    try:
        from inspect_ai._sentinel._context import active_sentinel  # before 0.3.285
    except ImportError:
        if find_spec("inspect_ai._sentinel") is not None:
            warn_absent("sentinels do not check the tool calls of CLIs")
        return False
    return active_sentinel() is not None


class ToolStages:
    """Sentinel's stages before and after the tool calls of one agent.

    Args:
        hidden: Name of the CLI's tool whose calls run other tools that no reply names, if there is one.
    """

    def __init__(self, hidden: str | None = None) -> None:
        self._hidden = hidden
        self._open: dict[str, tuple[ToolCall, ChatMessageAssistant]] = {}

    def defer(self, grant: Grant) -> bool:
        """Return whether a sentinel checks this task's reply, whose calls are then granted afterwards."""
        deferred = checks_calls()
        _grant.set(grant if deferred else None)
        return deferred

    async def before(self, output: ModelOutput, history: Sequence[ChatMessage]) -> ModelOutput | list[ChatMessage]:
        """Check the calls of a reply before the CLI receives it.

        Args:
            output: The reply.
            history: The conversation before it.

        Returns:
            The reply, with modified arguments in a copy. If a call is rejected, the messages that tell the model.

        Raises:
            BaseException: Inspect's own exception, if the sentinel ends the sample or fails.
            InspectVersionError: The inspect_ai release moved the stages.
        """
        calls = [] if output.empty else output.message.tool_calls or []
        if not calls or not checks_calls():
            return output
        try:
            from inspect_ai._sentinel._dispatch import apply_sentinel_decision, sentinel_before_tool_call
        except ImportError as ex:
            raise absent_error("A sentinel that checks tool calls", ex) from ex
        message = output.message
        allowed: list[ToolCall] = []
        for call in calls:
            self._warn_hidden(call)
            try:
                decision = await _call(
                    sentinel_before_tool_call,
                    message=message.text,
                    message_id=message.id,
                    call=call,
                    viewer=None,
                    history=[*history, message],
                )
                modified = apply_sentinel_decision(decision, call)
            except ToolError as rejection:
                return _rejection(output, call, rejection.message)
            allowed.append(call if modified is call else replace(call, arguments=modified.arguments))
        if allowed != calls:
            # The log keeps the model's own proposal in the object that it shares with this output.
            output = output.model_copy(deep=True)
            output.message.tool_calls = allowed
        if (grant := _grant.get()) is not None:
            grant(allowed)
        self._open.update((call.id, (call, message)) for call in allowed)
        while len(self._open) > _MAX_OPEN:
            del self._open[next(iter(self._open))]
        return output

    async def after(self, messages: Sequence[ChatMessage]) -> None:
        """Check the results that a request has for the first time, before the model receives them.

        Raises:
            BaseException: Inspect's own exception, if the sentinel ends the sample or fails.
        """
        if not self._open or not checks_calls():
            return
        try:
            from inspect_ai._sentinel._dispatch import sentinel_after_tool_call
        except ImportError as ex:
            raise absent_error("A sentinel that checks tool results", ex) from ex
        for number, result in enumerate(messages):
            if not isinstance(result, ChatMessageTool) or result.tool_call_id not in self._open:
                continue
            call, message = self._open.pop(result.tool_call_id)
            await _call(
                sentinel_after_tool_call,
                message=message.text,
                message_id=message.id,
                call=call,
                result=result,
                output=result.content,
                truncated=None,
                viewer=None,
                history=_until(message, messages[:number]),
            )

    def _warn_hidden(self, call: ToolCall) -> None:
        if self._hidden is not None and call.function == self._hidden:
            self._hidden = None
            logger.warning("Sentinels check a call of %r as one call, not the tools that it runs.", call.function)


async def _call(stage: Callable[..., Any], **arguments: Any) -> Any:
    """Call a stage with those arguments that the inspect_ai release has."""
    known = inspect.signature(stage).parameters
    return await stage(**{name: value for name, value in arguments.items() if name in known})


def _until(message: ChatMessageAssistant, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Return a conversation up to an answer, which ends it."""
    number = next((number for number, each in enumerate(messages) if each.id == message.id), len(messages))
    return [*messages[:number], message]


def _rejection(output: ModelOutput, rejected: ToolCall, explanation: str) -> list[ChatMessage]:
    """Return a rejected answer with a result for each of its calls."""
    try:
        from inspect_ai.agent._bridge._approval import rejection_messages
    except ImportError as ex:
        raise absent_error("A sentinel that rejects tool calls", ex) from ex
    return rejection_messages(output, rejected, explanation)
