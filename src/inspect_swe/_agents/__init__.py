"""The roster: one file per CLI, one line here."""

from .claude_code import ClaudeCode, claude_code

ROSTER = (ClaudeCode,)

__all__ = ["ROSTER", "claude_code"]
