"""Qwen Code."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

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
from ..._runtime.tool_names import fnv1a, replaced
from ..descriptions import CODING_AGENT
from .routing import DIVERTED_BY, OUTRANKED_BY
from .tools import TOOLS

_SETTINGS: dict[str, Any] = {
    "general": {"chatRecording": True, "enableAutoUpdate": False},
    "mcp": {"toolIdleTimeoutMs": FOREVER},
    # Each of these would make model calls outside of the conversation.
    "memory": {"enableManagedAutoDream": False, "enableManagedAutoMemory": False},
    "privacy": {"usageStatisticsEnabled": False},
    "security": {"folderTrust": {"enabled": False}},
    "telemetry": {"enabled": False},
    "ui": {"enableFollowupSuggestions": False},
}

# Settings of the highest rank, so that no other file can choose an API, an address or a key.
_AUTH = "openai-responses"
_NO_PROVIDERS: dict[str, Any] = {"modelProviders": {}, "providerProtocol": {}}
_SYSTEM_SETTINGS = {**_NO_PROVIDERS, "security": {"auth": {"selectedType": _AUTH, "enforcedType": _AUTH}}}

_CALLS = {"maxRetries": 0, "streamIdleTimeoutMs": FOREVER, "timeout": FOREVER}

_GUARD = Path(__file__).with_name("guard.cjs")
"""A preload script for the CLI that protects the task's settings and the output of commands."""

_MAX_NAME = 63
"""The maximum length of a tool's name."""

_EXTENSION = {"name": "session", "version": "1.0.0", "contextFileName": "SYSTEM.md"}
_AS_WRITTEN = b"---\ndescription: Hands on a request.\n---\nThe request, as it was written:\n"
_SCORED = ("ended with empty response", "after a tool result without", "Loop detection")  # Errors caused by the model.


