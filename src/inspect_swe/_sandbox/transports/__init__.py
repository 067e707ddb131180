"""Ways to reach a sandbox."""
