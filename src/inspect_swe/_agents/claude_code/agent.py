"""Claude Code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

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
from ..._contract.mcp import FOREVER, mcp_entry
from ..._contract.options import CentaurOptions, Effort, common_options
from ..._contract.output import last_event
from ..._contract.parameters import checked_parameters
from ..._contract.result_specs import RunResults
from ..._errors import AgentOptionError
from ..._packages.recipes import CLAUDE_ACP, NODE, NpmPackage
from ..._runtime.agent import cli_agent
from ..._runtime.surroundings import BUN_READS, exports
from ..._runtime.tool_names import replaced
from ..descriptions import CODING_AGENT
from ..disallowed import check_disallowed
from .routing import DIVERTED_BY
from .tools import TOOLS

PermissionMode = Literal["acceptEdits", "auto", "bypassPermissions", "default", "dontAsk", "plan"]

_FOREVER = str(FOREVER)
"""The client timeout in milliseconds: it never triggers, because the bridge keeps connections alive."""

_ENV = {
    "ANTHROPIC_API_KEY": "",
    "ANTHROPIC_AUTH_TOKEN": "none-needed",
    "API_TIMEOUT_MS": _FOREVER,
    # The path of its folder, which is another one in each sample, would be in every request.
    "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    # Suggestions are a model call after each turn, for a person at a terminal.
    "CLAUDE_CODE_ENABLE_PROMPT_SUGGESTION": "false",
    # Inspect has already retried errors that get here.
    "CLAUDE_CODE_MAX_RETRIES": "2",
    # No settings file may name a provider, an endpoint, a credential or a proxy.
    "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST": "1",
    "CLAUDE_ENABLE_STREAM_WATCHDOG": "0",
    "DISABLE_AUTOUPDATER": "1",
    # It would hide MCP tools from the first request, in which the runtime looks for them.
    "ENABLE_TOOL_SEARCH": "false",
    # Without it the CLI refuses to skip permissions as root.
    "IS_SANDBOX": "1",
    "MCP_CONNECTION_NONBLOCKING": "false",
    "MCP_CONNECT_TIMEOUT_MS": "300000",
    "MCP_TIMEOUT": "300000",
    "MCP_TOOL_TIMEOUT": _FOREVER,
}

_MIN_WINDOW = 100_000
"""The smallest context window, in tokens, at which the CLI compacts conversations of models that it knows."""

_MAX_NAME = 128
"""The maximum length of a tool's name."""

# The CLI accepts only bash or zsh, recognized by name. Any POSIX shell can run its commands. Only the snapshot of the
# user's environment needs bash: if that fails, the CLI continues without it.
_ANY_SHELL = b"""#!/bin/sh
case "$*" in *SNAPSHOT_FILE=*) exit 1 ;; esac
exec sh "$@"
"""

# After a failed snapshot (a profile exits) the CLI uses login shells, which would exit, too. So would other shells:
# bash takes the socket on its stdin for a remote shell's and reads ~/.bashrc.
_BASH = b"""#!/bin/sh
case "$1 $2 $*" in *SNAPSHOT_FILE=*) ;; "-c -l "*) shift 2; set -- --norc -c "$@" ;; esac
exec bash "$@"
"""


