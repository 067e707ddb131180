"""GitHub Copilot CLI."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from inspect_ai.agent import Agent, AgentAttempts, BridgedToolsSpec, agent
from inspect_ai.model import GenerateFilter, Model
from inspect_ai.tool import MCPServerConfig, Skill, Tool
from typing_extensions import Unpack

from ..._contract.adapter import (
    Adapter,
    Exit,
    File,
    Invocation,
    Launch,
    LaunchContext,
    ModePolicy,
    Outcome,
    Route,
    Terminal,
    Turn,
    Verdict,
)
from ..._contract.mcp import FOREVER, scripted_entry, server_scripts, shell_argv, shell_files
from ..._contract.options import CentaurOptions, common_options
from ..._contract.output import json_events, last_event
from ..._contract.parameters import checked_parameters
from ..._contract.result_specs import RunResults
from ..._inspect.requests import DialectName
from ..._packages.recipes import FRUGAL_WASM, NODE, NpmPackage, SingleFile
from ..._runtime.agent import cli_agent
from ..._runtime.tool_names import replaced
from ..descriptions import CODING_AGENT
from .routing import DIVERTED_BY
from .tools import TOOLS

Wire = Literal["anthropic", "completions", "responses"]

_ENV = {
    "COPILOT_AUTO_UPDATE": "false",
    "COPILOT_DISABLE_LOGIN_SHELL_ENV": "1",
    "COPILOT_OFFLINE": "true",
    "COPILOT_SESSIONFS_FLUSH_DEBOUNCE_MS": "0",  # Otherwise a killed CLI loses its session.
    "NODE_DISABLE_COMPILE_CACHE": "1",  # The cache would be written to /tmp.
}
_SESSION = Path(__file__).with_name("session.sh").read_text()
_ROOTS = Path(__file__).with_name("roots.cjs")
_MAX_NAME = 64
"""The maximum length of a tool's name."""

_ALL = {"tools": ["*"], "timeout": FOREVER}
_FOR_ALL = b'---\napplyTo: "**"\n---\n'
_OWN = ("agents", "copilot-instructions.md", "instructions", "mcp-config.json", "settings.json", "skills")


@agent
@checked_parameters
def copilot_cli(
    name: str = "Copilot CLI",
    description: str = CODING_AGENT,
    system_prompt: str | None = None,
    skills: Sequence[str | Path | Skill] | None = None,
    mcp_servers: Sequence[MCPServerConfig] | None = None,
    bridged_tools: Sequence[BridgedToolsSpec | Tool] | None = None,
    centaur: bool | CentaurOptions = False,
    attempts: int | AgentAttempts = 1,
    model: str | Model | None = None,
    model_aliases: dict[str, str | Model] | None = None,
    copilot_model: str = "claude-sonnet-5.5",
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
    wire: Wire | None = None,
    transparent_proxy: bool | None = None,
    **results: Unpack[RunResults],
) -> Agent:
    """Return an agent that runs the real GitHub Copilot CLI in the sample's sandbox, with the eval's model.

    Args:
        name: Agent name (used in multi-agent systems with `as_tool()` and `handoff()`).
        description: Agent description (used in multi-agent systems with `as_tool()` and `handoff()`).
        system_prompt: Text to add to the CLI's own system prompt.
        skills: Skills to make available: folders with a SKILL.md, or `Skill` objects.
        mcp_servers: MCP servers to make available (they run in, or are reached from, the sandbox).
        bridged_tools: Host-side Inspect tools to expose over MCP; each spec becomes one server, plain tools one more.
        centaur: Centaur mode: a person works with the CLI, in a terminal of the sandbox (Inspect's `human_cli()`).
        attempts: Scored attempts: the task's scorer runs after each one, until one scores 1.0 or none are left.
        model: Model that serves the CLI's calls (defaults to the eval's model).
        model_aliases: Model names that the CLI may request, each with the Inspect model that serves it.
        copilot_model: Model name that the CLI sees. Calls go to the served model regardless.
        filter: Filter for the bridged model requests.
        retry_refusals: Maximum number of retries of a refused generation.
        cwd: Working directory (relative to the sandbox's own).
        env: Environment variables for the CLI; they override ours. Those that divert model requests are refused.
        user: User to run the CLI as.
        sandbox: Name of the sandbox to run in.
        version: "auto" (the sandbox's own CLI if there is one, else the pinned one), "sandbox" (only its own),
            "stable" (the pinned one), "latest" (the registry's newest) or a version such as "1.0.102".
        debug: Make the CLI log in detail, and write all of its output to the log and to Inspect's trace log.
        mcp_ready_timeout: Seconds within which the bridged tools must be offered to the model.
        wire: API that the CLI uses: "anthropic", "completions" or "responses". Defaults to "anthropic" for a
            `copilot_model` that begins with "claude", "responses" for one with "gpt", and "completions" for all others.
        transparent_proxy: Whether the CLI's own generation parameters apply where the eval sets none. By default they
            do if the served model is the one that the CLI requests.
        **results: Results to save: `collect`, `response_schema` and `keep_session`; see `RunResults`.

    Returns:
        An Inspect agent.

    Raises:
        AgentOptionError: An argument is wrong or contradicts another one.

    Examples:
        ```python
        from inspect_swe import copilot_cli

        agent = copilot_cli(system_prompt="Write tests first.")
        ```
    """
    return cli_agent(CopilotCli(copilot_model, wire), common_options(locals(), **results))


