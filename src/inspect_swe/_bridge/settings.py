"""Settings and statistics of an agent's bridge."""

from __future__ import annotations

import time
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

import anyio

from .._errors import ToolsMissingError
from .conversations import Asker

Failure = tuple[int | None, str]
"""Status and original text of a provider's error: for errors on the host, never for the sandbox."""


@dataclass(frozen=True)
class OfferedTools:
    """MCP server's tools as the CLI offers them to the model.

    Args:
        prefix: Prefix of the tools' names in a model request.
        names: Required tools: the server's own names, keyed by the names in a model request. None accepts all of the
            server's tools and requires at least one.
        command: Command that starts the server in the sandbox, if there is one.
    """

    prefix: str
    names: Mapping[str, str] | None = None
    command: str | None = None

    def missing(self, offered: Set[str]) -> list[str]:
        """Return the required tools that are not among the offered ones."""
        if self.names is None:
            return [] if any(name.startswith(self.prefix) for name in offered) else ["*"]
        return sorted(tool for name, tool in self.names.items() if name not in offered)


@dataclass
class BridgeSettings:
    """Settings of an agent's bridge beyond Inspect's own.

    Args:
        web_search: Whether the CLI's web search may use the model provider's.
        models: Names that the model list endpoint returns.
        expected_tools: Tools of each MCP server, by server name.
        reads_json: Whether the CLI parses a host tool's text as JSON if it can, and fails unless it is an object.
    """

    web_search: bool = False
    models: tuple[str, ...] = ()
    expected_tools: Mapping[str, OfferedTools] = field(default_factory=dict)
    reads_json: bool = False

    def missing(self, offered: Set[str]) -> ToolsMissingError | None:
        """Return an error if an expected tool is not among the offered ones."""
        for server, tools in self.expected_tools.items():
            if missing := tools.missing(offered):
                started = "" if tools.command is None else f" (command {tools.command!r})"
                return ToolsMissingError(
                    f"The agent was started without the tools of MCP server {server!r}{started}: "
                    f"{', '.join(missing)} not offered to the model.",
                    hint="check that the server starts in the sandbox; scoring a run without its tools is wrong.",
                )
        return None

    def is_withheld(self, name: str) -> bool:
        """Return whether an MCP server's tool selection excludes a tool."""
        servers = [tools for tools in self.expected_tools.values() if name.startswith(tools.prefix)]
        if any(name in (tools.names or ()) for tools in servers):
            return False
        # Prefixes may overlap: tools of a server "web_search" also begin with "web".
        owner = max(servers, key=lambda tools: len(tools.prefix), default=None)
        return owner is not None and owner.names is not None


@dataclass
class BridgeStats:
    """Statistics of a bridge, from which the runtime judges a run.

    Args:
        requests: Number of model requests started.
        user_agent: User-Agent header of the last request.
        tools_missing: Error if the last request with tools lacked MCP tools that the agent was given.
        may_restart: Whether the CLI is restarted if its first request lacks MCP tools; else the sample ends.
        running: Number of model calls in flight.
        tools_offered: Set once a request offers every MCP tool that the agent was given.
        span: Transcript span for requests; None is the span in which the bridge was opened.
        outcomes: Outcome of each kind of sender's newest call since the last prompt: an error, or None for success.
    """

    requests: int = 0
    user_agent: str = ""
    tools_missing: ToolsMissingError | None = None
    may_restart: bool = False
    running: int = 0
    tools_offered: anyio.Event = field(default_factory=anyio.Event)
    span: str | None = None
    outcomes: dict[Asker, Failure | None] = field(default_factory=dict)
    _touched: float = field(default=0, init=False)

    @property
    def failure(self) -> Failure | None:
        """The provider's error, if the root conversation's last call failed.

        Errors of side requests and sub-agents don't count, as the CLI handles them.
        """
        asker = Asker.ROOT if Asker.ROOT in self.outcomes else Asker.UNKNOWN
        return self.outcomes.get(asker)

    @property
    def last_resort(self) -> Failure | None:
        """The error to report if the CLI gave up: the root's, or any sender's newest if the root got no answer."""
        if self.failure is not None or self.outcomes.get(Asker.ROOT, False) is None:
            return self.failure
        return next(filter(None, reversed(self.outcomes.values())), None)

    def note(self, asker: Asker, failure: Failure | None) -> None:
        """Record the outcome of a model call."""
        self.outcomes.pop(asker, None)
        self.outcomes[asker] = failure

    def touch(self) -> None:
        """Reset the idle timer."""
        self._touched = time.monotonic()

    def idle(self) -> float:
        """Return the seconds since the last activity; 0 while a model call runs."""
        return 0 if self.running else time.monotonic() - self._touched
