"""Interactive Claude Code, over an ACP adapter program that drives the headless agent's CLI."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.agent import BridgedToolsSpec
from inspect_ai.model import ChatMessage, GenerateFilter, Model
from inspect_ai.tool import MCPServerConfig, Skill, Tool

from ..._acp.adapter import AcpAdapter, AcpLaunch, name_models
from ..._acp.agent import ACPAgent, acp_agent, acp_params
from ..._acp.permissions import Permissions
from ..._acp.seeded import claude_session
from ..._contract.adapter import File, LaunchContext
from ..._contract.result_specs import OutputFiles
from ..._packages.recipes import CLAUDE_ACP, NODE
from ..._runtime.routing import diverting
from ..disallowed import check_disallowed
from .agent import ClaudeCode


@acp_agent(ClaudeCode.label)
def interactive_claude_code(
    *,
    disallowed_tools: list[str] | None = None,
    skills: list[str | Path | Skill] | None = None,
    opus_model: str | Model | None = None,
    sonnet_model: str | Model | None = None,
    haiku_model: str | Model | None = None,
    subagent_model: str | Model | None = None,
    model: str | Model | None = None,
    filter: GenerateFilter | None = None,
    bridged_tools: Sequence[BridgedToolsSpec | Tool] | None = None,
    mcp_servers: Sequence[MCPServerConfig] | None = None,
    system_prompt: str | None = None,
    retry_refusals: int | None = 3,
    model_map: Mapping[str, str | Model] | None = None,
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    sandbox: str | None = None,
    version: str = "auto",
    debug: bool | None = None,
    permissions: Permissions = "allow",
    operator: bool = False,
    mcp_ready_timeout: float = 120,
    transparent_proxy: bool | None = None,
    resume_messages: Sequence[ChatMessage] | None = None,
    collect: str | Sequence[str] | OutputFiles | None = None,
) -> ACPAgent:
    """Return an interactive Claude Code agent, whose sessions take many prompts and can be interrupted.

    Args:
        disallowed_tools: Names of built-in tools to disable.
        skills: Additional skills to make available.
        opus_model: Model for opus calls (defaults to `model`).
        sonnet_model: Model for sonnet calls (defaults to `model`).
        haiku_model: Model for haiku and background calls (defaults to `model`).
        subagent_model: Model for sub-agents (defaults to `model`).
        model: Model that serves the CLI's calls (defaults to the eval's model).
        filter: Filter for the bridged model requests.
        bridged_tools: Host-side Inspect tools to expose over MCP; each spec becomes one server, plain tools one more.
        mcp_servers: MCP servers to make available (they run in, or are reached from, the sandbox).
        system_prompt: Text to append to the CLI's own system prompt.
        retry_refusals: Maximum number of retries of a refused generation.
        model_map: Model names that the CLI may request, each with the Inspect model that serves it.
        cwd: Working directory (relative to the sandbox's own).
        env: Environment variables for the CLI; they override ours. Those that divert model requests are refused.
        user: User to run the CLI as.
        sandbox: Name of the sandbox to run in.
        version: "auto", "sandbox", "stable", "latest" or a version such as "2.1.329".
        debug: Write all CLI output to the log and to Inspect's trace log (`inspect trace`).
        permissions: "allow", "reject", "approver" (Inspect's approval policy) or an async function.
        operator: Whether a person may take part over `inspect acp` or an editor.
        mcp_ready_timeout: Seconds from the first prompt within which bridged tools must be offered to the model.
        transparent_proxy: Whether the CLI's own generation parameters apply where the eval sets none. By default they
            do if the served model is the one that the CLI requests.
        resume_messages: Messages of a conversation to continue: each session starts with them.
        collect: Files to save in the log: globs below the working directory, or `OutputFiles`.

    Returns:
        An interactive agent.

    Raises:
        AgentOptionError: An argument is wrong or contradicts another one.

    Examples:
        ```python
        from inspect_ai.agent import AgentState, agent

        from inspect_swe import interactive_claude_code


        @agent
        def two_turns():
            async def execute(state: AgentState) -> AgentState:
                async with interactive_claude_code().session(state) as session:
                    await session.prompt("Fix the failing test.")
                    await session.prompt("Now add a regression test.")
                return state

            return execute
        ```
    """
    roles = {"opus": opus_model, "sonnet": sonnet_model, "haiku": haiku_model, "subagent": subagent_model}
    names, named = name_models(roles)
    model_map = {**named, **(model_map or {})}
    adapter = InteractiveClaudeCode(
        opus=names["opus"],
        sonnet=names["sonnet"],
        haiku=names["haiku"],
        subagent=names["subagent"],
        disallowed_tools=check_disallowed(ClaudeCode, disallowed_tools, version),
    )
    return ACPAgent(adapter, skills=skills, **acp_params(locals()))


_PROGRAM = """#!/bin/sh
for name in $(env | sed -n 's/^\\([A-Za-z_][A-Za-z0-9_]*\\)=.*/\\1/p'); do
  case $name in %(patterns)s) unset "$name" ;; esac
done
NO_PROXY="$NO_PROXY,127.0.0.1,localhost,::1"
no_proxy=$NO_PROXY
export NO_PROXY no_proxy
exec env %(own)s %(cli)s "$@"
"""


@dataclass(frozen=True)
class InteractiveClaudeCode(ClaudeCode, AcpAdapter):
    """The adapter of interactive Claude Code. The fields are those of `ClaudeCode`."""

    needs = ClaudeCode.acp_tools

    def acp_launch(self, context: LaunchContext, asks: bool) -> AcpLaunch:
        """Return the launch: options are passed with the session, and the mode that skips permissions is set in it."""
        # Without a title the CLI would request one from the model.
        options = {"disallowedTools": list(self.disallowed_tools), "promptSuggestions": False, "title": "Inspect eval"}
        system = {"systemPrompt": {"append": context.system}} if context.system else {}
        return AcpLaunch(
            argv=(context.tools[NODE.key], context.tools[CLAUDE_ACP.key]),
            env={"CLAUDE_CODE_EXECUTABLE": f"{context.config}/claude"},
            files=(File(f"{context.config}/claude", self._program(context), 0o755),),
            meta={"claudeCode": {"options": options}, **system},
            mode=None if asks else "bypassPermissions",
            session_servers=context.mcp_servers,
        )

    def _program(self, context: LaunchContext) -> bytes:
        """Return a script that runs the CLI without the variables that its ACP adapter copies from managed settings."""
        env = self.launch(context).env
        own = shlex.join(f"{name}={env[name]}" for name in diverting(self, env))
        patterns = "|".join(pattern for pattern in self.diverted_by if pattern != "CLAUDE_CODE_ENTRYPOINT")
        return (_PROGRAM % {"patterns": patterns, "own": own, "cli": shlex.quote(context.command[0])}).encode()

    def seeded_session(self, context: LaunchContext, messages: Sequence[ChatMessage]) -> File:
        """Return a session file, named after the working directory and the session."""
        return claude_session(context, messages)
