"""Each CLI goes by the served model's real context window: it compacts near its end, and not before."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from inspect_ai.agent import Agent
from inspect_ai.model import ModelUsage

from inspect_swe import claude_code, codex_cli, gemini_cli, opencode, qwen_code
from inspect_swe.testing import DynamicStep, ScriptedRequest, Step, say, scripted, scripted_requests, shell

from .harness import run_agent

SNAPSHOT = "<analysis>-</analysis><state_snapshot>It has listed what is there.</state_snapshot>"
ASKED = re.compile(
    "(create|create or update|generate|update|produce|provide).{0,80}(summary|<state_snapshot>)|CHECKPOINT COMPACTION",
    re.DOTALL,
)


def compacts(request: ScriptedRequest) -> bool:
    return bool(ASKED.search(request.messages[-1].text))


def uses(*tokens: int) -> DynamicStep:
    """One step for all requests: tool calls that have taken so many tokens, most of them from a cache, and then the end."""
    left = iter(tokens)

    def step(request: ScriptedRequest) -> Step:
        if compacts(request):
            return say(SNAPSHOT)
        if (size := next(left, None)) is None:
            return say("done", usage=ModelUsage(input_tokens=900, output_tokens=5))
        cached = size - 1000
        usage = ModelUsage(
            input_tokens=100, input_tokens_cache_write=900, input_tokens_cache_read=cached, output_tokens=5
        )
        return shell("true", usage=usage)

    return step


@pytest.mark.parametrize(
    ("agent", "window", "below", "above"),
    [
        (claude_code, 64_000, 0.4, 0.6),
        (claude_code, 1_000_000, 0.6, 0.98),
        (codex_cli, 64_000, 0.8, 0.95),
        (codex_cli, 1_000_000, 0.6, 0.95),
        (gemini_cli, 64_000, 0.45, 0.55),
        (gemini_cli, 1_000_000, 0.45, 0.55),
        (opencode, 64_000, 0.6, 0.75),
        (opencode, 1_000_000, 0.6, 0.99),
        (qwen_code, 64_000, 0.4, 0.6),
        (qwen_code, 1_000_000, 0.6, 0.9),
    ],
)
def test_compaction(tmp_path: Path, agent: type[Agent], window: int, below: float, above: float) -> None:
    step = uses(int(below * window), int(above * window))
    model = scripted([step] * 8, name=f"of-{window}", context_window=window, side_call=SNAPSHOT)
    run = run_agent(tmp_path, agent(), [], model=model)
    for r in scripted_requests(model):
        print(
            "REQ",
            r.main,
            len(r.messages),
            len(r.tools),
            r.config.max_tokens,
            compacts(r),
            repr(r.messages[-1].text[:300]),
        )
    assert run.error is None
    asked = [compacts(request) for request in scripted_requests(model)]
    assert asked.index(True) == 2, "after the second call, whose usage was near the window's end"
