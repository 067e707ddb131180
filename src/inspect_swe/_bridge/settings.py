"""What an agent wants of its bridge, and what passed over it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

import anyio

from .._errors import ToolsMissingError
from .conversations import Asker

Failure = tuple[int | None, str]
"""Status and text of a provider's error, as it was (for our own error text, never for the sandbox)."""


@dataclass(frozen=True)
class OfferedTools:
    """An MCP server's tools as the CLI offers them to the model.

    Args:
        prefix: What their names begin with in a model request.
        names: The tools that must be offered: the name in a model request, and the server's own name. None stands for
            whatever the server has, which must be one tool at least.
        command: The command that starts the server in the sandbox, if one does.
    """

    prefix: str
    names: Mapping[str, str] | None = None
    command: str | None = None

    def missing(self, offered: Set[str]) -> list[str]:
        """Return the tools that a request lacks which offers the named ones."""
        if self.names is None:
            return [] if any(name.startswith(self.prefix) for name in offered) else ["*"]
        return sorted(tool for name, tool in self.names.items() if name not in offered)


@dataclass
class BridgeSettings:
    """What an agent wants of its bridge beyond Inspect's own settings.

    Args:
        web_search: Whether the CLI's own web search may reach the model provider's.
        models: Model names to list to clients that ask.
        expected_tools: The tools of each MCP server.
        reads_json: Whether the CLI reads a host tool's text as JSON where it can, and fails if that is no object.
    """

    web_search: bool = False
    models: tuple[str, ...] = ()
    expected_tools: Mapping[str, OfferedTools] = field(default_factory=dict)
    reads_json: bool = False

    def missing(self, offered: Set[str]) -> ToolsMissingError | None:
        """The error of a request that offers these tools, if one that is expected is not among them."""
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
        """Whether a tool is one of an MCP server that was given with a choice of other tools."""
        servers = [tools for tools in self.expected_tools.values() if name.startswith(tools.prefix)]
        if any(name in (tools.names or ()) for tools in servers):
            return False
        # The names of "web" begin as those of "web_search" do.
        owner = max(servers, key=lambda tools: len(tools.prefix), default=None)
        return owner is not None and owner.names is not None


@dataclass
class BridgeStats:
    """What passed over the bridge, for the runtime to judge a run by.

    Args:
        requests: Model requests that were begun.
        user_agent: What the client of the last request calls itself.
        tools_missing: What the last request lacked of the MCP tools that the agent was given.
        may_restart: Whether the CLI is started once more if its first request lacks some; else the sample ends.
        running: Model calls that are being made.
        tools_offered: Set when a request has offered every MCP tool that the agent was given.
        span: The transcript's span that requests belong to; None means that in which the bridge was opened.
        outcomes: The newest error of each kind of asker since the last prompt; None where the newest call went well.
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
        """The provider's error that the root conversation met last, if its last call failed.

        Errors of side requests and of sub-agents are not the turn's: the CLI handles them.
        """
        asker = Asker.ROOT if Asker.ROOT in self.outcomes else Asker.UNKNOWN
        return self.outcomes.get(asker)

    @property
    def last_resort(self) -> Failure | None:
        """The error of a CLI that gave up: the root's, or anybody's where the root has had no answer."""
        if self.failure is not None or self.outcomes.get(Asker.ROOT, False) is None:
            return self.failure
        return next(filter(None, reversed(self.outcomes.values())), None)

    def note(self, asker: Asker, failure: Failure | None) -> None:
        """Note what came of a model call."""
        self.outcomes.pop(asker, None)
        self.outcomes[asker] = failure

    def touch(self) -> None:
        """Something happens."""
        self._touched = time.monotonic()

    def idle(self) -> float:
        """Seconds for which nothing has happened."""
        return 0 if self.running else time.monotonic() - self._touched
