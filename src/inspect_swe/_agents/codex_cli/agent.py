"""Codex CLI."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
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
from ..._contract.mcp import mcp_entry
from ..._contract.options import CentaurOptions, common_options
from ..._contract.output import json_events
from ..._contract.parameters import checked_parameters
from ..._contract.result_specs import RunResults
from ..._errors import AgentOptionError
from ..._packages.recipes import CODEX_ACP, NODE, NpmPackage
from ..._runtime.agent import cli_agent
from ..._runtime.surroundings import NODE_READS
from ..descriptions import CODING_AGENT
from .catalogue import is_known, model_entry
from .routing import DIVERTED_BY, OUTRANKED_BY
from .toml import toml_document, toml_value
from .tools import TOOLS

CodexWebSearch = Literal["live", "cached", "disabled"]
CodexSandboxMode = Literal["danger-full-access", "workspace-write", "read-only"]
CodexApprovalPolicy = Literal["never", "on-request"]

_PROFILE = "agent"
"""The name of our configuration layer: `agent.config.toml` in CODEX_HOME."""

_REVIEWER = "codex-auto-review"
"""The model that the CLI requests reviews from, if its catalogue has it."""

_MAX_NAME = 128
"""The maximum length of a tool's name, with its namespace."""

_DEFAULT_WINDOW = 200_000
"""The assumed context window of an unknown model, in tokens; the CLI's own guess is larger."""

_SETTINGS: dict[str, Any] = {
    # A login shell would drop the PATH of the image or the user.
    "allow_login_shell": False,
    "analytics": {"enabled": False},
    "check_for_update_on_startup": False,
    "model_provider": "agent_bridge",
    "otel": {"exporter": "none", "metrics_exporter": "none", "trace_exporter": "none"},
}
_OFF = dict.fromkeys(("apps", "plugins", "skill_mcp_dependency_install", "unbounded_connection_retries"), False)

# The bridge keeps connections alive, and Inspect has already retried: endless waits, few retries. Stream retries also
# cover failed requests.
_RETRIES = {"request_max_retries": 0, "stream_max_retries": 4, "stream_idle_timeout_ms": 2147483647}

# With full access under its usual name the CLI always searches live. These permissions are equally wide.
_OPEN = {"open": {"filesystem": {":root": "write"}, "network": {"enabled": True}}}

# The CLI finds the reviewer only in an explicit catalogue, which replaces its own: pass its own explicitly.
_WITH_CATALOGUE = '"$1" debug models --bundled </dev/null >"$2" && shift 2 && exec "$@"'


@dataclass(frozen=True)
class CodexAutoReview:
    """The review of escalations out of Codex's own sandbox.

    Args:
        policy: Instructions for the reviewer, in addition to the built-in ones.
        model: Inspect model that reviews (defaults to the one that serves the CLI's calls).
    """

    policy: str | None = None
    model: str | None = None