@dataclass(frozen=True)
class CopilotCli(Adapter):
    """The adapter of Copilot CLI: the model name that it sees, and the API it uses (None: the vendor's)."""

    copilot_model: str = "claude-sonnet-5.5"
    wire: Wire | None = None

    key, label, command, tools = "copilot_cli", "Copilot CLI", "copilot", TOOLS
    recipe = NpmPackage(
        "@github/copilot-{system}-{cpu}",
        "package/index.js",
        tags_from="@github/copilot",
        runner=NODE,
        arguments=FRUGAL_WASM,
        inside=SingleFile("copilot", "copilot.tgz"),
    )
    sessions, session_field, takes_images, acp_tools = ("session-state",), "sessionId", True, ()
    diverted_by = DIVERTED_BY
    unseen_by_commands = frozenset({"BASH_ENV", "TMPDIR"})
    kind_header = "x-interaction-type"
    root_kinds, sub_agent_kinds = (
        frozenset({"conversation-user", "conversation-agent"}),
        frozenset({"conversation-subagent"}),
    )

    @property
    def dialect(self) -> DialectName:
        """The API that the CLI uses."""
        if self.wire is not None:
            return self.wire
        vendors: dict[str, DialectName] = {"claude": "anthropic", "gpt": "responses"}
        return next((api for vendor, api in vendors.items() if self.copilot_model.startswith(vendor)), "completions")

    def route(self, model: str) -> Route:
        """Map the presented name to the served model."""
        return Route({self.copilot_model: None}, dialect=self.dialect)

    def launch(self, context: LaunchContext) -> Launch:
        """Write instructions and MCP servers to a private home; all else is set by variables."""
        servers = {each.name: {**scripted_entry(context, each), **_ALL} for each in context.mcp_servers}
        files = [
            File(f"{context.config}/servers.json", json.dumps({"mcpServers": servers}).encode()),
            File(f"{context.config}/roots.cjs", _ROOTS.read_bytes()),
            *shell_files(context),
            *server_scripts(context),
        ]
        if context.system:
            content = _FOR_ALL + context.system.encode(errors="replace")
            files.append(File(f"{context.config}/instructions/session.instructions.md", content))
        api = {"anthropic": ("anthropic", "completions"), "responses": ("openai", "responses")}
        kind, wire = api.get(self.dialect, ("openai", "completions"))
        env = {
            **_ENV,
            "COPILOT_HOME": context.config,
            "COPILOT_MODEL": self.copilot_model,
            "COPILOT_PROVIDER_BASE_URL": context.base_url + ("" if kind == "anthropic" else "/v1"),
            "COPILOT_PROVIDER_TYPE": kind,
            "COPILOT_PROVIDER_WIRE_API": wire,
        }
        limits = {"PROMPT": context.window, "OUTPUT": context.max_output}
        env |= {f"COPILOT_PROVIDER_MAX_{kind}_TOKENS": str(limit) for kind, limit in limits.items() if limit}
        inherit = tuple((f"{context.home}/.copilot/{name}", name) for name in _OWN)
        return Launch(env=env, files=tuple(files), skills=f"{context.config}/skills", inherit=inherit)

    def turn(self, context: LaunchContext, turn: Turn) -> Invocation:
        """Run the CLI without a terminal, with the prompt on stdin."""
        argv = ["sh", "-c", _SESSION, "sh", context.config, context.session_id, "again" if turn.resume else "new"]
        argv += [*self.terminal(context).argv, "--output-format", "json", "--session-id", context.session_id]
        argv += [*["--log-level", "debug"] * context.debug, *(f"--attachment={image}" for image in turn.images)]
        return Invocation(tuple(argv), turn.prompt.encode(errors="replace"))

    def terminal(self, context: LaunchContext) -> Terminal:
        """Return the command that opens the CLI's own interface, in a folder marked as trusted."""
        trusted = File(f"{context.config}/config.json", json.dumps({"trustedFolders": [context.cwd]}).encode())
        return Terminal((*self.program(context), "--allow-all"), (trusted,))

    def mode_policy(self, context: LaunchContext) -> ModePolicy:
        """Return the mode, in which no tool call needs permission. The CLI does not report it."""
        return ModePolicy(
            "allow all",
            ("/etc/github-copilot", f"{context.home}/.copilot/settings.json", f"{context.config}/settings.json"),
            "disableBypassPermissionsMode|disableAutoMode|disableYolo|defaultMode",
            report=r'^\{"type":"tool\.execution_complete",.*"message":"(?P<said>Permission denied because no [^"]*)',
        )

    def judge(self, exit: Exit) -> Verdict:
        """Read the verdict from the exit code in the last `result` event, and the reason from the last error event."""
        if (result := last_event(exit.stdout, "result")) is None:
            # Errors in arguments and variables are printed before the session begins.
            message = exit.code == 1 and not any(json_events(exit.head)) and exit.stderr.strip().partition("\n")[0]
            return Verdict(Outcome.FAILED, message) if message else Verdict(Outcome.CRASHED)
        if result.get("exitCode") == 0:
            return Verdict(Outcome.DONE)
        error = (last_event(exit.stdout, "session.error") or {}).get("data") or {}
        return Verdict(Outcome.FAILED, str(error.get("message") or ""))

    def program(self, context: LaunchContext) -> list[str]:
        """Return the start of every command line."""
        first, *script = context.command
        script = ["--require", f"{context.config}/roots.cjs", *script] if script else []
        return [*shell_argv(context), first, *script, "--additional-mcp-config", f"@{context.config}/servers.json"]

    def tool_prefix(self, server: str) -> str:
        """Return the prefix of the names of an MCP server's tools in a model request."""
        return f"{server}-"[:_MAX_NAME]

    def tool_name(self, server: str, tool: str) -> str:
        """Encode the name like a host name, with - for all characters but letters and digits, and truncate it."""
        labels = (each if each.isascii() else f"xn--{each.encode('punycode').decode()}" for each in tool.split("."))
        return replaced(f"{server}-{'.'.join(labels)}", "[^a-zA-Z0-9_-]", "-")[:_MAX_NAME]
