"""What the adapter makes of facts: plain values compared with plain values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from inspect_ai.tool import MCPServerConfigHTTP, MCPServerConfigStdio

from inspect_swe import AgentOptionError, CodexAutoReview, codex_cli
from inspect_swe._agents.codex_cli.agent import CodexCli
from inspect_swe._agents.codex_cli.catalogue import is_known
from inspect_swe._agents.codex_cli.toml import toml_document
from inspect_swe._contract.adapter import Exit, Invocation, LaunchContext, Turn

from .support import sites

site = sites("/tools/codex", model="claude-sonnet-4-5", session_id="01a1fdcc-12a8-7610-b662-efd06e515998")
SITE = site()
COMMON = ("--json", "--color", "never", "--skip-git-repo-check", "--profile", "agent")
MODELS = "/scratch/home/models.json"


def profile(agent: CodexCli, place: LaunchContext = SITE) -> dict[str, str]:
    """The settings' names with what is written for them."""
    files = {file.path: file.content.decode() for file in agent.launch(place).files}
    return dict(line.split(" = ", 1) for line in files["/scratch/home/agent.config.toml"].splitlines())


def test_first_and_resumed_prompt() -> None:
    first = CodexCli().turn(SITE, Turn("- do it", resume=False))
    assert first == Invocation(("/tools/codex", "exec", *COMMON, "-"), b"- do it")
    again = CodexCli().turn(SITE, Turn("again", resume=True))
    assert again == Invocation(("/tools/codex", "exec", *COMMON, "resume", SITE.session_id, "-"), b"again")


def test_images_and_overrides() -> None:
    agent = CodexCli(config_overrides=(("a.b", "1"), ("c", '"x y"')))
    argv = agent.turn(SITE, Turn("x", resume=False, images=("/i/1.png", "/i/2.png"))).argv
    assert argv[2:6] == ("--image", "/i/1.png", "--image", "/i/2.png") and argv[6].startswith("--")
    assert argv[-5:] == ("-c", "a.b=1", "-c", 'c="x y"', "-")


def test_toml() -> None:
    text = toml_document({"a": 'q"\\\n\x7fé😀', "b": {"x y": [True, 1, 2.5], "z": {}}, "c": "\ud800"}).decode()
    assert text.splitlines() == ['a = "q\\"\\\\\\n\\u007fé😀"', 'b = {"x y" = [true, 1, 2.5], "z" = {}}', 'c = "?"']


def test_servers() -> None:
    static = (
        MCPServerConfigStdio(name="std", command="run", args=["a"], cwd="/srv", env={"K": "v"}, tools=["add"]),
        MCPServerConfigHTTP(name="my-web", type="http", url="http://x/mcp", headers={"H": "v"}),
    )
    bridged = (MCPServerConfigHTTP(name="host", type="http", url="http://127.0.0.1:1234/mcp/host"),)
    place = site(mcp_servers=(*static, *bridged), bridged=bridged)
    agent = CodexCli(mcp_startup_timeout=7)
    settings = profile(agent, place)
    common = '"required" = true, "startup_timeout_sec" = 7, "tool_timeout_sec" = 1000000'
    approved = '"default_tools_approval_mode" = "approve"'
    std = '"command" = "sh", "args" = ["-c", "cd \\"$1\\" && shift && exec \\"$@\\"", "sh", "/srv", "run", "a"]'
    assert settings["mcp_servers"] == (
        f'{{"std" = {{{std}, "env" = {{"K" = "v"}}, {common}, "enabled_tools" = ["add"], {approved}}}, '
        f'"my-web" = {{"url" = "http://x/mcp", "http_headers" = {{"H" = "v"}}, {common}, {approved}}}, '
        f'"host" = {{"url" = "http://127.0.0.1:1234/mcp/host", "http_headers" = {{}}, {common}, {approved}}}}}'
    )
    assert '"direct_only_tool_namespaces" = ["mcp__std", "mcp__my_web", "mcp__host"]' in settings["features"]
    assert agent.tool_prefix("my-web") == "mcp__my_web__"
    boxed = CodexCli(sandbox_mode="workspace-write")
    assert profile(boxed, place)["mcp_servers"].count(approved) == 1, "the bridged one"
    boxed = CodexCli(sandbox_mode="workspace-write", approve_static_mcp_tools=True)
    assert profile(boxed, place)["mcp_servers"].count(approved) == 3


def test_permissions() -> None:
    full = profile(CodexCli())
    assert (full["approval_policy"], full["sandbox_mode"]) == ('"never"', '"danger-full-access"')
    cached = profile(CodexCli(web_search="cached"))
    assert "sandbox_mode" not in cached and cached["web_search"] == '"cached"'
    assert cached["permissions"] == '{"open" = {"filesystem" = {":root" = "write"}, "network" = {"enabled" = true}}}'
    boxed = profile(CodexCli(web_search="cached", sandbox_mode="workspace-write", network_access=False))
    assert boxed["sandbox_workspace_write"] == '{"network_access" = false}' and "permissions" not in boxed
    reviewed = profile(CodexCli(sandbox_mode="read-only", auto_review=CodexAutoReview(policy="be strict")))
    assert reviewed["approval_policy"] == '"on-request"' and reviewed["approvals_reviewer"] == '"auto_review"'
    assert reviewed["auto_review"] == '{"policy" = "be strict"}'


