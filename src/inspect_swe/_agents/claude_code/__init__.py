"""The `claude_code` agent."""
