"""Claude Code's versions, for Control Tower, which imports this module. Everyone else: `resolve_agent_version()`."""

from .._util.agentbinary import AgentBinarySource


def claude_code_binary_source() -> AgentBinarySource:
    """Return the source of the CLI's versions."""
    return AgentBinarySource("claude_code")
