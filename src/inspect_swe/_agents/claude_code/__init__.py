"""claude_code: the adapter, and what runs in the sandbox."""
