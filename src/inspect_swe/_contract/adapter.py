"""The contract of an agent: plain values in, plain values out. Only the runtime acts."""

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
"""What a tool does, in the words of the Agent Client Protocol."""


@dataclass(frozen=True)
class Site:
    """What an adapter may know of the place its CLI runs in.

    Args:
        command: How the CLI is called: its path, or a program and the script that it runs.
        config: A private folder for the CLI's configuration and sessions; it exists.
        home: The user's home directory.
        cwd: Working directory.
        shells: Which of bash and zsh the sandbox has.
        base_url: Where the bridge listens, as seen in the sandbox (no trailing slash).
        model: Name of the served model without its provider, such as "claude-sonnet-4-5".
        system: Text to add to the CLI's system prompt.
        mcp_servers: All MCP servers, the bridged ones as well.
        bridged: The bridged ones among them.
        session_id: Names the conversation: a UUID, or what the CLI itself has named it.
        debug: Whether the CLI shall trace.
        tools: Where the programs of `Adapter.needs` lie, by their keys.
        window: Tokens that the served model takes; None if that is not known, and the CLI keeps its own idea.
        max_output: Tokens that an answer of it may have, by its nature or by the user's `max_tokens`; None as above.
        withheld_env: Variables of the sandbox that only its commands get, by `Adapter.withholds`.
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
    withheld_env: Mapping[str, str] = field(default_factory=dict)

    def window_with(self, reserve: int) -> int | None:
        """The window to tell a CLI that compacts so many tokens before its end, but in a small one at two thirds."""
        return self.window and max(self.window, self.window * 2 // 3 + reserve)


@dataclass(frozen=True)
class File:
    """A file to write before the CLI starts.

    Args:
        path: Absolute path in the sandbox.
        content: Its content.
        mode: Permission bits.
        over: A JSON file in the sandbox, whose settings are kept where the content, JSON too, does not name them.
    """

    path: str
    content: bytes
    mode: int = 0o600
    over: str | None = None


@dataclass(frozen=True)
class Launch:
    """What stays the same for all prompts of a run.

    Args:
        env: Environment variables (the user's own come on top).
        files: Files to write.
        skills: Folder that the CLI looks for skills in.
        inherit: What to copy from the user's own configuration if it is there: (path, name in the private folder).
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
        resume: Whether the conversation has begun already.
        images: Image files that belong to it, for adapters that take them.
        fork: Whether it goes on under a new id, which the CLI tells, where it can do that.
    """

    prompt: str
    resume: bool
    images: tuple[str, ...] = ()
    fork: bool = False


@dataclass(frozen=True)
class Invocation:
    """One process.

    Args:
        argv: Command and arguments. No user's text belongs in it: an argument dies above 128 KiB.
        stdin: What it reads.
    """

    argv: tuple[str, ...]
    stdin: bytes = b""


@dataclass(frozen=True)
class Terminal:
    """How a person starts the CLI in a terminal, in centaur mode.

    Args:
        argv: Command and arguments; what the person adds comes after them.
        files: Files to write before, such as one that says that all questions of a first start have been answered.
    """

    argv: tuple[str, ...]
    files: tuple[File, ...] = ()


@dataclass(frozen=True)
class Exit:
    """How a process ended.

    Args:
        code: Exit code; -N where signal N ended it.
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
    """The mode that an adapter starts its CLI in, and how settings that forbid it show.

    Args:
        mode: The mode, in the CLI's words.
        files: Files and folders that may hold settings that forbid it.
        setting: Pattern of such a setting in a line of these files, as `grep -E` takes it.
        report: Pattern of a line in which the CLI reports its mode. The group `mode` is the mode in effect, the group
            `said` what the CLI says about the mode that it refused. None if it reports nothing.
        acp_error: Pattern of the error with which its ACP variant refuses the mode, if it does.
        hint: How to ask for another mode, if the agent has an option for it.
    """

    mode: str
    files: tuple[str, ...]
    setting: str
    report: str | None = None
    acp_error: str | None = None
    hint: str = ""


class Outcome(enum.Enum):
    """What an exit means."""

    DONE = "done"
    REFUSED = "the model refused: scored, not an error"
    CRASHED = "the CLI died: worth resuming"
    FAILED = "the CLI gave up and would again"


@dataclass(frozen=True)
class Verdict:
    """An adapter's judgement of an exit.

    Args:
        outcome: What it means.
        reason: Why, in the CLI's own words.
        answer: The final answer, where it is not the model's last message.
    """

    outcome: Outcome
    reason: str = ""
    answer: str | None = None


@dataclass(frozen=True)
class Route:
    """Which models serve the CLI's requests.

    Args:
        aliases: Model names the CLI may send, each with the Inspect model that serves it; None is the served model.
        web_search: Whether the CLI's own web search is granted.
        dialect: The API that the CLI calls, which is made ready before it starts; None: once it calls one.
    """

    aliases: Mapping[str, str | None] = field(default_factory=dict)
    web_search: bool = False
    dialect: DialectName | None = None


class Adapter(ABC):
    """Knowledge of one CLI. Subclasses are frozen dataclasses whose fields are that agent's own options."""

    key: ClassVar[str]
    """Name of the factory, and of the pin."""
    label: ClassVar[str]
    """Name for people."""
    command: ClassVar[str]
    """The CLI's command on PATH."""
    recipe: ClassVar[Recipe | None] = None
    """Where the CLI comes from; None if it must be in the sandbox."""
    needs: ClassVar[tuple[Tool, ...]] = ()
    """Programs that it needs even where the CLI is the sandbox's own."""
    user_agent: ClassVar[str] = ""
    """What comes before the CLI's version in the User-Agent of its requests, such as "some-cli/"."""
    session_header: ClassVar[str | None] = None
    """Header in which each of its model requests names its session, if there is one."""
    sub_agent_header: ClassVar[str | None] = None
    """Header that the requests of its sub-agents have, and no others."""
    session_body_field: ClassVar[str | None] = None
    """Field of its model requests' bodies that names its session, which sub-agents share: "metadata.user_id", say."""
    kind_header: ClassVar[str | None] = None
    """Header that names the kind of each request, if there is one."""
    root_kinds: ClassVar[frozenset[str]] = frozenset()
    """Kinds of the requests in its own conversation, which may also be of no kind."""
    sub_agent_kinds: ClassVar[frozenset[str]] = frozenset()
    """Kinds of its sub-agents' requests. All other kinds are asked in passing."""
    reads_json: ClassVar[bool] = False
    """Whether it reads a host tool's text as JSON where it can, and fails if that is no object."""
    takes_images: ClassVar[bool] = False
    """Whether a prompt may come with images."""
    withholds: ClassVar[tuple[str, ...]] = ()
    """Variables of the sandbox, as names or patterns ("LD_*"), that would change how its own program runs. The program
    does not get them; `launch()` gives them to its commands. For a CLI in our Node.js the runtime does both."""
    diverted_by: ClassVar[tuple[str, ...]] = ()
    """Variables that choose its provider, endpoint or credential, as names or patterns ("SOME_CLI_*"): it does not get
    the sandbox's own, and `env` may not set them."""
    outranked_by: ClassVar[Mapping[str, str]] = {}
    """Files in the sandbox whose settings win over those of `launch()`, each with a regular expression for the
    settings that would divert its model requests: one that matches is an error before the CLI starts."""
    unseen_by_commands: ClassVar[frozenset[str]] = frozenset()
    """Variables of the sandbox that its commands do not see as they were, whatever is done about it."""
    acp_tools: ClassVar[tuple[Tool, ...] | None] = None
    """Programs that its ACP variant needs besides; None if it has no such variant."""

    tools: ClassVar[Mapping[str, ToolKind]] = {}
    """Its own tools, by the names that models know them by."""
    sessions: ClassVar[tuple[str, ...]] = ()
    """Folders and files below `Site.config` that hold its sessions; none if they can't be kept."""
    session_field: ClassVar[str | None] = None
    """Field in which events that it prints name its session, if they do."""

    @abstractmethod
    def route(self, model: str) -> Route:
        """Which models serve its requests, given the served model's name."""

    @abstractmethod
    def launch(self, site: Site) -> Launch:
        """Environment and files."""

    @abstractmethod
    def turn(self, site: Site, turn: Turn) -> Invocation:
        """The process for one prompt."""

    @abstractmethod
    def judge(self, exit: Exit) -> Verdict:
        """What an exit means."""

    def mode_policy(self, site: Site) -> ModePolicy | None:
        """Return the mode that it starts the CLI in; None if no settings can forbid it."""
        return None

    def terminal(self, site: Site) -> Terminal:
        """How a person starts it; an adapter without this method has no centaur mode."""
        raise NotImplementedError

    def tool_prefix(self, server: str) -> str:
        """What the names of an MCP server's tools begin with in a model request."""
        return f"mcp__{server}__"

    def tool_name(self, server: str, tool: str) -> str | None:
        """The name of an MCP server's tool in a model request; None if the CLI leaves such a tool out."""
        return self.tool_prefix(server) + tool

    def twin_name(self, server: str, tool: str) -> str | None:
        """The name of a tool if another one of its server has the same `tool_name`; None if both keep that."""
        return None

    def session_id(self, exit: Exit) -> str | None:
        """What the CLI itself has named the conversation, as its last event at the beginning says."""
        field = self.session_field
        return next((str(event[field]) for event in json_events(exit.head) if field in event), None)
