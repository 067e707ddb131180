"""Kimi Code."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
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
    Outcome,
    Route,
    Terminal,
    Turn,
    Verdict,
)
from ..._contract.mcp import FOREVER, mcp_entry, shell_argv, shell_files
from ..._contract.options import CentaurOptions, common_options
from ..._contract.parameters import checked_parameters
from ..._contract.result_specs import RunResults
from ..._errors import AgentOptionError
from ..._packages.recipes import NODE, NpmPackage
from ..._runtime.agent import cli_agent
from ..._runtime.tool_names import fnv1a, replaced
from ..disallowed import check_disallowed
from .routing import DIVERTED_BY
from .tools import TOOLS

_ENV = {
    "KIMI_CODE_DANGEROUS_COMMAND_GUARD": "false",
    "KIMI_CODE_NO_AUTO_UPDATE": "1",
    "KIMI_DISABLE_TELEMETRY": "1",
    # Inspect has already retried.
    "KIMI_LOOP_MAX_ATTEMPTS_PER_STEP": "1",
    "KIMI_MCP_STARTUP_TIMEOUT_MS": "300000",
    "KIMI_MCP_TOOL_TIMEOUT_MS": str(FOREVER),
    "KIMI_MODEL_API_KEY": "none-needed",
    "KIMI_MODEL_PROVIDER_TYPE": "anthropic",
}

# A preload script that inserts the prompt, since the CLI takes it only as an argument. The sandbox's own CLI is a Node
# script, too.
_PRELOAD = Path(__file__).with_name("prompt.cjs")
# Its commands read ~/.bashrc, because bash takes the socket on their stdin for a remote shell's; a ~/.bashrc that exits
# would end them all. Bash does not read it if SHLVL marks it as a nested shell.
_NESTED = """
if [ -e "$HOME/.bashrc" ] && ! bash -c '. ~/.bashrc >/dev/null 2>&1; echo read' </dev/null 2>/dev/null | grep -q read
then export SHLVL=1
fi
"""
_PRELOADED = f"""{_NESTED}
OTHER_NODE_OPTIONS="$NODE_OPTIONS" NODE_OPTIONS="$1 $NODE_OPTIONS"
export OTHER_NODE_OPTIONS NODE_OPTIONS
shift
exec "$@"
"""
# Limits for an unknown model. The CLI would silently cut a prompt that exceeds the window, and request answers as long
# as the window.
_WINDOW, _OUTPUT = 1_000_000, 32_000
# The default of 50,000 tokens exceeds the window of some models; the CLI leaves 15 % free anyway.
_CONFIG = "[loop_control]\nreserved_context_size = 0\n"

_MAX_NAME = 64
"""The maximum length of a tool's name."""

_REFUSED = "Provider safety policy blocked the response."
_AS_WRITTEN = "The request, as it was written:"

DESCRIPTION = dedent("""
   Moonshot AI's coding agent for the terminal: edits code, runs
   commands, searches files, and goes on from what comes of it.
""")


