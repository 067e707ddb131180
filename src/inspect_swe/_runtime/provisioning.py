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

_copies: SingleFlight[str] = SingleFlight("inspect_swe_copies")

# Prints path, version and C library of each Python in the sandbox, or of the one that runs a given command.
_LIST_PYTHONS = r"""
tell='import platform, sys
print(sys.executable or sys.argv[1], "%d.%d.%d" % sys.version_info[:3], platform.libc_ver()[1] or "-")'
if [ -n "$1" ]; then
  for python in $(head -n 2 "$1" | grep -o '/[^ "]*python[0-9.]*'); do "$python" -I -c "$tell" "$python" && break; done
else
  for name in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do
    python=$(command -v "$name" 2>/dev/null) && "$python" -I -c "$tell" "$python" 2>/dev/null
  done
fi
"""


@dataclass(frozen=True)
class Installed:
    """A CLI in the sandbox.

    Args:
        command: The command that runs it: its path, or a program and the script that the program runs.
        path: Folders to prepend to PATH.
        source: Its source: "sandbox", "mount", "image", "cache" or "download".
        version: Its version, if known.
        digest: Digest of its package.
        tools: Paths of the agent's additional programs, by their keys.
    """

    command: tuple[str, ...]
    path: tuple[str, ...]
    source: str
    version: str | None = None
    digest: str | None = None
    tools: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Provided:
    """An artifact that comes with the sandbox, so that it does not have to be copied there.

    Args:
        artifact: The artifact.
        binary: Path of the executable in the sandbox.
        source: Its source: "mount" or "image".
        digest: Digest of its package.
    """

    artifact: Artifact
    binary: str
    source: str
    digest: str


@dataclass(frozen=True)
class Found:
    """A CLI in the sandbox, in the store or provided with the sandbox, with the programs it needs.

    Args:
        cli: The CLI.
        runner: The program that runs it, from the store or the sandbox; None if it is an executable.
        tools: Programs that it looks for on PATH.
        needs: Other programs that the agent needs.
        arguments: Arguments of the runner, before the CLI.
    """

    cli: StoredArtifact | Provided | Installed
    runner: StoredArtifact | Provided | str | None = None
    tools: tuple[StoredArtifact | Provided, ...] = ()
    needs: tuple[StoredArtifact | Provided, ...] = ()
    arguments: tuple[str, ...] = ()


async def find_cli(adapter: Adapter, version: str, workspace: Workspace) -> Found:
    """Find the CLI in the sandbox or in the store, which downloads it if needed, before any set-up.

    Args:
        adapter: The CLI's adapter.
        version: "auto", "sandbox", "stable", "latest" or a version number.
        workspace: The sandbox.

    Raises:
        AgentInstallError: The CLI is not installed and cannot be downloaded.
    """
    probe, recipe = workspace.probe, adapter.recipe
    own = probe.commands.get(adapter.command)
    if own is not None and version in ("auto", "sandbox"):
        needs = await _have(await _tool_artifacts(adapter.needs, workspace), workspace)
        return Found(await _own(own, adapter, workspace), needs=tuple(needs))
    if version == "sandbox" or recipe is None:
        raise AgentInstallError(
            f"{adapter.label} is not installed in the sandbox, and cannot be put there with version={version!r}: "
            f"there is no `{adapter.command}` on PATH ({probe.path}).",
            hint="install it in the image" + (', or use version="stable" to have it put there.' if recipe else "."),
        )
    platform = sandbox_platform(probe.machine, probe.musl)
    if isinstance(recipe, PythonPackage):
        python = await usable_python(adapter.label, workspace.transport)
        cli = await resolve_artifact(adapter.key, recipe, version, platform, target=python.target(platform))
        return Found((await _have([cli], workspace))[0], runner=python.path)
    artifacts = [await resolve_artifact(adapter.key, recipe, version, platform)]
    artifacts += await _tool_artifacts([*recipe.needs, *adapter.needs], workspace)
    package, *programs = await _have(artifacts, workspace)
    runner = programs.pop(0) if recipe.runner else None
    tools = len(recipe.tools)
    return Found(package, runner, tuple(programs[:tools]), tuple(programs[tools:]), recipe.arguments)


async def _tool_artifacts(tools: Sequence[Tool], workspace: Workspace) -> list[Artifact]:
    if not tools:
        return []
    platform = sandbox_platform(workspace.probe.machine, workspace.probe.musl)
    return [await tool_artifact(tool, platform) for tool in tools]


async def _own(command: str, adapter: Adapter, workspace: Workspace) -> Installed:
    """Return the sandbox's own CLI. For a Python package, its command is the Python that runs it."""
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


