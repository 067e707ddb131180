"""Inspect loads this module to register what the package provides."""

from ._agents import claude_code
from .testing._provider import scripted_provider

__all__ = ["claude_code", "scripted_provider"]
