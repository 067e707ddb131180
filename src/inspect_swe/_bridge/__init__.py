"""Model calls and host tools, out of the sandbox."""
