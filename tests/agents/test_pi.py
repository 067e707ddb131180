"""What the adapter makes of facts: plain values compared with plain values."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
from inspect_ai.tool import MCPServerConfigHTTP, MCPServerConfigStdio

from inspect_swe import AgentOptionError, opencode, pi
from inspect_swe._agents.pi.agent import Pi
from inspect_swe._contract.adapter import Invocation, Turn

from .support import ended, files, sites

site = sites("/tools/node", "/tools/cli.js")
SITE = site()
ARGV = (
    *("/tools/node", "/tools/cli.js", "--approve", "--provider", "anthropic", "--model", "claude-sonnet-4-5"),
    *("--extension", "/scratch/home/session.js"),
)


def configured(model: str = "anthropic/claude-sonnet-4-5", name: str = "models", **changes: Any) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(files(Pi(model).launch(site(**changes)))[f"{name}.json"])
    return content


def test_options_are_those_of_opencode() -> None:
    other = [name.replace("opencode_", "pi_") for name in inspect.signature(opencode).parameters]
    assert list(inspect.signature(pi).parameters) == [name for name in other if name != "session_title"]


def test_first_and_resumed_prompt() -> None:
    first = Pi().turn(SITE, Turn("- do it", resume=False))
    assert first == Invocation((*ARGV, "--print", "--session-id", SITE.session_id), b"- do it")
    again = Pi().turn(site(debug=True), Turn("again", resume=True, images=("/a.png",), fork=True))
    assert again == Invocation((*ARGV, "--mode", "json", "--fork", SITE.session_id, "@/a.png"), b"again")


@pytest.mark.parametrize(
    ("model", "api", "url"),
    [
        ("anthropic/claude-sonnet-4-5", "anthropic-messages", "http://127.0.0.1:1234"),
        ("google/gemini-3-pro", "google-generative-ai", "http://127.0.0.1:1234/v1beta"),
        ("openai/gpt-5", "openai-responses", "http://127.0.0.1:1234/v1"),
        ("openrouter/qwen/qwen3-coder", "openai-completions", "http://127.0.0.1:1234/v1"),
    ],
)
def test_the_provider_decides_on_the_api(model: str, api: str, url: str) -> None:
    provider, _, name = model.partition("/")
    entry = {"id": name, "input": ["text", "image"]}
    served = {"baseUrl": url, "api": api, "apiKey": "none-needed", "models": [entry]}
    assert configured(model) == {"providers": {provider: served}}
    assert Pi(model).route("gpt-5").aliases == {name: None}


def test_limits_of_the_model() -> None:
    def limited(**limits: Any) -> Any:
        return configured(**limits)["providers"]["anthropic"]["models"][0]

    assert "contextWindow" not in limited() and "maxTokens" not in limited()
    assert limited(window=128_000, max_output=8_000) == {**limited(), "contextWindow": 128_000, "maxTokens": 8_000}
    assert limited(window=30_000)["contextWindow"] == 36_384
    compactions = [configured(name="settings", window=window)["compaction"] for window in (None, 30_000, 200_000)]
    assert compactions == [{"keepRecentTokens": 20_000}, {"keepRecentTokens": 7_500}, {"keepRecentTokens": 20_000}]


@pytest.mark.parametrize("model", ["claude", "/x", "x/", "a b/c", "openai/gpt-5:high", "openai/*"])
def test_a_model_that_is_none(model: str) -> None:
    with pytest.raises(AgentOptionError, match='is not of the form "provider/model"'):
        pi(pi_model=model)


def test_mcp_servers() -> None:
    servers = (
        MCPServerConfigStdio(name="std", command="run", args=["a"], env={"K": "$v", "L": "!ls"}),
        MCPServerConfigHTTP(name="web-1", type="http", url="http://x/mcp", headers={"H": "v"}),
    )
    always = {"exposure": "direct", "timeout": 2147483}
    assert configured(name="mcp", mcp_servers=servers)["mcpServers"] == {
        "std": {"type": "stdio", "command": "run", "args": ["a"], "env": {"K": "$$v", "L": "$!ls"}, **always},
        "web-1": {"type": "http", "url": "http://x/mcp", "headers": {"H": "v"}, **always},
    }
    assert Pi().tool_prefix("web-1") == "mcp__web_1__"


def test_configuration_is_private_and_inherits_the_users() -> None:
    launch = Pi().launch(site(system="be brief"))
    assert launch.env["PI_CODING_AGENT_DIR"] == "/scratch/home"
    assert ("/root/.pi/agent/AGENTS.md", "AGENTS.md") in launch.inherit
    assert launch.skills == "/scratch/home/skills"
    assert files(launch)["system.md"] == "be brief" and "system.md" not in files(Pi().launch(SITE))
    argv = Pi().turn(site(system="be brief"), Turn("x", resume=False)).argv
    assert argv[len(ARGV) :][:2] == ("--append-system-prompt", "/scratch/home/system.md")


def test_the_extension_names_the_session() -> None:
    assert Pi().session_id(ended(0, {"pi_session": "s-1"}, {"type": "session", "id": "s-2"})) == "s-1"
