"""From options and an adapter to an Inspect agent."""

from __future__ import annotations

from inspect_ai.agent import Agent, AgentState, agent_with

from .adapter import Adapter
from .options import AgentOptions
from .session import open_session
from .unattended import run_unattended


def cli_agent(adapter: Adapter, options: AgentOptions) -> Agent:
    """An Inspect agent that runs a CLI in the sample's sandbox.

    Args:
        adapter: Knowledge of the CLI.
        options: What the user asked for.
    """

    async def execute(state: AgentState) -> AgentState:
        async with open_session(adapter, options, state) as session:
            await run_unattended(session)
        return session.link.bridge.state

    return agent_with(execute, name=options.name, description=options.description)
