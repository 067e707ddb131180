"""What the adapter makes of facts: plain values compared with plain values."""

from __future__ import annotations

import json

import pytest
from inspect_ai.tool import MCPServerConfigHTTP, MCPServerConfigStdio

from inspect_swe import AgentOptionError, kimi_code
from inspect_swe._agents.kimi_code.agent import KimiCode
from inspect_swe._contract.adapter import Turn

from .support import ended, files, sites

site = sites("/tools/node", "/tools/main.mjs")
SITE = site()
PRELOAD = '--require="/scratch/home/prompt.cjs"'
COMMAND = ("sh", PRELOAD, "/tools/node", "/tools/main.mjs", "--output-format", "stream-json")


def test_the_prompt_comes_on_stdin() -> None:
    first = KimiCode().turn(SITE, Turn("- do it", resume=False))
    assert (first.argv[:2], first.argv[3:]) == (("sh", "-c"), (*COMMAND, "--prompt=-"))
    assert first.stdin == b"- do it"


def test_a_session_is_resumed_by_its_id() -> None:
    again = KimiCode().turn(site(session_id="session_1"), Turn("again", resume=True))
    assert again.argv[3:] == (*COMMAND, "--session", "session_1", "--prompt=-")
    assert KimiCode().session_id(ended(-9, {"type": "session.begun", "session_id": "session_1"})) == "session_1"


def test_mcp_servers() -> None:
    servers = (
        MCPServerConfigStdio(name="std", command="run", args=["a"], env={"K": "v"}),
        MCPServerConfigHTTP(name="web", type="http", url="http://x/mcp", headers={"H": "v"}),
        MCPServerConfigHTTP(name="old", type="sse", url="http://x/sse"),
    )
    assert json.loads(files(KimiCode().launch(site(mcp_servers=servers)))["mcp.json"])["mcpServers"] == {
        "std": {"transport": "stdio", "type": "stdio", "command": "run", "args": ["a"], "env": {"K": "v"}},
        "web": {"transport": "http", "type": "http", "url": "http://x/mcp", "headers": {"H": "v"}},
        "old": {"transport": "sse", "type": "sse", "url": "http://x/sse", "headers": {}},
    }


def test_configuration_is_private() -> None:
    launch = KimiCode(disallowed_tools=("FetchURL", "Agent")).launch(site(system="be brief"))
    assert launch.env["KIMI_CODE_HOME"] == "/scratch/home"
    assert launch.env["KIMI_MODEL_BASE_URL"] == "http://127.0.0.1:1234"
    assert launch.env["KIMI_MODEL_NAME"] == "gpt-5"
    written = files(launch)
    assert written["AGENTS.md"] == "be brief"
    assert written["config.toml"].splitlines()[-2:] == ["[tools]", 'disabled = ["FetchURL", "Agent"]']
    assert "AGENTS.md" not in files(KimiCode().launch(SITE))
    assert launch.skills == "/scratch/home/skills"


@pytest.mark.parametrize(
    ("own", "window", "output", "limits"),
    [
        (None, 200_000, 64_000, ("200000", "64000")),
        (50_000, 200_000, None, ("50000", "32000")),
        (None, None, None, ("1000000", "32000")),
    ],
)
def test_limits_of_the_model(own: int | None, window: int | None, output: int | None, limits: tuple[str, str]) -> None:
    env = KimiCode(own).launch(site(window=window, max_output=output)).env
    assert (env["KIMI_MODEL_MAX_CONTEXT_SIZE"], env["KIMI_MODEL_MAX_OUTPUT_SIZE"]) == limits


def test_a_window_of_nothing_is_refused() -> None:
    with pytest.raises(AgentOptionError, match="max_context_size must be at least 1, not 0"):
        kimi_code(max_context_size=0)


def test_a_persons_folder_is_trusted() -> None:
    terminal = KimiCode().terminal(site(cwd="/workspace"))
    assert terminal.argv[:2] == ("sh", "-c") and terminal.argv[3:] == ("sh", "/tools/node", "/tools/main.mjs", "--auto")
    assert [file.path for file in terminal.files] == ["/scratch/home/workspace-trust/wd_workspace_c52ddf65534b"]
