"""The best of several candidates, one after the other in one sandbox."""

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
    """One of the candidates of `best_of()`.

    Args:
        index: Its number, from 0.
        state: Its conversation and output.
        files: What it has left, if its agent was told to `collect` files.
        error: What it ended with, if it failed or met one of the limits.
    """

    index: int
    state: AgentState
    files: FileSet
    error: Exception | None = None


Choose = Callable[[list[Candidate]], Awaitable[int]]
"""Chooses one of the candidates: returns its index."""


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
    """The best of several runs of agents that work on the same task, one after the other in the sample's sandbox.

    Each begins with the same conversation and the same files, in a session and with a `Store` of its own; at the end
    files, conversation and store are those of the chosen one. Files outside of `paths`, processes and databases are
    not put back between them. Where only the score matters, epochs do the same with a sandbox for each.

    Args:
        agents: An agent, or several that take turns.
        judge: Is given the candidates, those that failed as well, and returns the index of the best.
        n: How many candidates there are.
        paths: Folders that are put back (default: the sandbox's working directory).
        limits: Limits of each candidate. One that meets them is a candidate with an error.

    Returns:
        An Inspect agent. It raises the first candidate's error if all have failed.

    Raises:
        AgentOptionError: There is no agent, or no candidate.
    """
    made = list(agents) if isinstance(agents, Sequence) else [agents]
    if not made or n < 1:
        raise AgentOptionError("best_of() needs at least one agent and one candidate.")

    async def execute(state: AgentState) -> AgentState:
        begun = await snapshot(paths)
        taken: list[Snapshot] = [begun]
        runs: list[tuple[Candidate, Store]] = []
        try:
            for index in range(n):
                if index:
                    await begun.restore()
                runs.append(await _candidate(made[index % len(made)], state, index, limits))
                taken.append(await snapshot(paths))
            candidates = [candidate for candidate, _ in runs]
            chosen = await _choose(candidates, judge)
            await taken[chosen + 1].restore()
        finally:
            for each in taken:
                await each.close()
        for key, value in runs[chosen][1].items():
            store().set(key, value)
        return candidates[chosen].state

    return execute


async def _candidate(made: Agent, begun: AgentState, index: int, limits: Sequence[Limit]) -> tuple[Candidate, Store]:
    """Run an agent; it may fail."""
    state, own, error = copy.deepcopy(begun), Store(), None

    @subtask(name=f"candidate {index + 1}", type="agent", store=own)
    async def run() -> str:
        nonlocal state
        state = await made(state)
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
