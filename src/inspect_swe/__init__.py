"""Real coding-agent CLIs as Inspect AI agents."""
