"""Reference agents that call no model: what a task is worth to one that solves it, and to one that does nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import anyio
from inspect_ai.agent import Agent, AgentState, agent, agent_with
from inspect_ai.event import InfoEvent
from inspect_ai.model import ChatMessageAssistant, ChatMessageTool, ModelOutput
from inspect_ai.tool import ToolCall

from ._errors import AgentError, AgentOptionError, SolutionError
from ._inspect_compat import sample_state
from ._inspect_transcript import record
from ._runtime.ending import Ending
from ._runtime.options import require_asyncio
from ._runtime.output import OutputBuffer
from ._runtime.parameters import checked_parameters
from ._sandbox.workspace import Workspace, open_workspace

logger = logging.getLogger(__name__)

_HEAD, _TAIL = 16 << 10, 48 << 10
_DEFAULT = "solution.sh"

# A script's first line says what runs it, as for the kernel, whether the file may be executed or not.
_RUN = """
set -f
[ -r "$1" ] || exit 1
IFS= read -r first <"$1"
case $first in
  "#!"*) set -- ${first#??} "$1";;
  *) if command -v bash >/dev/null 2>&1; then set -- bash "$1"; else set -- sh "$1"; fi;;
esac
exec "$@"
"""


@agent
@checked_parameters
def oracle(
    name: str = "Oracle",
    description: str = "Runs the task's own solution.",
    solution: str | None = None,
    cwd: str | None = None,
    env: dict[str, str] | None = None,
    user: str | None = None,
    sandbox: str | None = None,
    timeout: float | None = 900,
) -> Agent:
    """Runs a sample's own solution in its sandbox, and calls no model: what it scores is what the task can be worth.

    What the script prints is the answer, and stands in the conversation with its exit code. Whether it has solved the
    task is for the task's scorer to say, whatever that code is. Daemons that it starts live on for the scorer.

    Args:
        name: Agent name (used in multi-agent systems with `as_tool()` and `handoff()`).
        description: Agent description (used in multi-agent systems with `as_tool()` and `handoff()`).
        solution: File of the sandbox with the script, relative to the working directory. Default: the text in the
            sample's `metadata["solution"]`, which no other agent sees; where there is none, the file "solution.sh".
        cwd: Working directory (relative to the sandbox's own).
        env: Environment variables for the script.
        user: User to run it as.
        sandbox: Name of the sandbox to run in.
        timeout: Seconds that it may take; None: as long as the sample may.

    Returns:
        An Inspect agent. In a sample without a solution, or with one that takes too long, it raises `SolutionError`.

    Raises:
        AgentOptionError: `timeout` is not above 0.
    """
    require_asyncio()
    if timeout is not None and timeout <= 0:
        raise AgentOptionError(f"timeout is a time in seconds above 0, not {timeout}.")

    async def execute(state: AgentState) -> AgentState:
        try:
            workspace = await open_workspace(sandbox, user, cwd, [])
            async with Ending() as ending, workspace.relaying(None):
                with ending.watching(workspace.death):
                    path = await _script(workspace, solution)
                    await _run(workspace, path, env or {}, timeout, state)
        except AgentError as error:
            error.happened_to(name, None)
            raise
        return state

    return agent_with(execute, name=name, description=description)


@agent
@checked_parameters
def nop(name: str = "Nop", description: str = "Does nothing.") -> Agent:
    """Does nothing, and calls no model: what it scores is what the task is worth without any work.

    Args:
        name: Agent name (used in multi-agent systems with `as_tool()` and `handoff()`).
        description: Agent description (used in multi-agent systems with `as_tool()` and `handoff()`).

    Returns:
        An Inspect agent. It leaves the conversation as it is, and the output empty.
    """

    async def execute(state: AgentState) -> AgentState:
        return state

    return agent_with(execute, name=name, description=description)


async def _script(workspace: Workspace, solution: str | None) -> str:
    """Where the sandbox has the solution; one of the sample's metadata is put into a private folder."""
    sample = sample_state()
    text = (sample.metadata if sample else {}).get("solution") if solution is None else None
    if isinstance(text, str) and text.strip():
        path = f"{workspace.probe.scratch}/{_DEFAULT}"
        await workspace.write(path, text.encode(), 0o600)
        return path
    path = solution or _DEFAULT
    path = path if path.startswith("/") else f"{workspace.cwd.rstrip('/')}/{path}"
    if (await workspace.shell('[ -f "$1" ] && [ -r "$1" ]', path)).code != 0:
        raise SolutionError(
            f"This sample has no solution: there is no {path} in the sandbox that the user can read"
            + ("." if solution else ', and no text in metadata["solution"].'),
            hint='give the sample metadata={"solution": "..."}, or name the file: oracle(solution="...").',
        )
    return path


async def _run(
    workspace: Workspace, path: str, env: Mapping[str, str], timeout: float | None, state: AgentState
) -> None:
    began = time.monotonic()
    out, err = OutputBuffer(_HEAD, _TAIL), OutputBuffer(_HEAD, _TAIL)
    with anyio.move_on_after(timeout) as scope:
        process = await workspace.spawn(["sh", "-c", _RUN, "sh", path], env)
        async for stream, chunk in process.output():
            (out if stream == "stdout" else err).add(chunk)
        code = (await process.wait()).returncode
    if scope.cancelled_caught:
        raise SolutionError(
            f"The solution {path} had not come to an end after {timeout:g} seconds.",
            hint="give oracle() a higher `timeout`, or None.",
            stdout=out.tail,
            stderr=err.tail,
        )
    seconds = round(time.monotonic() - began, 2)
    data: dict[str, Any] = {"agent": "oracle", "solution": path, "exit_code": code, "seconds": seconds}
    record(InfoEvent(data=data, source="inspect_swe"))
    if code != 0:
        logger.warning("The solution %s has ended with exit code %s.", path, code)
    _tell(state, path, code, out.text, err.text)


def _tell(state: AgentState, path: str, code: int, out: str, err: str) -> None:
    """Put what was run, and what it said, into the conversation."""
    call = ToolCall(id=f"solution_{uuid4().hex[:8]}", function="solution", arguments={"path": path})
    said = "\n".join(filter(None, [out.rstrip(), err.rstrip(), f"Exit code: {code}" if code else ""]))
    state.messages.append(ChatMessageAssistant(content="", tool_calls=[call], model="oracle"))
    state.messages.append(ChatMessageTool(content=said, tool_call_id=call.id, function=call.function))
    state.output = ModelOutput.from_content("oracle", out.strip())
    state.messages.append(state.output.message)
