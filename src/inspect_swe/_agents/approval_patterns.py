"""Approval policy patterns for the CLIs' own tools."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import get_args

from .._contract.adapter import ToolKind
from .._errors import AgentOptionError, EntryPointError, closest
from .plugins import all_plugins, plugin_agent, plugin_names
from .roster import ROSTER

logger = logging.getLogger(__name__)


def cli_tools(*kinds: ToolKind, agent: str | None = None) -> list[str]:
    """Return approval policy patterns for the CLIs' own tools of certain kinds, whatever each CLI calls them.

    Tools of MCP servers and host tools are not included. Agents that other packages register by an entry point are
    included; one that cannot be loaded is left out with a warning.

    Args:
        *kinds: Kinds of the Agent Client Protocol: "read", "edit", "delete", "move", "search", "execute", "think",
            "fetch" or "other". Defaults to all kinds.
        agent: Name of an agent such as "claude_code", or of its interactive form. Defaults to all agents.

    Returns:
        Patterns such as "Bash(*", which match a tool with any arguments.

    Raises:
        AgentOptionError: The kind or agent does not exist.
        EntryPointError: The named agent of another package cannot be used.

    Examples:
        ```python
        from inspect_ai.approval import ApprovalPolicy, auto_approver, human_approver

        from inspect_swe import cli_tools

        approval = [
            ApprovalPolicy(human_approver(), cli_tools("execute", "delete")),
            ApprovalPolicy(auto_approver(), "*"),
        ]
        ```
    """
    unknown = set(kinds) - set(get_args(ToolKind))
    if unknown:
        raise AgentOptionError(
            f"There is no tool kind {sorted(unknown)[0]!r}. Known kinds: {', '.join(get_args(ToolKind))}."
        )
    agents = _tools_of_all() if agent is None else [_tools_of(agent)]
    chosen = kinds or get_args(ToolKind)
    # The parenthesis ends the name: without it, "edit" would also match "edit_anything".
    return sorted({f"{name}(*" for tools in agents for name, kind in tools.items() if kind in chosen})


def _tools_of(agent: str) -> Mapping[str, ToolKind]:
    ours = {adapter.key: adapter.tools for adapter in ROSTER}
    key = agent.removeprefix("interactive_")
    if key in ours:
        return ours[key]
    if agent in (others := plugin_names()):
        return plugin_agent(agent).adapter.tools
    known = [*ours, *others]
    near = closest(agent, known)
    raise AgentOptionError(
        f"There is no agent {agent!r}. Known agents: {', '.join(known)}.",
        hint=f'did you mean "{near}"?' if near else None,
    )


def _tools_of_all() -> Iterator[Mapping[str, ToolKind]]:
    yield from (adapter.tools for adapter in ROSTER)
    for plugin in all_plugins():
        if isinstance(plugin, EntryPointError):
            logger.warning("%s Its tools are left out.", plugin.summary)
        else:
            yield plugin.adapter.tools
