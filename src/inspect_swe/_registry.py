"""Inspect loads this module to register what the package provides."""

from ._agents import claude_code, codex_cli, gemini_cli, mini_swe_agent, opencode, qwen_code
from .acp import interactive_claude_code, interactive_codex_cli, interactive_gemini_cli, interactive_opencode
from .testing._provider import scripted_provider

__all__ = [
    "claude_code",
    "codex_cli",
    "gemini_cli",
    "interactive_claude_code",
    "interactive_codex_cli",
    "interactive_gemini_cli",
    "interactive_opencode",
    "mini_swe_agent",
    "opencode",
    "qwen_code",
    "scripted_provider",
]
