"""OpenCode as an interactive agent: it speaks ACP itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from inspect_ai.tool import Skill
from typing_extensions import Unpack

from ..._acp.adapter import AcpAdapter, AcpLaunch
from ..._acp.agent import ACPAgent, ACPAgentParams, acp_agent
from ..._contract.adapter import Launch, Site
from .agent import OpenCode

_CONFIG = "OPENCODE_CONFIG_CONTENT"


@acp_agent
def interactive_opencode(
    *,
    skills: list[str | Path | Skill] | None = None,
    opencode_model: str = "anthropic/claude-sonnet-4-5",
    **params: Unpack[ACPAgentParams],
) -> ACPAgent:
    """OpenCode agent via ACP: sessions of many prompts, which can be interrupted.

    Args:
        skills: Additional skills to make available.
        opencode_model: Model the CLI believes it runs on ("provider/model"), which also chooses the dialect that it
            speaks. Calls go to the served model regardless.
        **params: What every interactive agent takes: see `ACPAgentParams`.

    Returns:
        An interactive agent.

    Raises:
        AgentOptionError: An argument is wrong or contradicts another one.
    """
    return ACPAgent(InteractiveOpenCode(presented=opencode_model), skills=skills, **params)


@dataclass(frozen=True)
class InteractiveOpenCode(OpenCode, AcpAdapter):
    """Knowledge of OpenCode as an ACP agent. Fields as in `OpenCode`."""

    def launch(self, site: Site) -> Launch:
        """As unattended, with the model that the session begins with, and without asking it for a title."""
        launch = super().launch(site)
        config = json.loads(launch.env[_CONFIG]) | {"model": self.presented, "agent": {"title": {"disable": True}}}
        return replace(launch, env={**launch.env, _CONFIG: json.dumps(config)})

    def acp_launch(self, site: Site, asks: bool) -> AcpLaunch:
        """Its settings, MCP servers included, are those of the unattended agent."""
        argv = [*site.command, "acp", "--print-logs", "--log-level", "DEBUG" if site.debug else "ERROR"]
        return AcpLaunch(tuple(argv), {"OPENCODE_ASKS": "1"} if asks else {})
