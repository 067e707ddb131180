"""Bridge that serves model calls and host tools to CLIs in the sandbox."""