@agent
@checked_parameters
def claude_code(
    name: str = "Claude Code",
    description: str = CODING_AGENT,
    system_prompt: str | None = None,
    skills: Sequence[str | Path | Skill] | None = None,
    mcp_servers: Sequence[MCPServerConfig] | None = None,
    bridged_tools: Sequence[BridgedToolsSpec | Tool] | None = None,
    disallowed_tools: list[str] | None = None,
    centaur: bool | CentaurOptions = False,
    attempts: int | AgentAttempts = 1,
    model: str | Model | None = None,
    model_config: str | None = None,
    model_aliases: dict[str, str | Model] | None = None,
    opus_model: str | None = None,
    sonnet_model: str | None = None,
    haiku_model: str | None = None,
    subagent_model: str | None = None,
    filter: GenerateFilter | None = None,
    auto_mode: bool = False,
    retry_refusals: int | None = 3,
    retry_uncaught_errors: int | None = 3,
    cwd: str | None = None,
    env: dict[str, str] | None = None,
    user: str | None = None,
    sandbox: str | None = None,
    version: Literal["auto", "sandbox", "stable", "latest"] | str = "auto",
    debug: bool | None = None,
    *,
    permission_mode: PermissionMode | None = None,
    replace_system_prompt: str | None = None,
    effort: Effort | None = None,
    transparent_proxy: bool | None = None,
    allowlist_mcp_tools: bool = True,
    allowlist_bridged_tools: bool = True,
    mcp_ready_timeout: float = 120,
    **results: Unpack[RunResults],
) -> Agent:
    """Return an agent that runs the real Claude Code CLI in the sample's sandbox, with the eval's model.

    Args:
        name: Agent name (used in multi-agent systems with `as_tool()` and `handoff()`).
        description: Agent description (used in multi-agent systems with `as_tool()` and `handoff()`).
        system_prompt: Text to append to the CLI's own system prompt.
        skills: Skills to make available: folders with a SKILL.md, or `Skill` objects.
        mcp_servers: MCP servers to make available (they run in, or are reached from, the sandbox).
        bridged_tools: Host-side Inspect tools to expose over MCP; each spec becomes one server, plain tools one more.
        disallowed_tools: Names of built-in tools to disable.
        centaur: Centaur mode: a person works with the CLI, in a terminal of the sandbox (Inspect's `human_cli()`).
        attempts: Scored attempts: the task's scorer runs after each one, until one scores 1.0 or none are left.
        model: Model that serves the CLI's calls (defaults to the eval's model).
        model_config: Model id that the CLI sees (its identity and model-gated behaviour). Defaults to the served
            model's own name. Calls go to the served model regardless.
        model_aliases: Model names that the CLI may request, each with the Inspect model that serves it.
        opus_model: Model for opus calls (defaults to `model`).
        sonnet_model: Model for sonnet calls (defaults to `model`).
        haiku_model: Model for haiku and background calls (defaults to `model`).
        subagent_model: Model for sub-agents (defaults to `model`).
        filter: Filter for the bridged model requests.
        auto_mode: Use the CLI's `auto` permission mode instead of skipping permissions. It can reject tool calls.
        retry_refusals: Maximum number of retries of a refused generation.
        retry_uncaught_errors: Maximum number of times that a crashed CLI is resumed in its session.
        cwd: Working directory (relative to the sandbox's own).
        env: Environment variables for the CLI; they override ours. Those that divert model requests are refused.
        user: User to run the CLI as.
        sandbox: Name of the sandbox to run in.
        version: "auto" (the sandbox's own CLI if there is one, else the pinned one), "sandbox" (only its own),
            "stable" (the pinned one), "latest" (the registry's newest) or a version such as "2.1.329".
        debug: Run the CLI with `--debug` and write all of its output to the log and to Inspect's trace log
            (`inspect trace`).
        permission_mode: Permission mode of the CLI; `auto_mode=True` means "auto". Defaults to skipping permissions.
            In the other modes the CLI denies tool calls that would need a person's permission.
        replace_system_prompt: Text that replaces the CLI's own system prompt; contradicts `system_prompt`.
        effort: Reasoning effort of the model (`reasoning_effort` of Inspect's `GenerateConfig`).
        transparent_proxy: Whether the CLI's own generation parameters apply where the eval sets none. By default they
            do if the served model is the one that the CLI requests.
        allowlist_mcp_tools: Add the tools of `mcp_servers` to the CLI's list of allowed tools.
        allowlist_bridged_tools: Add the tools of `bridged_tools`, too; False only with permission mode "auto".
        mcp_ready_timeout: Seconds from the CLI's start within which it must offer the bridged tools to the model; then
            the sample fails with a `ToolsMissingError`.
        **results: Results to save: `collect`, `response_schema` and `keep_session`; see `RunResults`.

    Returns:
        An Inspect agent.

    Raises:
        AgentOptionError: An argument is wrong or contradicts another one.

    Examples:
        ```python
        from inspect_swe import claude_code

        agent = claude_code(disallowed_tools=["WebSearch"], attempts=2)
        ```
    """
    if system_prompt is not None and replace_system_prompt is not None:
        raise AgentOptionError(
            "system_prompt and replace_system_prompt contradict each other: one appends to the CLI's own system "
            "prompt, the other replaces it.",
            hint="pass only one of them.",
        )
    mode = _permission_mode(auto_mode, permission_mode)
    if not allowlist_bridged_tools and mode != "auto":
        raise AgentOptionError(
            "With allowlist_bridged_tools=False, the CLI would deny every bridged tool.",
            hint='use it with permission_mode="auto" only.',
        )
    options = common_options(locals(), **results, retry_crashes=retry_uncaught_errors)
    adapter = ClaudeCode(
        model_config=model_config,
        opus=opus_model,
        sonnet=sonnet_model,
        haiku=haiku_model,
        subagent=subagent_model,
        disallowed_tools=check_disallowed(ClaudeCode, disallowed_tools, version),
        permission_mode=mode,
        replace_system_prompt=replace_system_prompt,
        allowlist_mcp=allowlist_mcp_tools,
        allowlist_bridged=allowlist_bridged_tools,
    )
    return cli_agent(adapter, options)


