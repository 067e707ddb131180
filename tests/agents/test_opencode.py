"""What the adapter makes of facts: plain values compared with plain values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from inspect_ai.tool import MCPServerConfigHTTP, MCPServerConfigStdio

from inspect_swe import AgentOptionError, opencode
from inspect_swe._agents.opencode.agent import OpenCode
from inspect_swe._contract.adapter import Launch, Turn

from .support import ended, sites

site = sites("/tools/opencode")
SITE = site()
MODEL = "anthropic/claude-sonnet-4-5"
COMMON = ("/tools/opencode", "run", "--format", "json", "--auto", "--dir", "/workspace", "--model", MODEL)
SESSION = {"type": "session", "sessionID": "ses_1"}


def config(launch: Launch) -> dict[str, Any]:
    files = {file.path: file.content for file in launch.files}
    loaded: dict[str, Any] = json.loads(files[launch.env["OPENCODE_CONFIG"]])
    return loaded


def test_first_and_resumed_prompt() -> None:
    log = ("--print-logs", "--log-level", "ERROR")
    first = OpenCode(title="-x; $y").turn(SITE, Turn("- do it", resume=False))
    assert first.argv == (*COMMON, "--title=-x; $y", *log)
    assert first.stdin == b"- do it"
    again = OpenCode().turn(site(session_id="ses_1"), Turn("/again", resume=True))
    assert again.argv == (*COMMON, "--session", "ses_1", *log)
    assert again.stdin == b"/again"


def test_images_and_debug() -> None:
    argv = OpenCode().turn(site(debug=True), Turn("x", resume=False, images=("/a.png", "/b.jpg"))).argv
    assert argv[-5:] == ("--print-logs", "--log-level", "DEBUG", "--file=/a.png", "--file=/b.jpg")


@pytest.mark.parametrize(
    ("model", "package", "path"),
    [
        ("anthropic/claude-sonnet-4-5", "@ai-sdk/anthropic", "/v1"),
        ("openai/gpt-5", "@ai-sdk/openai", "/v1"),
        ("google/gemini-2.5-pro", "@ai-sdk/google", "/v1beta"),
        ("openrouter/qwen/qwen3-coder", "@ai-sdk/openai-compatible", "/v1"),
    ],
)
def test_providers(model: str, package: str, path: str) -> None:
    agent = OpenCode(presented=model)
    settings = config(agent.launch(SITE))
    provider, _, name = model.partition("/")
    entry = settings["provider"][provider]
    assert (entry["npm"], entry["options"]["baseURL"]) == (package, f"http://127.0.0.1:1234{path}")
    assert list(entry["models"]) == [name]
    assert {"anthropic", "openai", "google", provider} == {*settings["enabled_providers"]} == {*settings["provider"]}
    assert settings["small_model"] == model
    assert agent.route("gpt-5").aliases == {name: None}


def test_what_a_task_cannot_change() -> None:
    launch = OpenCode().launch(SITE)
    fixed = json.loads(launch.env["OPENCODE_CONFIG_CONTENT"])
    assert fixed.items() <= config(launch).items()
    assert not fixed.keys() & {"mcp", "instructions", "plugin"}
    assert "permission" not in config(launch)


def test_homes_are_private_and_inherit_the_users_configuration() -> None:
    launch = OpenCode().launch(SITE)
    assert launch.env["XDG_CONFIG_HOME"] == "/scratch/home"
    assert launch.inherit == (("/root/.config/opencode", "opencode"),)
    ((plugin, options),) = config(launch)["plugin"]
    assert plugin == "file:///scratch/home/plugin.js"
    assert "/scratch/home/plugin.js" in [file.path for file in launch.files]
    own = {name for name in launch.env if name.startswith(("BUN_", "XDG_", "npm_"))}
    assert set(options["unseen"]) == own and len(own) == 6


def test_what_it_need_not_go_through() -> None:
    launch = OpenCode().launch(SITE)
    files = {file.path: file.content for file in launch.files}
    assert launch.env["OPENCODE_MODELS_PATH"] == f"{SITE.config}/models.json"
    models = json.loads(files[f"{SITE.config}/models.json"])
    assert models.keys() == {"anthropic", "google", "openai"}
    assert models["anthropic"]["models"]["claude-sonnet-4-5"]["limit"]["context"] > 100_000
    assert "@opencode-ai/plugin" in files[f"{SITE.config}/opencode/package-lock.json"].decode()
    assert f"{SITE.config}/opencode/node_modules/.keep" in files
    assert "OPENCODE_MODELS_PATH" not in OpenCode("some/model").launch(SITE).env


def test_system_prompt_and_skills() -> None:
    files = {file.path: file.content for file in OpenCode().launch(site(system="be brief")).files}
    assert files["/scratch/home/system.md"] == b"be brief"
    again = OpenCode().launch(SITE)
    assert "/scratch/home/system.md" not in [file.path for file in again.files]
    assert config(again)["instructions"] == ["/scratch/home/system.md"]
    assert config(again)["skills"] == {"paths": [again.skills]}


def test_text_is_no_template() -> None:
    server = MCPServerConfigStdio(name="std", command="run", args=["{env:HOME}", "{file:/etc/passwd}"])
    launch = OpenCode().launch(site(mcp_servers=(server,)))
    assert config(launch)["mcp"]["std"]["command"] == ["run", "{env:HOME}", "{file:/etc/passwd}"]
    assert not any(b"{env:" in file.content or b"{file:" in file.content for file in launch.files)


def test_mcp_servers() -> None:
    servers = (
        MCPServerConfigStdio(name="std", command="run", args=["a"], cwd="/srv", env={"K": "v"}),
        MCPServerConfigHTTP(name="web", type="http", url="http://x/mcp", headers={"H": "v"}),
    )
    forever = 2147483647
    assert config(OpenCode().launch(site(mcp_servers=servers)))["mcp"] == {
        "std": {
            "type": "local",
            "command": ["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", "/srv", "run", "a"],
            "environment": {"K": "v"},
            "timeout": forever,
        },
        "web": {
            "type": "remote",
            "url": "http://x/mcp",
            "headers": {"H": "v"},
            "oauth": False,
            "timeout": forever,
        },
    }
    assert OpenCode().tool_prefix("std") == "std_"


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "/x", "anthropic/", "", "an thropic/x"])
def test_a_model_needs_its_provider(model: str) -> None:
    with pytest.raises(AgentOptionError, match="opencode_model"):
        opencode(opencode_model=model)


def test_session_id() -> None:
    step = {"type": "step_start", "sessionID": "ses_1", "part": {}}
    assert OpenCode().session_id(ended(-9, SESSION, step)) == "ses_1"
    assert OpenCode().session_id(ended(1)) is None


def test_limits_of_the_model() -> None:
    def limit(**known: int) -> Any:
        models = config(OpenCode().launch(site(**known)))["provider"]["anthropic"]["models"]
        return models["claude-sonnet-4-5"].get("limit")

    assert limit(window=64_000, max_output=8_000) == {"context": 64_000, "input": 64_000, "output": 8_000}
    assert limit(window=30_000) == {"context": 30_000, "input": 40_000, "output": 0}
    assert limit() is limit(max_output=8_000) is None
