"""From a version the user asked for to a CLI that lies in the sandbox."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from .._errors import AgentInstallError
from .._install import StoredArtifact, resolve, sandbox_platform
from .._sandbox.probe import Probe
from .._sandbox.workspace import Workspace
from .adapter import Adapter


@dataclass(frozen=True)
class Installed:
    """A CLI in the sandbox.

    Args:
        binary: Its path there.
        source: Where it came from: "sandbox", "cache" or "download".
        version: Its version, if known.
        digest: Digest of the package it came from.
    """

    binary: str
    source: str
    version: str | None = None
    digest: str | None = None

    @property
    def folder(self) -> str:
        """The folder it lies in."""
        return posixpath.dirname(self.binary)


async def find_cli(adapter: Adapter, version: str, probe: Probe) -> Installed | StoredArtifact:
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
        return Installed(own, "sandbox")
    platform = sandbox_platform(probe.machine, probe.musl)
    return await resolve(adapter.key, adapter.recipe, version, platform)


async def place_cli(found: Installed | StoredArtifact, adapter: Adapter, workspace: Workspace) -> Installed:
    """Put the CLI into the sandbox, unless it is there already."""
    if isinstance(found, Installed):
        return found
    version, digest = found.artifact.version, found.digest
    here = workspace.transport.host_path(found.binary)
    if here is not None:
        return Installed(here, found.source, version, digest)
    folder = f"{workspace.probe.base}/tools/{adapter.key}-{version}-{found.artifact.platform}"
    binary = f"{folder}/{found.binary.relative_to(found.path).as_posix()}"
    size = found.binary.stat().st_size
    present = await workspace.shell('[ -x "$1" ] && [ "$(wc -c <"$1")" -eq "$2" ]', binary, str(size))
    if present.code != 0:
        await workspace.copy(found.path, folder)
    return Installed(binary, found.source, version, digest)
