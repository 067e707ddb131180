"""What is special to the real OpenCode, in real containers without a network."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from inspect_ai.agent import BridgedToolsSpec
from inspect_ai.event import ModelEvent
from inspect_ai.model import ChatMessage, ChatMessageUser, ContentImage, ContentText
from inspect_ai.tool import MCPServerConfigStdio

from inspect_swe import opencode
from inspect_swe.testing import ScriptedRequest, ScriptStep, Step, call, fail, say, shell, turn, wait

from ..bridge.speakers import PIXEL
from .harness import asked, run_agent, tool_results
from .test_claude_code import FAKE_MCP, lookup

SUMS = "find . ~ -type f -not -name index | sort | xargs md5sum"
SUBBY = """---
description: Helps.
mode: subagent
model: openai/gpt-5
permission:
  bash: ask
---
You are SUBBY.
"""
PREPARE = f"""#!/bin/sh
set -e
mkdir -p /workspace/.opencode/agent ~/.config/opencode
cd /workspace
git init -q . && git config user.email a@b && git config user.name n
echo INSTRUCTIONS-OF-THE-TASK > AGENTS.md
echo '{{"permission": {{"webfetch": "deny", "bash": "ask"}}, "enabled_providers": ["mistral"]}}' > opencode.json
printf '%s' '{SUBBY}' > .opencode/agent/subby.md
git add -A && git commit -qm init
echo INSTRUCTIONS-OF-THE-USER > ~/.config/opencode/AGENTS.md
echo '{{"permission": {{"glob": "deny"}}}}' > ~/.config/opencode/opencode.json
{SUMS} > /before
"""


def test_configurations_of_others_count_and_stay_as_they_are(tmp_path: Path) -> None:
    outcome = run_agent(
        tmp_path,
        opencode(system_prompt="SYSTEM-MARKER"),
        [shell("echo work > work.txt"), say("done")],
        setup=PREPARE,
        show=f"git status --porcelain; {SUMS} | diff /before -; ls -A /tmp",
    )
    text = asked(outcome)
    for mark in ("INSTRUCTIONS-OF-THE-TASK", "INSTRUCTIONS-OF-THE-USER", "SYSTEM-MARKER"):
        assert text.count(mark) == 1, mark
    names = outcome.requests[0].tool_names
    assert "bash" in names and not {"webfetch", "glob"} & set(names)
    status, _, rest = outcome.seen.partition("\n")
    assert status == "?? work.txt"
    assert [line[-8:] for line in rest.splitlines() if line[0] in "<>"] == ["work.txt"]
    assert rest.splitlines()[-1] == "opencode", "an empty folder of that name is all there is in /tmp"
    events = outcome.sample.events
    (began, *_) = [each.timestamp for each in events if each.event == "info" and each.source == "inspect_swe"]
    first, second, *_ = [each for each in events if isinstance(each, ModelEvent)]
    assert first.completed
    start, step = first.timestamp - began, second.timestamp - first.completed
    # npm would wait 70 seconds for packages that cannot come, on any machine; a slow one also takes longer for a step.
    assert start < max(timedelta(seconds=60), 40 * step)


def test_a_sub_agent_of_the_task(tmp_path: Path) -> None:
    outcome = run_agent(
        tmp_path,
        opencode(),
        [
            call("task", description="help", prompt="SUB-TASK", subagent_type="subby"),
            shell("echo in the sub-agent"),
            say("sub answer"),
            shell("echo in the agent"),
            say("done"),
        ],
        setup=PREPARE,
        task={"time_limit": 120},
    )
    assert "You are SUBBY." in asked(outcome, 1) and "SUB-TASK" in asked(outcome, 1)
    assert outcome.sample.limit is None, "nobody was asked for a permission"
    answer, own = tool_results(outcome.sample.messages)
    assert "sub answer" in answer and own == "in the agent\n"
    assert outcome.sample.output.completion == "done"


@pytest.mark.parametrize(
    "model", ["anthropic/unknown", "openai/gpt-5", "google/gemini-2.5-pro", "groq/qwen/qwen3", "amazon-bedrock/x"]
)
def test_models(tmp_path: Path, model: str) -> None:
    image = ContentImage(image=f"data:image/png;base64,{PIXEL}")
    prompt: list[ChatMessage] = [ChatMessageUser(content=[ContentText(text="What is it?"), image])]
    script: list[ScriptStep] = [shell("echo one"), turn(shell("echo two"), shell("echo three")), say("done")]
    outcome = run_agent(tmp_path, opencode(opencode_model=model), script, prompt=prompt)
    assert f"The exact model ID is {model}" in asked(outcome)
    results = tool_results(outcome.sample.messages)
    assert len(results) == 3 and all(any(text in result for result in results) for text in ("one", "two", "three"))
    images = [
        part
        for message in outcome.requests[0].messages
        if isinstance(message.content, list)
        for part in message.content
        if isinstance(part, ContentImage)
    ]
    assert len(images) == 1
    assert len(outcome.requests) == 3, "there are no side calls"


def test_tools_ask_for_nothing_and_search_offline(tmp_path: Path) -> None:
    """Servers may have dashes in their names, and the environment of commands is the image's."""
    server = MCPServerConfigStdio(
        name="std-x", command="python3", args=["server.py"], cwd="/opt/mcp", env={"A": "{env:HOME}"}
    )
    script: list[ScriptStep] = [
        *[shell("echo the same again")] * 4,
        call("read", filePath="/etc/hostname"),
        call("read", filePath="/workspace/.env"),
        call("glob", pattern="**/*.txt"),
        call("grep", pattern="needle"),
        call("std-x/add", a=2, b=3),
        call("host-x/lookup", what="number"),
        call("tools/lookup", what="text"),
        shell("tr '\\0' '\\n' < /proc/$(pgrep -f server.py | head -n 1)/environ | grep -e ^XDG -e ^A="),
        shell("env | grep -e ^XDG -e ^npm_config_off -e ^BUN | sort"),
        say("done"),
    ]
    outcome = run_agent(
        tmp_path,
        opencode(mcp_servers=[server], bridged_tools=[BridgedToolsSpec(name="host-x", tools=[lookup()]), lookup()]),
        script,
        files={
            "/workspace/.env": "SECRET=1",
            "/workspace/d/a.txt": "a needle",
            "/opt/mcp/server.py": Path(FAKE_MCP).read_text(),
        },
        environment={"XDG_CACHE_HOME": "/opt/cache", "ANTHROPIC_API_KEY": "sk-x", "ANTHROPIC_BASE_URL": "http://x"},
        task={"time_limit": 120},
    )
    assert outcome.error is None and outcome.sample.limit is None
    assert {"std-x_add", "host-x_lookup", "tools_lookup"} <= set(outcome.requests[0].tool_names)
    *same, _, env, found, matched, added, number, text, of_server, of_command = tool_results(outcome.sample.messages)
    assert same == ["the same again\n"] * 4
    assert "SECRET=1" in env
    assert "/workspace/d/a.txt" in found and "a needle" in matched
    assert (added, number, text) == ("sum=5", "42", "text for text")
    assert of_server == "XDG_CACHE_HOME=/opt/cache\nA={env:HOME}\n"
    assert of_command == "XDG_CACHE_HOME=/opt/cache\n"


