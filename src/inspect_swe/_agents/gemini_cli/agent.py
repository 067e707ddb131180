"""Gemini CLI."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

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
from ..._contract.mcp import FOREVER, mcp_entry, shell_argv, shell_files, verbatim
from ..._contract.options import CentaurOptions, common_options
from ..._contract.output import last_event
from ..._contract.parameters import checked_parameters
from ..._contract.result_specs import RunResults
from ..._packages.recipes import FRUGAL_WASM, NODE, NpmPackage
from ..._runtime.agent import cli_agent
from ..._runtime.tool_names import replaced
from ..descriptions import CODING_AGENT
from .routing import DIVERTED_BY, OUTRANKED_BY
from .tools import TOOLS

_AUTH = "gemini-api-key"
_SETTINGS: dict[str, Any] = {
    "general": {
        "enableAutoUpdate": False,
        # Inspect has already retried; the CLI's ten attempts would take minutes.
        "maxAttempts": 3,
        "sessionRetention": {"enabled": False},
    },
    "experimental": {"directWebFetch": True},
    "model": {"disableLoopDetection": True, "skipNextSpeakerCheck": True},
    "privacy": {"usageStatisticsEnabled": False},
    "security": {
        "auth": {"selectedType": _AUTH, "enforcedType": _AUTH},
        # These settings override the user's own.
        "disableYoloMode": False,
        "folderTrust": {"enabled": False},
    },
    "telemetry": {"enabled": False},
}

_MAX_NAME, _END = 63, 30
"""The maximum length of a tool's name, and the length of each end of a shortened one."""

_EXTENSION = {"name": "session", "version": "1.0.0", "contextFileName": "SYSTEM.md"}
_SPECIAL = ("/", "?", "<session_context>", "<hook_context>")
"""Prefixes of prompts that the CLI treats as commands, or drops when it resumes."""

_AS_WRITTEN = b'description = "Hands on a request."\nprompt = "The request, as it was written:"\n'


@agent
@checked_parameters
def gemini_cli(
    name: str = "Gemini CLI",
    description: str = CODING_AGENT,
    system_prompt: str | None = None,
    skills: Sequence[str | Path | Skill] | None = None,
    mcp_servers: Sequence[MCPServerConfig] | None = None,
    bridged_tools: Sequence[BridgedToolsSpec | Tool] | None = None,
    centaur: bool | CentaurOptions = False,
    attempts: int | AgentAttempts = 1,
    model: str | Model | None = None,
    model_aliases: dict[str, str | Model] | None = None,
    gemini_model: str = "gemini-2.5-pro",
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
    web_search: bool = True,
    transparent_proxy: bool | None = None,
    **results: Unpack[RunResults],
) -> Agent:
    """Return an agent that runs the real Gemini CLI in the sample's sandbox, with the eval's model.

    Args:
        name: Agent name (used in multi-agent systems with `as_tool()` and `handoff()`).
        description: Agent description (used in multi-agent systems with `as_tool()` and `handoff()`).
        system_prompt: Text to add to the CLI's own instructions.
        skills: Skills to make available: folders with a SKILL.md, or `Skill` objects.
        mcp_servers: MCP servers to make available (they run in, or are reached from, the sandbox).
        bridged_tools: Host-side Inspect tools to expose over MCP; each spec becomes one server, plain tools one more.
        centaur: Centaur mode: a person works with the CLI, in a terminal of the sandbox (Inspect's `human_cli()`).
        attempts: Scored attempts: the task's scorer runs after each one, until one scores 1.0 or none are left.
        model: Model that serves the CLI's calls (defaults to the eval's model).
        model_aliases: Model names that the CLI may request, each with the Inspect model that serves it.
        gemini_model: Model name that the CLI sees. Calls go to the served model regardless.
        filter: Filter for the bridged model requests.
        retry_refusals: Maximum number of retries of a refused generation.
        cwd: Working directory (relative to the sandbox's own).
        env: Environment variables for the CLI; they override ours. Those that divert model requests are refused.
        user: User to run the CLI as.
        sandbox: Name of the sandbox to run in.
        version: "auto" (the sandbox's own CLI if there is one, else the pinned one), "sandbox" (only its own),
            "stable" (the pinned one), "latest" (the registry's newest) or a version such as "0.61.0".
        debug: Run the CLI with `--debug` and write all of its output to the log and to Inspect's trace log
            (`inspect trace`).
        mcp_ready_timeout: Seconds within which the bridged tools must be offered to the model.
        web_search: Whether the CLI has its `google_web_search` tool.
        transparent_proxy: Whether the CLI's own generation parameters apply where the eval sets none. By default they
            do if the served model is the one that the CLI requests.
        **results: Results to save: `collect`, `response_schema` and `keep_session`; see `RunResults`.

    Returns:
        An Inspect agent.

    Raises:
        AgentOptionError: An argument is wrong or contradicts another one.

    Examples:
        ```python
        from inspect_swe import gemini_cli

        agent = gemini_cli(attempts=2)
        ```
    """
    return cli_agent(GeminiCli(gemini_model, web_search), common_options(locals(), **results))


