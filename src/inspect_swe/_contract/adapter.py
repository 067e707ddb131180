"""The adapter interface: plain values in, plain values out. Only the runtime acts on the sandbox."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from inspect_ai.tool import MCPServerConfig

from .._inspect.requests import DialectName
from .._packages.recipes import Recipe, Tool
from .output import json_events

ToolKind = Literal["read", "edit", "delete", "move", "search", "execute", "think", "fetch", "other"]
"""Kind of a tool, in the terms of the Agent Client Protocol."""


@dataclass(frozen=True)
class LaunchContext:
    """An adapter's view of the sandbox that its CLI runs in.

    Args:
        command: The command that runs the CLI: its path, or a program and the script that it runs.
        config: An existing private folder for the CLI's configuration and sessions.
        home: The user's home directory.
        cwd: Working directory.
        shells: The shells among bash and zsh that the sandbox has.
        base_url: The bridge's URL, as seen in the sandbox (no trailing slash).
        model: Name of the served model without its provider, such as "claude-sonnet-4-5".
        system: Text to add to the CLI's system prompt.
        mcp_servers: All MCP servers, including the bridged ones.
        bridged: The bridged MCP servers.
        session_id: The session id: a UUID, or the CLI's own id.
        debug: Whether the CLI writes debug output.
        tools: Paths of the programs of `Adapter.needs`, by their keys.
        window: Context window of the served model in tokens; None if unknown, which leaves the CLI's own default.
        max_output: Maximum output tokens of the served model, by its own limit or the user's `max_tokens`; None if
            unknown, as above.
        sends_own_limit: Whether the CLI's own limit of output tokens is sent to the model, so that it needs no other.
        withheld_env: Variables of the sandbox that only the CLI's commands get, by `Adapter.withholds`.
    """

    command: tuple[str, ...]
    config: str
    home: str
    cwd: str
    shells: frozenset[str]
    base_url: str
    model: str
    system: str | None
    mcp_servers: tuple[MCPServerConfig, ...]
    bridged: tuple[MCPServerConfig, ...]
    session_id: str
    debug: bool
    tools: Mapping[str, str] = field(default_factory=dict)
    window: int | None = None
    max_output: int | None = None
    sends_own_limit: bool = False
    withheld_env: Mapping[str, str] = field(default_factory=dict)

    def window_with(self, reserve: int) -> int | None:
        """Return the window size for a CLI that compacts `reserve` tokens before the window's end.

        In a small window, the CLI then compacts at two thirds.
        """
        return self.window and max(self.window, self.window * 2 // 3 + reserve)


@dataclass(frozen=True)
class File:
    """A file to write before the CLI starts.

    Args:
        path: Absolute path in the sandbox.
        content: Its content.
        mode: Permission bits.
        over: A JSON file in the sandbox to merge the content into. The content, also JSON, wins.
    """

    path: str
    content: bytes
    mode: int = 0o600
    over: str | None = None


@dataclass(frozen=True)
class Launch:
    """The environment and files for all prompts of a run.

    Args:
        env: Environment variables (the user's own override them).
        files: Files to write.
        skills: The CLI's folder for skills.
        inherit: Files of the user's own configuration to copy if they exist: (path, name in the private folder).
    """

    env: Mapping[str, str] = field(default_factory=dict)
    files: tuple[File, ...] = ()
    skills: str | None = None
    inherit: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Turn:
    """One prompt.

    Args:
        prompt: Its text.
        resume: Whether it continues an existing conversation.
        images: Its image files, for adapters that accept images.
        fork: Whether the conversation continues under a new id, which the CLI reports, if the CLI supports that.
    """

    prompt: str
    resume: bool
    images: tuple[str, ...] = ()
    fork: bool = False


@dataclass(frozen=True)
class Invocation:
    """One process.

    Args:
        argv: Command and arguments. They contain no text of the user's, as Linux limits an argument to 128 KiB.
        stdin: Its standard input.
    """

    argv: tuple[str, ...]
    stdin: bytes = b""


@dataclass(frozen=True)
class Terminal:
    """The command that starts the CLI in a person's terminal, in centaur mode.

    Args:
        argv: Command and arguments. The person's own arguments follow them.
        files: Files to write before the start, such as one that skips the first-run questions.
    """

    argv: tuple[str, ...]
    files: tuple[File, ...] = ()


@dataclass(frozen=True)
class Exit:
    """The end of a process.

    Args:
        code: Exit code; -N if signal N ended it.
        stdout: The end of its standard output.
        stderr: The end of its standard error.
        head: The beginning of its standard output.
    """

    code: int
    stdout: str
    stderr: str
    head: str = ""


@dataclass(frozen=True)
class ModePolicy:
    """The mode that an adapter starts its CLI in, and patterns that detect settings against it.

    Args:
        mode: The CLI's name for the mode.
        files: Files and folders that may contain settings that forbid the mode.
        setting: `grep -E` pattern of such a setting in a line of these files.
        report: Pattern of a line in which the CLI reports its mode. The group `mode` is the mode in effect, the group
            `said` is the CLI's message about a refused mode. None if the CLI reports nothing.
        acp_error: Pattern of the error with which the ACP variant refuses the mode, if it does.
        hint: Advice on choosing another mode, if the agent has an option for it.
    """

    mode: str
    files: tuple[str, ...]
    setting: str
    report: str | None = None
    acp_error: str | None = None
    hint: str = ""


class Outcome(enum.Enum):
    """The meaning of an exit."""

    DONE = "done"
    REFUSED = "the model refused: scored, not an error"
    CRASHED = "the CLI died: worth resuming"
    FAILED = "the CLI gave up and would again"


@dataclass(frozen=True)
class Verdict:
    """An adapter's verdict on an exit.

    Args:
        outcome: The meaning of the exit.
        reason: The reason, in the CLI's own words.
        answer: The final answer, if it differs from the model's last message.
    """

    outcome: Outcome
    reason: str = ""
    answer: str | None = None


@dataclass(frozen=True)
class Route:
    """The models and the API for the CLI's requests.

    Args:
        aliases: Model names the CLI may send, each with the Inspect model that serves it; None for the served model.
        web_search: Whether the CLI's own web search is allowed.
        dialect: The API that the CLI calls. It is loaded before the CLI starts, or on the first request if None.
    """

    aliases: Mapping[str, str | None] = field(default_factory=dict)
    web_search: bool = False
    dialect: DialectName | None = None


class Adapter(ABC):
    """The adapter of one CLI. Subclasses are frozen dataclasses whose fields are the agent's own options."""

    key: ClassVar[str]
    """Name of the factory, and of the pin."""
    label: ClassVar[str]
    """Display name."""
    command: ClassVar[str]
    """The CLI's command on PATH."""
    recipe: ClassVar[Recipe | None] = None
    """The CLI's package; None if the sandbox has to provide the CLI."""
    needs: ClassVar[tuple[Tool, ...]] = ()
    """Programs that it needs even if the CLI is the sandbox's own."""
    user_agent: ClassVar[str] = ""
    """Text before the CLI's version in the User-Agent header of its requests, such as "some-cli/"."""
    session_header: ClassVar[str | None] = None
    """Header with the session id in each of its model requests, if there is one."""
    sub_agent_header: ClassVar[str | None] = None
    """Header that only the requests of its sub-agents have."""
    session_body_field: ClassVar[str | None] = None
    """Body field with the session id in its model requests, shared with sub-agents, such as "metadata.user_id"."""
    kind_header: ClassVar[str | None] = None
    """Header with the kind of each request, if there is one."""
    root_kinds: ClassVar[frozenset[str]] = frozenset()
    """Kinds of the requests in its own conversation, which may also have no kind."""
    sub_agent_kinds: ClassVar[frozenset[str]] = frozenset()
    """Kinds of its sub-agents' requests. Requests of all other kinds are side requests."""
    reads_json: ClassVar[bool] = False
    """True if it parses a host tool's text as JSON where possible, and fails if the value is not an object."""
    takes_images: ClassVar[bool] = False
    """True if a prompt may have images."""
    withholds: ClassVar[tuple[str, ...]] = ()
    """Variables of the sandbox, as names or patterns ("LD_*"), that would change how its own program runs. The program
    does not get them; `launch()` passes them to its commands. For a CLI in our Node.js, the runtime does both."""
    diverted_by: ClassVar[tuple[str, ...]] = ()
    """Variables that set its provider, endpoint or credential, as names or patterns ("SOME_CLI_*"). The CLI does not
    get the sandbox's values, and `env` must not set them."""
    outranked_by: ClassVar[Mapping[str, str]] = {}
    """Files in the sandbox whose settings override those of `launch()`, each with a regular expression for settings
    that would divert its model requests. A match is an error before the CLI starts."""
    unseen_by_commands: ClassVar[frozenset[str]] = frozenset()
    """Variables of the sandbox whose original values cannot be passed on to its commands."""
    acp_tools: ClassVar[tuple[Tool, ...] | None] = None
    """Additional programs of its ACP variant; None if it has no such variant."""

    tools: ClassVar[Mapping[str, ToolKind]] = {}
    """Kinds of its own tools, by their names in model requests."""
    hidden_calls: ClassVar[str | None] = None
    """Name of the tool whose program runs further tools that no reply of the model names, if there is one."""
    sessions: ClassVar[tuple[str, ...]] = ()
    """Folders and files of its sessions below `LaunchContext.config`; empty if sessions cannot be saved."""
    session_field: ClassVar[str | None] = None
    """Field with the session id in the events that it prints, if there is one."""

    @abstractmethod
    def route(self, model: str) -> Route:
        """Return the route of its requests, given the served model's name."""

    @abstractmethod
    def launch(self, context: LaunchContext) -> Launch:
        """Return the environment and files of a run."""

    @abstractmethod
    def turn(self, context: LaunchContext, turn: Turn) -> Invocation:
        """Return the process for one prompt."""

    @abstractmethod
    def judge(self, exit: Exit) -> Verdict:
        """Return the verdict on an exit."""

    def mode_policy(self, context: LaunchContext) -> ModePolicy | None:
        """Return the mode that the CLI starts in; None if no settings can forbid it."""
        return None

    def terminal(self, context: LaunchContext) -> Terminal:
        """Return the command for a person's terminal. An adapter without this method has no centaur mode."""
        raise NotImplementedError

    def tool_prefix(self, server: str) -> str:
        """Return the prefix of an MCP server's tool names in a model request."""
        return f"mcp__{server}__"

    def tool_name(self, server: str, tool: str) -> str | None:
        """Return the name of an MCP server's tool in a model request; None if the CLI drops the tool."""
        return self.tool_prefix(server) + tool

    def twin_name(self, server: str, tool: str) -> str | None:
        """Return the name of a tool whose `tool_name` is that of another one of its server; None if both keep it."""
        return None

    def session_id(self, exit: Exit) -> str | None:
        """Return the CLI's own session id, from the last event in `exit.head` that has one, or None."""
        field = self.session_field
        return next((str(event[field]) for event in json_events(exit.head) if field in event), None)
