"""The roster of agents."""

from .antigravity.agent import Antigravity, antigravity
from .claude_code.agent import ClaudeCode, claude_code
from .codex_cli.agent import CodexAutoReview, CodexCli, codex_cli
from .copilot_cli.agent import CopilotCli, copilot_cli
from .gemini_cli.agent import GeminiCli, gemini_cli
from .kimi_code.agent import KimiCode, kimi_code
from .mini_swe_agent.agent import MiniSweAgent, mini_swe_agent
from .opencode.agent import OpenCode, opencode
from .pi.agent import Pi, pi
from .plugins import PluginAgent, all_plugins, plugin_agent, plugin_names
from .qwen_code.agent import QwenCode, qwen_code
from .tool_kinds import cli_tools

ROSTER = (Antigravity, ClaudeCode, CodexCli, CopilotCli, GeminiCli, KimiCode, MiniSweAgent, OpenCode, Pi, QwenCode)

__all__ = [
    "ROSTER",
    "CodexAutoReview",
    "PluginAgent",
    "all_plugins",
    "antigravity",
    "claude_code",
    "cli_tools",
    "codex_cli",
    "copilot_cli",
    "gemini_cli",
    "kimi_code",
    "mini_swe_agent",
    "opencode",
    "pi",
    "plugin_agent",
    "plugin_names",
    "qwen_code",
]