@pytest.mark.parametrize(
    ("slug", "known"),
    [
        ("gpt-5.5", True),
        ("gpt-5.5-2026-04-23", True),
        ("gpt-6.1-sol", True),
        ("gpt-6.2-sol", True),
        ("gpt-7", True),
        ("gpt-5.2-codex", False),
        ("gpt-5", False),
        ("gpt-4o", False),
        ("gpt-6-mini", False),
        ("gpt-oss-120b", False),
        ("claude-sonnet-4-5", False),
    ],
)
def test_which_models_the_cli_knows(slug: str, known: bool) -> None:
    assert is_known(slug) is known


def test_models_the_cli_does_not_know_are_described() -> None:
    files = {file.path: file.content for file in CodexCli().launch(SITE).files}
    (entry,) = json.loads(files[MODELS])["models"]
    assert entry["slug"] == "claude-sonnet-4-5" and entry["context_window"] == 200_000
    assert entry["base_instructions"].startswith("You are a coding agent running in the Codex CLI")
    assert profile(CodexCli())["model_catalog_json"] == f'"{MODELS}"'
    known = CodexCli(model_config="gpt-5.5")
    assert MODELS not in {file.path for file in known.launch(SITE).files}
    assert profile(known)["model"] == '"gpt-5.5"' and "model_catalog_json" not in profile(known)
    large = CodexCli(model_config="gpt-5.2-codex").launch(site(window=1_000_000))
    (entry,) = json.loads(large.files[1].content)["models"]
    assert entry["context_window"] == entry["max_context_window"] == 1_000_000


@pytest.mark.parametrize("slug", ["gpt-5.5", "gpt-5.2-codex"])
def test_window_of_the_model(slug: str) -> None:
    agent = CodexCli(model_config=slug)
    assert profile(agent, site(window=64_000))["model_context_window"] == "64000"
    assert "model_context_window" not in profile(agent)


def test_routes() -> None:
    assert CodexCli().route("openai/gpt-5.5").aliases == {"gpt-5.5": None}
    assert CodexCli(model_config="gpt-6-sol", web_search="disabled").route("x").aliases == {"gpt-6-sol": None}
    assert CodexCli().route("x").web_search and not CodexCli(web_search="disabled").route("x").web_search
    agent = CodexCli(auto_review=CodexAutoReview(model="inspect/openai/gpt-5.5"))
    assert agent.route("x").aliases == {"x": None, "codex-auto-review": "openai/gpt-5.5"}


def test_a_reviewing_model_needs_a_catalogue() -> None:
    agent = CodexCli(auto_review=CodexAutoReview(model="openai/gpt-5.5"))
    models = json.loads(agent.launch(SITE).files[1].content)["models"]
    assert [model["slug"] for model in models] == ["claude-sonnet-4-5", "codex-auto-review"]
    assert agent.turn(SITE, Turn("x", resume=False)).argv[0] == "/tools/codex"
    place = site(model="gpt-5.5")
    argv = agent.turn(place, Turn("x", resume=False)).argv
    assert argv[0] == "sh" and argv[3:] == ("sh", "/tools/codex", MODELS, "/tools/codex", "exec", *COMMON, "-")
    assert profile(agent, place)["model_catalog_json"] == f'"{MODELS}"'


def test_configuration_is_private_and_inherits_the_users() -> None:
    launch = CodexCli().launch(site(system="be brief"))
    assert launch.env == {"CODEX_HOME": "/scratch/home"}
    assert ("/root/.codex/config.toml", "config.toml") in launch.inherit
    assert launch.skills == "/scratch/home/skills"
    assert profile(CodexCli(), site(system="be brief"))["developer_instructions"] == '"be brief"'
    assert CodexCli().launch(site(debug=True)).env["RUST_LOG"] == "debug"


@pytest.mark.parametrize(("given", "home"), [("/srv/cx", "/srv/cx"), (".cx", "/workspace/.cx")])
def test_home_of_ones_choice(given: str, home: str) -> None:
    launch = CodexCli(home_dir=given).launch(SITE)
    assert launch.env["CODEX_HOME"] == home and launch.skills == f"{home}/skills" and launch.inherit == ()
    assert [file.path for file in launch.files] == [f"{home}/agent.config.toml", MODELS]


def test_the_thread_names_the_session() -> None:
    head = '{"type":"thread.started","thread_id":"abc"}\n{"type":"turn.started"}\n'
    assert CodexCli().session_id(Exit(0, "", "", head)) == "abc"
    assert CodexCli().session_id(Exit(1, "", "", "nothing")) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"web_search": "sometimes"}, "does not accept web_search='sometimes'"),
        ({"web_search": "cached", "disallowed_tools": ["web_search"]}, "contradicts"),
        ({"disallowed_tools": ["exec_command"]}, 'a list of "web_search"'),
        ({"sandbox_mode": "none"}, "sandbox_mode='none'"),
        ({"approval_policy": "untrusted"}, "approval_policy='untrusted'"),
        ({"approval_policy": "on-request"}, "would wait for a person"),
        ({"network_access": False}, "network_access=False"),
        ({"mcp_startup_timeout": 0}, "mcp_startup_timeout"),
        ({"mcp_servers": [MCPServerConfigHTTP(name="old", type="sse", url="http://x/sse")]}, "SSE"),
        ({"version": "newest"}, "newest"),
    ],
)
def test_options_that_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(AgentOptionError, match=message):
        codex_cli(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"disallowed_tools": ["web_search"]},
        {"web_search": "disabled", "disallowed_tools": ["web_search"]},
        {"auto_review": True, "approval_policy": "on-request", "network_access": False},
        {"sandbox_mode": "read-only", "auto_review": CodexAutoReview(policy="p")},
        {"version": "stable"},
    ],
)
def test_options_that_are_taken(options: dict[str, Any]) -> None:
    codex_cli(**options)