@agent
@checked_parameters
def kimi_code(
    name: str = "Kimi Code",
    description: str = DESCRIPTION,
    system_prompt: str | None = None,
    skills: Sequence[str | Path | Skill] | None = None,
    mcp_servers: Sequence[MCPServerConfig] | None = None,
    bridged_tools: Sequence[BridgedToolsSpec | Tool] | None = None,
    mcp_ready_timeout: float = 120.0,
    centaur: bool | CentaurOptions = False,
    attempts: int | AgentAttempts = 1,
    model: str | Model | None = None,
    max_context_size: int | None = None,
    model_aliases: dict[str, str | Model] | None = None,
    filter: GenerateFilter | None = None,
    retry_refusals: int | None = None,
    disallowed_tools: Sequence[str] | None = None,
    cwd: str | None = None,
    env: dict[str, str] | None = None,
    user: str | None = None,
    sandbox: str | None = None,
    version: Literal["auto", "sandbox", "stable", "latest"] | str = "auto",
    debug: bool = False,
    *,
    transparent_proxy: bool | None = None,
    **results: Unpack[RunResults],
) -> Agent:
    """Return an agent that runs the real Kimi Code CLI in the sample's sandbox, with the eval's model.

    Args:
        name: Agent name (used in multi-agent systems with `as_tool()` and `handoff()`).
        description: Agent description (used in multi-agent systems with `as_tool()` and `handoff()`).
        system_prompt: Text to add to the CLI's own instructions.
        skills: Skills to make available: folders with a SKILL.md, or `Skill` objects.
        mcp_servers: MCP servers to make available (they run in, or are reached from, the sandbox).
        bridged_tools: Host-side Inspect tools to expose over MCP; each spec becomes one server, plain tools one more.
        mcp_ready_timeout: Seconds within which the bridged tools must be offered to the model.
        centaur: Centaur mode: a person works with the CLI, in a terminal of the sandbox (Inspect's `human_cli()`).
        attempts: Scored attempts: the task's scorer runs after each one, until one scores 1.0 or none are left.
        model: Model that serves the CLI's calls (defaults to the eval's model).
        max_context_size: Context window in tokens that the CLI assumes; it compacts at about 85 %. Defaults to the
            served model's, if known.
        model_aliases: Model names that the CLI may request, each with the Inspect model that serves it.
        filter: Filter for the bridged model requests.
        retry_refusals: Maximum number of retries of a refused generation.
        disallowed_tools: Names of built-in tools to disable, such as "WebSearch".
        cwd: Working directory (relative to the sandbox's own).
        env: Environment variables for the CLI; they override ours. Those that divert model requests are refused.
        user: User to run the CLI as.
        sandbox: Name of the sandbox to run in.
        version: "auto" (the sandbox's own CLI if there is one, else the pinned one), "sandbox" (only its own),
            "stable" (the pinned one), "latest" (the registry's newest) or a version such as "2.1.0".
        debug: Write all output to the log and to Inspect's trace log (`inspect trace`).
        transparent_proxy: Whether the CLI's own generation parameters apply where the eval sets none. By default they
            do if the served model is the one that the CLI requests.
        **results: Results to save: `collect`, `response_schema` and `keep_session`; see `RunResults`.

    Returns:
        An Inspect agent.

    Raises:
        AgentOptionError: An argument is wrong or contradicts another one.

    Examples:
        ```python
        from inspect_swe import kimi_code

        agent = kimi_code(system_prompt="Write tests first.")
        ```
    """
    options = common_options(locals(), **results)
    disallowed = check_disallowed(KimiCode, disallowed_tools, version)
    return cli_agent(KimiCode(max_context_size, disallowed), options)


