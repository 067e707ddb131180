"""The public interface for agents of other packages: describe a CLI, and the runtime runs it like our own."""

from __future__ import annotations

from ._contract.adapter import (
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
    ToolKind,
    Turn,
    Verdict,
)
from ._contract.mcp import mcp_entry, scripted_entry, server_scripts, stdio_argv
from ._contract.options import AgentOptions, agent_options
from ._contract.output import json_events
from ._packages.recipes import NODE, RIPGREP, NpmPackage, PythonPackage, Tool
from ._runtime.agent import cli_agent as swe_agent

__all__ = [
    "NODE",
    "RIPGREP",
    "Adapter",
    "AgentOptions",
    "Exit",
    "File",
    "Invocation",
    "Launch",
    "LaunchContext",
    "ModePolicy",
    "NpmPackage",
    "Outcome",
    "PythonPackage",
    "Route",
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
