"""Commands of MCP servers are looked for in the sandbox before the CLI starts."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from inspect_ai.tool import MCPServerConfigHTTP, MCPServerConfigStdio

from inspect_swe import SandboxUnsupportedError
from inspect_swe._contract.mcp import check_commands


class Here:
    """This machine, with a working directory."""

    def __init__(self, cwd: Path) -> None:
        self.cwd = str(cwd)

    async def shell(self, script: str, *arguments: str) -> SimpleNamespace:
        argv = ["sh", "-c", script, "sh", *arguments]
        done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, check=True)
        return SimpleNamespace(stdout=done.stdout)


def check(folder: Path, *servers: Any) -> None:
    asyncio.run(check_commands(Here(folder), servers, os.environ["PATH"]))  # type: ignore[arg-type]


def server(command: str, **details: Any) -> MCPServerConfigStdio:
    return MCPServerConfigStdio(name="docs", command=command, **details)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    for name in ("serve", "my server"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\n")
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def test_commands_that_are_there(folder: Path) -> None:
    check(folder, server("sh"), server("/bin/sh"), server("./bin/serve"), server("./serve", cwd="bin"))
    check(folder, server("./my server", cwd=str(folder / "bin")), server("serve", env={"PATH": f"{folder}/bin"}))
    check(folder, MCPServerConfigHTTP(name="web", type="http", url="http://127.0.0.1:1"), server("$HOME/serve"))


@pytest.mark.parametrize(
    "missing",
    [
        server("no-such-program"),
        server("/no/such/program"),
        server("./serve"),
        server("sh", cwd="/no/such/folder"),
        server("sh", env={"PATH": "/nowhere"}),
    ],
)
def test_a_command_that_is_not_there_is_named(folder: Path, missing: MCPServerConfigStdio) -> None:
    with pytest.raises(SandboxUnsupportedError, match=f"no command {missing.command!r}, which .* server 'docs'"):
        check(folder, MCPServerConfigStdio(name="other", command="sh"), missing)
