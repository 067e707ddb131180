"""Entry point of the `inspect-swe` command."""

from __future__ import annotations

from ._cli import main

__all__ = ["main"]
