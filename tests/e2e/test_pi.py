"""What is special to the real pi, in real containers without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
from inspect_ai.model import ChatMessageUser, Content, ContentImage, ContentText, ModelUsage
from inspect_ai.tool import MCPServerConfigStdio

from inspect_swe import UnknownVersionError, pi
from inspect_swe.testing import (
    ScriptedRequest,
    ScriptStep,
    Step,
    call,
    finish,
    refuse,
    say,
    scripted,
    scripted_requests,
    shell,
)

from .harness import Run, asked, compose_file, mounts, run_agent, run_agents

MODELS = {
    "anthropic": "anthropic/claude-sonnet-4-5",
    "completions": "openrouter/qwen/qwen3-coder",
    "google": "google/gemini-3-pro",
    "responses": "openai/gpt-5",
}
PIXEL = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def with_each_model(folder: Path, script: list[ScriptStep]) -> dict[str, Run]:
    place = "lean_test", compose_file(folder, volumes=mounts("pi", "stable"))
    return run_agents(folder, {api: pi(pi_model=model) for api, model in MODELS.items()}, script, place)


def test_all_apis(tmp_path: Path) -> None:
    runs = with_each_model(tmp_path, [shell("echo HI; echo $PI_PROVIDER/$PI_MODEL"), say("fine")])
    assert runs.keys() == MODELS.keys()
    for api, run in runs.items():
        assert run.error is None, (api, run.error)
        results = [message.text for message in run.sample.messages if message.role == "tool"]
        assert len(results) == 1 and "HI" in results[0] and MODELS[api] in results[0]
        assert run.sample.output.completion.strip() == "fine"


def test_refusals_of_all_apis_are_scored(tmp_path: Path) -> None:
    runs = with_each_model(tmp_path, [refuse("I will not.")])
    assert runs.keys() == MODELS.keys()
    for api, run in runs.items():
        assert run.error is None, (api, run.error)
        assert run.sample.scores and run.sample.output.stop_reason == "content_filter"


@pytest.mark.parametrize(
    "prompt",
    ["/mcp list returns 500. Fix it.", "/skill:magic is a command", "/fix it", "@README.md says so", "--help"],
    ids=["extension", "skill", "template", "mention", "option"],
)
def test_a_prompt_arrives_as_it_is_written(tmp_path: Path, prompt: str) -> None:
    files = {"README.md": "SECRET-OF-THE-FILE", ".pi/prompts/fix.md": "SECRET-OF-THE-TEMPLATE"}
    outcome = run_agent(tmp_path, pi(), [say("ok")], prompt=prompt, files=files)
    text = asked(outcome)
    assert outcome.requests[0].messages[-1].text == prompt
    assert "SECRET" not in text


def test_images(tmp_path: Path) -> None:
    content: list[Content] = [ContentText(text="/what is this?"), ContentImage(image=PIXEL)]
    outcome = run_agent(tmp_path, pi(), [say("a dot")], prompt=[ChatMessageUser(content=content)])
    assert "/what is this?" in asked(outcome) and "\u2063" not in asked(outcome)
    seen = [part for message in outcome.requests[0].messages for part in message.content if not isinstance(part, str)]
    assert [part.type for part in seen if part.type == "image"] == ["image"]


SLOW = r"""
import json, sys, time
time.sleep(15)
for line in sys.stdin:
    request = json.loads(line)
    method = request.get("method")
    result = {"tools": [{"name": "late", "inputSchema": {"type": "object"}}]} if method == "tools/list" else {
        "protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "x", "version": "1"},
        "content": [{"type": "text", "text": "NOT-TOO-LATE"}]}
    if "id" in request:
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)
"""


def test_a_slow_mcp_server_is_waited_for(tmp_path: Path) -> None:
    """Its values are taken as they are, too: no variables are filled in, no commands run."""
    command = 'echo "$A$B" > said; exec python3 slow.py'
    server = MCPServerConfigStdio(name="slow", command="sh", args=["-c", command], env={"A": "$HOME ", "B": "!ls"})
    script: list[ScriptStep] = [call("slow/late"), say("ok")]
    outcome = run_agent(tmp_path, pi(mcp_servers=[server]), script, files={"slow.py": SLOW}, show="cat said")
    assert outcome.seen == "$HOME !ls\n"
    assert [tool.name for tool in outcome.requests[0].tools][-1] == "mcp__slow__late"
    assert "NOT-TOO-LATE" in asked(outcome, 1)


@pytest.mark.parametrize(("window", "at"), [(40_000, 0.8), (200_000, 0.99)])
def test_compaction(tmp_path: Path, window: int, at: float) -> None:
    """It goes by the served model's real window, and counts the latest result by its length."""
    filled = (0.45, 0.5, 0.8, 0.88, 0.99)

    def step(request: ScriptedRequest) -> Step:
        if request.index >= len(filled) or any("WHAT-WENT-BEFORE" in message.text for message in request.messages):
            return say("done")
        usage = ModelUsage(input_tokens=int(window * filled[request.index]), output_tokens=5)
        return shell("printf %018000d 0", usage=usage)

    model = scripted([step] * 9, name=f"of-{window}", context_window=window, side_call="WHAT-WENT-BEFORE")
    outcome = run_agent(tmp_path, pi(), [], model=model)
    assert outcome.error is None, outcome.error
    summaries = [not request.tools for request in scripted_requests(model)]
    assert filled[summaries.index(True) - 1] == at
    assert "WHAT-WENT-BEFORE" in asked(outcome, -1) and outcome.sample.output.completion.strip() == "done"


def test_nothing_is_left_outside_of_the_private_folder(tmp_path: Path) -> None:
    show = "ls -A /tmp /root | grep -e jiti -e node -e pi"
    outcome = run_agent(tmp_path, pi(), [shell("env"), finish("ok")], show=show)
    assert outcome.seen == ""
    assert "PI_SESSION_ID" in asked(outcome, 1)
    assert "NODE_COMPILE_CACHE" not in asked(outcome, 1) and "JITI" not in asked(outcome, 1)


def test_the_tasks_own_configuration_counts(tmp_path: Path) -> None:
    files = {".pi/settings.json": '{"defaultTools": ["+grep"]}', ".pi/APPEND_SYSTEM.md": "x", "AGENTS.md": "BE-TIDY"}
    outcome = run_agent(tmp_path, pi(system_prompt="SYSTEM-MARKER"), [say("ok")], files=files)
    assert "grep" in [tool.name for tool in outcome.requests[0].tools]
    assert asked(outcome).count("SYSTEM-MARKER") == asked(outcome).count("BE-TIDY") == 1


def test_the_oldest_version_that_the_store_has(tmp_path: Path) -> None:
    outcome = run_agent(tmp_path, pi(version="1.0.3"), [shell("echo IT-RUNS"), say("ok")], mount=False)
    assert "IT-RUNS" in asked(outcome, 1) and outcome.info["version"] == "1.0.3"


def test_a_version_that_npm_would_have_to_install(tmp_path: Path) -> None:
    outcome = run_agent(tmp_path, pi(version="0.87.1"), [say("ok")], mount=False)
    assert outcome.error and "can't be fetched: versions before 1.0.3 need npm" in outcome.error
    assert UnknownVersionError.__name__ not in outcome.error