@agent
@checked_parameters
def codex_cli(
    name: str = "Codex CLI",
    description: str = CODING_AGENT,
    system_prompt: str | None = None,
    model_config: str | None = None,
    skills: Sequence[str | Path | Skill] | None = None,
    mcp_servers: Sequence[MCPServerConfig] | None = None,
    bridged_tools: Sequence[BridgedToolsSpec | Tool] | None = None,
    web_search: CodexWebSearch = "live",
    goals: bool = True,
    centaur: bool | CentaurOptions = False,
    attempts: int | AgentAttempts = 1,
    model: str | Model | None = None,
    model_aliases: dict[str, str | Model] | None = None,
    filter: GenerateFilter | None = None,
    retry_refusals: int | None = None,
    home_dir: str | None = None,
    cwd: str | None = None,
    env: dict[str, str] | None = None,
    user: str | None = None,
    sandbox: str | None = None,
    version: Literal["auto", "sandbox", "stable", "latest"] | str = "auto",
    config_overrides: dict[str, str] | None = None,
    debug: bool | None = None,
    *,
    disallowed_tools: list[Literal["web_search"]] | None = None,
    mcp_ready_timeout: float = 120,
    mcp_startup_timeout: float = 300,
    transparent_proxy: bool | None = None,
    auto_review: bool | CodexAutoReview = False,
    sandbox_mode: CodexSandboxMode = "danger-full-access",
    approval_policy: CodexApprovalPolicy = "never",
    network_access: bool = True,
    approve_static_mcp_tools: bool = False,
    **results: Unpack[RunResults],
) -> Agent:
    """Return an agent that runs the real OpenAI Codex CLI in the sample's sandbox, with the eval's model.

    Args:
        name: Agent name (used in multi-agent systems with `as_tool()` and `handoff()`).
        description: Agent description (used in multi-agent systems with `as_tool()` and `handoff()`).
        system_prompt: Text to add to the CLI's own system prompt (as its `developer_instructions`).
        model_config: Codex model slug that chooses the CLI's own system prompt and tools. Defaults to the served
            model's own name. Calls go to the served model regardless.
        skills: Skills to make available: folders with a SKILL.md, or `Skill` objects.
        mcp_servers: MCP servers to make available (they run in, or are reached from, the sandbox).
        bridged_tools: Host-side Inspect tools to expose over MCP; each spec becomes one server.
        web_search: The CLI's web search: "live", "cached" (no access to pages outside the index) or "disabled".
        goals: Whether to offer the CLI's goal tools.
        centaur: Centaur mode: a person works with the CLI, in a terminal of the sandbox (Inspect's `human_cli()`).
        attempts: Scored attempts: the task's scorer runs after each one, until one scores 1.0 or none are left.
        model: Model that serves the CLI's calls (defaults to the eval's model).
        model_aliases: Model names that the CLI may request, each with the Inspect model that serves it.
        filter: Filter for the bridged model requests.
        retry_refusals: Maximum number of retries of a refused generation.
        home_dir: CODEX_HOME in the sandbox, for configuration, skills and sessions; existing files apply and are not
            removed. Defaults to a private folder, which inherits the user's `~/.codex`.
        cwd: Working directory (relative to the sandbox's own).
        env: Environment variables for the CLI; they override ours. Those that divert model requests are refused.
        user: User to run the CLI as.
        sandbox: Name of the sandbox to run in.
        version: "auto" (the sandbox's own CLI if there is one, else the pinned one), "sandbox" (only its own),
            "stable" (the pinned one), "latest" (the registry's newest) or a version such as "0.169.0".
        config_overrides: Settings of the CLI, each passed as `-c key=value`; they override ours.
        debug: Run the CLI with `RUST_LOG=debug` and write all of its output to the log and to Inspect's trace log
            (`inspect trace`).
        disallowed_tools: Built-in tools to disable: `["web_search"]` is the same as `web_search="disabled"`.
        mcp_ready_timeout: Seconds from the CLI's start within which it must offer the bridged tools to the model; then
            the sample fails with a `ToolsMissingError`.
        mcp_startup_timeout: Seconds that the CLI itself waits for an MCP server.
        transparent_proxy: Whether the CLI's own generation parameters apply where the eval sets none. By default they
            do if the served model is the one that the CLI requests.
        auto_review: Run commands in Codex's own sandbox, and let a model review escalations out of it. The defaults of
            `sandbox_mode` and `approval_policy` then mean "workspace-write" and "on-request".
        sandbox_mode: Codex's own sandbox around the commands it runs, inside the sample's. All but
            "danger-full-access" need user namespaces, which containers often do not allow.
        approval_policy: "never", or "on-request" together with `auto_review`, since no person can approve.
        network_access: Whether commands in the sandbox "workspace-write" have network access.
        approve_static_mcp_tools: Whether tools of `mcp_servers`, which run outside of Codex's own sandbox, skip its
            approvals. Bridged tools always do.
        **results: Results to save: `collect`, `response_schema` and `keep_session`; see `RunResults`.

    Returns:
        An Inspect agent.

    Raises:
        AgentOptionError: An argument is wrong or contradicts another one.

    Examples:
        ```python
        from inspect_swe import codex_cli

        agent = codex_cli(web_search="disabled", attempts=2)
        ```
    """
    options = common_options(locals(), **results)
    for server in options.mcp_servers:
        if getattr(server, "type", None) == "sse":
            raise AgentOptionError(f"Codex CLI cannot use the MCP server {server.name!r}: it does not support SSE.")
    if mcp_startup_timeout <= 0:
        raise AgentOptionError(f"mcp_startup_timeout must be above 0 seconds, not {mcp_startup_timeout}.")
    review = review_of(auto_review)
    _check_sandbox(sandbox_mode, approval_policy, network_access, review)
    if review is not None and sandbox_mode == "danger-full-access":
        sandbox_mode = "workspace-write"
    adapter = CodexCli(
        model_config=model_config,
        web_search=check_web_search(web_search, disallowed_tools or ()),
        goals=goals,
        home_dir=home_dir,
        config_overrides=tuple((config_overrides or {}).items()),
        mcp_startup_timeout=mcp_startup_timeout,
        auto_review=review,
        sandbox_mode=sandbox_mode,
        network_access=network_access,
        approve_static_mcp_tools=approve_static_mcp_tools,
    )
    return cli_agent(adapter, options)


