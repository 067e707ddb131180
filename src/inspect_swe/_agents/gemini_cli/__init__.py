"""The `gemini_cli` agent."""
