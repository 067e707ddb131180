"""codex_cli: the adapter, and what runs in the sandbox."""
