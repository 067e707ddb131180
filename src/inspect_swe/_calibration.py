"""Reference agents that call no model, for the highest score of a task and its baseline."""

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

from ._contract.options import require_asyncio
from ._contract.output import OutputBuffer
from ._contract.parameters import checked_parameters
from ._errors import AgentError, AgentOptionError, SolutionError
from ._inspect.private import sample_state
from ._inspect.transcript import record
from ._runtime.cancellation import AbortScope
from ._sandbox.workspace import Workspace, open_workspace

logger = logging.getLogger(__name__)

_HEAD, _TAIL = 16 << 10, 48 << 10
_DEFAULT = "solution.sh"

# The first line of a script names its interpreter, as for the kernel, even if the file is not executable.
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
    """Run a sample's own solution in its sandbox, without a model: the upper bound of the task's score.

    The script's output is the answer, and is added to the conversation with the exit code. Only the task's scorer
    decides whether the task is solved, regardless of the exit code. Daemons of the script keep running for the scorer.

    Args:
        name: Agent name (used in multi-agent systems with `as_tool()` and `handoff()`).
        description: Agent description (used in multi-agent systems with `as_tool()` and `handoff()`).
        solution: Path of the script in the sandbox, relative to the working directory. Defaults to the text in the
            sample's `metadata["solution"]`, which no other agent sees, and else to the file "solution.sh".
        cwd: Working directory (relative to the sandbox's own).
        env: Environment variables for the script.
        user: User to run the script as.
        sandbox: Name of the sandbox to run in.
        timeout: Time limit in seconds; None for the sample's own limit only.

    Returns:
        An Inspect agent. It raises `SolutionError` if the sample has no solution, or if the solution exceeds the limit.

    Raises:
        AgentOptionError: `timeout` is not positive.

    Examples:
        ```python
        from inspect_ai import Task
        from inspect_ai.dataset import Sample
        from inspect_ai.scorer import includes

        from inspect_swe import oracle

        task = Task(
            dataset=[Sample(input="Print 42.", target="42", metadata={"solution": "echo 42"})],
            solver=oracle(),
            scorer=includes(),
            sandbox="docker",
        )
        ```
    """
    require_asyncio()
    if timeout is not None and timeout <= 0:
        raise AgentOptionError(f"timeout must be a positive number of seconds, not {timeout}.")

    async def execute(state: AgentState) -> AgentState:
        try:
            workspace = await open_workspace(sandbox, user, cwd, [])
            async with AbortScope() as ending, workspace.relaying(None):
                with ending.watching(workspace.wait_lost):
                    path = await _script(workspace, solution)
                    await _run(workspace, path, env or {}, timeout, state)
        except AgentError as error:
            error.set_agent(name, None)
            raise
        return state

    return agent_with(execute, name=name, description=description)


@agent
@checked_parameters
def nop(name: str = "Nop", description: str = "Does nothing.") -> Agent:
    """Do nothing, without a model: the baseline of the task's score.

    Args:
        name: Agent name (used in multi-agent systems with `as_tool()` and `handoff()`).
        description: Agent description (used in multi-agent systems with `as_tool()` and `handoff()`).

    Returns:
        An Inspect agent that leaves the conversation unchanged and the output empty.

    Examples:
        ```python
        from inspect_swe import nop

        agent = nop()
        ```
    """

    async def execute(state: AgentState) -> AgentState:
        return state

    return agent_with(execute, name=name, description=description)


async def _script(workspace: Workspace, solution: str | None) -> str:
    """Return the path of the solution; a text from the sample's metadata is written to a private folder first."""
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
            f"This sample has no solution: {path} is missing in the sandbox or not readable by the user"
            + ("." if solution else ', and metadata["solution"] contains no text.'),
            hint='set metadata={"solution": "..."} in the sample, or pass the path: oracle(solution="...").',
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
            f"The solution {path} did not finish within {timeout:g} seconds.",
            hint="pass a higher `timeout` to oracle(), or None.",
            stdout=out.tail,
            stderr=err.tail,
        )
    seconds = round(time.monotonic() - began, 2)
    data: dict[str, Any] = {"agent": "oracle", "solution": path, "exit_code": code, "seconds": seconds}
    record(InfoEvent(data=data, source="inspect_swe"))
    if code != 0:
        logger.warning("The solution %s exited with code %s.", path, code)
    _add_to_conversation(state, path, code, out.text, err.text)


def _add_to_conversation(state: AgentState, path: str, code: int, out: str, err: str) -> None:
    """Add the script's call and output to the conversation."""
    call = ToolCall(id=f"solution_{uuid4().hex[:8]}", function="solution", arguments={"path": path})
    result = "\n".join(filter(None, [out.rstrip(), err.rstrip(), f"Exit code: {code}" if code else ""]))
    state.messages.append(ChatMessageAssistant(content="", tool_calls=[call], model="oracle"))
    state.messages.append(ChatMessageTool(content=result, tool_call_id=call.id, function=call.function))
    state.output = ModelOutput.from_content("oracle", out.strip())
    state.messages.append(state.output.message)
