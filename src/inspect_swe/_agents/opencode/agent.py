"""OpenCode."""

from __future__ import annotations

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
    ModePolicy,
    Outcome,
    Route,
    Terminal,
    Turn,
    Verdict,
)
from ..._contract.mcp import FOREVER, mcp_entry, stdio_argv
from ..._contract.options import CentaurOptions, common_options
from ..._contract.output import json_events, last_event
from ..._contract.parameters import checked_parameters
from ..._contract.result_specs import RunResults
from ..._errors import AgentOptionError
from ..._packages.recipes import RIPGREP, NpmPackage
from ..._runtime.agent import cli_agent
from ..._runtime.surroundings import BUN_READS
from ..._runtime.tool_names import replaced
from .routing import DIVERTED_BY, OUTRANKED_BY
from .tools import TOOLS

# FFF is a native file finder that is unpacked into /tmp at every start. Without it the CLI uses ripgrep.
_OFF = ("AUTOUPDATE", "DEFAULT_PLUGINS", "FFF", "LSP_DOWNLOAD", "MODELS_FETCH")

# Providers with their own API, and its path on the bridge. All others use Chat Completions.
_PATHS = {"anthropic": "/v1", "openai": "/v1", "google": "/v1beta"}
_UNSEEN = {"npm_config_offline": "true", "BUN_JSC_useFTLJIT": "0"}  # Hidden from its commands; see the quirks page.
_HOMES = {"CACHE": "/cache", "CONFIG": "", "DATA": "/data", "STATE": "/state"}
# Settings of the model, which the CLI need not know, and of calls.
_CALLS = {"apiKey": "none-needed", "timeout": False, "headerTimeout": False}
_MODEL = {"attachment": True, "modalities": {"input": ["text", "image", "pdf"], "output": ["text"]}}

# A plugin that protects the task's files and the agent's environment and reports the session's id. A short model list,
# since the CLI's own has thousands, which it reads at each start. A lock file, so that no plugin types are installed.
_PLUGIN, _MODELS = (Path(__file__).with_name(name) for name in ("plugin.js", "models.json"))
_LOCK = b'{"packages": {"": {"dependencies": {"@opencode-ai/plugin": "*"}}}}'
_INSTALLED = {"opencode/package-lock.json": _LOCK, "opencode/node_modules/.keep": b""}

DESCRIPTION = dedent("""
   Open-source autonomous coding agent for the terminal, capable
   of writing, testing, debugging, and iterating on code across
   multiple languages.
""")


@agent
@checked_parameters
def opencode(
    name: str = "OpenCode",
    description: str = DESCRIPTION,
    system_prompt: str | None = None,
    skills: Sequence[str | Path | Skill] | None = None,
    mcp_servers: Sequence[MCPServerConfig] | None = None,
    bridged_tools: Sequence[BridgedToolsSpec | Tool] | None = None,
    centaur: bool | CentaurOptions = False,
    attempts: int | AgentAttempts = 1,
    model: str | Model | None = None,
    model_aliases: dict[str, str | Model] | None = None,
    opencode_model: str = "anthropic/claude-sonnet-4-5",
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
    session_title: str = "Inspect eval",
    transparent_proxy: bool | None = None,
    **results: Unpack[RunResults],
) -> Agent:
    """Return an agent that runs the real OpenCode CLI in the sample's sandbox, with the eval's model.

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
        opencode_model: Model name that the CLI sees: "provider/model". Calls go to the served model regardless.
        filter: Filter for the bridged model requests.
        retry_refusals: Maximum number of retries of a refused generation.
        cwd: Working directory (relative to the sandbox's own).
        env: Environment variables for the CLI; they override ours. Those that divert model requests are refused.
        user: User to run the CLI as.
        sandbox: Name of the sandbox to run in.
        version: "auto" (the sandbox's own CLI if there is one, else the pinned one), "sandbox" (only its own),
            "stable" (the pinned one), "latest" (the registry's newest) or a version such as "1.18.18".
        debug: Make the CLI log in detail, and write all of its output to the log and to Inspect's trace log.
        mcp_ready_timeout: Seconds within which the bridged tools must be offered to the model.
        session_title: Title of the CLI's session.
        transparent_proxy: Whether the CLI's own generation parameters apply where the eval sets none. By default they
            do if the served model is the one that the CLI requests.
        **results: Results to save: `collect`, `response_schema` and `keep_session`; see `RunResults`.

    Returns:
        An Inspect agent.

    Raises:
        AgentOptionError: An argument is wrong or contradicts another one.

    Examples:
        ```python
        from inspect_swe import opencode

        agent = opencode(collect="**/*.py")
        ```
    """
    return cli_agent(OpenCode(presented=opencode_model, title=session_title), common_options(locals(), **results))


