"""The life of one agent call. No CLI is known here by name."""
