"""What the adapter makes of facts: plain values compared with plain values."""

from __future__ import annotations

import inspect
import json

from inspect_ai.tool import MCPServerConfigHTTP, MCPServerConfigStdio

from inspect_swe import gemini_cli, qwen_code
from inspect_swe._agents.qwen_code.agent import QwenCode
from inspect_swe._contract.adapter import Invocation, Turn

from .support import files, sites

site = sites("/tools/node", "/tools/cli.js")
SITE = site()
ARGV = (
    *("/tools/node", "--require", "/scratch/home/guard.cjs", "/tools/cli.js", "--auth-type", "openai-responses"),
    *("--approval-mode", "yolo", "--output-format", "stream-json"),
)


def test_options_are_those_of_gemini_cli() -> None:
    other = [name.replace("gemini_", "qwen_") for name in inspect.signature(gemini_cli).parameters]
    assert list(inspect.signature(qwen_code).parameters) == other


def test_first_and_resumed_prompt() -> None:
    first = QwenCode().turn(SITE, Turn("- do it", resume=False))
    assert first == Invocation((*ARGV, "--session-id", SITE.session_id), b"- do it")
    again = QwenCode().turn(site(debug=True), Turn("again", resume=True))
    assert again == Invocation((*ARGV, "--resume", SITE.session_id, "--debug"), b"again")


def test_the_sandboxs_own_cli_runs_by_itself() -> None:
    argv = QwenCode().turn(site(command=("/usr/bin/qwen",)), Turn("x", resume=False)).argv
    assert argv[:2] == ("/usr/bin/qwen", "--auth-type")


def test_mcp_servers() -> None:
    servers = (
        MCPServerConfigStdio(name="std", command="run", args=["a"], env={"K": "v"}),
        MCPServerConfigHTTP(name="web", type="http", url="http://x/mcp", headers={"H": "v"}),
        MCPServerConfigHTTP(name="old", type="sse", url="http://x/sse"),
    )
    always = {"alwaysLoadTools": True, "discoveryTimeoutMs": 300000, "timeout": 2147483647, "trust": True}
    assert json.loads(files(QwenCode().launch(site(mcp_servers=servers)))["settings.json"])["mcpServers"] == {
        "std": {"command": "run", "args": ["a"], "env": {"K": "v"}, **always},
        "web": {"httpUrl": "http://x/mcp", "headers": {"H": "v"}, **always},
        "old": {"url": "http://x/sse", "headers": {}, **always},
    }


def test_system_prompt_is_an_extension_of_its_own() -> None:
    assert not any(name.startswith("extensions/") for name in files(QwenCode().launch(SITE)))
    written = files(QwenCode().launch(site(system="be brief\n@property")))
    assert json.loads(written["extensions/session/qwen-extension.json"])["contextFileName"] == "SYSTEM.md"
    assert written["extensions/session/SYSTEM.md"] == "```\nbe brief\n@property\n```"


def test_configuration_is_private_and_inherits_the_users() -> None:
    launch = QwenCode().launch(SITE)
    assert launch.env["OPENAI_MODEL"] == "qwen3-coder-plus"
    assert launch.env["QWEN_HOME"] == "/scratch/home"
    assert launch.env["OPENAI_BASE_URL"] == "http://127.0.0.1:1234/v1"
    assert launch.env["QWEN_CODE_SYSTEM_DEFAULTS_PATH"] == "/scratch/home/defaults.json"
    defaults = next(file for file in launch.files if file.path == "/scratch/home/defaults.json")
    assert defaults.over == "/root/.qwen/settings.json"
    assert launch.skills == "/scratch/home/skills"


def test_models_and_web_search() -> None:
    route = QwenCode("qwen3-max", web_search=False).route("gpt-5")
    assert route.aliases == {"qwen3-max": None} and not route.web_search
    assert QwenCode(web_search=False).launch(SITE).env["ENABLE_WEB_SEARCH"] == "false"
    assert "ENABLE_WEB_SEARCH" not in QwenCode().launch(SITE).env


def test_limits_of_the_model() -> None:
    launch, unknown = QwenCode().launch(site(window=128_000, max_output=8_000)), QwenCode().launch(SITE)
    limited, own = (json.loads(files(each)["settings.json"])["model"]["generationConfig"] for each in (launch, unknown))
    assert limited == {**own, "contextWindowSize": 128_000} and "contextWindowSize" not in own
    small = json.loads(files(QwenCode().launch(site(window=30_000)))["settings.json"])["model"]["generationConfig"]
    assert small["contextWindowSize"] == 53_000
    assert {**unknown.env, "QWEN_CODE_MAX_OUTPUT_TOKENS": "8000"} == launch.env != unknown.env
