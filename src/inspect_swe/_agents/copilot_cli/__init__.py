"""The `copilot_cli` agent."""
