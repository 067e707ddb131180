"""pi: the adapter, and what runs in the sandbox."""
