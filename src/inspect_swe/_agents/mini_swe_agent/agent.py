"""mini-swe-agent."""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import ClassVar, Literal

from inspect_ai.agent import Agent, AgentAttempts, agent
from inspect_ai.model import CompactionStrategy, GenerateFilter, Model
from typing_extensions import Unpack

from ..._contract.adapter import (
    Adapter,
    Exit,
    File,
    Invocation,
    Launch,
    LaunchContext,
    Outcome,
    Route,
    Terminal,
    Turn,
    Verdict,
)
from ..._contract.options import CentaurOptions, common_options
from ..._contract.output import last_event
from ..._contract.parameters import checked_parameters
from ..._contract.result_specs import RunResults
from ..._packages.recipes import PythonPackage
from ..._runtime.agent import cli_agent
from ..._runtime.surroundings import PYTHON_READS
from .routing import DIVERTED_BY
from .tools import TOOLS

_MODEL = "inspect"

_RUNNER = Path(__file__).with_name("runner.py")

DESCRIPTION = dedent("""
   Minimal AI agent that solves software engineering tasks using bash commands.
   100 lines of Python, radically simple, scores >74% on SWE-bench verified.
""")


@agent
@checked_parameters
def mini_swe_agent(
    name: str = "mini-swe-agent",
    description: str = DESCRIPTION,
    system_prompt: str | None = None,
    centaur: bool | CentaurOptions = False,
    attempts: int | AgentAttempts = 1,
    model: str | Model | None = None,
    model_aliases: dict[str, str | Model] | None = None,
    filter: GenerateFilter | None = None,
    retry_refusals: int | None = None,
    compaction: CompactionStrategy | None = None,
    cwd: str | None = None,
    env: dict[str, str] | None = None,
    user: str | None = None,
    sandbox: str | None = None,
    version: Literal["stable", "sandbox", "latest"] | str = "stable",
    debug: bool | None = None,
    *,
    transparent_proxy: bool | None = None,
    **results: Unpack[RunResults],
) -> Agent:
    """Return an agent that runs the real mini-swe-agent in the sample's sandbox, with the eval's model.

    The sandbox needs Python 3.10 to 3.14, but neither pip nor network access.

    Args:
        name: Agent name (used in multi-agent systems with `as_tool()` and `handoff()`).
        description: Agent description (used in multi-agent systems with `as_tool()` and `handoff()`).
        system_prompt: Text to append to its own system prompt.
        centaur: Centaur mode: a person works with it, in a terminal of the sandbox (Inspect's `human_cli()`).
        attempts: Scored attempts: the task's scorer runs after each one, until one scores 1.0 or none are left.
        model: Model that serves its calls (defaults to the eval's model).
        model_aliases: Model names that it may request, each with the Inspect model that serves it.
        filter: Filter for the bridged model requests.
        retry_refusals: Maximum number of retries of a refused generation.
        compaction: Strategy for conversations that exceed the model's context window; the agent itself has none.
        cwd: Working directory (relative to the sandbox's own).
        env: Environment variables for it; they override ours. Those that divert model requests are refused.
        user: User to run it as.
        sandbox: Name of the sandbox to run in.
        version: "stable" (the pinned one), "sandbox" (only the sandbox's own), "auto" (that if it is there, else the
            pinned one), "latest" (the newest on PyPI) or a version such as "2.2.3".
        debug: Write all output to the log and to Inspect's trace log (`inspect trace`).
        transparent_proxy: Whether the CLI's own generation parameters apply where the eval sets none. By default they
            do if the served model is the one that the CLI requests.
        **results: Results to save: `collect`, `response_schema` and `keep_session`; see `RunResults`.

    Returns:
        An Inspect agent.

    Raises:
        AgentOptionError: An argument is wrong or contradicts another one.

    Examples:
        ```python
        from inspect_swe import mini_swe_agent

        agent = mini_swe_agent(attempts=2)
        ```
    """
    return cli_agent(MiniSweAgent(), common_options(locals(), **results))


@dataclass(frozen=True)
class MiniSweAgent(Adapter):
    """The adapter of mini-swe-agent, a Python package that our runner calls in the sandbox."""

    key, label, command, tools = "mini_swe_agent", "mini-swe-agent", "mini", TOOLS
    recipe: ClassVar[PythonPackage] = PythonPackage(
        "mini-swe-agent",
        "package/minisweagent/__init__.py",
        # We use the one model class that needs no provider's library. Those libraries would be 90% of all bytes.
        exclude=("datasets", "litellm", "openai", "textual"),
    )
    user_agent, sessions, withholds = "mini-swe-agent/", ("sessions",), PYTHON_READS
    diverted_by = DIVERTED_BY

    def route(self, model: str) -> Route:
        """Map the agent's only model to the served one."""
        return Route({_MODEL: None}, dialect="completions")

    def launch(self, context: LaunchContext) -> Launch:
        """Return the runner and its job file."""
        job = {
            # The folder of our copy; the sandbox's own Python finds its own package.
            "folders": [posixpath.dirname(posixpath.dirname(file)) for file in context.command[1:]],
            "env": {
                "MSWEA_GLOBAL_CONFIG_DIR": context.config,
                "MSWEA_MODEL_RETRY_STOP_AFTER_ATTEMPT": "1",
                "MSWEA_SILENT_STARTUP": "1",
            },
            "commands_env": dict(context.withheld_env),
            "model": _MODEL,
            "url": f"{context.base_url}/v1/chat/completions",
            "system": context.system,
            "trajectory": f"{context.config}/sessions/{context.session_id}.traj.json",
        }
        files = (
            File(f"{context.config}/job.json", json.dumps(job).encode()),
            File(self._runner(context), _RUNNER.read_bytes()),
        )
        return Launch(files=files)

    def turn(self, context: LaunchContext, turn: Turn) -> Invocation:
        """Run the runner, which resumes the conversation after the first turn."""
        argv = (*self._argv(context), "--resume") if turn.resume else self._argv(context)
        return Invocation(argv, turn.prompt.encode(errors="replace"))

    def terminal(self, context: LaunchContext) -> Terminal:
        """Return the command that runs it in a terminal."""
        return Terminal((*self._argv(context), "--terminal"))

    def judge(self, exit: Exit) -> Verdict:
        """Read the verdict from the runner's last line."""
        if (result := last_event(exit.stdout, "result")) is None:
            return Verdict(Outcome.CRASHED)
        if result["status"] == "Failed":
            return Verdict(Outcome.FAILED, str(result.get("reason", "")))
        # The submission is a command's output, which no message of the model contains.
        outcome = Outcome.REFUSED if result["status"] == "Refused" else Outcome.DONE
        return Verdict(outcome, answer=str(result.get("answer") or ""))

    def _argv(self, context: LaunchContext) -> tuple[str, ...]:
        # Isolated mode ignores the task's PYTHONPATH and packages.
        return (context.command[0], "-I", self._runner(context), f"{context.config}/job.json")

    def _runner(self, context: LaunchContext) -> str:
        return f"{context.config}/mini_runner.py"
