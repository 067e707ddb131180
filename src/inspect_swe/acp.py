"""Interactive agents: coding-agent CLIs over the Agent Client Protocol, with many prompts and interrupts."""

from ._acp.adapter import AcpAdapter, AcpLaunch
from ._acp.agent import ACPAgent, ACPAgentParams
from ._acp.connection import acp_connection, bridge_mcp_to_acp
from ._acp.events import (
    Commands,
    Decision,
    Event,
    ModeChanged,
    PermissionAsked,
    Plan,
    Raw,
    StopReason,
    TextChunk,
    ThoughtChunk,
    Title,
    ToolEnded,
    ToolProgress,
    ToolStarted,
    Turn,
    TurnEnded,
    Usage,
)
from ._acp.operator import run_channel
from ._acp.permissions import PermissionRequest, Permissions
from ._acp.prompt import Prompt
from ._acp.saved import SavedSession
from ._acp.session import ACPSession
from ._acp.wire import ErrorInfo
from ._agents.claude_code.acp import interactive_claude_code
from ._agents.codex_cli.acp import interactive_codex_cli
from ._agents.copilot_cli.acp import interactive_copilot_cli
from ._agents.gemini_cli.acp import interactive_gemini_cli
from ._agents.kimi_code.acp import interactive_kimi_code
from ._agents.opencode.acp import interactive_opencode
from ._errors import ACPError, AgentExitedError, SessionStartError, TurnActiveError, TurnFailedError

__all__ = [
    "ACPAgent",
    "ACPAgentParams",
    "ACPError",
    "ACPSession",
    "AcpAdapter",
    "AcpLaunch",
    "AgentExitedError",
    "Commands",
    "Decision",
    "ErrorInfo",
    "Event",
    "ModeChanged",
    "PermissionAsked",
    "PermissionRequest",
    "Permissions",
    "Plan",
    "Prompt",
    "Raw",
    "SavedSession",
    "SessionStartError",
    "StopReason",
    "TextChunk",
    "ThoughtChunk",
    "Title",
    "ToolEnded",
    "ToolProgress",
    "ToolStarted",
    "Turn",
    "TurnActiveError",
    "TurnEnded",
    "TurnFailedError",
    "Usage",
    "acp_connection",
    "bridge_mcp_to_acp",
    "interactive_claude_code",
    "interactive_codex_cli",
    "interactive_copilot_cli",
    "interactive_gemini_cli",
    "interactive_kimi_code",
    "interactive_opencode",
    "run_channel",
]