@dataclass(frozen=True)
class ClaudeCode(Adapter):
    """The adapter of Claude Code.

    Args:
        model_config: Model id that the CLI sees.
        opus: Model for opus calls.
        sonnet: Model for sonnet calls.
        haiku: Model for haiku calls.
        subagent: Model for sub-agents.
        disallowed_tools: Built-in tools to disable.
        permission_mode: Permission mode; None skips permissions.
        replace_system_prompt: Text that replaces the CLI's own system prompt.
        allowlist_mcp: Whether to allow the tools of the user's MCP servers.
        allowlist_bridged: Whether to allow the bridged tools.
    """

    model_config: str | None = None
    opus: str | None = None
    sonnet: str | None = None
    haiku: str | None = None
    subagent: str | None = None
    disallowed_tools: tuple[str, ...] = ()
    permission_mode: PermissionMode | None = None
    replace_system_prompt: str | None = None
    allowlist_mcp: bool = True
    allowlist_bridged: bool = True

    key, label, command, tools = "claude_code", "Claude Code", "claude", TOOLS
    sessions, session_field = ("projects",), "session_id"
    recipe: ClassVar[NpmPackage] = NpmPackage("@anthropic-ai/claude-code-{platform}", "package/claude")
    user_agent: ClassVar[str] = "claude-cli/"
    session_header, sub_agent_header = "x-claude-code-session-id", "x-claude-code-agent-id"
    acp_tools, withholds = (NODE, CLAUDE_ACP), BUN_READS
    diverted_by = DIVERTED_BY
    unseen_by_commands: ClassVar[frozenset[str]] = frozenset({"BUN_OPTIONS", "BUN_INSPECT", "BUN_INSPECT_PRELOAD"})

    def route(self, model: str) -> Route:
        """Map the presented name to the served model, and each role's model to itself."""
        roles = (self.opus, self.sonnet, self.haiku, self.subagent)
        aliases: dict[str, str | None] = {role: role.removeprefix("inspect/") for role in roles if role}
        return Route({self.model_config or model: None, **aliases}, web_search=True, dialect="anthropic")

    def launch(self, context: LaunchContext) -> Launch:
        """Write MCP configuration and system prompt to a private configuration folder, and return the environment."""
        model = self._model(context)
        env = {
            **_ENV,
            **_temporary(context),
            # Servers of other models may reject the fields of beta features.
            **({} if "claude" in model else {"CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS": "1"}),
            "CLAUDE_CONFIG_DIR": context.config,
            "ANTHROPIC_BASE_URL": context.base_url,
            "ANTHROPIC_MODEL": model,
            "ANTHROPIC_DEFAULT_OPUS_MODEL": self.opus or model,
            "ANTHROPIC_DEFAULT_SONNET_MODEL": self.sonnet or model,
            "ANTHROPIC_DEFAULT_HAIKU_MODEL": self.haiku or model,
            "ANTHROPIC_SMALL_FAST_MODEL": self.haiku or model,
            "CLAUDE_CODE_SUBAGENT_MODEL": self.subagent or model,
            **_limits(context, model),
        }
        files = []
        if context.mcp_servers:
            servers = {server.name: mcp_entry(server) for server in context.mcp_servers}
            files.append(File(f"{context.config}/mcp.json", json.dumps({"mcpServers": servers}).encode()))
        if self.replace_system_prompt is not None:
            files.append(File(f"{context.config}/system-whole.md", self.replace_system_prompt.encode(errors="replace")))
        if context.system:
            files.append(File(f"{context.config}/system.md", context.system.encode(errors="replace")))
        if context.withheld_env:
            # The CLI sources this file in the shell of each command, before the command.
            env["CLAUDE_ENV_FILE"] = f"{context.config}/commands.sh"
            # The CLI's own program is also the `grep` and `find` of its commands, which these variables would break.
            commands_env = {
                name: value for name, value in context.withheld_env.items() if name not in self.unseen_by_commands
            }
            files.append(File(f"{context.config}/commands.sh", exports(commands_env)))
        shell = f"{context.config}/shell/bash"
        if "bash" in context.shells:
            files.append(File(shell, _BASH, 0o700))
            env["CLAUDE_CODE_SHELL"] = shell
        elif not context.shells:
            files.append(File(shell, _ANY_SHELL, 0o755))
            env |= {"SHELL": shell, "CLAUDE_CODE_SHELL": shell}
        own = [
            f"{context.home}/.claude/{name}" for name in ("settings.json", "CLAUDE.md", "agents", "commands", "skills")
        ]
        inherit = tuple((path, path.rsplit("/", 1)[1]) for path in own)
        return Launch(env=env, files=tuple(files), skills=f"{context.config}/skills", inherit=inherit)

    def turn(self, context: LaunchContext, turn: Turn) -> Invocation:
        """Run the CLI in print mode, with the prompt on stdin and the system prompt in a file."""
        argv = [*context.command, "--print", "--output-format", "stream-json", "--verbose"]
        argv += ["--resume" if turn.resume else "--session-id", context.session_id, *(["--fork-session"] * turn.fork)]
        argv += self._arguments(context, turn.resume)
        if context.debug:
            argv += ["--debug", "--debug-file", "/dev/stderr"]
        # A prompt that begins with the name of a slash command ("/status") would run that command.
        prompt = f"\n{turn.prompt}" if turn.prompt.startswith("/") else turn.prompt
        return Invocation(tuple(argv), prompt.encode(errors="replace"))

    def terminal(self, context: LaunchContext) -> Terminal:
        """Return the command that opens the CLI's own interface, without the first-start questions."""
        answers = {"hasCompletedOnboarding": True, "projects": {context.cwd: {"hasTrustDialogAccepted": True}}}
        if self.permission_mode is None:
            answers["bypassPermissionsModeAccepted"] = True
        files = (File(f"{context.config}/.claude.json", json.dumps(answers).encode()),)
        return Terminal((*context.command, *self._arguments(context, False)), files)

    def _arguments(self, context: LaunchContext, resume: bool) -> list[str]:
        argv = ["--model", self._model(context)]
        argv += (
            ["--permission-mode", self.permission_mode] if self.permission_mode else ["--dangerously-skip-permissions"]
        )
        if context.mcp_servers:
            argv += ["--mcp-config", f"{context.config}/mcp.json"]
            argv += _listed("--allowed-tools", self._allowed(context))
        argv += _listed("--disallowed-tools", self.disallowed_tools)
        if self.replace_system_prompt is not None and not resume:
            argv += ["--system-prompt-file", f"{context.config}/system-whole.md"]
        if context.system and not resume:
            argv += ["--append-system-prompt-file", f"{context.config}/system.md"]
        return argv

    def mode_policy(self, context: LaunchContext) -> ModePolicy:
        """Return the permission mode. The first event names the one in effect.

        `disableBypassPermissionsMode` applies from any settings file, even against the command line.
        """
        own = [f"{context.cwd}/.claude/settings{local}.json" for local in ("", ".local")]
        managed = [f"/etc/claude-code/managed-settings.{kind}" for kind in ("json", "d")]
        return ModePolicy(
            self.permission_mode or "bypassPermissions",
            (*managed, *own, f"{context.home}/.claude/settings.json"),
            "disableBypassPermissionsMode|disableAutoMode|disableYolo|defaultMode",
            report=r'^\{"type":"system","subtype":"init",.*"permissionMode":"(?P<mode>\w+)"',
            acp_error=r"Mode \w+ is not available in this session",
            hint="Or choose a permission_mode that they allow.",
        )

    def judge(self, exit: Exit) -> Verdict:
        """Read the verdict from the last `result` event; without one the CLI crashed."""
        if (result := last_event(exit.stdout, "result")) is None:
            return Verdict(Outcome.CRASHED)
        if not result.get("is_error"):
            return Verdict(Outcome.DONE)
        if result.get("stop_reason") == "refusal":
            return Verdict(Outcome.REFUSED)
        return Verdict(Outcome.FAILED, str(result.get("result") or result.get("subtype") or ""))

    def tool_name(self, server: str, tool: str) -> str | None:
        """Replace characters that the API rejects; return None for a name that is too long."""
        name = self.tool_prefix(server) + replaced(tool, "[^a-zA-Z0-9_-]")
        return name if len(name) <= _MAX_NAME else None

    def _model(self, context: LaunchContext) -> str:
        """Return the presented name. The suffix is for names that the CLI knows with 200,000 tokens; it is not sent."""
        name = self.model_config or context.model
        return f"{name}[1m]" if "claude" in name and (context.window or 0) > 200_000 else name

    def _allowed(self, context: LaunchContext) -> Iterator[str]:
        for server in context.mcp_servers:
            if self.allowlist_bridged if server in context.bridged else self.allowlist_mcp:
                if server.tools == "all":
                    yield self.tool_prefix(server.name) + "*"
                else:
                    yield from filter(None, (self.tool_name(server.name, tool) for tool in server.tools))


