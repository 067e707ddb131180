"""Codec of OpenAI's Chat Completions API."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from typing import Any

from inspect_ai.agent import SandboxAgentBridge
from inspect_ai.agent._bridge.completions import (
    generate_config_from_openai_completions,
    tool_choice_from_openai_tool_choice,
)
from inspect_ai.model import (
    ChatMessage,
    ContentReasoning,
    GenerateConfig,
    Model,
    ModelOutput,
    messages_from_openai,
)
from inspect_ai.model._openai import openai_chat_tool_call, openai_completion_usage, openai_finish_reason
from inspect_ai.tool import ToolChoice, ToolInfo
from shortuuid import uuid

from ._history import EarlierCalls, Translate
from ._ids import without_nulls
from ._messages import MessagesCodec
from ._parameters import Fields
from ._schemas import tool_params
from ._serve import Tools, serve

_EFFORT = ("reasoning_effort", "reasoning_tokens", "effort")
_PARAMETERS = frozenset(
    {"frequency_penalty", "logit_bias", "logprobs", "parallel_tool_calls", "presence_penalty", "seed", "temperature"}
    | {"top_k", "top_logprobs", "top_p"}
)


class _Completions(MessagesCodec):
    provider = "openai"
    path = "/chat/completions"
    fields = Fields(
        parameters={
            **{name: (name,) for name in _PARAMETERS},
            "max_tokens": ("max_tokens",),
            "max_completion_tokens": ("max_tokens",),
            "n": ("num_choices",),
            "stop": ("stop_seqs",),
            "response_format": ("response_schema",),
            "reasoning_effort": _EFFORT,
            "reasoning": _EFFORT,
            "thinking": _EFFORT,
            "enable_thinking": _EFFORT,
            "thinking_budget": _EFFORT,
            "verbosity": ("verbosity",),
        },
        governed=frozenset({"model", "stream", "stream_options", "service_tier", "store", "user", "safety_identifier"}),
        additions=frozenset({"messages", "tools", "tool_choice", "prompt_cache_key"}),
    )

    def system(self, request: dict[str, Any]) -> list[str]:
        return []

    def bare(self, item: Any) -> Any:
        """Return a message without the marks of a prompt cache, which some providers of the API have."""
        content = item.get("content") if isinstance(item, dict) else None
        if not isinstance(content, list):
            return item
        parts = [
            {name: value for name, value in part.items() if name != "cache_control"} if isinstance(part, dict) else part
            for part in content
        ]
        return {**item, "content": parts}

    def translate(self, model: Model, tools: Tools) -> Translate:
        async def translate(items: list[Any], calls: EarlierCalls) -> list[ChatMessage]:
            messages = await messages_from_openai(copy.deepcopy(items), model.api.model_name)
            calls.name_results(messages)
            return messages

        return translate

    def tool(self, declared: Any, search: Any, execution: Any, bridge: SandboxAgentBridge) -> Tools | None:
        if declared.get("type") != "function":
            return None
        function = declared["function"]
        parameters = tool_params(function.get("parameters"))
        return [ToolInfo(name=function["name"], description=function.get("description") or "", parameters=parameters)]

    def tool_choice(self, request: dict[str, Any]) -> ToolChoice | None:
        choice = request.get("tool_choice")
        # "validated" is Google's term, which CLIs send to models that they take for Google's.
        return "auto" if choice == "validated" else tool_choice_from_openai_tool_choice(choice)

    def config(self, request: dict[str, Any]) -> GenerateConfig:
        return generate_config_from_openai_completions(request)

    def headers(self, client: Mapping[str, str], built: Mapping[str, str], betas: list[str]) -> dict[str, str]:
        return dict(built)

    async def reply(
        self, request: dict[str, Any], output: ModelOutput, model: Model, response: dict[str, Any] | None
    ) -> dict[str, Any]:
        if response is not None and _is_whole(response, output):
            response = {**_with_call_ids(response, output), "usage": without_nulls(response.get("usage"))}
            return {**response, "id": self._ids.unique(response.get("id"), "chatcmpl")}
        choices = [
            {
                "index": index,
                "finish_reason": openai_finish_reason(choice.stop_reason),
                "message": _message(choice.message),
                "logprobs": choice.logprobs.model_dump(mode="json") if choice.logprobs else None,
            }
            for index, choice in enumerate(output.choices)
        ]
        usage = openai_completion_usage(output.usage).model_dump(mode="json") if output.usage else None
        return {
            "id": uuid(),
            "object": "chat.completion",
            "created": int(time.time()),
            "model": model.api.model_name,
            "choices": choices,
            "usage": usage,
        }


async def generate(
    bridge: SandboxAgentBridge, web_search: bool, request: dict[str, Any], headers: Mapping[str, str]
) -> dict[str, Any]:
    """See `Handler`. The dialect has no web search."""
    return await serve(_Completions, bridge, web_search, request, headers)


def _message(message: Any) -> dict[str, Any]:
    """Return an answer with its reasoning in the field that most servers of the API use."""
    content = message.content if isinstance(message.content, list) else []
    reasoning = "".join(part.text for part in content if isinstance(part, ContentReasoning) and not part.redacted)
    calls = [openai_chat_tool_call(call).model_dump(mode="json") for call in message.tool_calls or ()]
    return {
        "role": "assistant",
        "content": message.text,
        **({"reasoning_content": reasoning} if reasoning else {}),
        **({"tool_calls": calls} if calls else {}),
    }


def _is_whole(response: dict[str, Any], output: ModelOutput) -> bool:
    """Return whether a response says the same as an output, which may come from a text with emulated calls."""
    choices = response.get("choices")
    if output.empty or not isinstance(choices, list) or len(choices) != len(output.choices):
        return False
    return all(
        len((choice.get("message") or {}).get("tool_calls") or ()) == len(own.message.tool_calls or ())
        for choice, own in zip(choices, output.choices, strict=True)
    )


def _with_call_ids(response: dict[str, Any], output: ModelOutput) -> dict[str, Any]:
    """Return a response with the ids that the client may see."""
    choices = []
    for choice, own in zip(response["choices"], output.choices, strict=True):
        message = {"role": "assistant", "content": None, **without_nulls(choice["message"])}
        if calls := own.message.tool_calls:
            pairs = zip(message["tool_calls"], calls, strict=True)
            message["tool_calls"] = [{**call, "id": known.id} for call, known in pairs]
        choices.append({**choice, "message": message})
    return {**response, "choices": choices}
