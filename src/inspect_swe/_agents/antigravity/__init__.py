"""The `antigravity` agent."""