def _limits(context: LaunchContext, model: str) -> dict[str, str]:
    """Return the variables for the served model's context: one for names that the CLI knows, one for others."""
    is_limited = context.max_output and not context.sends_own_limit
    limits = {"CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(context.max_output)} if is_limited else {}
    answer = min(context.max_output or 20_000, 20_000)
    if window := context.window_with(answer + 13_000):
        limits |= dict.fromkeys(("CLAUDE_CODE_MAX_CONTEXT_TOKENS", "CLAUDE_CODE_AUTO_COMPACT_WINDOW"), str(window))
        if window < _MIN_WINDOW and "claude" in model:
            # The CLI uses the smallest window instead; this percentage of it is the threshold for the actual window.
            percent = 100 * (window - answer - 13_000) / (_MIN_WINDOW - answer)
            limits["CLAUDE_AUTOCOMPACT_PCT_OVERRIDE"] = f"{percent:.2f}"
    return limits


def _temporary(context: LaunchContext) -> dict[str, str]:
    return {"CLAUDE_CODE_TMPDIR": "/tmp"} if "TMPDIR" in context.withheld_env else {}


def _permission_mode(auto_mode: bool, permission_mode: PermissionMode | None) -> PermissionMode | None:
    if auto_mode and permission_mode not in (None, "auto"):
        raise AgentOptionError(
            f'auto_mode=True means permission_mode="auto", which contradicts permission_mode={permission_mode!r}.',
            hint="pass only one of them.",
        )
    return "auto" if auto_mode else permission_mode


def _listed(option: str, names: Iterable[str]) -> list[str]:
    value = ",".join(names)
    return [option, value] if value else []
