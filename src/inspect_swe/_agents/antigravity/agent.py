"""Google's Antigravity SDK."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any, ClassVar, Literal

from inspect_ai.agent import Agent, AgentAttempts, BridgedToolsSpec, agent
from inspect_ai.model import GenerateFilter, Model
from inspect_ai.tool import MCPServerConfig, Skill, Tool
from typing_extensions import Unpack

from ..._contract.adapter import Adapter, Exit, File, Invocation, Launch, LaunchContext, Outcome, Route, Turn, Verdict
from ..._contract.mcp import FOREVER, mcp_entry
from ..._contract.options import common_options
from ..._contract.output import last_event
from ..._contract.parameters import checked_parameters
from ..._contract.result_specs import RunResults
from ..._errors import AgentOptionError
from ..._packages.recipes import PythonPackage
from ..._runtime.agent import cli_agent
from ..._runtime.surroundings import PYTHON_READS
from .routing import DIVERTED_BY
from .tools import TOOLS

_RUNNER = Path(__file__).with_name("runner.py")

DESCRIPTION = dedent("""
   Google's Antigravity coding agent: reads, writes and tests code, runs
   commands, searches the web, and plans with sub-agents.
""")


@agent
@checked_parameters
def antigravity(
    name: str = "Antigravity",
    description: str = DESCRIPTION,
    system_prompt: str | None = None,
    mcp_servers: Sequence[MCPServerConfig] | None = None,
    bridged_tools: Sequence[BridgedToolsSpec | Tool] | None = None,
    mcp_ready_timeout: float = 120,
    model: str | Model | None = None,
    model_aliases: dict[str, str | Model] | None = None,
    filter: GenerateFilter | None = None,
    retry_refusals: int | None = None,
    user: str | None = None,
    cwd: str | None = None,
    sandbox: str | None = None,
    version: Literal["stable", "sandbox", "latest"] | str = "stable",
    endpoint_model: str = "gemini-3.6-flash",
    debug: bool | None = None,
    *,
    skills: Sequence[str | Path | Skill] | None = None,
    attempts: int | AgentAttempts = 1,
    env: dict[str, str] | None = None,
    web_search: bool = True,
    transparent_proxy: bool | None = None,
    **results: Unpack[RunResults],
) -> Agent:
    """Return an agent that runs Google's Antigravity SDK in the sample's sandbox, with the eval's model.

    The sandbox needs Python 3.10 to 3.14, but neither pip nor network access.

    Args:
        name: Agent name (used in multi-agent systems with `as_tool()` and `handoff()`).
        description: Agent description (used in multi-agent systems with `as_tool()` and `handoff()`).
        system_prompt: Text to add to its own system instructions.
        mcp_servers: MCP servers to make available (they run in, or are reached from, the sandbox).
        bridged_tools: Host-side Inspect tools to expose over MCP; each spec becomes one server, plain tools one more.
        mcp_ready_timeout: Seconds within which the bridged tools must be offered to the model.
        model: Model that serves its calls (defaults to the eval's model).
        model_aliases: Model names that it may request, each with the Inspect model that serves it.
        filter: Filter for the bridged model requests.
        retry_refusals: Maximum number of retries of a refused generation.
        user: User to run it as.
        cwd: Working directory (relative to the sandbox's own).
        sandbox: Name of the sandbox to run in.
        version: "stable" (the pinned one), "sandbox" (only the sandbox's own), "auto" (that if it is there, else the
            pinned one), "latest" (the newest on PyPI) or a version such as "0.1.22".
        endpoint_model: Model name that it sees. Calls go to the served model regardless.
        debug: Write all output to the log and to Inspect's trace log (`inspect trace`).
        skills: Skills to make available: folders with a SKILL.md, or `Skill` objects.
        attempts: Scored attempts: the task's scorer runs after each one, until one scores 1.0 or none are left.
        env: Environment variables for it; they override ours. Those that divert model requests are refused.
        web_search: Whether to offer its `search_web` tool.
        transparent_proxy: Whether the CLI's own generation parameters apply where the eval sets none. By default they
            do if the served model is the one that the CLI requests.
        **results: Results to save: `collect`, `response_schema` and `keep_session`; see `RunResults`.

    Returns:
        An Inspect agent.

    Raises:
        AgentOptionError: An argument is wrong or contradicts another one.

    Examples:
        ```python
        from inspect_swe import antigravity

        agent = antigravity(attempts=2)
        ```
    """
    options = common_options(locals(), **results)
    for server in options.mcp_servers:
        if server.type == "sse":
            raise AgentOptionError(f"Antigravity cannot use the MCP server {server.name!r}: it does not support SSE.")
    return cli_agent(Antigravity(endpoint_model, web_search), options)


@dataclass(frozen=True)
class Antigravity(Adapter):
    """The adapter of the Antigravity SDK, a Python package that our runner calls in the sandbox.

    Args:
        endpoint_model: Model name that it sees.
        web_search: Whether to offer the web search tool.
    """

    endpoint_model: str = "gemini-3.6-flash"
    web_search: bool = True

    key, label, tools = "antigravity", "Antigravity", TOOLS
    # The SDK has no command. A script of this name reports which Python of the sandbox has the package.
    command = "google-antigravity"
    recipe: ClassVar[PythonPackage] = PythonPackage(
        "google-antigravity",
        "package/google/antigravity/bin/localharness",
        # The SDK imports only google-genai, for features that we don't use.
        exclude=("absl-py", "google-genai", "mcp", "uvicorn"),
    )
    user_agent, sessions, takes_images = "google-antigravity-sdk/", ("sessions", "data"), True
    withholds = PYTHON_READS
    diverted_by = DIVERTED_BY

    def route(self, model: str) -> Route:
        """Map the presented name to the served model."""
        return Route({self.endpoint_model: None}, web_search=self.web_search, dialect="google")

    def launch(self, context: LaunchContext) -> Launch:
        """Return the runner and its job file."""
        job = {
            # The folder of our copy; the sandbox's own Python finds its own package.
            "folders": [file[: -len("/google/antigravity/bin/localharness")] for file in context.command[1:]],
            "commands_env": dict(context.withheld_env),
            "url": context.base_url,
            "model": self.endpoint_model,
            "max_output": context.max_output,
            "compact_at": context.window and context.window * 4 // 5,
            "web_search": self.web_search,
            "system": context.system,
            "mcp_servers": [_server(each) for each in context.mcp_servers],
            "mcp_output": FOREVER,
            "sessions": f"{context.config}/sessions",
            "app_data": f"{context.config}/data",
            "skills": [f"{context.config}/skills"],
            "debug": context.debug,
        }
        files = (
            File(f"{context.config}/job.json", json.dumps(job).encode()),
            File(self._runner(context), _RUNNER.read_bytes()),
        )
        return Launch(files=files, skills=f"{context.config}/skills")

    def turn(self, context: LaunchContext, turn: Turn) -> Invocation:
        """Run the runner, which resumes the conversation after the first turn."""
        # Isolated mode ignores the task's PYTHONPATH and packages.
        argv = [context.command[0], "-I", self._runner(context), f"{context.config}/job.json", context.session_id]
        argv += ["--resume"] * turn.resume
        argv += [word for image in turn.images for word in ("--image", image)]
        return Invocation(tuple(argv), turn.prompt.encode(errors="replace"))

    def judge(self, exit: Exit) -> Verdict:
        """Read the verdict from the runner's last line."""
        if (result := last_event(exit.stdout, "result")) is None:
            return Verdict(Outcome.CRASHED)
        if result["status"] == "Done":
            return Verdict(Outcome.DONE)
        outcome = Outcome.REFUSED if result["status"] == "Refused" else Outcome.FAILED
        return Verdict(outcome, str(result.get("reason", "")))

    def tool_prefix(self, server: str) -> str:
        """Return the prefix of the names of an MCP server's tools in a model request."""
        return f"mcp_{server}_"

    def tool_name(self, server: str, tool: str) -> str | None:
        """Return None for a name that the API rejects."""
        name = self.tool_prefix(server) + tool
        return name if re.fullmatch("[a-zA-Z0-9_-]{1,64}", name) else None

    def _runner(self, context: LaunchContext) -> str:
        return f"{context.config}/antigravity_runner.py"


def _server(server: MCPServerConfig) -> dict[str, Any]:
    """Return a server as an argument of the SDK's classes."""
    always = {"name": server.name, "force_all_tools_eager": True, "timeout_seconds": 300}
    return {**mcp_entry(server), **always}
