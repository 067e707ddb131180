"""The host side of the relay."""
