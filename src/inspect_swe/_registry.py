"""Inspect loads this module to register what the package provides."""

from ._agents import claude_code, codex_cli, gemini_cli, mini_swe_agent, opencode, qwen_code
from .testing._provider import scripted_provider

__all__ = ["claude_code", "codex_cli", "gemini_cli", "mini_swe_agent", "opencode", "qwen_code", "scripted_provider"]
