"""Agents of other packages, registered by an entry point and imported on first use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from inspect_ai.agent import Agent

from .._contract.adapter import Adapter
from .._errors import AgentError, EntryPointError
from .._runtime.agent import adapter_of
from .roster import ROSTER

GROUP = "inspect_swe.agents"


@dataclass(frozen=True)
class PluginAgent:
    """An agent of another package.

    Args:
        name: Name of the agent and key of its adapter.
        package: Package that registers the agent, with its version.
        factory: Factory of the agent.
        adapter: Adapter of its CLI.
    """

    name: str
    package: str
    factory: Callable[..., Agent]
    adapter: Adapter


def plugin_names() -> list[str]:
    """Return the names of all registered agents, usable or not. Our own names are reserved."""
    return [name for name in _names() if not _is_ours(name)]


def plugin_agent(name: str) -> PluginAgent:
    """Import and return a registered agent.

    Raises:
        EntryPointError: No package or several packages register the name, or the agent cannot be imported.
    """
    entries = {entry.value: entry for entry in entry_points(group=GROUP) if entry.name == name}
    if len(entries) != 1:
        raise EntryPointError(
            f"Several packages register an agent {name!r}: {', '.join(map(_package, entries.values()))}."
            if entries
            else f"No package registers an agent {name!r}.",
            hint="uninstall all but one of them." if entries else "`inspect-swe agents` lists all agents.",
        )
    (entry,) = entries.values()
    if _is_ours(name):
        raise _broken(entry, "inspect_swe has an agent of this name")
    try:
        factory = entry.load()
        adapter = adapter_of(factory())
    except AgentError as error:
        raise _broken(entry, error.summary) from error
    except (Exception, SystemExit) as error:  # Importing or calling foreign code can raise anything.
        raise _broken(entry, f"{type(error).__name__}: {error}") from error
    if adapter is None:
        raise _broken(entry, f"the result of {entry.value} was not made by `inspect_swe.adapter.swe_agent()`")
    if adapter.key != name:
        raise _broken(entry, f"its adapter's `key` is {adapter.key!r}, and must be the entry point's name")
    return PluginAgent(name, _package(entry), factory, adapter)


def all_plugins() -> Iterator[PluginAgent | EntryPointError]:
    """Yield all registered agents. One that cannot be imported yields its error and does not affect the others."""
    for name in _names():
        try:
            yield plugin_agent(name)
        except EntryPointError as error:
            yield error


def _names() -> list[str]:
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def _is_ours(name: str) -> bool:
    return name.removeprefix("interactive_") in {adapter.key for adapter in ROSTER}


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "a package without metadata"


def _broken(entry: EntryPoint, why: str) -> EntryPointError:
    return EntryPointError(
        f"The agent {entry.name!r} that {_package(entry)} registers ({entry.value}) cannot be used: {why}.",
        hint="fix or uninstall that package; all other agents work without it.",
    )
