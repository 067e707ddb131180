"""Best-of-n: several candidate runs in one sandbox, one after the other."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from inspect_ai.agent import Agent, AgentState, agent
from inspect_ai.event import InfoEvent
from inspect_ai.util import Limit, Store, apply_limits, span, store, subtask

from .._contract.parameters import checked_parameters
from .._errors import AgentOptionError
from .._inspect.private import ending_exception
from .._inspect.transcript import record
from .._results.fileset import FileSet, output_files
from .._sandbox.snapshot import Snapshot, snapshot


@dataclass(frozen=True)
class Candidate:
    """A candidate of `best_of()`.

    Args:
        index: Its number, from 0.
        state: Its conversation and output.
        files: Its output files, if its agent has `collect` set.
        error: The error that ended it, if it failed or reached a limit.
    """

    index: int
    state: AgentState
    files: FileSet
    error: Exception | None = None


Choose = Callable[[list[Candidate]], Awaitable[int]]
"""Function that chooses a candidate and returns its index."""


@agent
@checked_parameters
def best_of(
    agents: Agent | Sequence[Agent],
    judge: Choose,
    *,
    n: int = 3,
    paths: Sequence[str] | None = None,
    limits: Sequence[Limit] = (),
) -> Agent:
    """Run agents on the same task several times, one after the other in the sample's sandbox, and keep the best run.

    Each candidate starts with the same conversation and files, in its own session and with its own `Store`. At the
    end, the chosen candidate's files, conversation and store are restored. Files outside of `paths`, processes and
    databases are not reset between candidates. If only the score matters, use epochs, which have a sandbox each.

    Args:
        agents: An agent, or several that take turns.
        judge: Function that receives all candidates, including failed ones, and returns the index of the best.
        n: Number of candidates.
        paths: Folders to restore between candidates (default: the sandbox's working directory).
        limits: Limits of each candidate. A candidate that reaches one has an error.

    Returns:
        An Inspect agent. It raises the first candidate's error if all of them failed.

    Raises:
        AgentOptionError: `agents` is empty, or `n` is below 1.

    Examples:
        ```python
        from inspect_swe import Candidate, OutputFiles, best_of, claude_code


        async def smallest_patch(candidates: list[Candidate]) -> int:
            finished = [each for each in candidates if each.error is None]
            return min(finished, key=lambda each: len(each.files.patch or "")).index


        agent = best_of(claude_code(collect=OutputFiles(patch=True)), smallest_patch, n=3)
        ```
    """
    runners = list(agents) if isinstance(agents, Sequence) else [agents]
    if not runners or n < 1:
        raise AgentOptionError("best_of() needs at least one agent and one candidate.")

    async def execute(state: AgentState) -> AgentState:
        initial = await snapshot(paths)
        snapshots: list[Snapshot] = [initial]
        runs: list[tuple[Candidate, Store]] = []
        try:
            for index in range(n):
                if index:
                    await initial.restore()
                runs.append(await _candidate(runners[index % len(runners)], state, index, limits))
                snapshots.append(await snapshot(paths))
            candidates = [candidate for candidate, _ in runs]
            chosen = await _choose(candidates, judge)
            await snapshots[chosen + 1].restore()
        finally:
            for each in snapshots:
                await each.close()
        for key, value in runs[chosen][1].items():
            store().set(key, value)
        return candidates[chosen].state

    return execute


async def _candidate(
    runner: Agent, initial: AgentState, index: int, limits: Sequence[Limit]
) -> tuple[Candidate, Store]:
    """Run an agent, and return its error, if any, with the candidate."""
    state, own, error = copy.deepcopy(initial), Store(), None

    @subtask(name=f"candidate {index + 1}", type="agent", store=own)
    async def run() -> str:
        nonlocal state
        state = await runner(state)
        return state.output.completion

    with apply_limits(copy.deepcopy(list(limits)), catch_errors=True) as scope:
        try:
            await run()
        except Exception as ex:
            if ending_exception(ex) is not None:
                raise
            error = ex
    return Candidate(index, state, output_files(own), error or scope.limit_error), own


async def _choose(candidates: list[Candidate], judge: Choose) -> int:
    if all(candidate.error is not None for candidate in candidates):
        assert candidates[0].error is not None
        raise candidates[0].error
    async with span("judge", type="scorer"):
        chosen = await judge(candidates)
        if chosen not in range(len(candidates)):
            raise AgentOptionError(f"The judge chose candidate {chosen!r} of {len(candidates)}.")
        errors = {str(each.index): str(each.error) for each in candidates if each.error is not None}
        record(InfoEvent(data={"event": "best_of", "chosen": chosen, "errors": dict(errors)}, source="inspect_swe"))
    return chosen
