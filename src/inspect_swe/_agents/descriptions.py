"""Descriptions that several agents share, for other agents."""

from textwrap import dedent

CODING_AGENT = dedent("""
   Autonomous coding agent capable of writing, testing, debugging,
   and iterating on code across multiple languages.
""")
