"""Names of MCP tools: what the adapters say, and what the real CLIs were seen to offer (`tool_names.json`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.agent import BridgedToolsSpec
from inspect_ai.tool import MCPServerConfigStdio, Tool, ToolDef

import inspect_swe
from inspect_swe import AgentOptionError
from inspect_swe._agents import ROSTER
from inspect_swe._bridge.settings import BridgeSettings
from inspect_swe._contract.options import agent_options
from inspect_swe._runtime.tool_names import offered_tools
from inspect_swe.adapter import Adapter

SEEN: dict[str, list[tuple[str, str, str]]] = json.loads(Path(__file__).with_name("tool_names.json").read_bytes())
ADAPTERS: dict[str, Adapter] = {adapter.key: adapter() for adapter in ROSTER}
LONG = "t" * 60
VERY_LONG = "u" * 120


def named(name: str) -> Tool:
    async def execute() -> str:
        return name

    return ToolDef(execute, name, f"The tool {name!r}.", {}).as_tool()


def spec(server: str, *tools: str) -> BridgedToolsSpec:
    return BridgedToolsSpec(name=server, tools=[named(tool) for tool in tools])


def settings(agent: str, **options: Any) -> BridgeSettings:
    made = agent_options(name="n", description="d", **options)
    return BridgeSettings(expected_tools=offered_tools(ADAPTERS[agent], made))


@pytest.mark.parametrize("agent", SEEN)
def test_names_are_those_that_the_cli_offers(agent: str) -> None:
    servers: dict[str, dict[str, str]] = {}
    for server, tool, name in SEEN[agent]:
        servers.setdefault(server, {})[name] = tool
    made = settings(agent, bridged_tools=[spec(server, *tools.values()) for server, tools in servers.items()])
    assert {server: tools.names for server, tools in made.expected_tools.items()} == servers
    offered = {name for _, _, name in SEEN[agent]}
    assert made.missing(offered) is None
    for server, tool, name in SEEN[agent]:
        assert name.startswith(ADAPTERS[agent].tool_prefix(server))
        assert not made.is_withheld(name)
        missing = made.missing(offered - {name})
        assert missing is not None and repr(server) in missing.summary and tool in missing.summary


def test_every_agent_with_host_tools_was_seen() -> None:
    assert SEEN.keys() == ADAPTERS.keys() - {"mini_swe_agent"}


@pytest.mark.parametrize(
    ("agent", "servers", "message"),
    [
        ("antigravity", [("s", ["files.read"])], "does not offer the tool 'files.read' of the MCP server 's'"),
        ("antigravity", [("s", [LONG])], "does not offer"),
        ("antigravity", [("s", ["naïve"])], "does not offer"),
        ("claude_code", [("s", [f"{VERY_LONG}u"])], "does not offer"),
        (
            "claude_code",
            [("s", ["x.y", "x_y"])],
            "'s/x.y' and 's/x_y' by the same name, 'mcp__s__x_y'",
        ),
        ("copilot_cli", [("s", [f"{VERY_LONG}1", f"{VERY_LONG}2"])], "by the same name"),
        ("gemini_cli", [("s", ["a b", "a/b"])], "by the same name"),
        ("kimi_code", [("s", ["a_b", "a__b"])], "by the same name"),
        ("kimi_code", [("a_b", ["x"]), ("a__b", ["x"])], "servers 'a_b' and 'a__b' the same name"),
        ("opencode", [("s", ["x.y", "x_y"])], "by the same name"),
        ("opencode", [("plan", ["exit"])], "has a tool 'plan_exit' of its own"),
        ("codex_cli", [("a-b", ["x"]), ("a_b", ["y"])], "servers 'a-b' and 'a_b' the same name"),
        ("pi", [("a-b", ["x"]), ("a_b", ["y"])], "servers 'a-b' and 'a_b' the same name"),
        (
            "pi",
            [("a", ["b__c"]), ("a__b", ["c"])],
            "'a/b__c' and 'a__b/c' by the same name",
        ),
    ],
)
def test_a_name_that_cannot_work_is_an_error_when_the_agent_is_made(
    agent: str, servers: list[tuple[str, list[str]]], message: str
) -> None:
    factory: Any = getattr(inspect_swe, agent)
    with pytest.raises(AgentOptionError, match=message):
        factory(bridged_tools=[spec(server, *tools) for server, tools in servers])
    chosen = [MCPServerConfigStdio(name=server, command="x", tools=tools) for server, tools in servers]
    with pytest.raises(AgentOptionError, match=message):
        factory(mcp_servers=chosen)
    if interactive := getattr(inspect_swe, f"interactive_{agent}", None):
        with pytest.raises(AgentOptionError, match=message):
            interactive(bridged_tools=[spec(server, *tools) for server, tools in servers])


@pytest.mark.parametrize("agent", ["codex_cli", "pi", "qwen_code"])
def test_names_that_become_alike_are_told_apart_where_the_cli_does_so(agent: str) -> None:
    names = settings(agent, bridged_tools=[spec("s", "x.y", "x_y", VERY_LONG)]).expected_tools["s"].names
    assert names is not None and len(names) == 3


def test_a_server_whose_name_leaves_no_room_for_a_tool() -> None:
    server = MCPServerConfigStdio(name="s" * 60, command="x")
    inspect_swe.claude_code(mcp_servers=[server])
    with pytest.raises(AgentOptionError, match="the server a shorter name"):
        inspect_swe.antigravity(mcp_servers=[server])


def test_a_server_without_tools_lacks_none() -> None:
    assert settings("claude_code", bridged_tools=[spec("empty")]).missing({"Bash"}) is None


def test_a_server_that_does_not_start_is_named_with_its_command() -> None:
    server = MCPServerConfigStdio(name="docs", command="no-such-program", args=["--port", "1"])
    missing = settings("claude_code", mcp_servers=[server]).missing({"Bash"})
    assert missing is not None
    assert "MCP server 'docs' (command 'no-such-program'): * not offered to the model" in missing.summary


def test_servers_whose_names_begin_alike() -> None:
    made = settings(
        "opencode",
        bridged_tools=[spec("web", "get")],
        mcp_servers=[MCPServerConfigStdio(name="web_search", command="x")],
    )
    assert not made.is_withheld("web_get") and not made.is_withheld("web_search_find")
    assert made.is_withheld("web_put") and not made.is_withheld("bash")
