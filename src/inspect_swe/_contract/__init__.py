"""The interface for adapters, and the options of every agent."""