async def _have(artifacts: Sequence[Artifact], workspace: Workspace) -> list[StoredArtifact | Provided]:
    """Return each artifact from the sandbox if it comes with it, else from the store, which downloads it if needed."""
    store = ArtifactStore()
    return [_provided(artifact, workspace.probe.copies) or await store.fetch(artifact) for artifact in artifacts]


def _provided(artifact: Artifact, copies: Sequence[Copy]) -> Provided | None:
    """Return the sandbox's copy whose marker matches the artifact and whose executable is complete, or None."""
    for copy in copies:
        if copy.folder == f"{PROVIDED}/{artifact.folder}":
            marker = read_marker(copy.marker, artifact)
            if marker is None:
                logger.warning("%s is not the %s %s that is wanted.", copy.folder, artifact.agent, artifact.version)
            elif copy.size != str(marker.size):
                logger.warning("%s is not what its marker says: it is not used.", copy.folder)
            else:
                return Provided(artifact, f"{copy.folder}/{marker.member}", copy.source, marker.digest)
    return None


async def place_cli(found: Found, workspace: Workspace) -> Installed:
    """Copy the CLI and the programs it needs into the sandbox, unless they are already there."""
    needs = {need.artifact.agent: await _place(need, workspace) for need in found.needs}
    cli = found.cli
    if isinstance(cli, Installed):
        return replace(cli, tools=needs)
    binary = await _place(cli, workspace)
    tools = [await _place(tool, workspace) for tool in found.tools]
    command = [binary]
    if found.runner is not None:
        runner = found.runner if isinstance(found.runner, str) else await _place(found.runner, workspace)
        command[:0] = [runner, *found.arguments]
    folders = _folders([*([] if found.runner else [binary]), *tools])
    return Installed(tuple(command), folders, cli.source, cli.artifact.version, cli.digest, needs)


def _folders(files: Sequence[str]) -> tuple[str, ...]:
    return tuple(posixpath.dirname(file) for file in files)


async def _place(stored: StoredArtifact | Provided, workspace: Workspace) -> str:
    if isinstance(stored, Provided):
        return stored.binary
    here = workspace.transport.host_path(stored.binary)
    if here is not None:
        return here
    artifact = stored.artifact
    folder = f"{workspace.probe.base}/tools/{artifact.name}"
    binary = f"{folder}/{stored.binary.relative_to(stored.path).as_posix()}"
    size = stored.binary.stat().st_size
    files = await anyio.to_thread.run_sync(source_files, stored.path)

    async def is_whole() -> bool:
        done = await workspace.shell(_SIZES, binary, folder)
        if done.code == _NO_LIST:
            return done.stdout.strip() == str(size)
        return done.code == 0 and {f"{file.size} ./{file.name}" for file in files} <= {*done.stdout.splitlines()}

    async def copied() -> str:
        if not await is_whole():
            await workspace.copy(stored.path, folder)
            if not await is_whole():
                raise AgentInstallError(
                    f"{folder} in the sandbox does not contain the files that were copied there.",
                    hint="check the sandbox's free disk space, and that nothing else changes the files.",
                )
        return binary

    # If two agents start at once in one sandbox, the second waits for the first one's copy.
    return await _copies.get((workspace.identity, binary), copied)


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
    found = await _pythons(transport, command)
    return found[0] if found else None


async def usable_python(label: str, transport: Transport) -> Python:
    """Return a Python of the sandbox that can run a CLI.

    Args:
        label: The CLI's name, for the error message.
        transport: The sandbox's transport.

    Raises:
        AgentInstallError: The sandbox has no suitable Python.
    """
    found = await _pythons(transport, "")
    for python in found:
        if python.version.rpartition(".")[0] in PYTHONS:
            return python
    there = ", ".join(f"{python.path} ({python.version})" for python in found) or "none"
    raise AgentInstallError(
        f"{label} needs a Python from {PYTHONS[0]} to {PYTHONS[-1]} in the sandbox. It has: {there}.",
        hint="use an image with python3 on PATH (neither pip nor a network is needed).",
    )


async def _pythons(transport: Transport, command: str) -> list[Python]:
    done = await transport.run(["sh", "-c", _LIST_PYTHONS, "sh", command])
    rows = [line.split(" ") for line in done.stdout.splitlines()]
    return [Python(row[0], row[1], _glibc(row[2])) for row in rows if len(row) == 3]


def _glibc(version: str) -> tuple[int, int] | None:
    match = re.fullmatch(r"(\d+)\.(\d+)(\..*)?", version)
    return (int(match[1]), int(match[2])) if match else None
