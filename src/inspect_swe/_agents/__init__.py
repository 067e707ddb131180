"""The roster: one file per CLI, one line here."""

from .about import cli_tools
from .announced import Announced, all_announced, announced, announced_names
from .antigravity import Antigravity, antigravity
from .claude_code import ClaudeCode, claude_code
from .codex_cli import CodexAutoReview, CodexCli, codex_cli
from .copilot_cli import CopilotCli, copilot_cli
from .gemini_cli import GeminiCli, gemini_cli
from .kimi_code import KimiCode, kimi_code
from .mini_swe_agent import MiniSweAgent, mini_swe_agent
from .opencode import OpenCode, opencode
from .pi import Pi, pi
from .qwen_code import QwenCode, qwen_code

ROSTER = (Antigravity, ClaudeCode, CodexCli, CopilotCli, GeminiCli, KimiCode, MiniSweAgent, OpenCode, Pi, QwenCode)

__all__ = [
    "ROSTER",
    "Announced",
    "CodexAutoReview",
    "all_announced",
    "announced",
    "announced_names",
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
    "qwen_code",
]
