"""From a version the user asked for to a CLI that lies in the sandbox, with what it needs to run."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

import anyio

from .._errors import AgentInstallError
from .._install import SandboxPlatform, StoredArtifact, Tool, resolve, resolve_tool, sandbox_platform
from .._sandbox.probe import Probe
from .._sandbox.workspace import Workspace
from .adapter import Adapter


@dataclass(frozen=True)
class Installed:
    """A CLI in the sandbox.

    Args:
        command: How it is called: its path, or a program and the script that the program runs.
        path: Folders to put in front of PATH.
        source: Where it came from: "sandbox", "cache" or "download".
        version: Its version, if known.
        digest: Digest of the package it came from.
    """

    command: tuple[str, ...]
    path: tuple[str, ...]
    source: str
    version: str | None = None
    digest: str | None = None


@dataclass(frozen=True)
class Found:
    """A CLI in the store, with the programs it needs.

    Args:
        cli: The CLI.
        runner: What runs it, if it doesn't run by itself.
        tools: What it looks for on PATH.
    """

    cli: StoredArtifact
    runner: StoredArtifact | None = None
    tools: tuple[StoredArtifact, ...] = ()


async def find_cli(adapter: Adapter, version: str, probe: Probe) -> Installed | Found:
    """Find the CLI in the sandbox or in the store (downloading it), before anything is set up.

    Args:
        adapter: Says which CLI.
        version: "auto", "sandbox", "stable", "latest" or a version number.
        probe: What the sandbox has.

    Raises:
        AgentInstallError: It is not there, or cannot be had.
    """
    own = probe.commands.get(adapter.command)
    if version == "sandbox" and own is None:
        raise AgentInstallError(
            f'{adapter.label} is not installed in the sandbox, and version="sandbox" was asked for: '
            f"there is no `{adapter.command}` on PATH ({probe.path}).",
            hint='install it in the image, or use version="stable" to have it put there.',
        )
    if own is not None and version in ("auto", "sandbox"):
        return Installed((own,), (posixpath.dirname(own),), "sandbox")
    return await fetch_cli(adapter, version, sandbox_platform(probe.machine, probe.musl))


async def fetch_cli(adapter: Adapter | type[Adapter], version: str, platform: SandboxPlatform) -> Found:
    """Get the CLI and what it needs into the store."""
    recipe = adapter.recipe
    stored: dict[str, StoredArtifact] = {}

    async def fetch_tool(tool: Tool) -> None:
        stored[tool.key] = await resolve_tool(tool, platform)

    async with anyio.create_task_group() as group:
        for tool in [*recipe.tools, *([recipe.runner] if recipe.runner else [])]:
            group.start_soon(fetch_tool, tool)
        cli = await resolve(adapter.key, recipe, version, platform)
    return Found(cli, stored[recipe.runner.key] if recipe.runner else None, tuple(stored[t.key] for t in recipe.tools))


async def place_cli(found: Installed | Found, workspace: Workspace) -> Installed:
    """Put the CLI into the sandbox, unless it is there already."""
    if isinstance(found, Installed):
        return found
    binary = await _place(found.cli, workspace)
    tools = [await _place(tool, workspace) for tool in found.tools]
    command = [binary]
    if found.runner is not None:
        command.insert(0, await _place(found.runner, workspace))
    folders = _folders([*([] if found.runner else [binary]), *tools])
    return Installed(tuple(command), folders, found.cli.source, found.cli.artifact.version, found.cli.digest)


def _folders(files: Sequence[str]) -> tuple[str, ...]:
    return tuple(posixpath.dirname(file) for file in files)


async def _place(stored: StoredArtifact, workspace: Workspace) -> str:
    here = workspace.transport.host_path(stored.binary)
    if here is not None:
        return here
    artifact = stored.artifact
    folder = f"{workspace.probe.base}/tools/{artifact.agent}-{artifact.version}-{artifact.platform}"
    binary = f"{folder}/{stored.binary.relative_to(stored.path).as_posix()}"
    size = stored.binary.stat().st_size
    present = await workspace.shell('[ -x "$1" ] && [ "$(wc -c <"$1")" -eq "$2" ]', binary, str(size))
    if present.code != 0:
        await workspace.copy(stored.path, folder)
    return binary
