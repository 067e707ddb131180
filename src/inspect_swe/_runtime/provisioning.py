"""Installation of a CLI in the requested version, with the programs it needs, in the sandbox."""

from __future__ import annotations

import logging
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import anyio.to_thread

from .._contract.adapter import Adapter
from .._errors import AgentInstallError
from .._packages.platforms import SandboxPlatform, sandbox_platform
from .._packages.pypi.lock import PYTHONS
from .._packages.pypi.tags import Target
from .._packages.recipes import PythonPackage, Tool
from .._sandbox.files import source_files
from .._sandbox.probe import PROVIDED, Copy
from .._sandbox.workspace import Transport, Workspace
from .._store.image_manifest import read_marker
from .._store.single_flight import SingleFlight
from .._store.store import Artifact, ArtifactStore, StoredArtifact
from .._store.versions import resolve_artifact, tool_artifact

logger = logging.getLogger(__name__)

# Prints the sizes of a copy's files; without `find` and `stat`, only the size of its executable.
_SIZES = """
[ -x "$1" ] && cd "$2" || exit 1
find . ! -type d -exec stat -L -c '%s %n' {} + 2>/dev/null && exit
wc -c <"$1"
exit 3
"""
_NO_LIST = 3

_copies: SingleFlight[None] = SingleFlight("inspect_swe_copies")

# Prints path, version and C library of each Python in the sandbox, or of the one that runs a given command.
_LIST_PYTHONS = r"""
facts='import platform, sys
print(sys.executable or sys.argv[1], "%d.%d.%d" % sys.version_info[:3], platform.libc_ver()[1] or "-")'
if [ -n "$1" ]; then
  for python in $(head -n 2 "$1" | grep -o '/[^ "]*python[0-9.]*'); do "$python" -I -c "$facts" "$python" && break; done
else
  for name in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do
    python=$(command -v "$name" 2>/dev/null) && "$python" -I -c "$facts" "$python" 2>/dev/null
  done
fi
"""


@dataclass(frozen=True)
class Installation:
    """A program in the sandbox, with the programs it needs.

    Args:
        command: The command that runs it: its path, or a program and the script that the program runs.
        path: Folders to prepend to PATH.
        source: Its source: "sandbox", "mount", "image", "cache" or "download".
        version: Its version, if known.
        digest: Digest of its package.
        tools: Paths of the agent's additional programs, by their keys.
        missing: Packages that `place_cli()` has to copy into the sandbox.
    """

    command: tuple[str, ...]
    path: tuple[str, ...]
    source: str
    version: str | None = None
    digest: str | None = None
    tools: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[StoredArtifact, ...] = ()


async def find_cli(adapter: Adapter, version: str, workspace: Workspace) -> Installation:
    """Find the CLI in the sandbox or in the store, which downloads it if needed, before any set-up.

    Args:
        adapter: The CLI's adapter.
        version: "auto", "sandbox", "stable", "latest" or a version number.
        workspace: The sandbox.

    Returns:
        The installation as it will be. `place_cli()` completes it in the sandbox.

    Raises:
        AgentInstallError: The CLI is not installed and cannot be downloaded.
    """
    probe, recipe = workspace.probe, adapter.recipe
    own = probe.commands.get(adapter.command)
    if own is not None and version in ("auto", "sandbox"):
        return await _with_needs(await _sandbox_cli(own, adapter, workspace), adapter, workspace)
    if version == "sandbox" or recipe is None:
        raise AgentInstallError(
            f"{adapter.label} is not installed in the sandbox, and cannot be copied there with version={version!r}: "
            f"there is no `{adapter.command}` on PATH ({probe.path}).",
            hint="install it in the image" + (', or use version="stable" to copy it there.' if recipe else "."),
        )
    platform = sandbox_platform(probe.machine, probe.musl)
    if isinstance(recipe, PythonPackage):
        python = await usable_python(adapter.label, workspace.transport)
        artifact = await resolve_artifact(adapter.key, recipe, version, platform, target=python.target(platform))
        cli = await _program(artifact, workspace)
        return replace(cli, command=(python.path, *cli.command), path=())
    cli = await _program(await resolve_artifact(adapter.key, recipe, version, platform), workspace)
    if recipe.runner is not None:
        runner = await _tool(recipe.runner, workspace)
        command = (*runner.command, *recipe.arguments, *cli.command)
        cli = replace(cli, command=command, path=(), missing=(*cli.missing, *runner.missing))
    for each in recipe.tools:
        tool = await _tool(each, workspace)
        cli = replace(cli, path=(*cli.path, *tool.path), missing=(*cli.missing, *tool.missing))
    return await _with_needs(cli, adapter, workspace)


async def place_cli(installation: Installation, workspace: Workspace) -> None:
    """Copy the CLI and the programs it needs into the sandbox, unless they are already there."""
    for stored in installation.missing:
        await _copy(stored, workspace)


async def _sandbox_cli(command: str, adapter: Adapter, workspace: Workspace) -> Installation:
    """Return the sandbox's own CLI. For a Python package, its command is the Python that runs it."""
    runs = (command,)
    if isinstance(adapter.recipe, PythonPackage):
        python = await python_of(command, workspace.transport)
        if python is None:
            raise AgentInstallError(
                f"{command} in the sandbox is not a Python script, so {adapter.label} cannot run with it.",
                hint='install it with pip or uv, or use version="stable" to copy it there.',
            )
        runs = (python.path,)
    return Installation(runs, (posixpath.dirname(command),), "sandbox")


