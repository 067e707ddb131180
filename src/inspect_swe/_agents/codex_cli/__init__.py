"""The `codex_cli` agent."""
