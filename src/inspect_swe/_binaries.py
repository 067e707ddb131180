"""The agents' CLIs as artifacts: what a program may ask about them, and have fetched, without running any."""

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
    """The agent, such as "claude_code"."""
    version: str
    """The CLI's version."""
    path: Path
    """The executable (of a Python package, its folder). Its name ends with the platform."""


class AgentBinaries(tuple[AgentBinary, ...]):
    """The agents' CLIs in the store: a sequence of `AgentBinary`."""


def download_agent_binary(binary: str, version: Literal["stable", "latest"] | str, platform: SandboxPlatform) -> None:
    """Download an agent's CLI, and the programs that it needs, into the store.

    After that, evals which ask for this version need no network to have it. mini-swe-agent is a Python package: its
    wheels are downloaded for each version of Python that it runs with.

    Blocks, also where an event loop is running.

    Args:
        binary: The agent, such as "claude_code" or "interactive_claude_code".
        version: "stable" (the pinned one), "latest" or a version such as "2.1.329".
        platform: What the sandbox is: "linux-x64", "linux-arm64", "linux-x64-musl" or "linux-arm64-musl".

    Raises:
        AgentOptionError: There is no such agent or platform, or it is not a version.
        AgentInstallError: It is not there, not what was published, or can't be stored.
        RegistryError: The registry can't be reached.
    """
    choice_of(binary)
    check_version(version)
    check_platform(platform)
    fetch(binary, version, platform)


def cached_agent_binaries(binary: str | None = None, quiet: bool = False) -> AgentBinaries:
    """List the agents' CLIs in the store.

    Args:
        binary: An agent, such as "claude_code". Default: all of them.
        quiet: Don't print them.

    Returns:
        A row for each version, platform and, of mini-swe-agent, Python; each platform's newest version first.

    Raises:
        AgentOptionError: There is no such agent.
    """
    found = list(stored(list(known_recipes()) if binary is None else [choice_of(binary).key]))
    if not quiet:
        print_entries([entry_of(each) for each in found])
    return AgentBinaries(AgentBinary(each.artifact.agent, each.artifact.version, path_of(each)) for each in found)


def download_wheels_tarball(
    package_name: str, version: str | None, platform: SandboxPlatform, python_version: str
) -> tuple[bytes, str]:
    """Download the wheels of a package and of all that it requires, for a sandbox without a network.

    The index is the one that pip is configured for; every wheel is checked against its digest there. Nothing is
    installed or built, and pip is not used. Tarballs are kept in the store, the 5 latest of a package for each
    platform and Python. Without a version and without an index, the latest kept one is used, with a warning.

    Blocks.

    Args:
        package_name: The package in the index, such as "mini-swe-agent".
        version: Its version. Default: the newest that runs there.
        platform: What the sandbox is: "linux-x64", "linux-arm64", "linux-x64-musl" or "linux-arm64-musl".
        python_version: The sandbox's Python, as "312" or "3.12".

    Returns:
        A gzip-compressed tar file with the wheels side by side (for `pip install --no-index --find-links`), and the
        package's version.

    Raises:
        AgentOptionError: An argument is not what it should be.
        AgentInstallError: No wheels fit together on that platform and Python, or they can't be stored.
        RegistryError: The index can't be reached.
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
    """Which version of an agent's CLI a request means now: the one an eval in this process would run.

    Blocks while it asks the registry, which it does for "latest" only, once in the life of the process.

    Args:
        agent: The agent, such as "claude_code".
        version: "stable" (the pinned one), "latest" (the registry's newest; if the registry can't be reached, the
            newest in the cache, with a warning) or a version such as "2.1.329", which is returned as it is.
        platform: What the sandbox is: "linux-x64", "linux-arm64", "linux-x64-musl" or "linux-arm64-musl".

    Returns:
        The version, such as "2.1.329".

    Raises:
        AgentOptionError: There is no such agent or platform, or it is not a version.
        AgentInstallError: The agent's CLI is not published for the platform.
        RegistryError: The registry can't be reached, and no version is in the cache.
    """
    check_platform(platform)
    return resolve_version(*choice_of(agent), version, platform)
