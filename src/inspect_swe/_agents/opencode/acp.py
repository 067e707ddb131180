"""Interactive OpenCode, over the CLI's own ACP mode."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from inspect_ai.tool import Skill
from typing_extensions import Unpack

from ..._acp.adapter import AcpAdapter, AcpLaunch
from ..._acp.agent import ACPAgent, ACPAgentParams, acp_agent
from ..._contract.adapter import Launch, LaunchContext
from .agent import OpenCode

_CONFIG = "OPENCODE_CONFIG_CONTENT"


@acp_agent(OpenCode.label)
def interactive_opencode(
    *,
    skills: list[str | Path | Skill] | None = None,
    opencode_model: str = "anthropic/claude-sonnet-4-5",
    **params: Unpack[ACPAgentParams],
) -> ACPAgent:
    """Return an interactive OpenCode agent, whose sessions take many prompts and can be interrupted.

    Args:
        skills: Additional skills to make available.
        opencode_model: Model name that the CLI sees ("provider/model"); its provider chooses the dialect. Calls go to
            the served model regardless.
        **params: Arguments of every interactive agent; see `ACPAgentParams`.

    Returns:
        An interactive agent.

    Raises:
        AgentOptionError: An argument is wrong or contradicts another one.

    Examples:
        ```python
        from inspect_ai.agent import AgentState, agent

        from inspect_swe import interactive_opencode


        @agent
        def two_turns():
            async def execute(state: AgentState) -> AgentState:
                async with interactive_opencode().session(state) as session:
                    await session.prompt("Fix the failing test.")
                    await session.prompt("Now add a regression test.")
                return state

            return execute
        ```
    """
    return ACPAgent(InteractiveOpenCode(presented=opencode_model), skills=skills, **params)


@dataclass(frozen=True)
class InteractiveOpenCode(OpenCode, AcpAdapter):
    """The adapter of interactive OpenCode. The fields are those of `OpenCode`."""

    def launch(self, context: LaunchContext) -> Launch:
        """Return the headless launch with the session's initial model and without title requests to the model."""
        launch = super().launch(context)
        config = json.loads(launch.env[_CONFIG]) | {"model": self.presented, "agent": {"title": {"disable": True}}}
        return replace(launch, env={**launch.env, _CONFIG: json.dumps(config)})

    def acp_launch(self, context: LaunchContext, asks: bool) -> AcpLaunch:
        """Return the launch, with the settings and MCP servers of the headless agent."""
        argv = [*context.command, "acp", "--print-logs", "--log-level", "DEBUG" if context.debug else "ERROR"]
        return AcpLaunch(tuple(argv), {"OPENCODE_ASKS": "1"} if asks else {})
