"""The door for agents of your own: describe a CLI, and the runtime runs it as it runs the package's agents."""

from __future__ import annotations

from ._install import NODE, RIPGREP, NpmPackage, PythonPackage, Tool
from ._runtime.adapter import (
    Adapter,
    Exit,
    File,
    Invocation,
    Launch,
    ModePolicy,
    Outcome,
    Route,
    Site,
    Terminal,
    ToolKind,
    Turn,
    Verdict,
)
from ._runtime.agent import cli_agent as swe_agent
from ._runtime.mcp import mcp_entry, scripted_entry, server_scripts, stdio_argv
from ._runtime.options import AgentOptions, agent_options
from ._runtime.output import json_events

__all__ = [
    "NODE",
    "RIPGREP",
    "Adapter",
    "AgentOptions",
    "Exit",
    "File",
    "Invocation",
    "Launch",
    "ModePolicy",
    "NpmPackage",
    "Outcome",
    "PythonPackage",
    "Route",
    "Site",
    "Terminal",
    "Tool",
    "ToolKind",
    "Turn",
    "Verdict",
    "agent_options",
    "json_events",
    "mcp_entry",
    "scripted_entry",
    "server_scripts",
    "stdio_argv",
    "swe_agent",
]
