"""The CLIs of all agents in the store, and the programs that they need: fetched, listed, named."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypedDict, TypeVar, get_args

import anyio
from anyio.from_thread import start_blocking_portal
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from ._agents import ROSTER, PluginAgent, all_plugins, plugin_agent, plugin_names
from ._errors import AgentError, AgentOptionError
from ._packages.npm.registry import Release, newest_first
from ._packages.pins import Pins
from ._packages.platforms import SandboxPlatform
from ._packages.pypi.lock import PYTHONS
from ._packages.pypi.tags import Target
from ._packages.recipes import CLAUDE_ACP, CODEX_ACP, NODE, RIPGREP, NpmPackage, PythonPackage, Recipe, Tool
from ._store.store import Artifact, ArtifactStore, StoredArtifact
from ._store.versions import fetch_with_tools

T = TypeVar("T")

_AT_ONCE = 4

PLATFORMS: tuple[SandboxPlatform, ...] = get_args(SandboxPlatform)
RECIPES: Mapping[str, Recipe] = {adapter.key: adapter.recipe for adapter in ROSTER if adapter.recipe is not None}
TOOLS: Mapping[str, Tool] = {tool.key: tool for tool in (NODE, RIPGREP, CLAUDE_ACP, CODEX_ACP)}


class Choice(NamedTuple):
    """What a name stands for: an agent's CLI in the store, and where it and what it needs are found."""

    key: str
    recipe: Recipe


def _choices() -> Iterator[tuple[str, Choice]]:
    for adapter in ROSTER:
        recipe = adapter.recipe
        if recipe is not None:
            yield adapter.key, Choice(adapter.key, recipe)
        if isinstance(recipe, NpmPackage) and adapter.acp_tools is not None:
            yield f"interactive_{adapter.key}", Choice(adapter.key, recipe.with_tools(adapter.acp_tools))


CHOICES: Mapping[str, Choice] = dict(_choices())
"""Agents by the names that people know them by; an interactive one runs the same CLI as the other."""


class Entry(TypedDict):
    """A CLI or a program in the store, as `inspect-swe list --json` prints it."""

    agent: str
    version: str
    platform: str
    size: int
    path: str
    digest: str


def choice_of(agent: str) -> Choice:
    """What an agent's name stands for."""
    if agent in CHOICES:
        return CHOICES[agent]
    if agent not in (others := plugin_names()):
        raise AgentOptionError(f"There is no agent {agent!r}.", hint=f"known agents: {', '.join([*CHOICES, *others])}.")
    found = plugin_agent(agent)
    if found.adapter.recipe is None:
        raise AgentOptionError(
            f"{found.package} does not say where the CLI of {agent} is to be had: it must be in the sandbox's image."
        )
    return Choice(agent, found.adapter.recipe)


def known_recipes() -> dict[str, Recipe]:
    """Where the CLIs of all agents are found, those of other packages included, as far as they can be used."""
    others = [found for found in all_plugins() if isinstance(found, PluginAgent)]
    return {**{each.name: each.adapter.recipe for each in others if each.adapter.recipe is not None}, **RECIPES}


def check_platform(platform: str) -> None:
    """Refuse what is no platform."""
    if platform not in PLATFORMS:
        raise AgentOptionError(f"{platform!r} is not a platform.", hint=f"use one of {', '.join(PLATFORMS)}.")


def fetch(agent: str, version: str, platform: SandboxPlatform) -> list[StoredArtifact]:
    """An agent's CLI and the programs that it needs, downloaded if need be; of a Python package, for each Python.

    Blocks. An event loop that runs in the calling thread doesn't matter.
    """
    # A loop of its own in a thread of its own, which ends when the caller is interrupted.
    with start_blocking_portal() as portal:
        return portal.call(functools.partial(fetch_with_tools, *choice_of(agent), version, platform))


def fetch_each(
    wanted: Sequence[tuple[str, SandboxPlatform]], version: str, report: Callable[[StoredArtifact], None]
) -> tuple[list[StoredArtifact], list[AgentError]]:
    """What `fetch()` has for several agents and platforms, a few at a time; a failure doesn't stop the others. Blocks.

    Args:
        wanted: The agents and platforms.
        version: The version.
        report: Told of each artifact as soon as it is there.

    Returns:
        All artifacts, each once, in the order of `wanted`; and what went wrong, each once.
    """
    with start_blocking_portal() as portal:
        return portal.call(functools.partial(_fetch_each, wanted, version, report))


