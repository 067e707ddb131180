"""mini_swe_agent: the adapter, and what runs in the sandbox."""
