"""The filter of all model requests of an agent."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from inspect_ai.agent import AgentBridgeContext, set_agent_bridge_context
from inspect_ai.model import ChatMessage, GenerateConfig, GenerateFilter, GenerateInput, Model, ModelOutput
from inspect_ai.tool import ToolChoice, ToolInfo

from .exact import note_restored
from .ids import IdChanges
from .sentinel import ToolStages


def before_generating(
    seen: Callable[[list[ChatMessage], list[ToolInfo]], AgentBridgeContext | None],
    effort: Any,
    filter: GenerateFilter | None,
    changes: IdChanges | None = None,
    stages: ToolStages | None = None,
) -> GenerateFilter:
    """Return a filter that reports every request, sets its reasoning effort, and applies another filter.

    Args:
        seen: Called with the request's messages and tools. Returns its sender, for the other filter and Inspect.
        effort: As in `GenerateConfig.reasoning_effort`; None leaves it unchanged.
        filter: The other filter.
        changes: Assigns the provider's ids to messages, after the other filter.
        stages: Sentinel's tool stages, which check the results in a request.
    """

    async def apply(
        model: Model,
        messages: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice | None,
        config: GenerateConfig,
    ) -> ModelOutput | GenerateInput | None:
        if (sender := seen(messages, tools)) is not None:
            set_agent_bridge_context(sender)
        if stages is not None:
            await stages.after(messages)
        if effort:
            config = config.model_copy(update={"reasoning_effort": effort})
        result: ModelOutput | GenerateInput | None = None
        if filter is not None:
            who: Any = model if _takes_model(filter) else model.name
            result = await filter(who, messages, tools, tool_choice, config)
        if isinstance(result, ModelOutput):
            return result
        asked = result or GenerateInput(messages, tools, tool_choice, config)
        if changes is not None and (restored := changes.to_provider(asked.input)) is not asked.input:
            note_restored(asked.input, restored, changes.ids.provider_ids)
            return asked._replace(input=restored)
        return asked if result or effort else None

    return apply


def _takes_model(filter: GenerateFilter) -> bool:
    """Return whether a filter's first parameter is the model, rather than its name."""
    try:
        from inspect_ai.agent._bridge.util import _is_model_filter
    except ImportError:
        first = next(iter(inspect.signature(filter).parameters.values()), None)
        return first is None or first.annotation not in (str, "str")
    return _is_model_filter(filter)
