"""The pi coding agent."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any, Literal

from inspect_ai.agent import Agent, AgentAttempts, BridgedToolsSpec, agent
from inspect_ai.model import GenerateFilter, Model
from inspect_ai.tool import MCPServerConfig, MCPServerConfigStdio, Skill, Tool
from typing_extensions import Unpack

from ..._contract.adapter import (
    Adapter,
    Exit,
    File,
    Invocation,
    Launch,
    LaunchContext,
    Outcome,
    Route,
    Terminal,
    Turn,
    Verdict,
)
from ..._contract.mcp import FOREVER, mcp_entry
from ..._contract.options import CentaurOptions, common_options
from ..._contract.output import last_event
from ..._contract.parameters import checked_parameters
from ..._contract.result_specs import RunResults
from ..._errors import AgentOptionError
from ..._inspect.requests import DialectName
from ..._packages.recipes import NODE, NpmPackage
from ..._runtime.agent import cli_agent
from ..._runtime.tool_names import replaced
from .routing import DIVERTED_BY
from .tools import TOOLS

# Providers with their own API: its name, its path on the bridge, and its dialect there.
_APIS: dict[str, tuple[str, str, DialectName | None]] = {
    "anthropic": ("anthropic-messages", "", "anthropic"),
    "google": ("google-generative-ai", "/v1beta", "google"),
    "openai": ("openai-responses", "/v1", "responses"),
}
_OTHERS: tuple[str, str, DialectName | None] = ("openai-completions", "/v1", "completions")

_SETTINGS: dict[str, Any] = {
    "cacheWarming": "off",  # It would make model calls outside of the conversation.
    "enableAnalytics": False,
    "enableInstallTelemetry": False,
    "httpIdleTimeoutMs": 0,
    "quietStartup": True,
    "retry": {"enabled": False, "provider": {"maxRetries": 0, "timeoutMs": FOREVER}},
}
_OFF = {"JITI_FS_CACHE": "false", "PI_OFFLINE": "1", "PI_TELEMETRY": "0"}
_MAX_NAME = 64  # Maximum length of a tool's name.
_RESERVE, _RECENT = 16_384, 20_000  # Tokens that the CLI leaves free, and recent tokens that it never summarizes.

_EXTENSION = Path(__file__).with_name("extension.js")
"""An extension for the CLI that waits for MCP servers, names the session and reports the end of the run."""

_AS_WRITTEN = "\u2063"
_REFUSALS = ("refusal", "content_filter")
_REFUSED = ("Provider stopped with: ", "Response incomplete: content_filter")

DESCRIPTION = dedent("""
   Minimal coding agent for the terminal: it reads, writes and edits
   files and runs commands, and is extended by tools and skills.
