"""GitHub Copilot CLI as an interactive agent: it speaks ACP itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inspect_ai.tool import Skill
from typing_extensions import Unpack

from ..._acp.adapter import AcpAdapter, AcpLaunch
from ..._acp.agent import ACPAgent, ACPAgentParams, acp_agent
from ..._contract.adapter import Site
from .agent import CopilotCli, Wire


@acp_agent
def interactive_copilot_cli(
    *,
    skills: list[str | Path | Skill] | None = None,
    copilot_model: str = "claude-sonnet-5.5",
    wire: Wire | None = None,
    **params: Unpack[ACPAgentParams],
) -> ACPAgent:
    """Copilot CLI agent via ACP: sessions of many prompts, which can be interrupted.

    Args:
        skills: Additional skills to make available.
        copilot_model: Model the CLI believes it runs on. Calls go to the served model regardless.
        wire: The API that it speaks: "anthropic", "completions" or "responses", by default the one of the vendor of
            `copilot_model`.
        **params: What every interactive agent takes: see `ACPAgentParams`.

    Returns:
        An interactive agent.

    Raises:
        AgentOptionError: An argument is wrong or contradicts another one.
    """
    return ACPAgent(InteractiveCopilotCli(copilot_model, wire), skills=skills, **params)


@dataclass(frozen=True)
class InteractiveCopilotCli(CopilotCli, AcpAdapter):
    """Knowledge of Copilot CLI as an ACP agent. Fields as in `CopilotCli`."""

    def acp_launch(self, site: Site, asks: bool) -> AcpLaunch:
        """Its settings are those of the unattended agent, and so are its MCP servers: it heeds none of a session's."""
        argv = [*self.program(site), "--acp", *([] if asks else ["--allow-all"])]
        return AcpLaunch(tuple([*argv, "--log-level", "debug"] if site.debug else argv))
