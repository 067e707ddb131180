"""What the adapter makes of facts: plain values compared with plain values."""

from __future__ import annotations

import json

import pytest
from inspect_ai.tool import MCPServerConfigHTTP, MCPServerConfigStdio

from inspect_swe._agents.claude_code.agent import ClaudeCode
from inspect_swe._contract.adapter import Invocation, Turn

from .support import sites

site = sites("/tools/claude")
SITE = site()
COMMON = ("/tools/claude", "--print", "--output-format", "stream-json", "--verbose")
SESSION = SITE.session_id


def test_first_and_resumed_prompt() -> None:
    agent = ClaudeCode()
    skip = ("--model", "gpt-5", "--dangerously-skip-permissions")
    first = agent.turn(SITE, Turn("- do it", resume=False))
    assert first == Invocation((*COMMON, "--session-id", SESSION, *skip), b"- do it")
    again = agent.turn(SITE, Turn("again", resume=True))
    assert again == Invocation((*COMMON, "--resume", SESSION, *skip), b"again")


def test_options_become_flags() -> None:
    servers = (
        MCPServerConfigStdio(name="std", command="run", args=["a"], cwd="/srv", env={"K": "v"}, tools=["add"]),
        MCPServerConfigHTTP(name="web", type="http", url="http://x/mcp", headers={"H": "v"}),
    )
    agent = ClaudeCode(
        model_config="claude-sonnet-4-5", permission_mode="auto", disallowed_tools=("WebSearch", "Agent")
    )
    place = site(mcp_servers=servers, system="be brief", debug=True)
    assert agent.turn(place, Turn("x", resume=False)).argv == (
        *COMMON,
        *("--session-id", SESSION, "--model", "claude-sonnet-4-5", "--permission-mode", "auto"),
        *("--mcp-config", "/scratch/home/mcp.json", "--allowed-tools", "mcp__std__add,mcp__web__*"),
        *("--disallowed-tools", "WebSearch,Agent", "--append-system-prompt-file", "/scratch/home/system.md"),
        *("--debug", "--debug-file", "/dev/stderr"),
    )
    files = {file.path: file.content for file in agent.launch(place).files}
    assert files["/scratch/home/system.md"] == b"be brief"
    assert json.loads(files["/scratch/home/mcp.json"]) == {
        "mcpServers": {
            "std": {
                "type": "stdio",
                "command": "sh",
                "args": ["-c", 'cd "$1" && shift && exec "$@"', "sh", "/srv", "run", "a"],
                "env": {"K": "v"},
            },
            "web": {"type": "http", "url": "http://x/mcp", "headers": {"H": "v"}},
        }
    }


def test_system_prompt_is_given_once() -> None:
    agent = ClaudeCode(replace_system_prompt="you are a test")
    first = agent.turn(SITE, Turn("x", resume=False)).argv
    assert first[-2:] == ("--system-prompt-file", "/scratch/home/system-whole.md")
    resumed = ClaudeCode().turn(site(system="s"), Turn("x", resume=True)).argv
    assert not any("system-prompt" in word for word in resumed)


def test_models() -> None:
    agent = ClaudeCode(opus="openai/gpt-5", haiku="inspect/google/gemini-2.5-flash", subagent="openai/gpt-5-mini")
    env = agent.launch(SITE).env
    assert env["ANTHROPIC_MODEL"] == env["ANTHROPIC_DEFAULT_SONNET_MODEL"] == "gpt-5"
    assert env["ANTHROPIC_DEFAULT_OPUS_MODEL"] == "openai/gpt-5"
    assert env["ANTHROPIC_DEFAULT_HAIKU_MODEL"] == env["ANTHROPIC_SMALL_FAST_MODEL"] == agent.haiku
    assert env["CLAUDE_CODE_SUBAGENT_MODEL"] == "openai/gpt-5-mini"
    assert agent.route("gpt-5").aliases == {
        "gpt-5": None,
        "openai/gpt-5": "openai/gpt-5",
        "inspect/google/gemini-2.5-flash": "google/gemini-2.5-flash",
        "openai/gpt-5-mini": "openai/gpt-5-mini",
    }


def test_presented_model() -> None:
    assert ClaudeCode(model_config="claude-opus-4-1").route("gpt-5").aliases == {"claude-opus-4-1": None}


def test_shell_where_there_is_no_bash() -> None:
    launch = ClaudeCode().launch(site(shells=frozenset()))
    assert launch.env["SHELL"] == launch.env["CLAUDE_CODE_SHELL"] == "/scratch/home/shell/bash"
    assert [(file.path, file.mode) for file in launch.files] == [("/scratch/home/shell/bash", 0o755)]
    assert "SHELL" not in ClaudeCode().launch(SITE).env


def test_configuration_is_private_and_inherits_the_users() -> None:
    launch = ClaudeCode().launch(SITE)
    assert launch.env["CLAUDE_CONFIG_DIR"] == "/scratch/home"
    assert ("/root/.claude/settings.json", "settings.json") in launch.inherit
    assert launch.skills == "/scratch/home/skills"


LIMITS = {
    "CLAUDE_CODE_MAX_CONTEXT_TOKENS": "200000",
    "CLAUDE_CODE_AUTO_COMPACT_WINDOW": "200000",
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "8000",
}
SMALL = {"CLAUDE_CODE_MAX_CONTEXT_TOKENS": "53000", "CLAUDE_CODE_AUTO_COMPACT_WINDOW": "53000"}


@pytest.mark.parametrize(
    ("model", "known", "limits"),
    [
        ("gpt-5", {}, {}),
        ("gpt-5", {"window": 200_000, "max_output": 8_000}, LIMITS),
        ("gpt-5", {"window": 30_000}, SMALL),
        # Of this name it has 100,000 tokens at least, of which it keeps 20,000 for an answer: a quarter is 20,000.
        ("claude-sonnet-4-5", {"window": 30_000}, {**SMALL, "CLAUDE_AUTOCOMPACT_PCT_OVERRIDE": "25.00"}),
    ],
)
def test_limits_of_the_model(model: str, known: dict[str, int], limits: dict[str, str]) -> None:
    env, plain = ClaudeCode().launch(site(model=model, **known)).env, ClaudeCode().launch(site(model=model)).env
    assert env == {**plain, **limits} and plain.keys() & {*LIMITS, "CLAUDE_AUTOCOMPACT_PCT_OVERRIDE"} == set()


@pytest.mark.parametrize(
    ("model", "window", "name"),
    [
        ("claude-sonnet-4-5", 1_000_000, "claude-sonnet-4-5[1m]"),
        ("claude-sonnet-4-5", 200_000, "claude-sonnet-4-5"),
        ("claude-sonnet-4-5", None, "claude-sonnet-4-5"),
        ("gpt-5", 1_000_000, "gpt-5"),
    ],
)
def test_large_window_of_a_known_model(model: str, window: int | None, name: str) -> None:
    place = site(model=model, window=window)
    assert ClaudeCode().launch(place).env["ANTHROPIC_MODEL"] == name
    argv = ClaudeCode().turn(place, Turn("x", resume=False)).argv
    assert argv[argv.index("--model") + 1] == name
    assert ClaudeCode().route(model).aliases == {model: None}
