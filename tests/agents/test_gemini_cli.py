"""What the adapter makes of facts: plain values compared with plain values."""

from __future__ import annotations

import json

import pytest
from inspect_ai.tool import MCPServerConfigHTTP, MCPServerConfigStdio

from inspect_swe._agents.gemini_cli.agent import GeminiCli
from inspect_swe._contract.adapter import Invocation, Launch, Turn

from .support import sites

site = sites("/tools/node", "/tools/gemini.js")
SITE = site()
COMMON = ("--approval-mode", "yolo", "--model", "gemini-2.5-pro", "--output-format", "stream-json")
HOME = "/scratch/home/.gemini"


def files(launch: Launch) -> dict[str, str]:
    return {file.path.removeprefix(f"{HOME}/"): file.content.decode() for file in launch.files}


def test_first_and_resumed_prompt() -> None:
    argv = (*SITE.command, *COMMON)
    first = GeminiCli().turn(SITE, Turn("- do it", resume=False))
    assert first == Invocation((*argv, "--session-id", SITE.session_id), b"- do it")
    again = GeminiCli().turn(site(debug=True), Turn("again", resume=True))
    assert again == Invocation((*argv, "--resume", SITE.session_id, "--debug"), b"again")


def test_settings() -> None:
    servers = (
        MCPServerConfigStdio(name="std", command="run", args=["a"], cwd="/srv", env={"K": "v"}),
        MCPServerConfigHTTP(name="web", type="http", url="http://x/mcp", headers={"H": "v"}),
    )
    written = json.loads(files(GeminiCli(web_search=False).launch(site(mcp_servers=servers)))["settings.json"])
    assert written["tools"] == {"exclude": ["google_web_search"]}
    assert written["security"]["auth"] == dict.fromkeys(("selectedType", "enforcedType"), "gemini-api-key")
    assert written["mcpServers"]["web"] == {
        "type": "http",
        "url": "http://x/mcp",
        "headers": {"H": "v"},
        "timeout": 2147483647,
        "trust": True,
    }
    assert written["mcpServers"]["std"]["command"] == "sh" and written["mcpServers"]["std"]["env"] == {"K": "v"}
    assert json.loads(files(GeminiCli().launch(SITE))["settings.json"])["tools"] == {}


def test_system_prompt_is_an_extension_of_its_own() -> None:
    assert not any(name.startswith("extensions/") for name in files(GeminiCli().launch(SITE)))
    written = files(GeminiCli().launch(site(system="be brief, me@x.org")))
    assert json.loads(written["extensions/session/gemini-extension.json"])["contextFileName"] == "SYSTEM.md"
    assert written["extensions/session/SYSTEM.md"] == "be brief, me@x.org"


def test_system_prompt_with_what_looks_like_an_import() -> None:
    written = files(GeminiCli().launch(site(system="use ```` and\n@property")))
    assert written["extensions/session/SYSTEM.md"] == "`````\nuse ```` and\n@property\n`````"


def test_configuration_is_private_and_inherits_the_users() -> None:
    launch = GeminiCli().launch(SITE)
    assert launch.env["GEMINI_CLI_HOME"] == "/scratch/home"
    assert launch.env["GEMINI_CLI_SYSTEM_DEFAULTS_PATH"] == "/root/.gemini/settings.json"
    assert ("/root/.gemini/GEMINI.md", ".gemini/GEMINI.md") in launch.inherit
    assert launch.skills == f"{HOME}/skills"


def test_models_and_web_search() -> None:
    route = GeminiCli(gemini_model="gemini-2.5-flash", web_search=False).route("gpt-5")
    assert route.aliases == {"gemini-2.5-flash": None} and not route.web_search
    assert GeminiCli().route("gpt-5").web_search


def test_names_of_mcp_tools() -> None:
    assert [GeminiCli().tool_prefix(name) for name in ("host", "mcp_x")] == ["mcp_host_", "mcp_x_"]


@pytest.mark.parametrize(
    ("model", "window", "fraction"),
    [
        ("gemini-2.5-pro", 65_536, 0.03125),
        ("gemini-2.5-pro", 10_000_000, 0.9),
        ("gemma-4-31b-it", 128_000, 0.25),
    ],
)
def test_window_of_the_model(model: str, window: int, fraction: float) -> None:
    changed = json.loads(files(GeminiCli(model).launch(site(window=window)))["settings.json"])["model"]
    own = json.loads(files(GeminiCli(model).launch(SITE))["settings.json"])["model"]
    assert changed == {**own, "compressionThreshold": fraction} and "compressionThreshold" not in own
    same = files(GeminiCli("gemini-2.5-pro").launch(site(window=1_048_576)))
    assert json.loads(same["settings.json"])["model"] == own
