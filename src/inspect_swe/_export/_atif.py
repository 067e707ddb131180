"""Trajectories in the Agent Trajectory Interchange Format (ATIF).

Follows its RFC 0001 and the models of the package `harbor` 0.25.0, whose validator the tests use.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from inspect_ai.event import ModelEvent, ToolEvent
from inspect_ai.log import EvalLog, EvalSample
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    ChatMessageUser,
    Content,
    ContentImage,
    ContentReasoning,
    ContentText,
    ModelUsage,
)
from inspect_ai.tool import ToolInfo
from pydantic_core import to_jsonable_python

from ._metadata import agents_of, facts_of

# The version that added the newest feature used here, sub-agents in the same file.
_VERSION = "ATIF-v1.7"
_DATA = re.compile(r"data:(image/(?:jpeg|png|gif|webp));base64,(.*)", re.DOTALL)


def write_trajectory(log: EvalLog, sample: EvalSample, place: Path) -> Path:
    """Write the trajectory to PLACE.json, and its images to the folder `images` beside it."""
    path = place.with_name(f"{place.name}.json")
    trajectory = _Writer(log, sample, path.parent).trajectory()
    path.write_text(json.dumps(trajectory, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


class _Writer:
    """The converter of a sample to a trajectory, with those of its sub-agents.

    Args:
        log: Header of the log.
        sample: Sample with its messages and events.
        folder: Folder for images.
    """

    def __init__(self, log: EvalLog, sample: EvalSample, folder: Path) -> None:
        self._log, self._sample, self._folder = log, sample, folder
        self._model_events = [
            event for event in sample.events if isinstance(event, ModelEvent) and event.output.choices
        ]
        self._tool_events = {event.id: event for event in sample.events if isinstance(event, ToolEvent)}
        self._delegated = {
            name: event.agent_span_id for name, event in self._tool_events.items() if event.agent_span_id
        }

    def trajectory(self) -> dict[str, Any]:
        """Return the trajectory of the main agent."""
        sample, facts = self._sample, facts_of(self._log, self._sample)
        agents = list(agents_of(sample))
        messages: Sequence[ChatMessage] = sample.messages
        if not messages:  # The sample ended before the first message.
            messages = [ChatMessageUser(content=sample.input)] if isinstance(sample.input, str) else sample.input
        own = [event for event in self._model_events if event.span_id not in self._delegated.values()]
        root = self._trajectory(messages, own, next(iter(agents), {}), sample.uuid or f"{sample.id}_{sample.epoch}")
        root["session_id"] = str(next((each["session_id"] for each in agents if each.get("session_id")), sample.uuid))
        if sample.error:
            root["notes"] = f"The sample ended with an error: {sample.error.message}"
        elif sample.limit:
            root["notes"] = f"The sample exceeded its {sample.limit.type} limit."
        root["extra"] = {**facts, "agents": to_jsonable_python(agents), "usage": _plain(sample.model_usage)}
        return root

    def _trajectory(
        self, messages: Sequence[ChatMessage], model_events: Sequence[ModelEvent], agent: Mapping[str, Any], name: str
    ) -> dict[str, Any]:
        steps, subs = _Steps(self._folder, model_events), []
        for message in messages:
            steps.add(message)
            for call in message.tool_calls or [] if isinstance(message, ChatMessageAssistant) else []:
                if call.id in self._delegated and (sub := self._sub_agent(self._delegated.pop(call.id), agent)):
                    subs.append(sub)
                    steps.refer(call.id, sub["trajectory_id"])
        steps.close(self._tool_events)
        trajectory = {
            "schema_version": _VERSION,
            "trajectory_id": name,
            "agent": self._agent(model_events, agent),
            "steps": steps.steps,
            "final_metrics": _totals(steps.steps, subs),
        }
        return {**trajectory, "subagent_trajectories": subs} if subs else trajectory

    def _sub_agent(self, span: str, agent: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the trajectory of a sub-agent's span: the longest conversation sent in it, with its answer."""
        model_events = [event for event in self._model_events if event.span_id == span and event.tools]
        if not model_events:
            return None
        last = max(model_events, key=lambda event: len(event.input))
        return self._trajectory([*last.input, last.output.message], model_events, agent, span)

    def _agent(self, events: Sequence[ModelEvent], agent: Mapping[str, Any]) -> dict[str, Any]:
        event = next((event for event in events if event.tools), None)
        identity = (agent["agent"], agent.get("version")) if agent else (self._log.eval.solver, _inspect(self._log))
        description = {
            "name": str(identity[0] or "inspect"),
            "version": str(identity[1] or "unknown"),
            "model_name": event.model if event else self._log.eval.model,
        }
        if event is None:
            return description
        return {**description, "tool_definitions": [_definition(tool) for tool in event.tools]}


