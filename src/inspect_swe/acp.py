"""Interactive agents: coding-agent CLIs over the Agent Client Protocol, with many prompts and interrupts."""

from .._errors import ACPError, AgentExitedError, SessionStartError, TurnActiveError, TurnFailedError
from ._adapter import AcpAdapter, Service
from ._agent import ACPAgent, ACPAgentParams
from ._claude_code import interactive_claude_code
from ._codex_cli import interactive_codex_cli
from ._connection import acp_connection
from ._copilot_cli import interactive_copilot_cli
from ._events import (
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
from ._gemini_cli import interactive_gemini_cli
from ._kimi_code import interactive_kimi_code
from ._mcp import bridge_mcp_to_acp
from ._opencode import interactive_opencode
from ._operator import run_channel
from ._permissions import PermissionRequest, Permissions
from ._prompt import Prompt
from ._saved import SavedSession
from ._session import ACPSession
from ._wire import ErrorInfo

__all__ = [
    "ACPAgent",
    "ACPAgentParams",
    "ACPError",
    "ACPSession",
    "AcpAdapter",
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
    "Service",
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