async def _fetch_each(
    wanted: Sequence[tuple[str, SandboxPlatform]], version: str, report: Callable[[StoredArtifact], None]
) -> tuple[list[StoredArtifact], list[AgentError]]:
    limit, reported = anyio.CapacityLimiter(_AT_ONCE), set[Path]()
    found: dict[tuple[str, SandboxPlatform], list[StoredArtifact]] = {}
    # By their texts: agents that share a CLI share what is wrong with it.
    errors: dict[str, AgentError] = {}

    async def one(agent: str, platform: SandboxPlatform) -> None:
        async with limit:
            try:
                found[agent, platform] = await fetch_with_tools(*choice_of(agent), version, platform)
            except AgentError as error:
                errors.setdefault(str(error), error)
                return
        for each in found[agent, platform]:
            if each.path not in reported:
                reported.add(each.path)
                report(each)

    async with anyio.create_task_group() as group:
        for pair in wanted:
            group.start_soon(one, *pair)
    ordered = {each.path: each for pair in wanted for each in found.get(pair, [])}
    return list(ordered.values()), list(errors.values())


def stored(keys: Sequence[str], store: ArtifactStore | None = None) -> Iterator[StoredArtifact]:
    """What is in the store and intact of these agents and tools, each platform's newest version first."""
    store = store or ArtifactStore()
    for key in keys:
        for platform in PLATFORMS:
            for version in newest_first(store.versions(key, platform)):
                found = (store.cached(artifact) for artifact in artifacts(key, version, platform))
                yield from (each for each in found if each is not None)


def artifacts(key: str, version: str, platform: SandboxPlatform) -> Iterator[Artifact]:
    """What a version of an agent's CLI or of a tool may be in the store as; of a Python package, for each Python."""
    if key in TOOLS:
        pinned = Pins.load().pin(key).release(platform)
        yield Artifact(key, version, platform, Release(pinned.package, version), TOOLS[key].member)
        return
    recipe = choice_of(key).recipe
    if isinstance(recipe, PythonPackage):
        release = Release(recipe.package, version)
        for python in PYTHONS:
            yield Artifact(key, version, platform, release, recipe.member, target=Target(platform, python))
    else:
        release = Release(recipe.package_for(platform), recipe.release_version(version, platform))
        yield Artifact(key, version, platform, release, recipe.member_for(platform))


def path_of(found: StoredArtifact) -> Path:
    """The executable (of a Python package, its folder) under a name that ends with version and platform.

    That name is a link beside the package, which is made here; where that can't be, it is the file's own.
    """
    folder = found.path.parent
    target = found.binary if found.artifact.target is None else found.path
    link = folder / found.artifact.name
    with contextlib.suppress(OSError):
        link.symlink_to(target.relative_to(folder))
    return link if link.exists() else target


def entry_of(found: StoredArtifact) -> Entry:
    """A row of the list."""
    artifact = found.artifact
    return Entry(
        agent=artifact.agent,
        version=f"{artifact.version} (Python {artifact.target.minor})" if artifact.target else artifact.version,
        platform=artifact.platform,
        size=size_of(found.path),
        path=str(path_of(found)),
        digest=found.digest,
    )


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


def entries_table(entries: Sequence[Entry]) -> Table:
    """Rows of the list for people."""
    table = Table(box=None, pad_edge=False)
    for column in ("agent", "version", "platform"):
        table.add_column(column, no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("path", overflow="fold")
    for entry in entries:
        table.add_row(entry["agent"], entry["version"], entry["platform"], decimal(entry["size"]), entry["path"])
    return table


def console() -> Console:
    """Where tables go. In a pipe no line is broken: it may be meant for another program."""
    return Console(width=None if sys.stdout.isatty() else 4096, highlight=False, markup=False)


def print_entries(entries: Sequence[Entry]) -> None:
    """Print rows of the list, or where the empty store is."""
    if entries:
        console().print(entries_table(entries))
    else:
        console().print(f"The store is empty: {ArtifactStore().root}")
