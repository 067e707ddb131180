"""Seeded sessions: session files that a CLI would have written for a given conversation."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from typing import Any

from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageTool, ChatMessageUser

from .._contract.adapter import File, LaunchContext
from .._errors import AgentOptionError


def check_messages(messages: Sequence[ChatMessage]) -> None:
    """Check that messages form a conversation that a CLI can continue.

    Raises:
        AgentOptionError: They don't.
    """
    known = (ChatMessageUser, ChatMessageAssistant, ChatMessageTool)
    wrong = next((each for each in messages if not isinstance(each, known)), None)
    if wrong is not None:
        role = getattr(wrong, "role", type(wrong).__name__)
        raise AgentOptionError(
            f"resume_messages has a message with the role {role!r}: only user, assistant and tool are allowed.",
            hint="pass text for the system prompt as system_prompt.",
        )
    if not messages or not isinstance(messages[0], ChatMessageUser):
        raise AgentOptionError("resume_messages must begin with a user message.")
    called = [call.id for each in messages if isinstance(each, ChatMessageAssistant) for call in each.tool_calls or []]
    answered = [each.tool_call_id for each in messages if isinstance(each, ChatMessageTool)]
    if sorted(called) != sorted(map(str, answered)):
        raise AgentOptionError("In resume_messages, each tool call needs exactly one result, and each result a call.")


def claude_session(context: LaunchContext, messages: Sequence[ChatMessage]) -> File:
    """Return a conversation as a Claude Code session file, in which each entry names its parent."""
    folder = re.sub(r"[^A-Za-z0-9]", "-", context.cwd)
    common = {"isSidechain": False, "userType": "external", "cwd": context.cwd, "sessionId": context.session_id}
    entries: list[dict[str, Any]] = []
    for message in messages:
        before = entries[-1]["uuid"] if entries else None
        own = {"uuid": str(uuid.uuid4()), "parentUuid": before, "timestamp": _now()}
        entries.append({**common, **own, **_claude_entry(context, message)})
    return _lines(f"{context.config}/projects/{folder}/{context.session_id}.jsonl", entries)


def _claude_entry(context: LaunchContext, message: ChatMessage) -> dict[str, Any]:
    if isinstance(message, ChatMessageTool):
        result = {"type": "tool_result", "tool_use_id": message.tool_call_id, "content": message.text}
        return {"type": "user", "message": {"role": "user", "content": [{**result, "is_error": bool(message.error)}]}}
    text = [{"type": "text", "text": message.text}] if message.text else []
    if not isinstance(message, ChatMessageAssistant):
        return {"type": "user", "message": {"role": "user", "content": text}}
    calls = [
        {"type": "tool_use", "id": call.id, "name": call.function, "input": call.arguments}
        for call in message.tool_calls or []
    ]
    payload = {"id": f"msg_{uuid.uuid4().hex}", "type": "message", "role": "assistant", "model": context.model}
    stop = {"stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None}
    usage = {"usage": {"input_tokens": 0, "output_tokens": 0}}
    return {"type": "assistant", "message": {**payload, "content": [*text, *calls], **stop, **usage}}


def codex_session(context: LaunchContext, home: str, messages: Sequence[ChatMessage]) -> File:
    """Return a conversation as a Codex CLI session file: the session's metadata, then the items of its requests."""
    now = datetime.now(timezone.utc)
    meta = {"id": context.session_id, "session_id": context.session_id, "timestamp": _now(), "cwd": context.cwd}
    meta |= {"originator": "codex_exec", "cli_version": "0.0.0", "source": "exec", "model_provider": "agent_bridge"}
    entries = [{"timestamp": _now(), "type": "session_meta", "payload": meta}]
    system = [{"type": "message", "role": "developer", "content": [{"type": "input_text", "text": context.system}]}]
    for item in [*(system if context.system else []), *_codex_items(messages)]:
        entries.append({"timestamp": _now(), "type": "response_item", "payload": item})
        if item.get("role") == "user":
            payload = {"type": "user_message", "message": item["content"][0]["text"]}
            entries.append({"timestamp": _now(), "type": "event_msg", "payload": payload})
    name = f"rollout-{now:%Y-%m-%dT%H-%M-%S}-{context.session_id}.jsonl"
    return _lines(f"{home}/sessions/{now:%Y/%m/%d}/{name}", entries)


def _codex_items(messages: Iterable[ChatMessage]) -> Iterator[dict[str, Any]]:
    for message in messages:
        if isinstance(message, ChatMessageTool):
            yield {"type": "function_call_output", "call_id": message.tool_call_id, "output": message.text}
            continue
        kind = "output_text" if isinstance(message, ChatMessageAssistant) else "input_text"
        if message.text:
            yield {"type": "message", "role": message.role, "content": [{"type": kind, "text": message.text}]}
        for call in (isinstance(message, ChatMessageAssistant) and message.tool_calls) or []:
            arguments = json.dumps(call.arguments)
            yield {"type": "function_call", "name": call.function, "arguments": arguments, "call_id": call.id}


def _lines(path: str, entries: Iterable[dict[str, Any]]) -> File:
    return File(path, "".join(json.dumps(entry) + "\n" for entry in entries).encode())


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
