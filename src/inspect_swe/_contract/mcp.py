"""What several CLIs want told in the same way: MCP servers, a shell, texts that they would read for imports."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any

from inspect_ai.tool import MCPServerConfig, MCPServerConfigHTTP, MCPServerConfigStdio

from .._errors import SandboxUnsupportedError
from .._sandbox.workspace import Workspace
from .adapter import File, Site

FOREVER = 2147483647
"""The most milliseconds that clients take: the bridge keeps connections alive, so their own clocks shall never fire."""

_IN_FOLDER = 'cd "$1" && shift && exec "$@"'

# Where there is no bash, which some CLIs' shell tools call by that name, any POSIX shell runs their commands.
_SHELL = {"bash": b'#!/bin/sh\nexec sh "$@"\n', "shopt": b"#!/bin/sh\n"}
_IN_FRONT = 'PATH="$1:$PATH" && export PATH && shift && exec "$@"'


# A name, two folders, a PATH and a command at a time; prints the names of servers whose command is not there.
_LOOK_UP = """
while [ $# -gt 0 ]; do
  (cd "$2" && cd "$3" && PATH=$4 && command -v "$5") >/dev/null 2>&1 || printf '%s\\n' "$1"
  shift 5
done
"""


async def check_commands(workspace: Workspace, servers: Sequence[MCPServerConfig], path: str) -> None:
    """Look for the commands of MCP servers in the sandbox, before a CLI reports in its own way that one is not there.

    Args:
        workspace: The sandbox.
        servers: The servers.
        path: The PATH that the CLI has.

    Raises:
        SandboxUnsupportedError: A command is not there.
    """
    arguments: list[str] = []
    commands: dict[str, str] = {}
    for server in servers:
        # Some CLIs fill in variables.
        if isinstance(server, MCPServerConfigStdio) and not re.search(r"[$~{]", server.command):
            commands[server.name] = server.command
            folder, own_path = str(server.cwd or "."), (server.env or {}).get("PATH", path)
            arguments += [server.name, workspace.cwd, folder, own_path, server.command]
    if not arguments:
        return
    found = await workspace.shell(_LOOK_UP, *arguments)
    for name in found.stdout.split():
        raise SandboxUnsupportedError(
            f"The sandbox has no command {commands[name]!r}, which starts the MCP server {name!r}.",
            hint="install it in the image, or give its path or the server's `cwd`.",
        )


def stdio_argv(server: MCPServerConfigStdio) -> list[str]:
    """The command that starts a server. CLIs' configurations know no working directory for one."""
    argv = [server.command, *server.args]
    return argv if server.cwd is None else ["sh", "-c", _IN_FOLDER, "sh", str(server.cwd), *argv]


def mcp_entry(server: MCPServerConfig) -> dict[str, Any]:
    """A server's entry in the `mcpServers` that several CLIs' configurations have."""
    if isinstance(server, MCPServerConfigStdio):
        command, *args = stdio_argv(server)
        return {"type": "stdio", "command": command, "args": args, "env": server.env or {}}
    assert isinstance(server, MCPServerConfigHTTP)
    return {"type": server.type, "url": server.url, "headers": server.headers or {}}


def scripted_entry(site: Site, server: MCPServerConfig) -> dict[str, Any]:
    """Such an entry for a CLI that would fill in "$NAME" in it: a script of `server_scripts()` starts the server."""
    if not isinstance(server, MCPServerConfigStdio):
        return mcp_entry(server)
    return {"type": "stdio", "command": "sh", "args": [f"{site.config}/servers/{server.name}"], "env": {}}


def server_scripts(site: Site) -> list[File]:
    """What starts the servers of `scripted_entry()`."""
    files = []
    for server in site.mcp_servers:
        if isinstance(server, MCPServerConfigStdio):
            argv = [*(f"{name}={value}" for name, value in (server.env or {}).items()), *stdio_argv(server)]
            files.append(File(f"{site.config}/servers/{server.name}", f"exec env {shlex.join(argv)}\n".encode()))
    return files


def shell_files(site: Site) -> list[File]:
    """What stands in for bash, for a CLI that looks for it, where there is none."""
    if "bash" in site.shells:
        return []
    return [File(f"{site.config}/shell/{name}", script, 0o755) for name, script in _SHELL.items()]


def shell_argv(site: Site) -> list[str]:
    """What puts those in front of PATH, as the beginning of a command."""
    return [] if "bash" in site.shells else ["sh", "-c", _IN_FRONT, "sh", f"{site.config}/shell"]


def verbatim(text: str) -> str:
    """Text for a file in which CLIs take "@name" for a file to read in, except in code."""
    if not re.search(r"(?:^|\s)@[./A-Za-z]", text):
        return text
    fence = "`" * (1 + max([2, *(len(ticks) for ticks in re.findall("`+", text))]))
    return f"{fence}\n{text}\n{fence}"