@dataclass(frozen=True)
class KimiCode(Adapter):
    """The adapter of Kimi Code.

    Args:
        max_context_size: Context window in tokens that the CLI assumes; None for the served model's.
        disallowed_tools: Built-in tools to disable.
    """

    max_context_size: int | None = None
    disallowed_tools: tuple[str, ...] = ()

    key, label, command, tools = "kimi_code", "Kimi Code", "kimi", TOOLS
    recipe = NpmPackage("@moonshot-ai/kimi-code", "package/dist/main.mjs", runner=NODE)
    user_agent, sessions, acp_tools = "kimi-code-cli/", ("sessions", "session_index.jsonl"), ()
    session_body_field = "metadata.user_id"
    diverted_by = DIVERTED_BY
    session_field = "session_id"  # Our preload script reports it at the start.

    def __post_init__(self) -> None:
        if self.max_context_size is not None and self.max_context_size < 1:
            raise AgentOptionError(f"max_context_size must be at least 1, not {self.max_context_size}.")

    def route(self, model: str) -> Route:
        """Map all names to the served model."""
        return Route(dialect="anthropic")

    def launch(self, context: LaunchContext) -> Launch:
        """Write settings, MCP servers and system prompt to a private home."""
        servers = {each.name: {"transport": each.type, **mcp_entry(each)} for each in context.mcp_servers}
        config = f"{_CONFIG}[tools]\ndisabled = {json.dumps(self.disallowed_tools)}\n"
        files = [
            File(f"{context.config}/config.toml", config.encode()),
            File(f"{context.config}/mcp.json", json.dumps({"mcpServers": servers}).encode()),
            File(f"{context.config}/prompt.cjs", _PRELOAD.read_bytes()),
            *shell_files(context),
        ]
        if context.system:
            files.append(File(f"{context.config}/AGENTS.md", context.system.encode(errors="replace")))
        env = {
            **_ENV,
            "KIMI_CODE_HOME": context.config,
            "KIMI_MODEL_BASE_URL": context.base_url,
            "KIMI_MODEL_MAX_CONTEXT_SIZE": str(self.max_context_size or context.window or _WINDOW),
            "KIMI_MODEL_MAX_OUTPUT_SIZE": str(context.max_output or _OUTPUT),
            "KIMI_MODEL_NAME": context.model,
        }
        inherit = tuple((f"{context.home}/.kimi-code/{name}", name) for name in ("AGENTS.md", "agents", "skills"))
        return Launch(env=env, files=tuple(files), skills=f"{context.config}/skills", inherit=inherit)

    def turn(self, context: LaunchContext, turn: Turn) -> Invocation:
        """Run the CLI in print mode, with the prompt on stdin."""
        preload = f'--require="{context.config}/prompt.cjs"'
        argv = [*shell_argv(context), "sh", "-c", _PRELOADED, "sh", preload, *context.command]
        argv += ["--output-format", "stream-json"]
        argv += ["--session", context.session_id] if turn.resume else []
        prompt = f"{_AS_WRITTEN}\n{turn.prompt}" if turn.prompt.lstrip().startswith("/") else turn.prompt
        return Invocation((*argv, "--prompt=-"), prompt.encode(errors="replace"))

    def program(self, context: LaunchContext) -> list[str]:
        """Return the start of a command line without a prompt."""
        return [*shell_argv(context), "sh", "-c", _NESTED + 'exec "$@"', "sh", *context.command]

    def terminal(self, context: LaunchContext) -> Terminal:
        """Return the command that opens the CLI's own interface, in a folder marked as trusted."""
        name = re.sub(r"[^a-z0-9._-]+", "-", context.cwd.rpartition("/")[2].lower()).strip("-")[:40].strip("-")
        key = f"wd_{name or 'workspace'}_{hashlib.sha256(context.cwd.encode()).hexdigest()[:12]}"
        trusted = File(f"{context.config}/workspace-trust/{key}", b"{}")
        return Terminal((*self.program(context), "--auto"), (trusted,))

    def judge(self, exit: Exit) -> Verdict:
        """Read success from the exit code, and the reason of a failure from the last line on stderr."""
        if exit.code == 0:
            return Verdict(Outcome.DONE)
        if (error := re.search(r"^error: (?:failed to run prompt: )?(.+)", exit.stderr, re.M)) is None:
            return Verdict(Outcome.CRASHED)
        return Verdict(Outcome.REFUSED if error[1] == _REFUSED else Outcome.FAILED, error[1])

    def tool_prefix(self, server: str) -> str:
        """Return the prefix of the names of an MCP server's tools in a model request."""
        return f"mcp__{_part(server)}__"[: _MAX_NAME - len("_-12345678")]

    def tool_name(self, server: str, tool: str) -> str:
        """Replace characters that some APIs reject, merge repeated _, and shorten a long name to end with a hash."""
        name = f"mcp__{_part(server)}__{_part(tool)}"
        if len(name) <= _MAX_NAME:
            return name
        value = fnv1a(name)
        digest = f"-{2**32 - value:x}" if value >= 2**31 else f"{value:x}"  # The hash is a signed number.
        digest = digest.rjust(8, "0")
        return f"{name[: _MAX_NAME - len(digest) - 1]}_{digest}"


def _part(name: str) -> str:
    return re.sub("_+", "_", replaced(name, "[^a-zA-Z0-9_-]"))
