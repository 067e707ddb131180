"""A run whose MCP server does not start is never scored; a server that starts the second time is enough."""

from __future__ import annotations

from inspect import signature
from pathlib import Path

from inspect_ai.agent import BridgedToolsSpec
from inspect_ai.tool import MCPServerConfigStdio

import inspect_swe
from inspect_swe._agents import ROSTER
from inspect_swe.testing import call, finish

from .harness import compose_file, mounts, run_agents, tool_results
from .test_claude_code import FAKE_MCP

WITH_SERVERS = [a.key for a in ROSTER if "mcp_servers" in signature(getattr(inspect_swe, a.key)).parameters]
# Only below the second of the CLI's processes does it start.
LATE = 'echo $PPID >> /tmp/parents; [ "$(sort -u /tmp/parents | wc -l)" -ge 2 ] || exit 1; exec python3 -c "$SERVER"'


def test_a_server_that_starts_the_second_time(tmp_path: Path) -> None:
    server = MCPServerConfigStdio(
        name="std", command="sh", args=["-c", LATE], env={"SERVER": Path(FAKE_MCP).read_text()}
    )
    volumes = {str(mount): mount for key in WITH_SERVERS for mount in mounts(key, "stable")}
    runs = run_agents(
        tmp_path,
        {key: getattr(inspect_swe, key)(mcp_servers=[server]) for key in WITH_SERVERS},
        [call("std/add", a=2, b=3), finish("Done.")],
        ("lean_test", compose_file(tmp_path, volumes=list(volumes.values()))),
        "sort -u /tmp/parents | wc -l",
    )
    for key, run in runs.items():
        assert run.seen.strip() == "2", key
        assert any("sum=5" in result for result in tool_results(run.sample.messages)), key
        said = [message.text for message in run.sample.messages if message.role == "user"]
        assert sum("Do it." in text for text in said) == 1, (key, said)


def test_a_server_whose_command_is_not_there(tmp_path: Path) -> None:
    agents = ("claude_code", "codex_cli")
    server = MCPServerConfigStdio(name="docs", command="no-such-program", args=["--port", "1"])
    volumes = {str(mount): mount for key in agents for mount in mounts(key, "stable")}
    runs = run_agents(
        tmp_path,
        {key: getattr(inspect_swe, key)(mcp_servers=[server]) for key in agents},
        [finish("Done.")],
        ("lean_test", compose_file(tmp_path, volumes=list(volumes.values()))),
    )
    for run in runs.values():
        error = run.sample.error
        assert error is not None and not run.sample.scores
        assert "no command 'no-such-program', which starts the MCP server 'docs'" in error.message


def test_a_server_without_tools_is_not_missed(tmp_path: Path) -> None:
    agents = ("claude_code", "codex_cli")
    volumes = {str(mount): mount for key in agents for mount in mounts(key, "stable")}
    runs = run_agents(
        tmp_path,
        {key: getattr(inspect_swe, key)(bridged_tools=[BridgedToolsSpec("empty", tools=[])]) for key in agents},
        [finish("Done.")],
        ("lean_test", compose_file(tmp_path, volumes=list(volumes.values()))),
    )
    assert {key: run.error for key, run in runs.items()} == dict.fromkeys(agents)
