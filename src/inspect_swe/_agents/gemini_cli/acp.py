"""Interactive Gemini CLI, over the CLI's own ACP mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from inspect_ai.agent import BridgedToolsSpec
from inspect_ai.model import GenerateFilter, Model
from inspect_ai.tool import MCPServerConfig, Skill, Tool

from ..._acp.adapter import AcpAdapter, AcpLaunch
from ..._acp.agent import ACPAgent, acp_agent, acp_params
from ..._acp.permissions import Permissions
from ..._contract.adapter import LaunchContext
from ..._contract.mcp import shell_argv
from ..._contract.result_specs import OutputFiles
from .agent import GeminiCli

# The file of a session is named after the minute. Reopening the session in the same minute would empty it.
_OTHER_MINUTE = """
for file in .gemini/tmp/*/chats/session-*; do
  renamed="${file%/*}/session-2000-01-01T00-00-${file##*-}"
  [ -e "$renamed" ] || mv "$file" "$renamed"
done
"""


@acp_agent(GeminiCli.label)
def interactive_gemini_cli(
    *,
    skills: list[str | Path | Skill] | None = None,
    version: Literal["auto", "sandbox", "stable", "latest"] | str = "auto",
    debug: bool = False,
    model: str | Model | None = None,
    filter: GenerateFilter | None = None,
    bridged_tools: Sequence[BridgedToolsSpec | Tool] | None = None,
    mcp_servers: Sequence[MCPServerConfig] | None = None,
    system_prompt: str | None = None,
    retry_refusals: int | None = 3,
    model_map: Mapping[str, str | Model] | None = None,
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    sandbox: str | None = None,
    web_search: bool = True,
    gemini_model: str = "gemini-2.5-pro",
    permissions: Permissions = "allow",
    operator: bool = False,
    mcp_ready_timeout: float = 120,
    collect: str | Sequence[str] | OutputFiles | None = None,
) -> ACPAgent:
    """Return an interactive Gemini CLI agent, whose sessions take many prompts and can be interrupted.

    Args:
        skills: Additional skills to make available.
        version: "auto", "sandbox", "stable", "latest" or a version such as "0.61.0".
        debug: Run the CLI with `--debug`; its log is `$HOME/gemini-debug.log` in the sandbox.
        model: Model that serves the CLI's calls (defaults to the eval's model).
        filter: Filter for the bridged model requests.
        bridged_tools: Host-side Inspect tools to expose over MCP; each spec becomes one server, plain tools one more.
        mcp_servers: MCP servers to make available (they run in, or are reached from, the sandbox).
        system_prompt: Text to add to the CLI's own instructions.
        retry_refusals: Maximum number of retries of a refused generation.
        model_map: Model names that the CLI may request, each with the Inspect model that serves it.
        cwd: Working directory (relative to the sandbox's own).
        env: Environment variables for the CLI; they override ours. Those that divert model requests are refused.
        user: User to run the CLI as.
        sandbox: Name of the sandbox to run in.
        web_search: Whether the CLI has its `google_web_search` tool.
        gemini_model: Model name that the CLI sees. Calls go to the served model regardless.
        permissions: "allow", "reject", "approver" (Inspect's approval policy) or an async function.
        operator: Whether a person may take part over `inspect acp` or an editor.
        mcp_ready_timeout: Seconds from the first prompt within which bridged tools must be offered to the model.
        collect: Files to save in the log: globs below the working directory, or `OutputFiles`.

    Returns:
        An interactive agent.

    Raises:
        AgentOptionError: An argument is wrong or contradicts another one.

    Examples:
        ```python
        from inspect_ai.agent import AgentState, agent

        from inspect_swe import interactive_gemini_cli


        @agent
        def two_turns():
            async def execute(state: AgentState) -> AgentState:
                async with interactive_gemini_cli().session(state) as session:
                    await session.prompt("Fix the failing test.")
                    await session.prompt("Now add a regression test.")
                return state

            return execute
        ```
    """
    return ACPAgent(InteractiveGeminiCli(gemini_model, web_search), skills=skills, **acp_params(locals()))


@dataclass(frozen=True)
class InteractiveGeminiCli(GeminiCli, AcpAdapter):
    """The adapter of interactive Gemini CLI. The fields are those of `GeminiCli`."""

    reopens: ClassVar[str] = _OTHER_MINUTE

    def acp_launch(self, context: LaunchContext, asks: bool) -> AcpLaunch:
        """Return the launch, with the settings and MCP servers of the headless agent."""
        argv = [*shell_argv(context), *context.command, "--acp", "--model", self.gemini_model]
        argv += ["--approval-mode", "default" if asks else "yolo"]
        env = {"GEMINI_DEBUG_LOG_FILE": f"{context.home}/gemini-debug.log"} if context.debug else {}
        return AcpLaunch(tuple([*argv, "--debug"] if context.debug else argv), env)
