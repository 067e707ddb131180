"""The `qwen_code` agent."""
