"""Interactive GitHub Copilot CLI, over the CLI's own ACP mode."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inspect_ai.tool import Skill
from typing_extensions import Unpack

from ..._acp.adapter import AcpAdapter, AcpLaunch
from ..._acp.agent import ACPAgent, ACPAgentParams, acp_agent
from ..._contract.adapter import LaunchContext
from .agent import CopilotCli, Wire


@acp_agent(CopilotCli.label)
def interactive_copilot_cli(
    *,
    skills: list[str | Path | Skill] | None = None,
    copilot_model: str = "claude-sonnet-5.5",
    wire: Wire | None = None,
    **params: Unpack[ACPAgentParams],
) -> ACPAgent:
    """Return an interactive Copilot CLI agent, whose sessions take many prompts and can be interrupted.

    Args:
        skills: Additional skills to make available.
        copilot_model: Model name that the CLI sees. Calls go to the served model regardless.
        wire: API that the CLI uses: "anthropic", "completions" or "responses". Defaults to that of the vendor of
            `copilot_model`.
        **params: Arguments of every interactive agent; see `ACPAgentParams`.

    Returns:
        An interactive agent.

    Raises:
        AgentOptionError: An argument is wrong or contradicts another one.

    Examples:
        ```python
        from inspect_ai.agent import AgentState, agent

        from inspect_swe import interactive_copilot_cli


        @agent
        def two_turns():
            async def execute(state: AgentState) -> AgentState:
                async with interactive_copilot_cli().session(state) as session:
                    await session.prompt("Fix the failing test.")
                    await session.prompt("Now add a regression test.")
                return state

            return execute
        ```
    """
    return ACPAgent(InteractiveCopilotCli(copilot_model, wire), skills=skills, **params)


@dataclass(frozen=True)
class InteractiveCopilotCli(CopilotCli, AcpAdapter):
    """The adapter of interactive Copilot CLI. The fields are those of `CopilotCli`."""

    def acp_launch(self, context: LaunchContext, asks: bool) -> AcpLaunch:
        """Return the launch, with the settings and MCP servers of the headless agent: Copilot ignores a session's."""
        argv = [*self.program(context), "--acp", *([] if asks else ["--allow-all"])]
        return AcpLaunch(tuple([*argv, "--log-level", "debug"] if context.debug else argv))
