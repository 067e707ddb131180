from __future__ import annotations

import json
from pathlib import Path

import pytest

import inspect_swe
from inspect_swe import AgentOptionError, RoutingError
from inspect_swe._agents import ROSTER
from inspect_swe._agents.claude_code.agent import ClaudeCode
from inspect_swe._agents.gemini_cli.agent import GeminiCli
from inspect_swe._runtime.routing import check_files, combined, diverting, with_direct
from inspect_swe.acp import interactive_claude_code
from inspect_swe.conformance._diversions import DIVERSIONS

from ..sandbox.workspaces import local_workspace

ADAPTERS = {adapter.key: adapter for adapter in ROSTER}


@pytest.mark.parametrize("key", ADAPTERS)
def test_a_variable_that_diverts_is_refused_when_the_agent_is_made(key: str) -> None:
    name = ADAPTERS[key].diverted_by[0].replace("*", "X_")
    with pytest.raises(AgentOptionError, match=f"env='{name}' would send"):
        getattr(inspect_swe, key)(env={name: "1"})


def test_so_it_is_by_interactive_agents() -> None:
    with pytest.raises(AgentOptionError, match="CLAUDE_CODE_USE_BEDROCK"):
        interactive_claude_code(env={"CLAUDE_CODE_USE_BEDROCK": "1"})


def test_every_agent_has_its_ways_and_there_are_enough_cells() -> None:
    assert {key for way in DIVERSIONS for key in way.agents} == {*ADAPTERS}
    assert sum(len(way.agents) or len(ADAPTERS) for way in DIVERSIONS) >= 60


def test_only_what_diverts_is_unset() -> None:
    present = {"CLAUDE_CODE_USE_BEDROCK", "ANTHROPIC_VERTEX_BASE_URL", "ANTHROPIC_API_KEY", "AWS_REGION", "PATH"}
    assert diverting(ClaudeCode(), present) == [
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_VERTEX_BASE_URL",
        "CLAUDE_CODE_USE_BEDROCK",
    ]


def test_the_users_own_addresses_without_a_proxy_come_first() -> None:
    assert with_direct({"A": "b"}) == {"A": "b"}
    found = with_direct({"no_proxy": "mine.example"})
    assert found["NO_PROXY"] == found["no_proxy"] == "mine.example,127.0.0.1,localhost,::1"


@pytest.mark.anyio
async def test_settings_of_the_sandbox_are_kept_below_ours(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text('// why\n{"a": {"b": 1, "c": "http://x"}, /* more */ "d": 2, "gone": {"e": 3}}')
    async with local_workspace(str(tmp_path)) as workspace:
        settings = await combined(workspace, str(file), b'{"a": {"b": 9}, "gone": {}}')
        assert json.loads(settings) == {"a": {"b": 9, "c": "http://x"}, "d": 2, "gone": {}}
        assert await combined(workspace, str(tmp_path / "none.json"), b"{}") == b"{}"
        file.write_text("{")
        with pytest.raises(RoutingError, match=f"{file} in the sandbox is not valid JSON"):
            await combined(workspace, str(file), b"{}")


@pytest.mark.anyio
async def test_a_file_of_the_project_that_diverts_is_named(tmp_path: Path) -> None:
    file = tmp_path / ".gemini/settings.json"
    file.parent.mkdir()
    adapter = GeminiCli()
    async with local_workspace(str(tmp_path)) as workspace:
        await check_files(adapter, workspace)
        file.write_text('{"security": {"auth": {"selectedType": "gemini-api-key"}}}')
        await check_files(adapter, workspace)
        file.write_text('{"security": {"auth": {"selectedType": "vertex-ai"}}}')
        with pytest.raises(RoutingError, match=f"^{file} in the sandbox would send"):
            await check_files(adapter, workspace)
        file.rename(tmp_path / "elsewhere.json")
        file.symlink_to(tmp_path / "elsewhere.json")
        with pytest.raises(RoutingError, match=f"^{file} in the sandbox would send"):
            await check_files(adapter, workspace)
