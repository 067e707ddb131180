"""Configuration that several CLIs share: MCP servers, a shell, and text that contains no imports."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any

from inspect_ai.tool import MCPServerConfig, MCPServerConfigHTTP, MCPServerConfigStdio

from .._errors import SandboxUnsupportedError
from .._sandbox.workspace import Workspace
from .adapter import File, LaunchContext

FOREVER = 2147483647
"""Longest client timeout in milliseconds, so that it never triggers. The bridge itself keeps connections alive."""

_IN_FOLDER = 'cd "$1" && shift && exec "$@"'

# Some CLIs' shell tools call `bash` by name. In a sandbox without it, the POSIX shell runs their commands.
_SHELL = {"bash": b'#!/bin/sh\nexec sh "$@"\n', "shopt": b"#!/bin/sh\n"}
_IN_FRONT = 'PATH="$1:$PATH" && export PATH && shift && exec "$@"'


# Arguments per server: its name, two folders, a PATH and a command. Prints the names of servers without a command.
_LOOK_UP = """
while [ $# -gt 0 ]; do
  (cd "$2" && cd "$3" && PATH=$4 && command -v "$5") >/dev/null 2>&1 || printf '%s\\n' "$1"
  shift 5
done
"""


async def check_commands(workspace: Workspace, servers: Sequence[MCPServerConfig], path: str) -> None:
    """Check that the sandbox has the commands of MCP servers, so that a missing one has the same error for any CLI.

    Args:
        workspace: The sandbox.
        servers: The servers.
        path: The CLI's PATH.

    Raises:
        SandboxUnsupportedError: A command is missing.
    """
    arguments: list[str] = []
    commands: dict[str, str] = {}
    for server in servers:
        # Some CLIs expand variables in a command.
        if isinstance(server, MCPServerConfigStdio) and not re.search(r"[$~{]", server.command):
            commands[server.name] = server.command
            folder, own_path = str(server.cwd or "."), (server.env or {}).get("PATH", path)
            arguments += [server.name, workspace.cwd, folder, own_path, server.command]
    if not arguments:
        return
    missing = await workspace.shell(_LOOK_UP, *arguments)
    for name in missing.stdout.split():
        raise SandboxUnsupportedError(
            f"The sandbox has no command {commands[name]!r}, which starts the MCP server {name!r}.",
            hint="install it in the image, or give its path or the server's `cwd`.",
        )


def stdio_argv(server: MCPServerConfigStdio) -> list[str]:
    """Return the command that starts a server in its `cwd`, which CLIs' configurations do not support."""
    argv = [server.command, *server.args]
    return argv if server.cwd is None else ["sh", "-c", _IN_FOLDER, "sh", str(server.cwd), *argv]


def mcp_entry(server: MCPServerConfig) -> dict[str, Any]:
    """Return a server's entry for `mcpServers`, a key in several CLIs' configurations."""
    if isinstance(server, MCPServerConfigStdio):
        command, *args = stdio_argv(server)
        return {"type": "stdio", "command": command, "args": args, "env": server.env or {}}
    assert isinstance(server, MCPServerConfigHTTP)
    return {"type": server.type, "url": server.url, "headers": server.headers or {}}


def scripted_entry(context: LaunchContext, server: MCPServerConfig) -> dict[str, Any]:
    """Return an `mcpServers` entry that runs a script of `server_scripts()`, for a CLI that would expand "$NAME"."""
    if not isinstance(server, MCPServerConfigStdio):
        return mcp_entry(server)
    return {"type": "stdio", "command": "sh", "args": [f"{context.config}/servers/{server.name}"], "env": {}}


def server_scripts(context: LaunchContext) -> list[File]:
    """Return the scripts that start the servers of `scripted_entry()`."""
    files = []
    for server in context.mcp_servers:
        if isinstance(server, MCPServerConfigStdio):
            argv = [*(f"{name}={value}" for name, value in (server.env or {}).items()), *stdio_argv(server)]
            files.append(File(f"{context.config}/servers/{server.name}", f"exec env {shlex.join(argv)}\n".encode()))
    return files


def shell_files(context: LaunchContext) -> list[File]:
    """Return substitutes for bash, for a CLI that needs it, if the sandbox has none."""
    if "bash" in context.shells:
        return []
    return [File(f"{context.config}/shell/{name}", script, 0o755) for name, script in _SHELL.items()]


def shell_argv(context: LaunchContext) -> list[str]:
    """Return the beginning of a command that prepends the folder of `shell_files()` to PATH."""
    return [] if "bash" in context.shells else ["sh", "-c", _IN_FRONT, "sh", f"{context.config}/shell"]


def verbatim(text: str) -> str:
    """Return text in a code block if it contains "@name", which CLIs would otherwise read as a file to import."""
    if not re.search(r"(?:^|\s)@[./A-Za-z]", text):
        return text
    fence = "`" * (1 + max([2, *(len(ticks) for ticks in re.findall("`+", text))]))
    return f"{fence}\n{text}\n{fence}"
