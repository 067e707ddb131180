"""Fetch packages from the npm registry and from PyPI."""