KILL_IT = """#!/bin/sh
nohup sh -c 'until grep " 01 " /proc/net/tcp; do sleep 0.2; done; sleep 2; pkill -9 -x opencode' >/dev/null 2>&1 &
"""


def slow_at_first(request: ScriptedRequest) -> Step:
    resumed = any("interrupted" in message.text for message in request.messages)
    return say("done") if resumed else wait(20, say("never seen"))


def test_killed_before_the_first_answer(tmp_path: Path) -> None:
    outcome = run_agent(
        tmp_path,
        opencode(system_prompt="SYSTEM-MARKER"),
        [slow_at_first, slow_at_first],
        prompt="THE-TASK",
        setup=KILL_IT,
    )
    text = asked(outcome, -1)
    assert text.count("THE-TASK") == 1 and text.count("SYSTEM-MARKER") == 1
    assert "interrupted" in text
    assert outcome.sample.output.completion == "done"


def test_a_provider_error_does_not_take_long(tmp_path: Path) -> None:
    outcome = run_agent(tmp_path, opencode(), [fail(500, "exploded")] * 20)
    assert outcome.error and "HTTP 500: exploded" in outcome.error
    assert len(outcome.requests) == 2 * 6  # the session is resumed once
    # By itself OpenCode would wait for 2, 4, 8, 16 and 30 seconds after the errors, twice.
    times = [each.timestamp for each in outcome.sample.events if isinstance(each, ModelEvent)]
    waits = [after - before for before, after in pairwise(times[:6])]
    assert waits[3] + waits[4] < 4 * (waits[0] + waits[1])


def test_a_wrong_configuration_is_named(tmp_path: Path) -> None:
    outcome = run_agent(tmp_path, opencode(), [say("never")], files={"/workspace/opencode.json": '{"share": 17}'})
    assert outcome.error and "failed: Configuration is invalid at /workspace/opencode.json" in outcome.error


def test_missing_libraries_are_named(tmp_path: Path) -> None:
    outcome = run_agent(tmp_path, opencode(), [say("never")], image="musl")
    assert outcome.sample.error and "SandboxUnsupportedError" in outcome.sample.error.traceback
    assert "lacks libstdc++.so.6, libgcc_s.so.1" in outcome.sample.error.message
