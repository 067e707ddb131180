"""The host's end of the relay."""
