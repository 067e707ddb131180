"""From a version the user asked for to a CLI that lies in the sandbox, with what it needs to run."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from .._errors import AgentInstallError
from .._install import (
    NpmPackage,
    PythonPackage,
    SandboxPlatform,
    StoredArtifact,
    resolve,
    resolve_tool,
    sandbox_platform,
)
from .._sandbox.workspace import Workspace
from .adapter import Adapter
from .python import python_of, usable_python


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
        runner: What runs it, if it doesn't run by itself: a program of the store, or one of the sandbox.
        tools: What it looks for on PATH.
    """

    cli: StoredArtifact
    runner: StoredArtifact | str | None = None
    tools: tuple[StoredArtifact, ...] = ()


async def find_cli(adapter: Adapter, version: str, workspace: Workspace) -> Installed | Found:
    """Find the CLI in the sandbox or in the store (downloading it), before anything is set up.

    Args:
        adapter: Says which CLI.
        version: "auto", "sandbox", "stable", "latest" or a version number.
        workspace: The sandbox.

    Raises:
        AgentInstallError: It is not there, or cannot be had.
    """
    probe, recipe = workspace.probe, adapter.recipe
    own = probe.commands.get(adapter.command)
    if own is not None and version in ("auto", "sandbox"):
        return await _own(own, adapter, workspace)
    if version == "sandbox" or recipe is None:
        raise AgentInstallError(
            f"{adapter.label} is not installed in the sandbox, and cannot be put there with version={version!r}: "
            f"there is no `{adapter.command}` on PATH ({probe.path}).",
            hint="install it in the image" + (', or use version="stable" to have it put there.' if recipe else "."),
        )
    platform = sandbox_platform(probe.machine, probe.musl)
    if isinstance(recipe, PythonPackage):
        python = await usable_python(adapter.label, workspace.transport)
        cli = await resolve(adapter.key, recipe, version, platform, target=python.target(platform))
        return Found(cli, runner=python.path)
    return await _fetch(adapter, recipe, version, platform)


async def _own(command: str, adapter: Adapter, workspace: Workspace) -> Installed:
    """The sandbox's own CLI; of a Python package, the Python that runs it."""
    runs = (command,)
    if isinstance(adapter.recipe, PythonPackage):
        python = await python_of(command, workspace.transport)
        if python is None:
            raise AgentInstallError(
                f"{command} in the sandbox is no script of a Python there, so {adapter.label} cannot be run with it.",
                hint='install it with pip or uv, or use version="stable" to have it put there.',
            )
        runs = (python.path,)
    return Installed(runs, (posixpath.dirname(command),), "sandbox")


async def _fetch(adapter: Adapter, recipe: NpmPackage, version: str, platform: SandboxPlatform) -> Found:
    """The CLI and what it needs, in the store."""
    cli = await resolve(adapter.key, recipe, version, platform)
    runner = await resolve_tool(recipe.runner, platform) if recipe.runner else None
    return Found(cli, runner, tuple([await resolve_tool(tool, platform) for tool in recipe.tools]))


async def place_cli(found: Installed | Found, workspace: Workspace) -> Installed:
    """Put the CLI into the sandbox, unless it is there already."""
    if isinstance(found, Installed):
        return found
    binary = await _place(found.cli, workspace)
    tools = [await _place(tool, workspace) for tool in found.tools]
    command = [binary]
    if found.runner is not None:
        command.insert(
            0, await _place(found.runner, workspace) if isinstance(found.runner, StoredArtifact) else found.runner
        )
    folders = _folders([*([] if found.runner else [binary]), *tools])
    return Installed(tuple(command), folders, found.cli.source, found.cli.artifact.version, found.cli.digest)


def _folders(files: Sequence[str]) -> tuple[str, ...]:
    return tuple(posixpath.dirname(file) for file in files)


async def _place(stored: StoredArtifact, workspace: Workspace) -> str:
    here = workspace.transport.host_path(stored.binary)
    if here is not None:
        return here
    artifact = stored.artifact
    folder = f"{workspace.probe.base}/tools/{artifact.name}"
    binary = f"{folder}/{stored.binary.relative_to(stored.path).as_posix()}"
    size = stored.binary.stat().st_size
    present = await workspace.shell('[ -x "$1" ] && [ "$(wc -c <"$1")" -eq "$2" ]', binary, str(size))
    if present.code != 0:
        await workspace.copy(stored.path, folder)
    return binary
