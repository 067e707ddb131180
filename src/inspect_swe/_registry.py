"""Inspect loads this module to register what the package provides."""
