"""Transports to a sandbox."""
