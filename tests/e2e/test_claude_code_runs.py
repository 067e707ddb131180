"""How runs of the real Claude Code go on and end: crashes, errors, limits, further turns, routing."""

from __future__ import annotations

from pathlib import Path

import pytest
from inspect_ai.model import GenerateConfig
from inspect_ai.tool import MCPServerConfigStdio

from inspect_swe import claude_code
from inspect_swe._runtime import session as session_module
from inspect_swe.testing import call, fail, say, scripted, scripted_requests, shell

from .harness import run_agent, tool_results
from .test_claude_code import FAKE_MCP, lookup


def test_a_killed_cli_without_retries_is_a_typed_error(tmp_path: Path) -> None:
    outcome = run_agent(tmp_path, claude_code(retry_uncaught_errors=None), [shell("kill -9 $PPID")])
    assert outcome.sample.error
    assert "AgentCrashError" in outcome.sample.error.traceback
    assert "signal 9" in outcome.sample.error.message
    assert outcome.sample.messages[-1].role == "assistant", "the partial conversation is kept"


def test_an_overloaded_provider_is_retried_by_the_cli(tmp_path: Path) -> None:
    outcome = run_agent(tmp_path, claude_code(), [fail(529, "busy"), fail(500, "oops"), say("made it")])
    assert outcome.error is None
    assert outcome.sample.output.completion == "made it"


ASK = """
import json, os, urllib.request
body = {"model": "%s", "max_tokens": 9, "messages": [{"role": "user", "content": "who?"}]}
headers = {"content-type": "application/json"}
url = os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages"
reply = urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers))
print(json.load(reply)["content"][0]["text"])
"""


def test_routing_of_model_names(tmp_path: Path) -> None:
    other = scripted([say("I am the alias")] * 3, name="other")
    ask = {name: f"python3 -c '{ASK % name}'" for name in ("my-alias", "gpt-4o")}
    outcome = run_agent(
        tmp_path,
        claude_code(model_aliases={"my-alias": other}, haiku_model="my-alias"),
        [shell(ask["my-alias"]), shell(ask["gpt-4o"]), shell("echo $ANTHROPIC_DEFAULT_HAIKU_MODEL"), say("done")],
    )
    assert outcome.error is None
    alias, anything, haiku = tool_results(outcome.sample.messages)
    assert alias == "I am the alias" and haiku == "my-alias"
    assert anything == "Scripted model", "a side call of the eval's own model"
    assert len(scripted_requests(other)) == 1


def test_disallowed_tools_and_filter(tmp_path: Path) -> None:
    outcome = run_agent(
        tmp_path,
        claude_code(disallowed_tools=["WebSearch", "Agent"], replace_system_prompt="ONLY-THIS"),
        [shell("echo hi"), say("done")],
    )
    assert outcome.error is None
    names = outcome.requests[0].tool_names
    assert "Bash" in names and not {"WebSearch", "Agent"} & set(names)
    assert any("ONLY-THIS" in message.text for message in outcome.requests[0].messages if message.role == "system")


def test_debug_traces_the_clis_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traced: list[str] = []
    monkeypatch.setattr(session_module, "trace_message", lambda logger, category, message: traced.append(message))
    outcome = run_agent(tmp_path, claude_code(debug=True), [say("done")])
    assert outcome.error is None
    text = "\n".join(traced)
    assert "stdout: " in text and '"subtype":"init"' in text
    assert "stderr: " in text and "[DEBUG]" in text


def test_auto_mode(tmp_path: Path) -> None:
    outcome = run_agent(tmp_path, claude_code(auto_mode=True, user="agent", cwd="/home/agent"), [say("done")])
    assert outcome.error is None
    assert outcome.sample.output.completion == "done"


def test_a_cli_that_does_nothing_is_not_scored(tmp_path: Path) -> None:
    outcome = run_agent(
        tmp_path,
        claude_code(version="sandbox", retry_uncaught_errors=None),
        [say("never")],
        setup="#!/bin/sh\nprintf '#!/bin/sh\\nexit 0\\n' > /usr/local/bin/claude; chmod 755 /usr/local/bin/claude\n",
    )
    assert outcome.sample.error and not outcome.sample.scores


def test_services_the_agent_started_are_there_for_the_scorer(tmp_path: Path) -> None:
    outcome = run_agent(
        tmp_path,
        claude_code(),
        [shell("setsid nohup sleep 4321 >/dev/null 2>&1 & echo started"), say("it is up")],
        show="cat /proc/[0-9]*/cmdline | tr '\\0' ' '",
    )
    assert "sleep 4321" in outcome.seen
    assert "claude" not in outcome.seen and "relay" not in outcome.seen


def test_a_proxy_of_the_image_does_not_come_in_between(tmp_path: Path) -> None:
    proxy = {"HTTP_PROXY": "http://10.0.0.1:3128", "http_proxy": "http://10.0.0.1:3128", "NO_PROXY": "internal"}
    outcome = run_agent(
        tmp_path,
        claude_code(),
        [shell("echo $NO_PROXY"), say("done")],
        environment=proxy,
        task={"time_limit": 60},
    )
    assert outcome.error is None and outcome.sample.limit is None
    assert tool_results(outcome.sample.messages) == ["internal,127.0.0.1,localhost,::1"]


@pytest.mark.parametrize("forwarded", [False, True])
def test_whose_generation_settings_count(tmp_path: Path, forwarded: bool) -> None:
    agent = claude_code(effort=None if forwarded else "low", transparent_proxy=forwarded)
    outcome = run_agent(tmp_path, agent, [say("done")], task={"config": GenerateConfig(temperature=0.25)})
    assert outcome.error is None
    config = outcome.requests[0].config
    assert (config.max_tokens is not None) == forwarded, "the CLI asks for a number of tokens"
    assert config.temperature == 0.25
    assert config.reasoning_effort == (None if forwarded else "low")


@pytest.mark.parametrize("allowed", [False, True])
def test_servers_on_the_allow_list(tmp_path: Path, allowed: bool) -> None:
    server = MCPServerConfigStdio(name="std", command="python3", args=["server.py"], cwd="/opt/mcp")
    outcome = run_agent(
        tmp_path,
        claude_code(mcp_servers=[server], permission_mode="dontAsk", allowlist_mcp_tools=allowed),
        [call("std/add", a=2, b=3), say("done")],
        files={"/opt/mcp/server.py": Path(FAKE_MCP).read_text()},
    )
    assert outcome.error is None
    (result,) = tool_results(outcome.sample.messages)
    assert (result == "sum=5") == allowed
    assert allowed or "permission" in result.lower()


def test_tools_that_are_not_offered_in_time(tmp_path: Path) -> None:
    outcome = run_agent(
        tmp_path,
        claude_code(version="sandbox", bridged_tools=[lookup()], mcp_ready_timeout=3),
        [say("never")],
        setup="#!/bin/sh\nprintf '#!/bin/sh\\nsleep 999\\n' > /usr/local/bin/claude; chmod 755 /usr/local/bin/claude\n",
    )
    assert outcome.sample.error and "ToolsMissingError" in outcome.sample.error.traceback
    assert "'tools'" in outcome.sample.error.message and "3 seconds" in outcome.sample.error.message
    assert not outcome.sample.scores
