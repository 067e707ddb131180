"""The module that Inspect loads to register the package's agents and other objects."""

from ._agents import (
    antigravity,
    claude_code,
    codex_cli,
    copilot_cli,
    gemini_cli,
    kimi_code,
    mini_swe_agent,
    opencode,
    pi,
    qwen_code,
)
from ._calibration import nop, oracle
from ._selection import best_by
from ._verification import verified
from .acp import (
    interactive_claude_code,
    interactive_codex_cli,
    interactive_copilot_cli,
    interactive_gemini_cli,
    interactive_kimi_code,
    interactive_opencode,
)
from .testing._provider import scripted_provider

__all__ = [
    "antigravity",
    "best_by",
    "claude_code",
    "codex_cli",
    "copilot_cli",
    "gemini_cli",
    "interactive_claude_code",
    "interactive_codex_cli",
    "interactive_copilot_cli",
    "interactive_gemini_cli",
    "interactive_kimi_code",
    "interactive_opencode",
    "kimi_code",
    "mini_swe_agent",
    "nop",
    "opencode",
    "oracle",
    "pi",
    "qwen_code",
    "scripted_provider",
    "verified",
]
