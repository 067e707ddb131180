"""Read npm's configuration and its registry."""
