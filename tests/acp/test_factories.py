"""Factories check what they are given, and their adapters describe how the CLI speaks ACP."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageSystem, ChatMessageUser, get_model
from inspect_ai.tool import MCPServerConfigHTTP, ToolCall
from inspect_ai.util import registry_create, registry_info

import inspect_swe
from inspect_swe import AgentExitedError, AgentOptionError, CodexAutoReview
from inspect_swe._acp.adapter import AcpAdapter, name_models
from inspect_swe._cli_inventory import public_name
from inspect_swe.acp import (
    ACPAgent,
    interactive_claude_code,
    interactive_codex_cli,
    interactive_gemini_cli,
    interactive_kimi_code,
    interactive_opencode,
)
from inspect_swe.testing import scripted

from ..agents.support import sites
from ..public_api import INTERACTIVE

SITE = sites("/tools/cli")()

FACTORIES: list[Callable[..., ACPAgent]] = [getattr(inspect_swe, name) for name in INTERACTIVE]


def adapter(agent: ACPAgent) -> AcpAdapter:
    return agent._adapter


@pytest.mark.parametrize("factory", FACTORIES)
@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"version": "1"}, "is not a version"),
        ({"env": {"A=": "b"}}, "environment variable"),
        ({"retry_refusals": -1}, "must not be negative"),
        ({"mcp_ready_timeout": 0}, "mcp_ready_timeout"),
        ({"skills": ["/nowhere"]}, "skill could not be read"),
    ],
)
def test_bad_input_is_rejected_by_the_factory(
    factory: Callable[..., ACPAgent], option: dict[str, Any], message: str
) -> None:
    with pytest.raises(AgentOptionError, match=message):
        factory(**option)


def test_bad_input_of_single_agents() -> None:
    with pytest.raises(AgentOptionError, match="provider/model"):
        interactive_opencode(opencode_model="x")
    with pytest.raises(AgentOptionError, match="web_search"):
        interactive_codex_cli(web_search="sometimes")  # type: ignore[arg-type]
    with pytest.raises(AgentOptionError, match="contradicts"):
        interactive_codex_cli(web_search="cached", disallowed_tools=["web_search"])
    with pytest.raises(AgentOptionError, match="auto_review and permissions='reject' contradict"):
        interactive_codex_cli(auto_review=True, permissions="reject")


CALLING = ChatMessageAssistant(content="", tool_calls=[ToolCall(id="one", function="Bash", arguments={})])


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([], "begin with a user message"),
        ([ChatMessageAssistant(content="Hello.")], "begin with a user message"),
        ([ChatMessageSystem(content="Be brief.")], "the role 'system'"),
        ([ChatMessageUser(content="Go."), CALLING], "each tool call needs exactly one result"),
    ],
)
def test_messages_that_are_no_conversation(messages: list[ChatMessage], why: str) -> None:
    with pytest.raises(AgentOptionError, match=why):
        interactive_claude_code(resume_messages=messages)


def test_messages_for_a_cli_that_cannot_go_on_with_them() -> None:
    with pytest.raises(AgentOptionError, match="OpenCode cannot resume from messages"):
        interactive_opencode(resume_messages=[ChatMessageUser(content="Go.")])


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_description_of_values(factory: Callable[..., ACPAgent]) -> None:
    made = adapter(factory())
    site = replace(SITE, tools={tool.key: f"/tools/{tool.key}" for tool in made.needs}, system="SYSTEM " * 50_000)
    service = made.acp_launch(site, False)
    assert made.acp_launch(site, False) == service
    # An argument or a variable dies above 128 KiB, so no user's text may be in one.
    assert all(len(word) < 100_000 for word in [*service.argv, *service.env.values()])
    assert all(file.path.startswith(site.config) for file in service.files)
    assert made.sessions


def test_claudes_session_receives_options_without_a_variable() -> None:
    made = adapter(interactive_claude_code(disallowed_tools=["WebFetch"]))
    server = MCPServerConfigHTTP(type="http", name="web", url="http://localhost/mcp")
    site = replace(
        SITE, tools={"node": "/node", "claude_agent_acp": "/acp.js"}, system="Be brief.", mcp_servers=(server,)
    )
    free, asking = made.acp_launch(site, False), made.acp_launch(site, True)
    assert free.argv == ("/node", "/acp.js")
    assert free.env["CLAUDE_CODE_EXECUTABLE"] == free.files[0].path
    assert free.files[0].content.decode().endswith(f' {site.command[0]} "$@"\n')
    assert free.meta["systemPrompt"] == {"append": "Be brief."}
    assert free.meta["claudeCode"]["options"]["disallowedTools"] == ["WebFetch"]
    assert free.session_servers == (server,)
    assert (free.mode, asking.mode) == ("bypassPermissions", None)


def test_modes_without_and_with_questions() -> None:
    gemini = adapter(interactive_gemini_cli())
    assert gemini.acp_launch(SITE, False).argv[-2:] == ("--approval-mode", "yolo")
    assert gemini.acp_launch(SITE, True).argv[-2:] == ("--approval-mode", "default")
    kimi = adapter(interactive_kimi_code())
    assert (kimi.acp_launch(SITE, False).mode, kimi.acp_launch(SITE, True).mode) == ("auto", "default")
    codex = adapter(interactive_codex_cli())
    site = replace(SITE, tools={"node": "/node", "codex_acp": "/acp.js"})
    assert codex.acp_launch(site, False).env["INITIAL_AGENT_MODE"] == "agent-full-access"
    assert codex.acp_launch(site, True).env["INITIAL_AGENT_MODE"] == "read-only"
    reviewed = adapter(interactive_codex_cli(auto_review=CodexAutoReview(model="openai/gpt-5"))).acp_launch(site, False)
    assert reviewed.env["INITIAL_AGENT_MODE"] == "agent"
    assert b'approvals_reviewer="auto_review"' in reviewed.files[0].content
    assert b"debug models --bundled" not in reviewed.files[0].content  # The catalogue has all models already.
    known = adapter(interactive_codex_cli(auto_review=CodexAutoReview(model="openai/gpt-5"), model_config="gpt-5.5"))
    assert b"debug models --bundled" in known.acp_launch(site, False).files[0].content
    own = adapter(interactive_codex_cli(goals=False, config_overrides={"features.skills": "true", "a.b": "c"}))
    features = json.loads(own.acp_launch(site, False).env["CODEX_CONFIG"])["features"]
    assert (features["goals"], features["skills"]) == (False, True)


def test_geminis_debug_log_is_in_the_users_home() -> None:
    service = adapter(interactive_gemini_cli(debug=True)).acp_launch(replace(SITE, debug=True), False)
    assert service.env == {"GEMINI_DEBUG_LOG_FILE": f"{SITE.home}/gemini-debug.log"}
    assert service.argv[-1] == "--debug"


def test_models_as_objects_have_names_of_their_own() -> None:
    served = scripted([])
    names, named = name_models({"opus": served, "sonnet": "openai/gpt-5", "haiku": None})
    assert names == {"opus": "script-opus", "sonnet": "openai/gpt-5", "haiku": None}
    assert named == {"script-opus": served}
    agent = interactive_claude_code(opus_model=served, model=get_model("mockllm/model"))
    assert agent._options.model_aliases["script-opus"] is served


@pytest.mark.parametrize("name", INTERACTIVE)
def test_names_in_the_registry(name: str) -> None:
    """Logs have the CLI's name; the factory's own name works on the command line."""
    factory = getattr(inspect_swe, name)
    label = adapter(factory()).label
    assert registry_info(factory).name == f"inspect_swe/{label}"
    for registered in (label, name):
        made = registry_create("agent", f"inspect_swe/{registered}", version="1.2.3")
        assert isinstance(made, ACPAgent) and made._options.version == "1.2.3"
    assert public_name(registry_info(factory()).name) == name


def test_nothing_to_drive_before_it_runs() -> None:
    agent = interactive_claude_code()
    assert not agent.ready.is_set()
    assert agent.ready is agent.ready
    with pytest.raises(AgentExitedError, match="not running"):
        _ = agent.session_id
