"""Selection among the epochs of a sample: the one a judge rates highest counts, and none runs after a solved one."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Awaitable, Callable

from inspect_ai import score_async
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog, EvalSample, EvalSpec
from inspect_ai.scorer import (
    SampleScore,
    Score,
    Scorer,
    ScoreReducer,
    Target,
    mean,
    score_reducer,
    scorer,
    stderr,
    value_to_float,
)
from inspect_ai.solver import TaskState
from inspect_ai.util import EarlyStop, EarlyStopping, collect
from pydantic import JsonValue


@score_reducer
def best_by(key: str = "judge") -> ScoreReducer:
    """Reduce a sample's epochs to the one that a judge rates highest, with its own score.

    Args:
        key: Key of the rating, a number, in the score's metadata. Epochs without a rating come last; among equal
            ratings the first epoch counts.

    Returns:
        A reducer for `Epochs`.

    Examples:
        ```python
        from inspect_ai import Epochs

        from inspect_swe import best_by

        epochs = Epochs(4, ["mean", "max", best_by("judge")])
        ```
    """

    def reduce(scores: list[Score]) -> Score:
        return max(scores, key=lambda score: _rating((score.metadata or {}).get(key)))

    return reduce


def _rating(value: object) -> float:
    return -math.inf if not isinstance(value, (int, float)) or math.isnan(value) else float(value)


async def pick(log: EvalLog, judge: Callable[[list[EvalSample]], Awaitable[int]], *, scorer: str) -> EvalLog:
    """Select the best epoch of each sample of a finished eval by a judge.

    Args:
        log: The log, with its samples.
        judge: Function that takes those epochs of a sample that have a score, and returns the index of the best one. It
            is not called for a single epoch.
        scorer: Name of the score that counts for the selected epoch.

    Returns:
        A copy of the log with an additional score, `pick`: each epoch has the score of the selected one.

    Raises:
        ValueError: The log has no samples or no such scores, or the judge returned an invalid index.

    Examples:
        ```python
        from inspect_ai.log import EvalSample, read_eval_log

        from inspect_swe import pick


        async def shortest(candidates: list[EvalSample]) -> int:
            lengths = [len(each.output.completion) for each in candidates]
            return lengths.index(min(lengths))


        async def main() -> None:
            log = await pick(read_eval_log("logs/run.eval"), shortest, scorer="includes")
        ```
    """
    candidates = _candidates(log, scorer)
    indices = await collect(*(judge(each) if len(each) > 1 else _only(each) for each in candidates.values()))
    best = {name: _candidate(each, index) for (name, each), index in zip(candidates.items(), indices, strict=True)}
    picked = await score_async(
        log, [_picked(best, scorer)], action="append", epochs_reducer=["mean"], model="none", display="none"
    )
    picked.eval.config.epochs_reducer = log.eval.config.epochs_reducer
    return picked


def _candidates(log: EvalLog, name: str) -> dict[str | int, list[EvalSample]]:
    if not log.samples:
        raise ValueError("The log has no samples: read it with read_eval_log(), without header_only.")
    candidates = defaultdict(list)
    for sample in sorted(log.samples, key=lambda sample: sample.epoch):
        if sample.error is None and name in (sample.scores or {}):
            candidates[sample.id].append(sample)
    if not candidates:
        there = sorted({each for sample in log.samples for each in sample.scores or {}})
        raise ValueError(f"No sample of the log has a score {name!r}. Its scores: {', '.join(there) or 'none'}.")
    return candidates


async def _only(candidates: list[EvalSample]) -> int:
    return 0


def _candidate(candidates: list[EvalSample], index: int) -> EvalSample:
    if not isinstance(index, int) or not 0 <= index < len(candidates):
        raise ValueError(f"The judge chose {index!r}, but sample {candidates[0].id!r} has {len(candidates)} epochs.")
    return candidates[index]


def _picked(best_epochs: dict[str | int, EvalSample], name: str) -> Scorer:
    @scorer(name="pick", metrics=[mean(), stderr()])
    def picked() -> Scorer:
        async def score(state: TaskState, target: Target) -> Score:
            best = best_epochs.get(state.sample_id)
            if best is None:
                return Score.unscored(explanation=f"No epoch of this sample has a score {name!r}.")
            best_score = (best.scores or {})[name]
            return Score(
                value=value_to_float()(best_score.value),
                answer=best_score.answer,
                explanation=f"Epoch {best.epoch} was chosen.",
                metadata={"epoch": best.epoch},
            )

        return score

    return picked()


def until_solved(threshold: float = 1.0, *, scorer: str | None = None) -> EarlyStopping:
    """Stop running epochs of a sample once it is solved. Only valid with the reducer `max`.

    Epochs that are already running are not stopped, so `max_samples` determines the savings.

    Args:
        threshold: Minimum score of a solved sample.
        scorer: Name of the score that counts (defaults to the task's first one).

    Returns:
        A value for a task's `early_stopping`; each task needs its own.

    Examples:
        ```python
        from inspect_ai import Epochs, Task
        from inspect_ai.dataset import Sample
        from inspect_ai.scorer import includes

        from inspect_swe import claude_code, until_solved

        task = Task(
            dataset=[Sample(input="How many primes are below 1000?", target="168")],
            solver=claude_code(),
            scorer=includes(),
            epochs=Epochs(8, "max"),
            early_stopping=until_solved(),
            sandbox="docker",
        )
        ```
    """
    return _UntilSolved(threshold, scorer)


class _UntilSolved:
    def __init__(self, threshold: float, scorer: str | None) -> None:
        self._threshold = threshold
        self._scorer = scorer
        self._solved: dict[str | int, int] = {}

    async def start_task(self, task: EvalSpec, samples: list[Sample], epochs: int) -> str:
        self._solved.clear()
        return "until_solved"

    async def schedule_sample(self, id: str | int, epoch: int) -> EarlyStop | None:
        if id not in self._solved:
            return None
        return EarlyStop(id=id, epoch=epoch, reason=f"Solved in epoch {self._solved[id]}.")

    async def complete_sample(self, id: str | int, epoch: int, scores: dict[str, SampleScore]) -> None:
        counting = scores.get(self._scorer) if self._scorer else next(iter(scores.values()), None)
        if counting is not None and value_to_float()(counting.score.value) >= self._threshold:
            self._solved.setdefault(id, epoch)

    async def complete_task(self) -> dict[str, JsonValue]:
        return {"solved": len(self._solved)}
