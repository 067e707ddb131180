"""The `opencode` agent."""
