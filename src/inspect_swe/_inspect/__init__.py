"""Uses of Inspect's private names."""
