"""mini-swe-agent's versions, for agent-baselines, which imports this. Everyone else: `resolve_agent_version()`."""

from .._util.agentbinary import AgentBinarySource

MINI_SWE_AGENT_SOURCE = AgentBinarySource("mini_swe_agent")