class _Steps:
    """The steps of a trajectory, built message by message.

    Args:
        folder: Folder for images.
        model_events: Model events of the trajectory.
    """

    def __init__(self, folder: Path, model_events: Sequence[ModelEvent]) -> None:
        self.steps: list[dict[str, Any]] = []
        self._folder, self._model_events = folder, list(model_events)
        self._calls: dict[str, dict[str, Any]] = {}
        self._refs: dict[str, str] = {}

    def add(self, message: ChatMessage) -> None:
        """Add a message, as a new step or as the result of a call in an earlier step."""
        if isinstance(message, ChatMessageTool):
            self._result(message)
            return
        step: dict[str, Any] = {"step_id": len(self.steps) + 1, "source": "agent", **self._parts_of(message.content)}
        if isinstance(message, ChatMessageAssistant):
            step |= self._answer(message)
        else:
            step["source"] = message.role
            # Only an agent's own reasoning counts.
            step.pop("reasoning_content", None)
        self.steps.append(step)
        for call in (message.tool_calls or []) if isinstance(message, ChatMessageAssistant) else []:
            self._calls[call.id] = step

    def refer(self, call: str, trajectory: str) -> None:
        """Record that a call is a sub-agent's work."""
        self._refs[call] = trajectory

    def close(self, tool_events: Mapping[str, ToolEvent]) -> None:
        """Add the logged results of calls that no message contains, because no model request followed them."""
        for call, step in self._calls.items():
            results = step.get("observation", {}).get("results", [])
            event = tool_events.get(call)
            if event is None or event.pending or any(each.get("source_call_id") == call for each in results):
                continue
            parts = event.result if isinstance(event.result, list) else [event.result]
            content: list[Content] = [
                ContentText(text=str(each)) if isinstance(each, str | int | float) else each for each in parts
            ]
            self._result(ChatMessageTool(content=content, tool_call_id=call, error=event.error))

    def _answer(self, message: ChatMessageAssistant) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        if message.tool_calls:
            answer["tool_calls"] = [
                {
                    "tool_call_id": call.id,
                    "function_name": call.function,
                    "arguments": to_jsonable_python(call.arguments),
                    **({"extra": {"parse_error": call.parse_error}} if call.parse_error else {}),
                }
                for call in message.tool_calls
            ]
        event = next((event for event in self._model_events if _same(event.output.message, message)), None)
        if event is None:  # From before this run: a resumed session, or an input with a conversation.
            return {**answer, "is_copied_context": True}
        self._model_events.remove(event)
        answer |= {"timestamp": event.timestamp.isoformat(), "model_name": event.model, "llm_call_count": 1}
        if event.config.reasoning_effort:
            answer["reasoning_effort"] = event.config.reasoning_effort
        if event.output.usage:
            answer["metrics"] = _metrics(event.output.usage)
        return answer

    def _result(self, message: ChatMessageTool) -> None:
        parts = self._parts_of(message.content)
        result: dict[str, Any] = {"content": parts["message"]}
        extra = dict(parts.get("extra", {}))
        if message.error:
            extra["error"] = _plain(message.error)
            result["content"] = result["content"] or message.error.message
        call = message.tool_call_id or ""
        step = self._calls.get(call)
        if step is not None:
            result["source_call_id"] = call
        else:  # For example of a call that a compaction dropped.
            extra["tool_call_id"] = call
            step = {"step_id": len(self.steps) + 1, "source": "system", "message": ""}
            self.steps.append(step)
        if call in self._refs:
            result["subagent_trajectory_ref"] = [{"trajectory_id": self._refs.pop(call)}]
        if extra:
            result["extra"] = extra
        step.setdefault("observation", {"results": []})["results"].append(result)

    def _parts_of(self, content: str | list[Content]) -> dict[str, Any]:
        """Return a message's text, or parts with images; its reasoning; and content that ATIF lacks, unchanged."""
        if isinstance(content, str):
            return {"message": content}
        parts: list[dict[str, Any]] = []
        reasoning, others = [], []
        for part in content:
            if isinstance(part, ContentText):
                parts.append({"type": "text", "text": part.text})
            elif isinstance(part, ContentReasoning):
                reasoning.append((part.summary or "") if part.redacted else part.reasoning)
            elif isinstance(part, ContentImage) and (source := self._image(part.image)):
                parts.append({"type": "image", "source": source})
            else:
                others.append(_plain(part))
        plain = all(part["type"] == "text" for part in parts)
        result: dict[str, Any] = {"message": "\n".join(part["text"] for part in parts) if plain else parts}
        if any(reasoning):
            result["reasoning_content"] = "\n".join(filter(None, reasoning))
        return {**result, "extra": {"content": others}} if others else result

    def _image(self, image: str) -> dict[str, str] | None:
        """Return an image's source: the path of a file written for it, or its URL."""
        if (match := _DATA.fullmatch(image)) is None:
            return None
        try:
            data = base64.b64decode(match[2])
        except binascii.Error:
            return None
        name = f"images/{hashlib.sha256(data).hexdigest()[:32]}.{match[1].partition('/')[2]}"
        path = self._folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return {"media_type": match[1], "path": name}


