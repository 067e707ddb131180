"""npm's configuration and registry."""
