"""Functions that list, resolve and download the agents' CLIs without running any."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, NamedTuple

from ._cli_inventory import check_platform, choice_of, entry_of, fetch, known_recipes, path_of, print_entries, stored
from ._errors import AgentOptionError
from ._packages.platforms import SandboxPlatform
from ._packages.pypi.tags import Target
from ._store.bundle import wheels_tarball
from ._store.store import ArtifactStore
from ._store.versions import check_version, resolve_version

_PYTHON = re.compile(r"(3)\.?(\d{1,2})(?:\.\d+)?")


class AgentBinary(NamedTuple):
    """An agent's CLI in the store."""

    agent: str
    """Name of the agent, such as "claude_code"."""
    version: str
    """The CLI's version."""
    path: Path
    """Executable (of a Python package, its folder). Its name ends with the platform."""


class AgentBinaries(tuple[AgentBinary, ...]):
    """The agents' CLIs in the store: a sequence of `AgentBinary`."""


def download_agent_binary(binary: str, version: Literal["stable", "latest"] | str, platform: SandboxPlatform) -> None:
    """Download an agent's CLI and the programs it needs into the store.

    Evals that request this version then need no network for it. mini-swe-agent is a Python package: its wheels are
    downloaded for each supported version of Python.

    Blocks, even in a running event loop.

    Args:
        binary: Name of an agent, such as "claude_code" or "interactive_claude_code".
        version: "stable" (the pinned one), "latest" or a version such as "2.1.329".
        platform: Platform of the sandbox: "linux-x64", "linux-arm64", "linux-x64-musl" or "linux-arm64-musl".

    Raises:
        AgentOptionError: The agent or platform does not exist, or the version is malformed.
        AgentInstallError: The version does not exist, fails its digest check, or can't be stored.
        RegistryError: The registry can't be reached.

    Examples:
        ```python
        from inspect_swe import download_agent_binary


        def prepare() -> None:
            download_agent_binary("claude_code", "stable", "linux-x64")
        ```
    """
    choice_of(binary)
    check_version(version)
    check_platform(platform)
    fetch(binary, version, platform)


def cached_agent_binaries(binary: str | None = None, quiet: bool = False) -> AgentBinaries:
    """List the agents' CLIs in the store.

    Args:
        binary: Name of an agent, such as "claude_code". Defaults to all agents.
        quiet: True to print nothing.

    Returns:
        A row for each version, platform and, of mini-swe-agent, Python; the newest version of each platform first.

    Raises:
        AgentOptionError: The agent does not exist.
    """
    artifacts = list(stored(list(known_recipes()) if binary is None else [choice_of(binary).key]))
    if not quiet:
        print_entries([entry_of(each) for each in artifacts])
    return AgentBinaries(AgentBinary(each.artifact.agent, each.artifact.version, path_of(each)) for each in artifacts)


def download_wheels_tarball(
    package_name: str, version: str | None, platform: SandboxPlatform, python_version: str
) -> tuple[bytes, str]:
    """Download the wheels of a package and of all its requirements, for a sandbox without a network.

    The index is pip's configured one, and every wheel is checked against its digest there. Nothing is installed or
    built, and pip is not used. The store keeps the 5 latest tarballs of a package for each platform and Python. Without
    a version and without an index, the latest stored tarball is used, with a warning.

    Blocks.

    Args:
        package_name: Name in the index, such as "mini-swe-agent".
        version: Version of the package. Defaults to the newest that runs on the platform.
        platform: Platform of the sandbox: "linux-x64", "linux-arm64", "linux-x64-musl" or "linux-arm64-musl".
        python_version: Python version of the sandbox, as "312" or "3.12".

    Returns:
        A gzip-compressed tar file with the wheels side by side (for `pip install --no-index --find-links`), and the
        package's version.

    Raises:
        AgentOptionError: An argument is invalid.
        AgentInstallError: No set of wheels fits the platform and Python, or they can't be stored.
        RegistryError: The index can't be reached.

    Examples:
        ```python
        from pathlib import Path

        from inspect_swe import download_wheels_tarball


        def prepare() -> None:
            wheels, version = download_wheels_tarball("mini-swe-agent", None, "linux-x64", "3.12")
            Path(f"mini-swe-agent-{version}.tar.gz").write_bytes(wheels)
        ```
    """
    check_platform(platform)
    match = _PYTHON.fullmatch(python_version)
    if match is None:
        raise AgentOptionError(
            f"python_version={python_version!r} is not a version of Python 3.", hint='use one such as "312" or "3.12".'
        )
    return wheels_tarball(ArtifactStore().root, package_name, version, Target(platform, f"{match[1]}.{match[2]}"))


def resolve_agent_version(
    agent: str, version: Literal["stable", "latest"] | str, platform: SandboxPlatform = "linux-x64"
) -> str:
    """Return the version of an agent's CLI that an eval in this process would download.

    Blocks while it queries the registry, which it does only for "latest", once per process.

    Args:
        agent: Name of the agent, such as "claude_code".
        version: "stable" (the pinned one), "latest" (the registry's newest; if the registry can't be reached, the
            newest in the cache, with a warning) or a version such as "2.1.329". "auto" and "sandbox" depend on the
            sandbox, so they are returned unchanged, as a version is.
        platform: Platform of the sandbox: "linux-x64", "linux-arm64", "linux-x64-musl" or "linux-arm64-musl".

    Returns:
        The version, such as "2.1.329"; "auto" and "sandbox" unchanged.

    Raises:
        AgentOptionError: The agent or platform does not exist, or the version is malformed.
        AgentInstallError: The agent's CLI is not published for the platform.
        RegistryError: The registry can't be reached, and no version is in the cache.

    Examples:
        ```python
        from inspect_swe import resolve_agent_version

        version = resolve_agent_version("claude_code", "stable")
        ```
    """
    check_platform(platform)
    choice = choice_of(agent)
    return version if version in ("auto", "sandbox") else resolve_version(*choice, version, platform)