@dataclass(frozen=True)
class OpenCode(Adapter):
    """The adapter of OpenCode: the model name that it sees, and the title that saves a request to the model."""

    presented: str = "anthropic/claude-sonnet-4-5"
    title: str = "Inspect eval"
    key, label, command = "opencode", "OpenCode", "opencode"
    recipe = NpmPackage("opencode-{platform}", "package/bin/opencode", tags_from="opencode-ai", tools=(RIPGREP,))
    user_agent, session_header, sub_agent_header = "opencode/", "x-session-id", "x-parent-session-id"
    takes_images, acp_tools, tools, withholds = True, (), TOOLS, BUN_READS
    diverted_by, outranked_by = DIVERTED_BY, OUTRANKED_BY
    sessions, session_field = ("data",), "sessionID"  # Our plugin reports it, too.

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[^/\s]+/\S+", self.presented):
            raise AgentOptionError(f'opencode_model={self.presented!r} is not of the form "provider/model".')

    def route(self, model: str) -> Route:
        """Map the presented name to the served model."""
        provider, _, model = self.presented.partition("/")
        return Route({model: None}, dialect="anthropic" if provider == "anthropic" else None)

    def launch(self, context: LaunchContext) -> Launch:
        """Write the configuration and a plugin to a private folder that also holds the sessions."""
        here, providers = context.config, self._providers(context)
        unseen = {**_UNSEEN, **{f"XDG_{kind}_HOME": here + path for kind, path in _HOMES.items()}}
        fixed = {"autoupdate": False, "share": "disabled", "snapshot": False, "small_model": self.presented}
        fixed |= {"provider": providers, "enabled_providers": [*providers], "disabled_providers": []}
        config = {
            **fixed,
            "plugin": [[f"file://{here}/plugin.js", {"unseen": unseen, "withheld": dict(context.withheld_env)}]],
            # The CLI rereads it for each prompt, so it must be named even if an earlier call wrote it.
            "instructions": [f"{here}/system.md"],
            "skills": {"paths": [f"{here}/skills"]},
            "mcp": {server.name: _server(server) for server in context.mcp_servers},
        }
        literal = re.sub(r"{(?=(env|file):)", r"\\u007b", json.dumps(config))  # The CLI would expand {env:NAME}.
        files = {"opencode.json": literal.encode(), "plugin.js": _PLUGIN.read_bytes(), **_INSTALLED}
        files |= {"system.md": context.system.encode(errors="replace")} if context.system else {}
        # A task's own configuration ranks above the file and below the variable.
        configuration = {"OPENCODE_CONFIG": f"{here}/opencode.json", "OPENCODE_CONFIG_CONTENT": json.dumps(fixed)}
        if self.presented.partition("/")[0] in _PATHS:
            configuration["OPENCODE_MODELS_PATH"] = f"{here}/models.json"
            files["models.json"] = _MODELS.read_bytes()
        env = {**{f"OPENCODE_DISABLE_{what}": "1" for what in _OFF}, **unseen, **configuration}
        placed = tuple(File(f"{here}/{name}", content) for name, content in files.items())
        return Launch(env, placed, f"{here}/skills", inherit=((f"{context.home}/.config/opencode", "opencode"),))

    def turn(self, context: LaunchContext, turn: Turn) -> Invocation:
        """Run the CLI once, with the prompt on stdin."""
        argv = [*context.command, "run", "--format", "json", "--auto", "--dir", context.cwd, "--model", self.presented]
        argv += ["--fork"] * turn.fork
        argv += ["--session", context.session_id] if turn.resume else [f"--title={self.title}"]
        argv += ["--print-logs", "--log-level", "DEBUG" if context.debug else "ERROR"]
        return Invocation((*argv, *(f"--file={image}" for image in turn.images)), turn.prompt.encode(errors="replace"))

    def terminal(self, context: LaunchContext) -> Terminal:
        """Return the command that opens the CLI's own interface."""
        return Terminal((*context.command, "--model", self.presented))

    def mode_policy(self, context: LaunchContext) -> ModePolicy:
        """Return the mode. The CLI reports nothing: it ends silently if all of its tools are denied."""
        own = [
            f"{folder}/opencode.{kind}"
            for folder in (context.cwd, f"{context.cwd}/.opencode")
            for kind in ("json", "jsonc")
        ]
        return ModePolicy("auto", ("/etc/opencode", *own, f"{context.home}/.config/opencode"), "permission|tools")

    def judge(self, exit: Exit) -> Verdict:
        """Read success from the exit code, and the reason of a failure from the last `error` event or message."""
        if exit.code == 0:
            return Verdict(Outcome.DONE)
        if (event := last_event(exit.stdout, "error")) is not None:
            error = event.get("error") or {}
            outcome = Outcome.REFUSED if error.get("name") == "ContentFilterError" else Outcome.FAILED
            return Verdict(outcome, str((error.get("data") or {}).get("message") or error.get("name")))
        # Before its session begins, the CLI reports errors such as a wrong configuration on stderr.
        error = None if any(json_events(exit.stdout)) else re.search(r"Error: (?:\x1b\[\d*m)*(.+)", exit.stderr)
        return Verdict(Outcome.FAILED, error[1]) if error else Verdict(Outcome.CRASHED)

    def tool_prefix(self, server: str) -> str:
        """Return the prefix of the names of an MCP server's tools in a model request."""
        return f"{server}_"

    def tool_name(self, server: str, tool: str) -> str:
        """Replace characters that some APIs reject."""
        return self.tool_prefix(server) + replaced(tool, "[^a-zA-Z0-9_-]")

    def _providers(self, context: LaunchContext) -> dict[str, Any]:
        """Return all providers that a task's own agents may name, each served by the bridge."""
        (chosen, _, model), output = self.presented.partition("/"), context.max_output or 0
        limit = {
            "context": context.window,
            "input": context.window_with(min(output or 20_000, 20_000)),
            "output": output,
        }
        entries: dict[str, Any] = {}
        for name, path in {chosen: "/v1", **_PATHS}.items():
            package = f"@ai-sdk/{name if name in _PATHS else 'openai-compatible'}"
            entries[name] = {"npm": package, "options": {**_CALLS, "baseURL": context.base_url + path}}
        entries[chosen]["models"] = {model: {**_MODEL, "limit": limit} if context.window else _MODEL}
        return entries


def _server(server: MCPServerConfig) -> dict[str, Any]:
    """Return an MCP server's entry in the configuration."""
    if isinstance(server, MCPServerConfigStdio):
        return {"type": "local", "command": stdio_argv(server), "environment": server.env or {}, "timeout": FOREVER}
    return {**mcp_entry(server), "type": "remote", "oauth": False, "timeout": FOREVER}
