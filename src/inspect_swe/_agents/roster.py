"""The agents of this package."""

from .antigravity.agent import Antigravity
from .claude_code.agent import ClaudeCode
from .codex_cli.agent import CodexCli
from .copilot_cli.agent import CopilotCli
from .gemini_cli.agent import GeminiCli
from .kimi_code.agent import KimiCode
from .mini_swe_agent.agent import MiniSweAgent
from .opencode.agent import OpenCode
from .pi.agent import Pi
from .qwen_code.agent import QwenCode

ROSTER = (Antigravity, ClaudeCode, CodexCli, CopilotCli, GeminiCli, KimiCode, MiniSweAgent, OpenCode, Pi, QwenCode)
