"""Benchmarks beside the peer and the raw CLI: `python -m bench` (docs/dev/benchmarks.md)."""
