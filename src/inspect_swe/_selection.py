"""Epochs of a sample as candidates: the one that a judge likes best counts, and none is run after a solved one."""

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
    """Of a sample's epochs the one that a judge rates highest, with its own score.

    Args:
        key: Where the rating, a number, is in the score's metadata. Epochs without one come last; of those that are
            rated alike, the first one counts.

    Returns:
        A reducer for `Epochs`.
    """

    def reduce(scores: list[Score]) -> Score:
        return max(scores, key=lambda score: _rating((score.metadata or {}).get(key)))

    return reduce


def _rating(value: object) -> float:
    return -math.inf if not isinstance(value, (int, float)) or math.isnan(value) else float(value)


async def pick(log: EvalLog, judge: Callable[[list[EvalSample]], Awaitable[int]], *, scorer: str) -> EvalLog:
    """Have a judge compare the epochs of each sample of a finished eval.

    Args:
        log: The log, with its samples.
        judge: Is given those epochs of a sample that have a score, and returns the index of the best one. Where there
            is but one, it is not asked.
        scorer: Name of the score that the chosen epoch counts with.

    Returns:
        A copy of the log with one score more, `pick`: each epoch has the score of the chosen one.

    Raises:
        ValueError: The log has no samples or no such scores, or the judge's answer is no index.
    """
    candidates = _candidates(log, scorer)
    indices = await collect(*(judge(each) if len(each) > 1 else _only(each) for each in candidates.values()))
    chosen = {name: _chosen(each, index) for (name, each), index in zip(candidates.items(), indices, strict=True)}
    picked = await score_async(
        log, [_picked(chosen, scorer)], action="append", epochs_reducer=["mean"], model="none", display="none"
    )
    picked.eval.config.epochs_reducer = log.eval.config.epochs_reducer
    return picked


def _candidates(log: EvalLog, name: str) -> dict[str | int, list[EvalSample]]:
    if not log.samples:
        raise ValueError("The log has no samples: read it with read_eval_log(), and not its header only.")
    candidates = defaultdict(list)
    for sample in sorted(log.samples, key=lambda sample: sample.epoch):
        if sample.error is None and name in (sample.scores or {}):
            candidates[sample.id].append(sample)
    if not candidates:
        there = sorted({each for sample in log.samples for each in sample.scores or {}})
        raise ValueError(f"No sample of the log has a score {name!r}; there are: {', '.join(there) or 'none'}.")
    return candidates


async def _only(candidates: list[EvalSample]) -> int:
    return 0


def _chosen(candidates: list[EvalSample], index: int) -> EvalSample:
    if not isinstance(index, int) or not 0 <= index < len(candidates):
        raise ValueError(f"Of the {len(candidates)} epochs of sample {candidates[0].id!r} the judge chose {index!r}.")
    return candidates[index]


def _picked(chosen: dict[str | int, EvalSample], name: str) -> Scorer:
    @scorer(name="pick", metrics=[mean(), stderr()])
    def picked() -> Scorer:
        async def score(state: TaskState, target: Target) -> Score:
            best = chosen.get(state.sample_id)
            if best is None:
                return Score.unscored(explanation=f"No epoch of it has a score {name!r}.")
            had = (best.scores or {})[name]
            return Score(
                value=value_to_float()(had.value),
                answer=had.answer,
                explanation=f"Epoch {best.epoch} was chosen.",
                metadata={"epoch": best.epoch},
            )

        return score

    return picked()


def until_solved(threshold: float = 1.0, *, scorer: str | None = None) -> EarlyStopping:
    """Run no more epochs of a sample once it is solved. Use it with the reducer `max` only: others would be wrong.

    Epochs that run already are not stopped, so `max_samples` decides how much is saved.

    Args:
        threshold: From which score on a sample is solved.
        scorer: Name of the score that counts (default: the task's first one).

    Returns:
        For a task's `early_stopping`; each task needs one of its own.
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
        return EarlyStop(id=id, epoch=epoch, reason=f"It was solved in epoch {self._solved[id]}.")

    async def complete_sample(self, id: str | int, epoch: int, scores: dict[str, SampleScore]) -> None:
        counting = scores.get(self._scorer) if self._scorer else next(iter(scores.values()), None)
        if counting is not None and value_to_float()(counting.score.value) >= self._threshold:
            self._solved.setdefault(id, epoch)

    async def complete_task(self) -> dict[str, JsonValue]:
        return {"solved": len(self._solved)}