""")


@agent
@checked_parameters
def pi(
    name: str = "pi",
    description: str = DESCRIPTION,
    system_prompt: str | None = None,
    skills: Sequence[str | Path | Skill] | None = None,
    mcp_servers: Sequence[MCPServerConfig] | None = None,
    bridged_tools: Sequence[BridgedToolsSpec | Tool] | None = None,
    centaur: bool | CentaurOptions = False,
    attempts: int | AgentAttempts = 1,
    model: str | Model | None = None,
    model_aliases: dict[str, str | Model] | None = None,
    pi_model: str = "anthropic/claude-sonnet-4-5",
    filter: GenerateFilter | None = None,
    retry_refusals: int | None = None,
    cwd: str | None = None,
    env: dict[str, str] | None = None,
    user: str | None = None,
    sandbox: str | None = None,
    version: Literal["auto", "sandbox", "stable", "latest"] | str = "auto",
    debug: bool | None = None,
    *,
    mcp_ready_timeout: float = 120,
    transparent_proxy: bool | None = None,
    **results: Unpack[RunResults],
) -> Agent:
    """Return an agent that runs the real pi coding agent in the sample's sandbox, with the eval's model.

    Args:
        name: Agent name (used in multi-agent systems with `as_tool()` and `handoff()`).
        description: Agent description (used in multi-agent systems with `as_tool()` and `handoff()`).
        system_prompt: Text to append to the CLI's own system prompt.
        skills: Skills to make available: folders with a SKILL.md, or `Skill` objects.
        mcp_servers: MCP servers to make available (they run in, or are reached from, the sandbox).
        bridged_tools: Host-side Inspect tools to expose over MCP; each spec becomes one server, plain tools one more.
        centaur: Centaur mode: a person works with the CLI, in a terminal of the sandbox (Inspect's `human_cli()`).
        attempts: Scored attempts: the task's scorer runs after each one, until one scores 1.0 or none are left.
        model: Model that serves the CLI's calls (defaults to the eval's model).
        model_aliases: Model names that the CLI may request, each with the Inspect model that serves it.
        pi_model: Model name that the CLI sees: "provider/model". Calls go to the served model regardless.
        filter: Filter for the bridged model requests.
        retry_refusals: Maximum number of retries of a refused generation.
        cwd: Working directory (relative to the sandbox's own).
        env: Environment variables for the CLI; they override ours. Those that divert model requests are refused.
        user: User to run the CLI as.
        sandbox: Name of the sandbox to run in.
        version: "auto" (the sandbox's own CLI if there is one, else the pinned one), "sandbox" (only its own),
            "stable" (the pinned one), "latest" (the registry's newest) or a version such as "1.5.2".
        debug: Make the CLI report all events, and write them to the log and to Inspect's trace log.
        mcp_ready_timeout: Seconds within which the bridged tools must be offered to the model.
        transparent_proxy: Whether the CLI's own generation parameters apply where the eval sets none. By default they
            do if the served model is the one that the CLI requests.
        **results: Results to save: `collect`, `response_schema` and `keep_session`; see `RunResults`.

    Returns:
        An Inspect agent.

    Raises:
        AgentOptionError: An argument is wrong or contradicts another one.

    Examples:
        ```python
        from inspect_swe import pi

        agent = pi(collect="**/*.py")
        ```
    """
    return cli_agent(Pi(pi_model), common_options(locals(), **results))


@dataclass(frozen=True)
class Pi(Adapter):
    """The adapter of pi, with the model name that the CLI sees, as "provider/model"."""

    presented: str = "anthropic/claude-sonnet-4-5"
    key, label, command, tools = "pi", "pi", "pi", TOOLS
    recipe = NpmPackage("@earendil-works/pi-coding-agent", "package/dist/bundle/cli.js", runner=NODE, since="1.0.3")
    user_agent, session_header, takes_images = "pi/", "x-session-id", True
    sessions, session_field, diverted_by = ("sessions",), "pi_session", DIVERTED_BY

    def __post_init__(self) -> None:
        """Check the model's name."""
        if not re.fullmatch(r"[\w.-]+/[^\s:*?\[\]]+", self.presented):
            raise AgentOptionError(
                f'pi_model={self.presented!r} is not of the form "provider/model".',
                hint='an example is "anthropic/claude-sonnet-4-5".',
            )

    def route(self, model: str) -> Route:
        """Map the presented name, without its provider, to the served model."""
        provider, _, presented = self.presented.partition("/")
        return Route({presented: None}, dialect=_APIS.get(provider, _OTHERS)[2])

    def launch(self, context: LaunchContext) -> Launch:
        """Write settings, the model, MCP servers and an extension to a private folder that also holds the sessions."""
        here, (provider, _, model) = context.config, self.presented.partition("/")
        api, path, _ = _APIS.get(provider, _OTHERS)
        limits = {"contextWindow": context.window_with(_RESERVE), "maxTokens": context.max_output}
        entry = {"id": model, "input": ["text", "image"], **{name: limit for name, limit in limits.items() if limit}}
        served = {"baseUrl": context.base_url + path, "api": api, "apiKey": "none-needed", "models": [entry]}
        recent = min(_RECENT, context.window // 4) if context.window else _RECENT
        written = {
            "settings.json": {**_SETTINGS, "compaction": {"keepRecentTokens": recent}},
            "models.json": {"providers": {provider: served}},
            "mcp.json": {"mcpServers": {server.name: _server(server) for server in context.mcp_servers}},
        }
        files = {name: json.dumps(content).encode() for name, content in written.items()}
        files |= {"system.md": context.system.encode(errors="replace")} if context.system else {}
        files["session.js"] = _EXTENSION.read_bytes()
        env = {**_OFF, "NODE_COMPILE_CACHE": f"{here}/cache", "PI_CODING_AGENT_DIR": here}
        own = ("AGENTS.md", "CLAUDE.md", "SYSTEM.md", "APPEND_SYSTEM.md", "extensions", "prompts", "skills", "themes")
        inherit = tuple((f"{context.home}/.pi/agent/{name}", name) for name in own)
        placed = tuple(File(f"{here}/{name}", content) for name, content in files.items())
        return Launch(env, placed, f"{here}/skills", inherit)

    def turn(self, context: LaunchContext, turn: Turn) -> Invocation:
        """Run the CLI once, with the prompt on stdin."""
        argv = [*self.terminal(context).argv, *(["--mode", "json"] if context.debug else ["--print"])]
        argv += ["--fork" if turn.fork else "--session-id", context.session_id]
        # A name of an extension's command, a skill or a template would be expanded.
        prompt = _AS_WRITTEN + turn.prompt if turn.prompt.lstrip().startswith("/") else turn.prompt
        return Invocation((*argv, *(f"@{image}" for image in turn.images)), prompt.encode(errors="replace"))

    def terminal(self, context: LaunchContext) -> Terminal:
        """Return the command that opens the CLI's own interface."""
        provider, _, model = self.presented.partition("/")
        argv = [*context.command, "--approve", "--provider", provider, "--model", model]
        argv += ["--extension", f"{context.config}/session.js"]
        argv += ["--append-system-prompt", f"{context.config}/system.md"] if context.system else []
        return Terminal(tuple(argv))

    def judge(self, exit: Exit) -> Verdict:
        """Read the verdict from our extension's last event; without one the CLI crashed or did not start."""
        if exit.code not in (0, 1) or (end := last_event(exit.stderr, "pi_end")) is None:
            error = re.search(r"Error: (?:\x1b\[\d*m)*(.+)", exit.stderr) if exit.code == 1 else None
            return Verdict(Outcome.FAILED, error[1]) if error else Verdict(Outcome.CRASHED)
        if end.get("reason") not in ("error", "aborted"):
            return Verdict(Outcome.DONE)
        reason = str(end.get("error") or "")
        refused = end.get("raw") in _REFUSALS or reason.startswith(_REFUSED)
        return Verdict(Outcome.REFUSED if refused else Outcome.FAILED, reason)

    def tool_prefix(self, server: str) -> str:
        """Return the prefix of the names of an MCP server's tools in a model request."""
        return f"mcp__{server.replace('-', '_')}__"[: _MAX_NAME - len("_12345678")]

    def tool_name(self, server: str, tool: str) -> str:
        """Replace characters other than letters, digits and _; shorten a long name to end with a hash."""
        name = replaced(f"mcp__{server}__{tool}", "[^A-Za-z0-9_]")
        return name if len(name) <= _MAX_NAME else self.twin_name(server, tool)

    def twin_name(self, server: str, tool: str) -> str:
        """Return a name that ends with a hash."""
        digest = hashlib.sha256(f"{server}\0{tool}".encode()).hexdigest()[:8]
        name = replaced(f"mcp__{server}__{tool}", "[^A-Za-z0-9_]")
        return f"{name[: _MAX_NAME - len(digest) - 1]}_{digest}"


def _server(server: MCPServerConfig) -> dict[str, Any]:
    """Return a server's entry: its tools are offered from the first request and have no time limit."""
    entry = {**mcp_entry(server), "exposure": "direct", "timeout": FOREVER // 1000}
    kind = "env" if isinstance(server, MCPServerConfigStdio) else "headers"
    # The CLI would expand $NAME and run "!command".
    return {**entry, kind: {name: re.sub(r"\$|^!", r"$\g<0>", value) for name, value in entry[kind].items()}}
