"""The agents' CLIs and the programs they need: names, downloads and lists of the store."""

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
    """The key of an agent's CLI in the store, and the recipe to fetch it and the programs it needs."""

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
"""The agents by their public names; an interactive agent runs the same CLI as the headless one."""


_INTERACTIVE: Mapping[str, str] = {
    adapter.label: f"interactive_{adapter.key}" for adapter in ROSTER if adapter.acp_tools is not None
}


class Entry(TypedDict):
    """A CLI or program in the store, as `inspect-swe list --json` prints it."""

    agent: str
    version: str
    platform: str
    size: int
    path: str
    digest: str


def public_name(registered: str) -> str:
    """Return an agent's public name, given its name in Inspect's registry ("inspect_swe/Claude Code")."""
    name = registered.rpartition("/")[2]
    return _INTERACTIVE.get(name, name)


def choice_of(agent: str) -> Choice:
    """Return the CLI that an agent's name refers to."""
    if agent in CHOICES:
        return CHOICES[agent]
    if agent not in (others := plugin_names()):
        raise AgentOptionError(f"Unknown agent {agent!r}.", hint=f"known agents: {', '.join([*CHOICES, *others])}.")
    plugin = plugin_agent(agent)
    if plugin.adapter.recipe is None:
        raise AgentOptionError(
            f"{plugin.package} declares no package for the CLI of {agent}, so the sandbox's image must contain it."
        )
    return Choice(agent, plugin.adapter.recipe)


def known_recipes() -> dict[str, Recipe]:
    """Return the recipes of all agents' CLIs, including usable agents of other packages."""
    plugins = [plugin for plugin in all_plugins() if isinstance(plugin, PluginAgent)]
    return {
        **{plugin.name: plugin.adapter.recipe for plugin in plugins if plugin.adapter.recipe is not None},
        **RECIPES,
    }


def check_platform(platform: str) -> None:
    """Raise an error for an unknown platform."""
    if platform not in PLATFORMS:
        raise AgentOptionError(f"{platform!r} is not a platform.", hint=f"use one of {', '.join(PLATFORMS)}.")


def fetch(agent: str, version: str, platform: SandboxPlatform) -> list[StoredArtifact]:
    """Return an agent's CLI and the programs it needs, downloaded if missing; of a Python package, for each Python.

    Blocks, and works even if the calling thread runs an event loop.
    """
    # A separate loop in a separate thread, which ends when the caller is interrupted.
    with start_blocking_portal() as portal:
        return portal.call(functools.partial(fetch_with_tools, *choice_of(agent), version, platform))


def fetch_each(
    requests: Sequence[tuple[str, SandboxPlatform]], version: str, report: Callable[[StoredArtifact], None]
) -> tuple[list[StoredArtifact], list[AgentError]]:
    """Fetch several agents' CLIs for several platforms, a few at a time; failures don't stop the others. Blocks.

    Args:
        requests: Agents and platforms.
        version: Version of the CLIs.
        report: Called with each artifact as soon as it is fetched.

    Returns:
        All artifacts, each once, in the order of `requests`; and all errors, each once.
    """
    with start_blocking_portal() as portal:
        return portal.call(functools.partial(_fetch_each, requests, version, report))


async def _fetch_each(
    requests: Sequence[tuple[str, SandboxPlatform]], version: str, report: Callable[[StoredArtifact], None]
) -> tuple[list[StoredArtifact], list[AgentError]]:
    limit, reported = anyio.CapacityLimiter(_AT_ONCE), set[Path]()
    fetched: dict[tuple[str, SandboxPlatform], list[StoredArtifact]] = {}
    # Keyed by text, since agents that share a CLI share its errors.
    errors: dict[str, AgentError] = {}

    async def fetch_one(agent: str, platform: SandboxPlatform) -> None:
        async with limit:
            try:
                fetched[agent, platform] = await fetch_with_tools(*choice_of(agent), version, platform)
            except AgentError as error:
                errors.setdefault(str(error), error)
                return
        for artifact in fetched[agent, platform]:
            if artifact.path not in reported:
                reported.add(artifact.path)
                report(artifact)

    async with anyio.create_task_group() as group:
        for pair in requests:
            group.start_soon(fetch_one, *pair)
    ordered = {artifact.path: artifact for pair in requests for artifact in fetched.get(pair, [])}
    return list(ordered.values()), list(errors.values())


def stored(keys: Sequence[str], store: ArtifactStore | None = None) -> Iterator[StoredArtifact]:
    """Yield the intact artifacts of these agents and tools in the store, the newest version of each platform first."""
    store = store or ArtifactStore()
    for key in keys:
        for platform in PLATFORMS:
            for version in newest_first(store.versions(key, platform)):
                cached = (store.cached(artifact) for artifact in artifacts(key, version, platform))
                yield from (artifact for artifact in cached if artifact is not None)


def artifacts(key: str, version: str, platform: SandboxPlatform) -> Iterator[Artifact]:
    """Yield the possible artifacts of a version of an agent's CLI or tool; of a Python package, one for each Python."""
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


def path_of(stored: StoredArtifact) -> Path:
    """Return the executable (of a Python package, its folder) under a name that ends with version and platform.

    That name is a link beside the package, which is created here; if that fails, the original path is returned.
    """
    folder = stored.path.parent
    target = stored.binary if stored.artifact.target is None else stored.path
    link = folder / stored.artifact.name
    with contextlib.suppress(OSError):
        link.symlink_to(target.relative_to(folder))
    return link if link.exists() else target


def entry_of(stored: StoredArtifact) -> Entry:
    """Return a row of the list."""
    artifact = stored.artifact
    return Entry(
        agent=artifact.agent,
        version=f"{artifact.version} (Python {artifact.target.minor})" if artifact.target else artifact.version,
        platform=artifact.platform,
        size=size_of(stored.path),
        path=str(path_of(stored)),
        digest=stored.digest,
    )


def size_of(folder: Path) -> int:
    """Return the total size of all files below a folder, in bytes."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


def entries_table(entries: Sequence[Entry]) -> Table:
    """Return the rows of the list as a table."""
    table = Table(box=None, pad_edge=False)
    for column in ("agent", "version", "platform"):
        table.add_column(column, no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("path", overflow="fold")
    for entry in entries:
        table.add_row(entry["agent"], entry["version"], entry["platform"], decimal(entry["size"]), entry["path"])
    return table


def console() -> Console:
    """Return the console for tables. In a pipe no line is wrapped, since another program may read it."""
    return Console(width=None if sys.stdout.isatty() else 4096, highlight=False, markup=False)


def print_entries(entries: Sequence[Entry]) -> None:
    """Print the rows of the list, or the path of the empty store."""
    if entries:
        console().print(entries_table(entries))
    else:
        console().print(f"The store is empty: {ArtifactStore().root}")
