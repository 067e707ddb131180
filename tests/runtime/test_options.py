from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from inspect_ai.agent import BridgedToolsSpec
from inspect_ai.tool import MCPServerConfigStdio, Skill, Tool, tool
from pydantic import BaseModel

from inspect_swe import AgentOptionError, ResultSpec, claude_code
from inspect_swe._contract.options import AgentOptions, agent_options
from inspect_swe.adapter import swe_agent

from ..fakes.outside_agent import Outside


@tool
def one() -> Tool:
    async def execute() -> str:
        """Says one."""
        return "1"

    return execute


def options(**arguments: Any) -> AgentOptions:
    return agent_options(name="n", description="d", **arguments)


SERVER = MCPServerConfigStdio(name="same", command="x")
SPEC = BridgedToolsSpec(name="same", tools=[one()])
SKILL = Skill(name="s", description="d", instructions="i")


class Told(BaseModel):
    text: str


class Untold(BaseModel):
    call: Callable[[], int]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"attempts": 0}, "attempts"),
        ({"retry_refusals": -1}, "retry_refusals"),
        ({"retry_crashes": -1}, "retry_uncaught_errors"),
        ({"version": "newest"}, "newest"),
        ({"mcp_servers": [SERVER], "bridged_tools": [SPEC]}, "same"),
        ({"bridged_tools": [BridgedToolsSpec(name="a b", tools=[one()])]}, "a b"),
        ({"mcp_servers": [MCPServerConfigStdio(name="my.server", command="x")]}, "my.server"),
        ({"bridged_tools": [one(), one()]}, "one"),
        ({"skills": [SKILL, SKILL]}, "skill"),
        ({"skills": ["/no/such/skill"]}, "/no/such/skill"),
        ({"env": {"A=B": "x"}}, "A=B"),
        ({"env": {"A": object()}}, "A"),
        ({"centaur": True, "attempts": 2}, "attempts"),
        ({"response_schema": int}, "a class derived from BaseModel"),
        ({"response_schema": Told(text="x")}, "a class derived from BaseModel"),
        ({"response_schema": ResultSpec({"type": "object"})}, "neither a pydantic model"),  # type: ignore[arg-type]
        ({"response_schema": ResultSpec(Told, retries=-1)}, "retries"),
        ({"response_schema": Untold}, "has no valid JSON schema"),
        ({"centaur": True, "response_schema": Told}, "centaur"),
    ],
)
def test_bad_options(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(AgentOptionError, match=says):
        options(**arguments)


def test_plain_tools_become_one_server() -> None:
    (spec,) = options(bridged_tools=[one()]).bridged_tools
    assert spec.name == "tools"


def test_a_cli_without_a_terminal_has_no_centaur_mode() -> None:
    with pytest.raises(AgentOptionError, match="Outside agent has no centaur mode"):
        swe_agent(Outside(), options(centaur=True))


@pytest.mark.parametrize(
    "make",
    [
        lambda: claude_code(attempts=0),
        lambda: claude_code(centaur=True, attempts=2),
        lambda: claude_code(skills=["/no/such/skill"]),
        lambda: claude_code(retry_uncaught_errors=-2),
    ],
)
def test_factories_check_at_construction(make: Callable[[], object]) -> None:
    with pytest.raises(AgentOptionError):
        make()
