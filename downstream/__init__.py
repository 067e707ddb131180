"""Packages that depend on this one, each in a minimal real use. See docs/guides/ecosystem.md."""
