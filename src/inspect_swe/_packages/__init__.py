"""Packages from the npm registry and PyPI."""
