"""Interactive Codex CLI, over an ACP adapter program that drives the headless agent's CLI."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

from inspect_ai.model import ChatMessage
from inspect_ai.tool import Skill
from typing_extensions import Unpack

from ..._acp.adapter import AcpAdapter, AcpLaunch, untitled
from ..._acp.agent import ACPAgent, ACPAgentParams, acp_agent
from ..._acp.seeded import codex_session
from ..._contract.adapter import File, Launch, LaunchContext
from ..._errors import AgentOptionError
from ..._packages.recipes import CODEX_ACP, NODE
from .agent import CodexAutoReview, CodexCli, CodexWebSearch, check_web_search, review_of

_TITLE_MODEL = "gpt-5.6-luna"
"""The model that the adapter requests a session title from, with all of the CLI's instructions and tools."""


@acp_agent(CodexCli.label)
def interactive_codex_cli(
    *,
    web_search: CodexWebSearch = "live",
    goals: bool = True,
    skills: list[str | Path | Skill] | None = None,
    home_dir: str | None = None,
    config_overrides: dict[str, str] | None = None,
    disallowed_tools: list[Literal["web_search"]] | None = None,
    model_config: str | None = None,
    auto_review: bool | CodexAutoReview = False,
    **params: Unpack[ACPAgentParams],
) -> ACPAgent:
    """Return an interactive Codex CLI agent, whose sessions take many prompts and can be interrupted.

    Args:
        web_search: The CLI's web search: "live", "cached" (no access to pages outside the index) or "disabled".
        goals: Whether to offer the CLI's goal tools.
        skills: Additional skills to make available.
        home_dir: CODEX_HOME in the sandbox; existing files apply and are not removed. Defaults to a private folder.
        config_overrides: Settings of the CLI (`key=value` of its config.toml); they override ours.
        disallowed_tools: `["web_search"]` is the same as `web_search="disabled"`.
        model_config: Model slug that the CLI sees. Defaults to the served model's own name.
        auto_review: Run commands in Codex's own sandbox ("workspace-write", without network access), and let a model
            review escalations out of it. Needs user namespaces in the container, which often does not allow them.
        **params: Arguments of every interactive agent; see `ACPAgentParams`.

    Returns:
        An interactive agent.

    Raises:
        AgentOptionError: An argument is wrong or contradicts another one.

    Examples:
        ```python
        from inspect_ai.agent import AgentState, agent

        from inspect_swe import interactive_codex_cli


        @agent
        def two_turns():
            async def execute(state: AgentState) -> AgentState:
                async with interactive_codex_cli().session(state) as session:
                    await session.prompt("Fix the failing test.")
                    await session.prompt("Now add a regression test.")
                return state

            return execute
        ```
    """
    review = review_of(auto_review)
    if review is not None and params.get("permissions", "allow") != "allow":
        raise AgentOptionError(
            f"auto_review and permissions={params['permissions']!r} contradict each other: with auto_review, a model "
            "decides on escalations.",
            hint="pass only one of them.",
        )
    adapter = InteractiveCodexCli(
        model_config=model_config,
        web_search=check_web_search(web_search, disallowed_tools or ()),
        goals=goals,
        home_dir=home_dir,
        config_overrides=tuple((config_overrides or {}).items()),
        auto_review=review,
        sandbox_mode="workspace-write" if review else "danger-full-access",
    )
    # A title costs as much as a turn and is never read.
    params["model_map"] = {_TITLE_MODEL: untitled(), **(params.get("model_map") or {})}
    return ACPAgent(adapter, skills=skills, **params)


@dataclass(frozen=True)
class InteractiveCodexCli(CodexCli, AcpAdapter):
    """The adapter of interactive Codex CLI. The fields are those of `CodexCli`."""

    needs = CodexCli.acp_tools
    outlived: ClassVar[bool] = True

    def launch(self, context: LaunchContext) -> Launch:
        """Return the headless launch, without the system prompt, which is passed with the session."""
        return super().launch(replace(context, system=None))

    def acp_launch(self, context: LaunchContext, asks: bool) -> AcpLaunch:
        """Wrap the CLI and its settings in a script, because the adapter passes only its own arguments."""
        prefix = "features."
        users = {key[len(prefix) :]: value == "true" for key, value in self.config_overrides if key.startswith(prefix)}
        settings = self.settings(replace(context, system=None))
        argv = self._command(context, [word for setting in settings for word in ("-c", setting)])
        unasked = "agent" if self.auto_review else "agent-full-access"
        program = f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n'
        return AcpLaunch(
            argv=(context.tools[NODE.key], context.tools[CODEX_ACP.key]),
            env={
                "CODEX_PATH": f"{context.config}/codex",
                # The adapter sends a features table with each session, which replaces that of the settings.
                "CODEX_CONFIG": json.dumps({"features": {**self._profile(context)["features"], **users}}),
                # The CLI requests permission only for commands that its own sandbox would block.
                "INITIAL_AGENT_MODE": "read-only" if asks else unasked,
                "NO_BROWSER": "1",
            },
            files=(File(f"{context.config}/codex", program.encode(errors="replace"), 0o755),),
            meta={"jetbrains": {"air": {"customInstructions": context.system}}} if context.system else {},
        )

    def seeded_session(self, context: LaunchContext, messages: Sequence[ChatMessage]) -> File:
        """Return a rollout file, named after the time and the thread."""
        return codex_session(context, self._home(context), messages)