async def _with_needs(cli: Installation, adapter: Adapter, workspace: Workspace) -> Installation:
    """Return the installation with the other programs that its agent needs."""
    needs = {tool.key: await _tool(tool, workspace) for tool in adapter.needs}
    missing = [stored for need in needs.values() for stored in need.missing]
    tools = {key: need.command[0] for key, need in needs.items()}
    return replace(cli, tools=tools, missing=(*cli.missing, *missing))


async def _tool(tool: Tool, workspace: Workspace) -> Installation:
    platform = sandbox_platform(workspace.probe.machine, workspace.probe.musl)
    return await _program(await tool_artifact(tool, platform), workspace)


async def _program(artifact: Artifact, workspace: Workspace) -> Installation:
    """Return the sandbox's copy of an artifact, or the store's, which downloads it if needed."""
    if (provided := _provided(artifact, workspace.probe.copies)) is not None:
        return provided
    stored = await ArtifactStore().fetch(artifact)
    host_path = workspace.transport.host_path(stored.binary)
    binary = host_path or _sandbox_path(stored, workspace)
    folder, missing = posixpath.dirname(binary), () if host_path else (stored,)
    return Installation((binary,), (folder,), stored.source, artifact.version, stored.digest, missing=missing)


def _provided(artifact: Artifact, copies: Sequence[Copy]) -> Installation | None:
    """Return the sandbox's copy whose marker matches the artifact and whose executable is complete, or None."""
    for copy in copies:
        if copy.folder == f"{PROVIDED}/{artifact.folder}":
            marker = read_marker(copy.marker, artifact)
            if marker is None:
                logger.warning("%s is not the requested %s %s.", copy.folder, artifact.agent, artifact.version)
            elif copy.size != str(marker.size):
                logger.warning("%s does not match its marker: it is ignored.", copy.folder)
            else:
                binary = f"{copy.folder}/{marker.member}"
                folder = posixpath.dirname(binary)
                return Installation((binary,), (folder,), copy.source, artifact.version, marker.digest)
    return None


def _sandbox_path(stored: StoredArtifact, workspace: Workspace) -> str:
    """Return the path of the executable after `_copy()`."""
    return f"{_folder(stored, workspace)}/{stored.binary.relative_to(stored.path).as_posix()}"


def _folder(stored: StoredArtifact, workspace: Workspace) -> str:
    return f"{workspace.probe.base}/tools/{stored.artifact.name}"


async def _copy(stored: StoredArtifact, workspace: Workspace) -> None:
    """Copy a package into the sandbox, unless an earlier copy is complete."""
    binary, folder = _sandbox_path(stored, workspace), _folder(stored, workspace)
    size = stored.binary.stat().st_size
    files = await anyio.to_thread.run_sync(source_files, stored.path)

    async def is_complete() -> bool:
        done = await workspace.shell(_SIZES, binary, folder)
        if done.code == _NO_LIST:
            return done.stdout.strip() == str(size)
        return done.code == 0 and {f"{file.size} ./{file.name}" for file in files} <= {*done.stdout.splitlines()}

    async def copy() -> None:
        if not await is_complete():
            await workspace.copy(stored.path, folder)
            if not await is_complete():
                raise AgentInstallError(
                    f"{folder} in the sandbox does not contain the files that were copied there.",
                    hint="check the sandbox's free disk space, and that nothing else changes the files.",
                )

    # If two agents start at once in one sandbox, the second waits for the first one's copy.
    await _copies.get((workspace.identity, binary), copy)


@dataclass(frozen=True)
class Python:
    """A Python in the sandbox.

    Args:
        path: Its path.
        version: Its version, such as "3.11.2".
        glibc: The version of its C library, if that is glibc and known.
    """

    path: str
    version: str
    glibc: tuple[int, int] | None = None

    def target(self, platform: SandboxPlatform) -> Target:
        """Return the target that wheels have to match."""
        return Target(platform, self.version, self.glibc) if self.glibc else Target(platform, self.version)


async def python_of(command: str, transport: Transport) -> Python | None:
    """Return the Python that runs a command of the sandbox, or None if the command is not a Python script."""
    pythons = await _pythons(transport, command)
    return pythons[0] if pythons else None


async def usable_python(label: str, transport: Transport) -> Python:
    """Return a Python of the sandbox that can run a CLI.

    Args:
        label: The CLI's name, for the error message.
        transport: The sandbox's transport.

    Raises:
        AgentInstallError: The sandbox has no suitable Python.
    """
    pythons = await _pythons(transport, "")
    for python in pythons:
        if python.version.rpartition(".")[0] in PYTHONS:
            return python
    versions = ", ".join(f"{python.path} ({python.version})" for python in pythons) or "none"
    raise AgentInstallError(
        f"{label} needs a Python from {PYTHONS[0]} to {PYTHONS[-1]} in the sandbox. It has: {versions}.",
        hint="use an image with python3 on PATH (neither pip nor a network is needed).",
    )


async def _pythons(transport: Transport, command: str) -> list[Python]:
    done = await transport.run(["sh", "-c", _LIST_PYTHONS, "sh", command])
    rows = [line.split(" ") for line in done.stdout.splitlines()]
    return [Python(row[0], row[1], _glibc(row[2])) for row in rows if len(row) == 3]


def _glibc(version: str) -> tuple[int, int] | None:
    match = re.fullmatch(r"(\d+)\.(\d+)(\..*)?", version)
    return (int(match[1]), int(match[2])) if match else None
