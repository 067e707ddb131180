"""Real CLIs over Inspect's own providers, with a server that repeats ids or leaves them out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from inspect_ai.event import ToolEvent
from inspect_ai.model import get_model

from inspect_swe import claude_code, codex_cli

from ..bridge.test_provider_ids import response, said, server
from .harness import Run, run_agent

WORDS = ("ONE", "TWO", "THREE")


def results(run: Run) -> list[str]:
    assert run.error is None, run.error
    return [str(event.result) for event in run.sample.events if isinstance(event, ToolEvent)]


def check_once(texts: list[str]) -> None:
    """Each word is the result of one call, in the order of the calls."""
    assert [[word for word in WORDS if f"SAID-{word}" in text] for text in texts] == [[word] for word in WORDS]


def reasons_and_runs(word: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def answer(request: dict[str, Any]) -> dict[str, Any]:
        names = {str(tool.get("name")) for tool in request["tools"]}
        name, key = ("exec_command", "cmd") if "exec_command" in names else ("shell_command", "command")
        summary = [{"type": "summary_text", "text": f"I think of {word}."}]
        thought = {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": f"secret{word}"}
        call = {"type": "function_call", "id": "fc_1", "call_id": "call_0", "name": name, "status": "completed"}
        return response(thought, {**call, "arguments": json.dumps({key: f"echo SAID-{word}"})})

    return answer


def test_codex_cli_with_repeated_ids_of_reasoning_items_and_calls(tmp_path: Path) -> None:
    with server([*map(reasons_and_runs, WORDS), response(said("done"))]) as (url, asked):
        model = get_model("openai/gpt-5", base_url=url, api_key="x", memoize=False, responses_api=True)
        run = run_agent(tmp_path, codex_cli(), [], model=model)
    check_once(results(run))
    items = [item for item in asked[-1]["input"] if item.get("type") in ("reasoning", "function_call")]
    assert [item["type"] for item in items] == ["reasoning", "function_call"] * 3
    assert [item["encrypted_content"] for item in items[::2]] == [f"secret{word}" for word in WORDS]
    assert {item["id"] for item in items[::2]} == {"rs_1"} and {item["call_id"] for item in items[1::2]} == {"call_0"}
    check_once([str(item["output"]) for item in asked[-1]["input"] if item.get("type") == "function_call_output"])


def test_claude_code_without_ids_of_calls(tmp_path: Path) -> None:
    def answer(*words: str) -> dict[str, Any]:
        inputs = [{"command": f"echo SAID-{word}", "description": "Says it."} for word in words]
        uses = [{"type": "tool_use", "id": "", "name": "Bash", "input": each} for each in inputs]
        content = uses or [{"type": "text", "text": "done"}]
        plain = {"type": "message", "role": "assistant", "model": "claude-3-5-sonnet-latest", "stop_sequence": None}
        usage = {"input_tokens": 1, "output_tokens": 1}
        reason = "tool_use" if uses else "end_turn"
        return {"id": "msg_1", "content": content, "stop_reason": reason, "usage": usage, **plain}

    with server([answer("ONE", "TWO"), answer("THREE"), answer()]) as (url, asked):
        name, base = "anthropic/claude-3-5-sonnet-latest", url.removesuffix("/v1")
        model = get_model(name, base_url=base, api_key="x", memoize=False, streaming=False)
        run = run_agent(tmp_path, claude_code(), [], model=model)
    check_once(results(run))
    blocks = [
        b for message in asked[-1]["messages"] if isinstance(message["content"], list) for b in message["content"]
    ]
    told = [block for block in blocks if block["type"] == "tool_result"]
    check_once([str(block["content"]) for block in told])
    used = [block["id"] for block in blocks if block["type"] == "tool_use"]
    assert used == [block["tool_use_id"] for block in told] and len({*used}) == 3
