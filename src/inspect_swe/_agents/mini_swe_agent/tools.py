"""Tools of mini-swe-agent."""

from ..tool_kinds import tool_kinds

TOOLS = tool_kinds(execute="bash")
