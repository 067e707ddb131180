"""What the adapter makes of facts: plain values compared with plain values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from inspect_ai.tool import MCPServerConfigHTTP, MCPServerConfigStdio

from inspect_swe import AgentOptionError, antigravity
from inspect_swe._agents.antigravity.agent import Antigravity
from inspect_swe._contract.adapter import Invocation, Turn

from .support import sites

site = sites("/usr/bin/python3", "/tools/package/google/antigravity/bin/localharness")
SITE = site()
ARGV = ("/usr/bin/python3", "-I", "/scratch/home/antigravity_runner.py", "/scratch/home/job.json", SITE.session_id)


def job(adapter: Antigravity | None = None, **changes: Any) -> dict[str, Any]:
    launch = (adapter or Antigravity()).launch(site(**changes))
    (content,) = (file.content for file in launch.files if file.path == "/scratch/home/job.json")
    read: dict[str, Any] = json.loads(content)
    return read


def test_first_and_resumed_prompt() -> None:
    assert Antigravity().turn(SITE, Turn("- do it", resume=False)) == Invocation(ARGV, b"- do it")
    again = Antigravity().turn(SITE, Turn("again", resume=True, images=("/a.png", "/b.png")))
    assert again == Invocation((*ARGV, "--resume", "--image", "/a.png", "--image", "/b.png"), b"again")


def test_job() -> None:
    assert job() == {
        "folders": ["/tools/package"],
        "commands_env": {},
        "url": "http://127.0.0.1:1234",
        "model": "gemini-3.6-flash",
        "max_output": None,
        "compact_at": None,
        "web_search": True,
        "system": None,
        "mcp_servers": [],
        "mcp_output": 2147483647,
        "sessions": "/scratch/home/sessions",
        "app_data": "/scratch/home/data",
        "skills": ["/scratch/home/skills"],
        "debug": False,
    }


def test_the_sandboxs_own_package_is_found_by_its_python() -> None:
    assert job(command=("/opt/venv/bin/python",))["folders"] == []


def test_what_the_options_change() -> None:
    other = job(
        Antigravity("gemini-4", web_search=False), system="be brief", debug=True, window=100_000, max_output=8_000
    )
    changed = {key: value for key, value in other.items() if value != job()[key]}
    assert changed == {
        "model": "gemini-4",
        "max_output": 8_000,
        "compact_at": 80_000,
        "web_search": False,
        "system": "be brief",
        "debug": True,
    }
    route = Antigravity("gemini-4", web_search=False).route("gpt-5")
    assert (route.aliases, route.web_search, route.dialect) == ({"gemini-4": None}, False, "google")


def test_mcp_servers() -> None:
    servers = (
        MCPServerConfigStdio(name="std", command="run", args=["a"], env={"K": "v"}, cwd="/srv"),
        MCPServerConfigHTTP(name="web", type="http", url="http://x/mcp", headers={"H": "v"}),
    )
    always = {"force_all_tools_eager": True, "timeout_seconds": 300}
    in_folder = ["-c", 'cd "$1" && shift && exec "$@"', "sh", "/srv", "run", "a"]
    assert job(mcp_servers=servers)["mcp_servers"] == [
        {"name": "std", "type": "stdio", "command": "sh", "args": in_folder, "env": {"K": "v"}, **always},
        {"name": "web", "type": "http", "url": "http://x/mcp", "headers": {"H": "v"}, **always},
    ]
    assert Antigravity().tool_prefix("my-server") == "mcp_my-server_"
    with pytest.raises(AgentOptionError, match="'old'"):
        antigravity(mcp_servers=[MCPServerConfigHTTP(name="old", type="sse", url="http://x/sse")])