@agent
@checked_parameters
def qwen_code(
    name: str = "Qwen Code",
    description: str = CODING_AGENT,
    system_prompt: str | None = None,
    skills: Sequence[str | Path | Skill] | None = None,
    mcp_servers: Sequence[MCPServerConfig] | None = None,
    bridged_tools: Sequence[BridgedToolsSpec | Tool] | None = None,
    centaur: bool | CentaurOptions = False,
    attempts: int | AgentAttempts = 1,
    model: str | Model | None = None,
    model_aliases: dict[str, str | Model] | None = None,
    qwen_model: str = "qwen3-coder-plus",
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
    """Return an agent that runs the real Qwen Code in the sample's sandbox, with the eval's model.

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
        qwen_model: Model name that the CLI sees. Calls go to the served model regardless.
        filter: Filter for the bridged model requests.
        retry_refusals: Maximum number of retries of a refused generation.
        cwd: Working directory (relative to the sandbox's own).
        env: Environment variables for the CLI; they override ours. Those that divert model requests are refused.
        user: User to run the CLI as.
        sandbox: Name of the sandbox to run in.
        version: "auto" (the sandbox's own CLI if there is one, else the pinned one), "sandbox" (only its own),
            "stable" (the pinned one), "latest" (the registry's newest) or a version such as "0.24.4".
        debug: Run the CLI with `--debug` and write all of its output to the log and to Inspect's trace log
            (`inspect trace`).
        mcp_ready_timeout: Seconds within which the bridged tools must be offered to the model.
        web_search: Whether to offer the CLI's `web_search` tool, which needs a DashScope endpoint and key in `env`.
        transparent_proxy: Whether the CLI's own generation parameters apply where the eval sets none. By default they
            do if the served model is the one that the CLI requests.
        **results: Results to save: `collect`, `response_schema` and `keep_session`; see `RunResults`.

    Returns:
        An Inspect agent.

    Raises:
        AgentOptionError: An argument is wrong or contradicts another one.

    Examples:
        ```python
        from inspect_swe import qwen_code

        agent = qwen_code(attempts=2)
        ```
    """
    return cli_agent(QwenCode(qwen_model, web_search), common_options(locals(), **results))


@dataclass(frozen=True)
class QwenCode(Adapter):
    """The adapter of Qwen Code.

    Args:
        qwen_model: Model name that it sees.
        web_search: Whether to offer the web search tool.
    """

    qwen_model: str = "qwen3-coder-plus"
    web_search: bool = True

    key, label, command, tools = "qwen_code", "Qwen Code", "qwen", TOOLS
    recipe = NpmPackage("@qwen-code/qwen-code", "package/cli.js", runner=NODE, arguments=FRUGAL_WASM)
    user_agent, sessions, session_field = "QwenCode/", ("projects",), "session_id"
    diverted_by, outranked_by = DIVERTED_BY, OUTRANKED_BY

    def route(self, model: str) -> Route:
        """Map the presented name to the served model."""
        return Route({self.qwen_model: None}, web_search=self.web_search, dialect="responses")

    def launch(self, context: LaunchContext) -> Launch:
        """Write settings, MCP servers and system prompt to a private home."""
        window = context.window_with(33_000)  # The CLI leaves that free, mostly for the summary.
        model = {"generationConfig": {**_CALLS, **({"contextWindowSize": window} if window else {})}}
        settings = {
            **_SETTINGS,
            "model": model,
            "mcpServers": {each.name: _server(each) for each in context.mcp_servers},
        }
        files = [
            File(f"{context.config}/settings.json", json.dumps(settings).encode()),
            File(
                f"{context.config}/system.json",
                json.dumps(_SYSTEM_SETTINGS).encode(),
                over="/etc/qwen-code/settings.json",
            ),
            File(
                f"{context.config}/defaults.json",
                json.dumps(_NO_PROVIDERS).encode(),
                over=f"{context.home}/.qwen/settings.json",
            ),
            File(f"{context.config}/guard.cjs", _GUARD.read_bytes()),
            # An administrator's settings may limit trust to these folders; in others the CLI drops its mode.
            File(f"{context.config}/trustedFolders.json", json.dumps({context.cwd: "TRUST_FOLDER"}).encode()),
            File(f"{context.config}/commands/as-written.md", _AS_WRITTEN),
            *shell_files(context),
        ]
        if context.system:
            folder = f"{context.config}/extensions/session"
            files.append(File(f"{folder}/qwen-extension.json", json.dumps(_EXTENSION).encode()))
            files.append(File(f"{folder}/SYSTEM.md", verbatim(context.system).encode(errors="replace")))
        env = {
            "OPENAI_API_KEY": "none-needed",
            "OPENAI_BASE_URL": f"{context.base_url}/v1",
            "OPENAI_MODEL": self.qwen_model,
            "QWEN_CODE_LEGACY_MCP_BLOCKING": "1",
            "QWEN_CODE_NO_RELAUNCH": "1",
            "QWEN_CODE_SUPPRESS_YOLO_WARNING": "1",
            "QWEN_CODE_SYSTEM_DEFAULTS_PATH": f"{context.config}/defaults.json",
            "QWEN_CODE_SYSTEM_SETTINGS_PATH": f"{context.config}/system.json",
            "QWEN_CODE_UNATTENDED_RETRY": "0",
            "QWEN_HOME": context.config,
            "QWEN_SANDBOX": "false",
            "QWEN_STREAM_MAX_LIFETIME_MS": "0",
        }
        if context.max_output and not context.sends_own_limit:
            env["QWEN_CODE_MAX_OUTPUT_TOKENS"] = str(context.max_output)
        env |= {} if self.web_search else {"ENABLE_WEB_SEARCH": "false"}
        own = ("QWEN.md", "agents", "commands", "extensions", "rules", "skills")
        inherit = tuple((f"{context.home}/.qwen/{name}", name) for name in own)
        return Launch(env=env, files=tuple(files), skills=f"{context.config}/skills", inherit=inherit)

    def turn(self, context: LaunchContext, turn: Turn) -> Invocation:
        """Run the CLI in headless mode, with the prompt on stdin."""
        argv = [*self.terminal(context).argv, "--output-format", "stream-json"]
        argv += ["--resume" if turn.resume else "--session-id", context.session_id, *(["--fork-session"] * turn.fork)]
        if context.debug:
            argv.append("--debug")
        # A mention ("@file") would be replaced by the file's content; a command's arguments are passed unchanged.
        special = "@" in turn.prompt or turn.prompt.lstrip().startswith(("/", "?"))
        prompt = f"/as-written\n{turn.prompt}" if special else turn.prompt
        return Invocation(tuple(argv), prompt.encode(errors="replace"))

    def terminal(self, context: LaunchContext) -> Terminal:
        """Return the command that opens the CLI's own interface."""
        node, *script = context.command
        guard = ["--require", f"{context.config}/guard.cjs"] if script else []
        argv = [*shell_argv(context), node, *guard, *script, "--auth-type", _AUTH, "--approval-mode", "yolo"]
        return Terminal(tuple(argv))

    def mode_policy(self, context: LaunchContext) -> ModePolicy:
        """Return the approval mode. The first event names the one in effect.

        No setting disables the mode itself, but it has no effect in an untrusted folder.
        """
        return ModePolicy(
            "yolo",
            ("/etc/qwen-code", f"{context.cwd}/.qwen/settings.json", f"{context.home}/.qwen/settings.json"),
            "folderTrust|approvalMode",
            report=r'^\{"type":"system","subtype":"init",.*"permission_mode":"(?P<mode>[\w-]+)"',
        )

    def judge(self, exit: Exit) -> Verdict:
        """Read the verdict from the last `result` event; without one the CLI crashed."""
        if (result := last_event(exit.stdout, "result")) is None:
            return Verdict(Outcome.CRASHED)
        if not result.get("is_error"):
            return Verdict(Outcome.DONE)
        reason = str((result.get("error") or {}).get("message") or "")
        return Verdict(Outcome.REFUSED if any(text in reason for text in _SCORED) else Outcome.FAILED, reason)

    def tool_prefix(self, server: str) -> str:
        """Return the prefix of the names of an MCP server's tools in a model request."""
        return super().tool_prefix(server)[: _MAX_NAME - len("_1234567")]

    def tool_name(self, server: str, tool: str) -> str:
        """Replace characters that some APIs reject. A changed or long name ends with a hash."""
        name = f"mcp__{server}__{tool}"
        if len(name) <= _MAX_NAME and re.fullmatch("[A-Za-z0-9_-]+", name):
            return name
        suffix = f"_{_base36(fnv1a(name)).rjust(7, '0')}"
        return replaced(name, "[^A-Za-z0-9_-]")[: _MAX_NAME - len(suffix)] + suffix


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits


def _server(server: MCPServerConfig) -> dict[str, Any]:
    """Return a server's entry in the settings, which have a separate key for the address of an HTTP server."""
    always = {"alwaysLoadTools": True, "discoveryTimeoutMs": 300_000, "timeout": FOREVER, "trust": True}
    entry = {**mcp_entry(server), **always}
    if entry.pop("type") == "http":
        entry["httpUrl"] = entry.pop("url")
    return entry
