"""Interactive Kimi Code, over the CLI's own ACP mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from inspect_ai.tool import Skill
from typing_extensions import Unpack

from ..._acp.adapter import AcpAdapter, AcpLaunch
from ..._acp.agent import ACPAgent, ACPAgentParams, acp_agent
from ..._contract.adapter import LaunchContext
from ..disallowed import check_disallowed
from .agent import KimiCode

# The CLI reports the end of a turn before it has written it to disk, which may take long on a busy machine.
_WRITTEN = """
for n in $(seq 50); do
  tail -n 1 sessions/*/"$2"/agents/main/wire.jsonl | grep -q '"type":"prompt\\.' && exit
  sleep 0.1
done
"""


@acp_agent(KimiCode.label)
def interactive_kimi_code(
    *,
    skills: list[str | Path | Skill] | None = None,
    max_context_size: int | None = None,
    disallowed_tools: Sequence[str] | None = None,
    **params: Unpack[ACPAgentParams],
) -> ACPAgent:
    """Return an interactive Kimi Code agent, whose sessions take many prompts and can be interrupted.

    Args:
        skills: Additional skills to make available.
        max_context_size: Context window in tokens that the CLI assumes. Defaults to that of the served model.
        disallowed_tools: Names of built-in tools to disable.
        **params: Arguments of every interactive agent; see `ACPAgentParams`.

    Returns:
        An interactive agent.

    Raises:
        AgentOptionError: An argument is wrong or contradicts another one.

    Examples:
        ```python
        from inspect_ai.agent import AgentState, agent

        from inspect_swe import interactive_kimi_code


        @agent
        def two_turns():
            async def execute(state: AgentState) -> AgentState:
                async with interactive_kimi_code().session(state) as session:
                    await session.prompt("Fix the failing test.")
                    await session.prompt("Now add a regression test.")
                return state

            return execute
        ```
    """
    disallowed = check_disallowed(KimiCode, disallowed_tools, params.get("version", "auto"))
    return ACPAgent(InteractiveKimiCode(max_context_size, disallowed), skills=skills, **params)


@dataclass(frozen=True)
class InteractiveKimiCode(KimiCode, AcpAdapter):
    """The adapter of interactive Kimi Code. The fields are those of `KimiCode`."""

    settles: ClassVar[str] = _WRITTEN

    def acp_launch(self, context: LaunchContext, asks: bool) -> AcpLaunch:
        """Return the launch, with the settings and MCP servers of the headless agent."""
        guard = {"KIMI_CODE_DANGEROUS_COMMAND_GUARD": "true"} if asks else {}
        return AcpLaunch((*self.program(context), "acp"), guard, mode="default" if asks else "auto")
