"""The `kimi_code` agent."""