@dataclass(frozen=True)
class GeminiCli(Adapter):
    """The adapter of Gemini CLI.

    Args:
        gemini_model: Model name that it sees.
        web_search: Whether to offer the web search tool.
    """

    gemini_model: str = "gemini-2.5-pro"
    web_search: bool = True

    key, label, command, tools = "gemini_cli", "Gemini CLI", "gemini", TOOLS
    sessions: ClassVar[tuple[str, ...]] = (".gemini/tmp", ".gemini/history", ".gemini/projects.json")
    recipe = NpmPackage("@google/gemini-cli", "package/bundle/gemini.js", runner=NODE, arguments=FRUGAL_WASM)
    reads_json: ClassVar[bool] = True
    user_agent: ClassVar[str] = "GeminiCLI-tui/"
    acp_tools, diverted_by, outranked_by = (), DIVERTED_BY, OUTRANKED_BY

    def route(self, model: str) -> Route:
        """Map the presented name to the served model."""
        return Route({self.gemini_model: None}, web_search=self.web_search, dialect="google")

    def launch(self, context: LaunchContext) -> Launch:
        """Write settings, MCP servers and system prompt to a private home."""
        home = f"{context.config}/.gemini"
        servers = {each.name: {**mcp_entry(each), "timeout": FOREVER, "trust": True} for each in context.mcp_servers}
        tools = {} if self.web_search else {"exclude": ["google_web_search"]}
        settings = {**_SETTINGS, "mcpServers": servers, "tools": tools}
        assumed = 256_000 if self.gemini_model.startswith("gemma-4") else 1_048_576
        if context.window and context.window != assumed:
            # Half of the window, as by default, but expressed as a fraction of the window that the CLI assumes.
            fraction = round(min(context.window / 2 / assumed, 0.9), 6)
            settings["model"] = {**_SETTINGS["model"], "compressionThreshold": fraction}
        files = [
            File(f"{home}/settings.json", json.dumps(settings).encode()),
            File(f"{home}/commands/as-written.toml", _AS_WRITTEN),
            *shell_files(context),
        ]
        if context.system:
            folder = f"{home}/extensions/session"
            files.append(File(f"{folder}/gemini-extension.json", json.dumps(_EXTENSION).encode()))
            files.append(File(f"{folder}/SYSTEM.md", verbatim(context.system).encode(errors="replace")))
        env = {
            "GEMINI_API_KEY": "none-needed",
            "GEMINI_CLI_HOME": context.config,
            "GEMINI_CLI_NO_RELAUNCH": "true",
            "GEMINI_CLI_SYSTEM_DEFAULTS_PATH": f"{context.home}/.gemini/settings.json",
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
            "GEMINI_SANDBOX": "false",
            "GOOGLE_GEMINI_BASE_URL": context.base_url,
        }
        own = ("GEMINI.md", "agents", "commands", "extensions", "policies", "skills")
        inherit = tuple((f"{context.home}/.gemini/{name}", f".gemini/{name}") for name in own)
        return Launch(env=env, files=tuple(files), skills=f"{home}/skills", inherit=inherit)

    def turn(self, context: LaunchContext, turn: Turn) -> Invocation:
        """Run the CLI in headless mode, with the prompt on stdin."""
        argv = [*self.terminal(context).argv, "--output-format", "stream-json"]
        argv += ["--resume" if turn.resume else "--session-id", context.session_id]
        if context.debug:
            argv.append("--debug")
        # A mention ("@file") would be replaced by the file's content; a command's arguments are passed unchanged.
        special = "@" in turn.prompt or turn.prompt.lstrip().startswith(_SPECIAL)
        prompt = f"/as-written\n{turn.prompt}" if special else turn.prompt
        return Invocation(tuple(argv), prompt.encode(errors="replace"))

    def terminal(self, context: LaunchContext) -> Terminal:
        """Return the command that opens the CLI's own interface."""
        argv = [*shell_argv(context), *context.command, "--approval-mode", "yolo", "--model", self.gemini_model]
        return Terminal(tuple(argv))

    def mode_policy(self, context: LaunchContext) -> ModePolicy:
        """Return the approval mode. The CLI refuses to start if the mode is disabled."""
        return ModePolicy(
            "yolo",
            ("/etc/gemini-cli", f"{context.cwd}/.gemini/settings.json", f"{context.home}/.gemini/settings.json"),
            "disableYoloMode|secureModeEnabled",
            report=r"^(?P<said>YOLO mode is disabled by .*)",
            acp_error="YOLO mode is disabled by .*",
        )

    def judge(self, exit: Exit) -> Verdict:
        """Read the verdict from the last `result` event; without one the CLI crashed."""
        if (result := last_event(exit.stdout, "result")) is None:
            return Verdict(Outcome.CRASHED)
        if result.get("status") == "success":
            return Verdict(Outcome.DONE)
        # A failed result without an error is the model's: its last answer was blocked or empty.
        error = result.get("error")
        return Verdict(Outcome.FAILED, str(error.get("message") or "")) if error else Verdict(Outcome.REFUSED)

    def tool_prefix(self, server: str) -> str:
        """Return the prefix of the names of an MCP server's tools in a model request."""
        return (f"{server}_" if server.startswith("mcp_") else f"mcp_{server}_")[:_END]

    def tool_name(self, server: str, tool: str) -> str:
        """Replace characters that the API rejects, and cut the middle of a long name."""
        full = f"{server}_{tool}" if server.startswith("mcp_") else f"mcp_{server}_{tool}"
        name = replaced(full, "[^a-zA-Z0-9_.:-]")
        return name if len(name) <= _MAX_NAME else f"{name[:_END]}...{name[-_END:]}"
