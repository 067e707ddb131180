"""What the adapter makes of facts: plain values compared with plain values."""

from __future__ import annotations

import inspect
import json

import pytest
from inspect_ai.tool import MCPServerConfigHTTP, MCPServerConfigStdio

from inspect_swe import AgentOptionError, copilot_cli, opencode
from inspect_swe._agents.copilot_cli.agent import _SESSION, CopilotCli, Wire
from inspect_swe._contract.adapter import Invocation, Turn

from .support import files, sites

site = sites("/tools/node", "--liftoff-only", "/tools/index.js")
SITE = site()
BEFORE = ("sh", "-c", _SESSION, "sh", "/scratch/home", SITE.session_id)
ARGV = (
    *("/tools/node", "--require", "/scratch/home/roots.cjs", "--liftoff-only", "/tools/index.js"),
    *("--additional-mcp-config", "@/scratch/home/servers.json", "--allow-all", "--output-format", "json"),
    *("--session-id", SITE.session_id),
)


def test_options_are_those_of_opencode() -> None:
    other = [name.replace("opencode_", "copilot_") for name in inspect.signature(opencode).parameters]
    other[other.index("session_title")] = "wire"
    assert list(inspect.signature(copilot_cli).parameters) == other


def test_first_and_resumed_prompt() -> None:
    first = CopilotCli().turn(SITE, Turn("- do it", resume=False))
    assert first == Invocation((*BEFORE, "new", *ARGV), b"- do it")
    again = CopilotCli().turn(site(debug=True), Turn("again", resume=True, images=("/a.png", "/b.png")))
    images = ("--attachment=/a.png", "--attachment=/b.png")
    assert again == Invocation((*BEFORE, "again", *ARGV, "--log-level", "debug", *images), b"again")


def test_the_sandboxs_own_cli_runs_by_itself() -> None:
    argv = CopilotCli().turn(site(command=("/usr/bin/copilot",)), Turn("x", resume=False)).argv
    assert argv == (*BEFORE, "new", "/usr/bin/copilot", *ARGV[5:])


def test_mcp_servers() -> None:
    servers = (
        MCPServerConfigStdio(name="std", command="run", args=["a"], env={"K": "v"}),
        MCPServerConfigHTTP(name="web", type="http", url="http://x/mcp", headers={"H": "v"}),
    )
    always = {"tools": ["*"], "timeout": 2147483647}
    written = files(CopilotCli().launch(site(mcp_servers=servers)))
    assert written["servers/std"] == "exec env K=v run a\n"
    assert json.loads(written["servers.json"])["mcpServers"] == {
        "std": {"type": "stdio", "command": "sh", "args": ["/scratch/home/servers/std"], "env": {}, **always},
        "web": {"type": "http", "url": "http://x/mcp", "headers": {"H": "v"}, **always},
    }


def test_configuration_is_private_and_inherits_the_users() -> None:
    assert "instructions/session.instructions.md" not in files(CopilotCli().launch(SITE))
    launch = CopilotCli().launch(site(system="be brief"))
    assert files(launch)["instructions/session.instructions.md"] == '---\napplyTo: "**"\n---\nbe brief'
    assert launch.env["COPILOT_HOME"] == "/scratch/home"
    assert "COPILOT_PROVIDER_API_KEY" not in launch.env
    assert ("/root/.copilot/settings.json", "settings.json") in launch.inherit
    assert launch.skills == "/scratch/home/skills"


@pytest.mark.parametrize(
    ("model", "wire", "dialect", "expected"),
    [
        ("claude-sonnet-5.5", None, "anthropic", ("anthropic", "completions", "")),
        ("gpt-5.4", None, "responses", ("openai", "responses", "/v1")),
        ("kimi-k3", None, "completions", ("openai", "completions", "/v1")),
        ("gpt-5.4", "anthropic", "anthropic", ("anthropic", "completions", "")),
    ],
)
def test_models_and_wires(model: str, wire: Wire | None, dialect: str, expected: tuple[str, str, str]) -> None:
    adapter = CopilotCli(model, wire)
    assert (adapter.route("x").aliases, adapter.route("x").dialect) == ({model: None}, dialect)
    env = adapter.launch(SITE).env
    assert env["COPILOT_MODEL"] == model
    assert (env["COPILOT_PROVIDER_TYPE"], env["COPILOT_PROVIDER_WIRE_API"]) == expected[:2]
    assert env["COPILOT_PROVIDER_BASE_URL"] == f"http://127.0.0.1:1234{expected[2]}"


def test_a_wire_that_it_does_not_speak() -> None:
    with pytest.raises(AgentOptionError, match="wire='google'"):
        copilot_cli(wire="google")  # type: ignore[arg-type]


def test_limits_of_the_served_model() -> None:
    names = {"COPILOT_PROVIDER_MAX_PROMPT_TOKENS": "100000", "COPILOT_PROVIDER_MAX_OUTPUT_TOKENS": "8000"}
    assert names.items() <= CopilotCli().launch(site(window=100_000, max_output=8_000)).env.items()
    assert not names.keys() & CopilotCli().launch(SITE).env.keys()
