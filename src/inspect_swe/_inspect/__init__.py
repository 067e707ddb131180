"""Everything that uses Inspect's private names."""
