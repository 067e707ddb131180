"""The `pi` agent."""