def _same(answer: ChatMessageAssistant, message: ChatMessageAssistant) -> bool:
    """Return whether a message is the model's answer. CLIs send it back with another id, and some change call ids."""

    def content(each: ChatMessageAssistant) -> tuple[str, list[tuple[str, Any]]]:
        return each.text.strip(), [(call.function, call.arguments) for call in each.tool_calls or []]

    ids = {call.id for call in answer.tool_calls or []}
    shared = any(call.id in ids for call in message.tool_calls or [])
    return answer.id == message.id or shared or content(answer) == content(message)


def _definition(tool: ToolInfo) -> dict[str, Any]:
    described = tool.model_dump(mode="json", include={"name", "description", "parameters"}, exclude_none=True)
    return {"type": "function", "function": described}


def _inspect(log: EvalLog) -> str | None:
    return log.eval.packages.get("inspect_ai")


def _totals(steps: Sequence[Mapping[str, Any]], subs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the sums over the steps; the cost includes that of the sub-agents."""
    used = [step["metrics"] for step in steps if "metrics" in step]
    totals = {
        f"total_{name}": sum(each[name] for each in used)
        for name in ("prompt_tokens", "completion_tokens", "cached_tokens")
    }
    costs = [each["cost_usd"] for each in used if "cost_usd" in each]
    costs += [sub["final_metrics"]["total_cost_usd"] for sub in subs if "total_cost_usd" in sub["final_metrics"]]
    return {**totals, **({"total_cost_usd": sum(costs)} if costs else {}), "total_steps": len(steps)}


def _metrics(usage: ModelUsage) -> dict[str, Any]:
    read, written = usage.input_tokens_cache_read or 0, usage.input_tokens_cache_write or 0
    metrics: dict[str, Any] = {
        # Inspect counts cached tokens separately.
        "prompt_tokens": usage.input_tokens + read + written,
        "completion_tokens": usage.output_tokens,
        "cached_tokens": read,
    }
    if usage.total_cost is not None:
        metrics["cost_usd"] = usage.total_cost
    more = {"reasoning_tokens": usage.reasoning_tokens, "cache_write_tokens": usage.input_tokens_cache_write}
    extra = {name: tokens for name, tokens in more.items() if tokens}
    return {**metrics, "extra": extra} if extra else metrics


def _plain(value: object) -> Any:
    return to_jsonable_python(value, exclude_none=True, fallback=str)