def review_of(auto_review: bool | CodexAutoReview) -> CodexAutoReview | None:
    """Return the review of escalations that an argument asks for, if any."""
    return CodexAutoReview() if auto_review is True else auto_review or None


def check_web_search(mode: CodexWebSearch, disallowed: Sequence[str]) -> CodexWebSearch:
    """Return the mode of the CLI's web search, given the disallowed tools."""
    if disallowed and mode == "cached":
        raise AgentOptionError("web_search='cached' contradicts disallowed_tools=['web_search'].")
    return "disabled" if disallowed else mode


def _check_sandbox(mode: str, approval: str, network: bool, review: CodexAutoReview | None) -> None:
    if approval == "on-request" and review is None:
        raise AgentOptionError(
            "approval_policy='on-request' would wait for a person, and there is none.",
            hint="use it with auto_review=True: a model then decides.",
        )
    if not network and mode == "danger-full-access" and review is None:
        raise AgentOptionError("network_access=False has no effect with sandbox_mode='danger-full-access'.")


@dataclass(frozen=True)
class CodexCli(Adapter):
    """The adapter of Codex CLI.

    Args:
        model_config: Model slug that the CLI sees.
        web_search: Mode of the web search.
        goals: Whether to offer the goal tools.
        home_dir: CODEX_HOME, if it is not the private folder.
        config_overrides: Settings that override ours.
        mcp_startup_timeout: Seconds that the CLI waits for an MCP server.
        auto_review: Review of escalations; None for none.
        sandbox_mode: Codex's own sandbox.
        network_access: Whether commands in that sandbox have network access.
        approve_static_mcp_tools: Whether the tools of the user's MCP servers need no approval there.
    """

    model_config: str | None = None
    web_search: CodexWebSearch = "live"
    goals: bool = True
    home_dir: str | None = None
    config_overrides: tuple[tuple[str, str], ...] = ()
    mcp_startup_timeout: float = 300
    auto_review: CodexAutoReview | None = None
    sandbox_mode: CodexSandboxMode = "danger-full-access"
    network_access: bool = True
    approve_static_mcp_tools: bool = False

    key, label, command, tools = "codex_cli", "Codex CLI", "codex", TOOLS
    recipe: ClassVar[NpmPackage] = NpmPackage(
        "@openai/codex",
        "package/vendor/{machine}-unknown-linux-musl/bin/codex",
        release="{version}-linux-{cpu}",
        tags_from="@openai/codex",
    )
    user_agent: ClassVar[str] = "codex_exec/"
    session_header, sub_agent_header = "thread-id", "x-openai-subagent"
    takes_images, acp_tools, sessions, session_field = True, (NODE, CODEX_ACP), ("sessions",), "thread_id"
    withholds, hidden_calls = NODE_READS, "exec"
    diverted_by, outranked_by = DIVERTED_BY, OUTRANKED_BY

    def route(self, model: str) -> Route:
        """Map the slug to the served model, and the reviewer's slug to its own model."""
        aliases: dict[str, str | None] = {self._slug(model): None}
        if self.auto_review and self.auto_review.model:
            aliases[_REVIEWER] = self.auto_review.model.removeprefix("inspect/")
        return Route(aliases, web_search=self.web_search != "disabled", dialect="responses")

    def launch(self, context: LaunchContext) -> Launch:
        """Write a configuration layer on top of existing ones, and a model catalogue if the CLI's lacks the model."""
        home = self._home(context)
        files = [File(f"{home}/{_PROFILE}.config.toml", toml_document(self._profile(context)))]
        slug = self._slug(context.model)
        if not is_known(slug):
            names = [slug, *([_REVIEWER] if self._has_reviewer else [])]
            models = [model_entry(name, context.window or _DEFAULT_WINDOW) for name in names]
            files.append(File(f"{context.config}/models.json", json.dumps({"models": models}).encode()))
        env = {"CODEX_HOME": home, **({"RUST_LOG": "debug"} if context.debug else {})}
        own = ("AGENTS.md", "agents", "config.toml", "prompts", "rules", "skills") if self.home_dir is None else ()
        inherit = tuple((f"{context.home}/.codex/{name}", name) for name in own)
        return Launch(env=env, files=tuple(files), skills=f"{home}/skills", inherit=inherit)

    def turn(self, context: LaunchContext, turn: Turn) -> Invocation:
        """Run `codex exec`, or `codex exec resume ID` in later turns, with the prompt on stdin."""
        # `--image` must not come last: it consumes all words up to the next option.
        argv = ["exec", *(word for image in turn.images for word in ("--image", image))]
        argv += ["--json", "--color", "never", "--skip-git-repo-check", *self._layers()]
        argv += ["fork" if turn.fork else "resume", context.session_id, "-"] if turn.resume else ["-"]
        return Invocation(self._command(context, argv), turn.prompt.encode(errors="replace"))

    def terminal(self, context: LaunchContext) -> Terminal:
        """Return the command that opens the CLI's own interface. Its configuration trusts the working directory."""
        trusted = f'projects={{{json.dumps(context.cwd)}={{trust_level="trusted"}}}}'
        return Terminal(self._command(context, ["-c", trusted, *self._layers()]))

    def _layers(self) -> list[str]:
        overrides = (word for key, value in self.config_overrides for word in ("-c", f"{key}={value}"))
        return ["--profile", _PROFILE, *overrides]

    def _command(self, context: LaunchContext, arguments: Sequence[str]) -> tuple[str, ...]:
        argv = (*context.command, *arguments)
        if self._has_reviewer and is_known(self._slug(context.model)):
            return ("sh", "-c", _WITH_CATALOGUE, "sh", context.command[0], f"{context.config}/models.json", *argv)
        return argv

    def mode_policy(self, context: LaunchContext) -> ModePolicy:
        """Return the sandbox mode. The CLI reports a fallback before its first turn or on stderr."""
        return ModePolicy(
            self.sandbox_mode,
            ("/etc/codex/requirements.toml", "/etc/codex/managed_config.toml"),
            "allowed_|approval_policy|sandbox_mode|permission",
            report=r'^(?:\{"type":"item\.completed","item":\{"id":"\w+","type":"error","message":"|Error: )'
            r"(?P<said>(?:Configured value for `(?:approval|sandbox|permission)\w*` is disallowed by requirements"
            r'|`approval_policy = .* cannot be used because requirements do not allow)[^\\"]*)',
            acp_error=r"invalid value for `(?:approval|sandbox|permission)\w*`: .* is not in the allowed set.*"
            r"|`approval_policy = .* cannot be used because requirements do not allow.*",
            hint="Or choose a sandbox_mode and an approval_policy that they allow.",
        )

    def judge(self, exit: Exit) -> Verdict:
        """Read the verdict from the last turn's end. Errors before any turn are on stderr; anything else is a crash."""
        for event in json_events(exit.stdout):
            match event.get("type"):
                case "turn.completed":
                    return Verdict(Outcome.DONE)
                case "turn.failed":
                    reason = str((event.get("error") or {}).get("message") or "")
                    # The CLI has retried a few times, with its own warning.
                    refused = reason.endswith("reason: content_filter")
                    return Verdict(Outcome.REFUSED if refused else Outcome.FAILED, reason)
                case "turn.started":
                    break
        error = re.search(r"^error.*", exit.stderr, re.MULTILINE | re.IGNORECASE)
        if exit.code in (1, 2) and error:
            return Verdict(Outcome.FAILED, error[0])
        return Verdict(Outcome.CRASHED)

    def tool_prefix(self, server: str) -> str:
        """Return the namespace of an MCP server's tools, as the bridge names its tools."""
        return f"{_namespace(server)}__"

    def tool_name(self, server: str, tool: str) -> str:
        """Replace characters other than letters, digits and _; shorten a long name to end with a hash."""
        name = self.tool_prefix(server) + _identifier(tool)
        return name if len(name) <= _MAX_NAME else self.twin_name(server, tool)

    def twin_name(self, server: str, tool: str) -> str:
        """Return a name that ends with a hash."""
        identity = f"{server}\0{server}\0\0{tool}\0{tool}"
        digest = hashlib.sha1(identity.encode(), usedforsecurity=False).hexdigest()[:12]
        return f"{(self.tool_prefix(server) + _identifier(tool))[: _MAX_NAME - 13]}_{digest}"

    def settings(self, context: LaunchContext) -> list[str]:
        """Return the settings of this run as arguments of `-c`, with the user's last."""
        own = [f"{key}={toml_value(value)}" for key, value in self._profile(context).items()]
        return [*own, *(f"{key}={value}" for key, value in self.config_overrides)]

    @property
    def _has_reviewer(self) -> bool:
        return bool(self.auto_review and self.auto_review.model)

    def _slug(self, model: str) -> str:
        return self.model_config or model.rsplit("/", 1)[-1]

    def _home(self, context: LaunchContext) -> str:
        return posixpath.join(context.cwd, self.home_dir or context.config)

    def _profile(self, context: LaunchContext) -> dict[str, Any]:
        """Return the settings of this run."""
        slug = self._slug(context.model)
        namespaces = [_namespace(server.name) for server in context.mcp_servers]
        bridge = {"name": "bridge", "base_url": f"{context.base_url}/v1", "wire_api": "responses", **_RETRIES}
        profile = {
            **_SETTINGS,
            "model": slug,
            "model_providers": {"agent_bridge": bridge},
            "web_search": self.web_search,
            # Otherwise most models must find MCP tools by a search, or call them from JavaScript.
            "features": {**_OFF, "goals": self.goals, "code_mode": {"direct_only_tool_namespaces": namespaces}},
            "mcp_servers": {server.name: self._server(context, server) for server in context.mcp_servers},
            **self._permissions(),
        }
        if context.withheld_env:
            profile["shell_environment_policy"] = {"set": dict(context.withheld_env)}
        if context.window:
            profile["model_context_window"] = context.window
        if context.system:
            profile["developer_instructions"] = context.system
        if self._has_reviewer or not is_known(slug):
            profile["model_catalog_json"] = f"{context.config}/models.json"
        return profile

    def _permissions(self) -> dict[str, Any]:
        if self.sandbox_mode == "danger-full-access" and self.web_search == "cached":
            return {"approval_policy": "never", "default_permissions": "open", "permissions": _OPEN}
        settings: dict[str, Any] = {"approval_policy": "never", "sandbox_mode": self.sandbox_mode}
        if self.sandbox_mode == "workspace-write":
            settings["sandbox_workspace_write"] = {"network_access": self.network_access}
        if self.auto_review:
            settings |= {"approval_policy": "on-request", "approvals_reviewer": "auto_review"}
            settings["auto_review"] = {"policy": self.auto_review.policy} if self.auto_review.policy else {}
        return settings

    def _server(self, context: LaunchContext, server: MCPServerConfig) -> dict[str, Any]:
        entry = mcp_entry(server)
        if entry.pop("type") != "stdio":
            entry["http_headers"] = entry.pop("headers")
        # A million seconds: tools have no time limit.
        entry |= {"required": True, "startup_timeout_sec": self.mcp_startup_timeout, "tool_timeout_sec": 1_000_000}
        if server.tools != "all":
            entry["enabled_tools"] = list(server.tools)
        free = self.sandbox_mode == "danger-full-access" or self.approve_static_mcp_tools
        if free or server in context.bridged:
            entry["default_tools_approval_mode"] = "approve"
        return entry


def _namespace(server: str) -> str:
    return _identifier(server if server.startswith("mcp__") else f"mcp__{server}")


def _identifier(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", name)
