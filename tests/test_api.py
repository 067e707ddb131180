"""The public signatures are what was promised: names, their order, and defaults."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, get_args, get_type_hints

import pytest
from typing_extensions import Unpack

import inspect_swe

REQUIRED = inspect.Parameter.empty
HEAVY = {"inspect_ai", "acp", "anthropic", "docker", "google", "httpx", "mcp", "openai", "pydantic", "rich", "yaml"}


@pytest.mark.parametrize(
    ("module", "heavy"), [("inspect_swe", HEAVY), ("inspect_swe._registry", {"anthropic", "openai", "google.genai"})]
)
def test_importing_the_package_loads_nothing_heavy(module: str, heavy: set[str]) -> None:
    code = f"import sys, {module}; print(*({heavy!r} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


_WORKS = (
    "\nAutonomous coding agent capable of writing, testing, debugging,\n"
    "and iterating on code across multiple languages.\n"
)
_FIRST = ["name", "description", "system_prompt"]
_MCP = ["skills", "mcp_servers", "bridged_tools"]
_LAST = ["cwd", "env", "user", "sandbox", "version", "debug"]

ORDER: dict[str, list[str]] = {
    "antigravity": [
        *_FIRST,
        *_MCP[1:],
        "mcp_ready_timeout",
        "model",
        "model_aliases",
        "filter",
        "retry_refusals",
        "user",
        "cwd",
        "sandbox",
        "version",
        "endpoint_model",
        "debug",
    ],
    "claude_code": [
        *_FIRST,
        *_MCP,
        "disallowed_tools",
        "centaur",
        "attempts",
        "model",
        "model_config",
        "model_aliases",
        "opus_model",
        "sonnet_model",
        "haiku_model",
        "subagent_model",
        "filter",
        "auto_mode",
        "retry_refusals",
        "retry_uncaught_errors",
        *_LAST,
    ],
    "codex_cli": [
        *_FIRST,
        "model_config",
        *_MCP,
        "web_search",
        "goals",
        "centaur",
        "attempts",
        "model",
        "model_aliases",
        "filter",
        "retry_refusals",
        "home_dir",
        *_LAST[:-1],
        "config_overrides",
        "debug",
    ],
    "gemini_cli": [
        *_FIRST,
        *_MCP,
        "centaur",
        "attempts",
        "model",
        "model_aliases",
        "gemini_model",
        "filter",
        "retry_refusals",
        *_LAST,
    ],
    "opencode": [
        *_FIRST,
        *_MCP,
        "centaur",
        "attempts",
        "model",
        "model_aliases",
        "opencode_model",
        "filter",
        "retry_refusals",
        *_LAST,
    ],
    "kimi_code": [
        *_FIRST,
        *_MCP,
        "mcp_ready_timeout",
        "centaur",
        "attempts",
        "model",
        "max_context_size",
        "model_aliases",
        "filter",
        "retry_refusals",
        "disallowed_tools",
        *_LAST,
    ],
    "mini_swe_agent": [
        *_FIRST,
        "centaur",
        "attempts",
        "model",
        "model_aliases",
        "filter",
        "retry_refusals",
        "compaction",
        *_LAST,
    ],
}
"""What can be given by position."""

ADDED: dict[str, set[str]] = {
    "antigravity": {"attempts", "env", "skills", "web_search"},
    "claude_code": {
        "mcp_ready_timeout",
        "permission_mode",
        "replace_system_prompt",
        "effort",
        "transparent_proxy",
        "allowlist_mcp_tools",
        "allowlist_bridged_tools",
    },
    "codex_cli": {
        "disallowed_tools",
        "mcp_ready_timeout",
        "mcp_startup_timeout",
        "transparent_proxy",
        "auto_review",
        "sandbox_mode",
        "approval_policy",
        "network_access",
        "approve_static_mcp_tools",
    },
    "gemini_cli": {"mcp_ready_timeout", "web_search"},
    "opencode": {"mcp_ready_timeout", "session_title"},
    "kimi_code": set(),
    "mini_swe_agent": set(),
}
"""What can be given by keyword only."""

DEFAULTS: dict[str, Any] = {
    "description": _WORKS,
    "centaur": False,
    "attempts": 1,
    "version": "auto",
    "web_search": True,
    "mcp_ready_timeout": 120,
    "transparent_proxy": False,
}
"""Everything else is None, unless `OWN_DEFAULTS` says so."""

OWN_DEFAULTS: dict[str, dict[str, Any]] = {
    "antigravity": {
        "name": "Antigravity",
        "description": "\nGoogle's Antigravity coding agent: reads, writes and tests code, runs\n"
        "commands, searches the web, and plans with sub-agents.\n",
        "version": "stable",
        "endpoint_model": "gemini-3.6-flash",
    },
    "claude_code": {
        "name": "Claude Code",
        "auto_mode": False,
        "retry_refusals": 3,
        "retry_uncaught_errors": 3,
        "allowlist_mcp_tools": True,
        "allowlist_bridged_tools": True,
    },
    "codex_cli": {
        "name": "Codex CLI",
        "web_search": "live",
        "goals": True,
        "mcp_startup_timeout": 300,
        "auto_review": False,
        "sandbox_mode": "danger-full-access",
        "approval_policy": "never",
        "network_access": True,
        "approve_static_mcp_tools": False,
    },
    "gemini_cli": {"name": "Gemini CLI", "gemini_model": "gemini-2.5-pro"},
    "kimi_code": {
        "name": "Kimi Code",
        "description": "\nMoonshot AI's coding agent for the terminal: edits code, runs\n"
        "commands, searches files, and goes on from what comes of it.\n",
        "debug": False,
    },
    "opencode": {
        "name": "OpenCode",
        "description": "\nOpen-source autonomous coding agent for the terminal, capable\n"
        "of writing, testing, debugging, and iterating on code across\nmultiple languages.\n",
        "opencode_model": "anthropic/claude-sonnet-4-5",
        "session_title": "Inspect eval",
    },
    "mini_swe_agent": {
        "name": "mini-swe-agent",
        "description": "\nMinimal AI agent that solves software engineering tasks using bash commands.\n"
        "100 lines of Python, radically simple, scores >74% on SWE-bench verified.\n",
        "version": "stable",
    },
}


@pytest.mark.parametrize("name", ORDER)
def test_names_order_and_defaults(name: str) -> None:
    parameters = dict(inspect.signature(getattr(inspect_swe, name)).parameters)
    results = parameters.pop("results")
    assert results.kind is results.VAR_KEYWORD
    by_position = [key for key, value in parameters.items() if value.kind is value.POSITIONAL_OR_KEYWORD]
    by_keyword = {key for key, value in parameters.items() if value.kind is value.KEYWORD_ONLY}
    assert by_position == ORDER[name]
    assert by_keyword == ADDED[name]
    expected = {key: {**DEFAULTS, **OWN_DEFAULTS[name]}.get(key) for key in parameters}
    assert {key: value.default for key, value in parameters.items()} == expected


@pytest.mark.parametrize("name", ORDER)
def test_what_a_run_leaves_behind_is_asked_for_by_keyword(name: str) -> None:
    assert get_type_hints(getattr(inspect_swe, name))["results"] == Unpack[inspect_swe.RunResults]
    assert inspect_swe.RunResults.__annotations__.keys() == {"collect", "response_schema", "keep_session"}
    assert not inspect_swe.RunResults.__total__
    with pytest.raises(inspect_swe.AgentOptionError, match=r"no parameter 'colect'\.\n.*collect"):
        getattr(inspect_swe, name)(colect="out/**")


def test_agents_that_calibrate_a_task() -> None:
    taken = {
        name: {key: value.default for key, value in inspect.signature(getattr(inspect_swe, name)).parameters.items()}
        for name in ("oracle", "nop")
    }
    where = dict.fromkeys(["solution", "cwd", "env", "user", "sandbox"])
    oracle = {"name": "Oracle", "description": "Runs the task's own solution.", **where, "timeout": 900}
    assert taken == {"oracle": oracle, "nop": {"name": "Nop", "description": "Does nothing."}}
    assert list(taken["oracle"]) == list(oracle)


def test_centaur_options() -> None:
    parameters = inspect.signature(inspect_swe.CentaurOptions).parameters
    assert {key: value.default for key, value in parameters.items()} == {
        "answer": True,
        "intermediate_scoring": False,
        "record_session": True,
    }


BINARIES: dict[str, dict[str, Any]] = {
    "download_agent_binary": {"binary": REQUIRED, "version": REQUIRED, "platform": REQUIRED},
    "cached_agent_binaries": {"binary": None, "quiet": False},
    "download_wheels_tarball": {
        "package_name": REQUIRED,
        "version": REQUIRED,
        "platform": REQUIRED,
        "python_version": REQUIRED,
    },
    "resolve_agent_version": {"agent": REQUIRED, "version": REQUIRED, "platform": "linux-x64"},
}
"""Functions about binaries: what they take, in order, and what it is by default."""


@pytest.mark.parametrize("name", BINARIES)
def test_functions_about_binaries(name: str) -> None:
    function = getattr(inspect_swe, name)
    parameters = inspect.signature(function).parameters
    assert list(parameters) == list(BINARIES[name])
    assert {key: value.default for key, value in parameters.items()} == BINARIES[name]
    assert all(value.kind is value.POSITIONAL_OR_KEYWORD for value in parameters.values())
    assert not inspect.iscoroutinefunction(function)


def test_what_functions_about_binaries_return() -> None:
    assert inspect_swe.AgentBinary._fields == ("agent", "version", "path")
    assert issubclass(inspect_swe.AgentBinaries, Sequence)
    returned = {name: get_type_hints(getattr(inspect_swe, name))["return"] for name in BINARIES}
    assert returned == {
        "download_agent_binary": type(None),
        "cached_agent_binaries": inspect_swe.AgentBinaries,
        "download_wheels_tarball": tuple[bytes, str],
        "resolve_agent_version": str,
    }
    platforms = ("linux-x64", "linux-arm64", "linux-x64-musl", "linux-arm64-musl")
    assert get_args(inspect_swe.SandboxPlatform) == platforms


_BRIDGED = [
    "model",
    "filter",
    "bridged_tools",
    "mcp_servers",
    "system_prompt",
    "retry_refusals",
    "model_map",
    "cwd",
    "env",
    "user",
    "sandbox",
]
INTERACTIVE: dict[str, list[str]] = {
    "interactive_claude_code": [
        "disallowed_tools",
        "skills",
        "opus_model",
        "sonnet_model",
        "haiku_model",
        "subagent_model",
        *_BRIDGED,
    ],
    "interactive_codex_cli": ["web_search", "goals", "skills", "home_dir", "config_overrides", "disallowed_tools"],
    "interactive_gemini_cli": ["skills", "version", "debug", *_BRIDGED],
}
"""What interactive agents take, by keyword only, in the order of the documentation; ours come after."""


@pytest.mark.parametrize("name", INTERACTIVE)
def test_interactive_agents(name: str) -> None:
    factory = getattr(inspect_swe, name)
    parameters = inspect.signature(factory).parameters
    assert list(parameters)[: len(INTERACTIVE[name])] == INTERACTIVE[name]
    assert {value.kind for value in parameters.values()} <= {
        inspect.Parameter.KEYWORD_ONLY,
        inspect.Parameter.VAR_KEYWORD,
    }
    agent = factory(system_prompt="x", model="mockllm/model", cwd="sub", env={"A": "b"}, user="u", sandbox="s")
    assert isinstance(agent, inspect_swe.ACPAgent)
    assert (agent._options.cwd, agent._options.user, agent._options.sandbox) == ("sub", "u", "s")


def test_the_rest_of_acp() -> None:
    assert set(_BRIDGED) <= inspect_swe.ACPAgentParams.__annotations__.keys()
    assert not inspect_swe.ACPAgentParams.__total__
    assert next(iter(inspect.signature(inspect_swe.acp_connection).parameters)) == "proc"
    assert list(inspect.signature(inspect_swe.bridge_mcp_to_acp).parameters) == ["configs"]
    assert {"conn", "session_id", "ready"} <= vars(inspect_swe.ACPAgent).keys()
