"""The best of several epochs, and no more of them than it takes."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from inspect_ai import Epochs, Task, eval
from inspect_ai import score as score_log
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog, EvalSample, read_eval_log
from inspect_ai.scorer import Score, Scorer, Target, accuracy, max_score, mean_score, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver

from inspect_swe import best_by, pick, until_solved

VALUES: dict[str, list[Any]] = {"a": ["I", "C", "I"], "b": [0.25, 0.5, 1]}
RATINGS: dict[str, list[Any]] = {"a": [3, 5, None], "b": [1, 1, 0.5]}


@scorer(metrics=[accuracy()])
def rated(values: dict[str, list[Any]] = VALUES) -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        name, n = str(state.sample_id), state.epoch - 1
        rating = RATINGS[name][n]
        return Score(value=values[name][n], metadata=None if rating is None else {"judge": rating}, answer=f"{name}{n}")

    return score


@solver
def nothing(failing: Sequence[tuple[str, int]] = ()) -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        if (str(state.sample_id), state.epoch) in failing:
            raise RuntimeError("no luck")
        return state

    return solve


def run(folder: Path, failing: Sequence[tuple[str, int]] = (), **options: Any) -> EvalLog:
    task = Task(
        dataset=[Sample(id=name, input="x") for name in VALUES],
        solver=nothing(failing),
        scorer=rated(),
        **{"epochs": Epochs(3, [mean_score(), best_by(), max_score()]), **options},
    )
    (log,) = eval(task, model="mockllm/model", display="none", log_dir=str(folder), fail_on_error=False, max_samples=1)
    return log


def means(log: EvalLog) -> dict[str, float]:
    assert log.results
    found = {}
    for each in log.results.scores:
        (metric,) = (metric for name, metric in each.metrics.items() if name in ("accuracy", "mean"))
        found[f"{each.name}/{each.reducer}"] = round(float(metric.value), 3)
    return found


@pytest.mark.parametrize(
    ("ratings", "best"),
    [
        ([1, 3, 2], 1),
        ([2, 2, 1], 0),
        ([None, -5, None], 1),
        ([math.nan, -math.inf, 0.1], 2),
        (["9", True, 0], 1),
        ([None, None], 0),
        ([math.nan, 0], 1),
    ],
)
def test_the_highest_rating_and_then_the_first_one(ratings: list[Any], best: int) -> None:
    scores = [Score(value=n, metadata={"judge": rating}) for n, rating in enumerate(ratings)]
    assert best_by()(scores) is scores[best]


def test_ratings_have_a_name_and_may_be_missing() -> None:
    scores = [Score(value=0), Score(value=1, metadata={"other": 1}), Score(value=2, metadata={"judge": 1})]
    assert best_by("other")(scores).value == 1 and best_by()(scores).value == 2


def test_mean_and_oracle_and_chosen_in_one_run(tmp_path: Path) -> None:
    log = run(tmp_path)
    chosen = {"rated/mean": (1 / 3 + 7 / 12) / 2, "rated/inspect_swe/best_by": (1 + 0.25) / 2, "rated/max": 1}
    assert means(log) == {name: round(value, 3) for name, value in chosen.items()}
    assert log.reductions
    (reduced,) = (each for each in log.reductions if each.reducer == "inspect_swe/best_by")
    assert [each.answer for each in reduced.samples] == ["a1", "b0"]


def test_a_log_is_scored_anew_in_another_process(tmp_path: Path) -> None:
    log = run(tmp_path)
    command = [str(Path(sys.executable).parent / "inspect"), "score", log.location, "--scorer", "exact", "--overwrite"]
    done = subprocess.run([*command, "--action", "append"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "exact/inspect_swe/best_by" in means(read_eval_log(log.location))


async def highest(candidates: list[EvalSample]) -> int:
    return max(range(len(candidates)), key=lambda n: candidates[n].epoch)


def test_a_judge_compares_the_epochs_of_each_sample(tmp_path: Path) -> None:
    asked: list[list[tuple[str | int, int]]] = []

    async def judge(candidates: list[EvalSample]) -> int:
        asked.append([(sample.id, sample.epoch) for sample in candidates])
        return await highest(candidates)

    before = run(tmp_path, failing=[("a", 3), ("b", 2)])
    log = anyio.run(lambda: pick(before, judge, scorer="rated"))
    assert sorted(asked) == [[("a", 1), ("a", 2)], [("b", 1), ("b", 3)]]
    assert means(log)["pick/mean"] == 1 and means(log).keys() - means(before).keys() == {"pick/mean"}
    assert log.samples and before.samples
    for sample in log.samples:
        told = (sample.scores or {})["pick"]
        assert (told.value, told.metadata) == (1, {"epoch": 2 if sample.id == "a" else 3})
    assert log.eval.config.epochs_reducer == before.eval.config.epochs_reducer
    assert all("pick" not in (sample.scores or {}) for sample in before.samples)


def test_a_sample_without_a_candidate_counts_for_nothing(tmp_path: Path) -> None:
    before = run(tmp_path, failing=[("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2)])
    log = anyio.run(lambda: pick(before, no_judge, scorer="rated"))
    assert means(log)["pick/mean"] == 1


async def no_judge(candidates: list[EvalSample]) -> int:
    raise AssertionError("there is nothing to choose from")


@pytest.mark.parametrize("index", [3, -1, None, "0"])
def test_a_judge_that_chooses_nothing(tmp_path: Path, index: Any) -> None:
    async def judge(candidates: list[EvalSample]) -> int:
        return index  # type: ignore[no-any-return]

    log = run(tmp_path)
    with pytest.raises(ValueError, match=f"The judge chose {index!r}"):
        anyio.run(lambda: pick(log, judge, scorer="rated"))


def test_nothing_to_pick_from(tmp_path: Path) -> None:
    log = run(tmp_path)
    with pytest.raises(ValueError, match=r"a score 'other'\. Its scores: rated"):
        anyio.run(lambda: pick(log, highest, scorer="other"))
    with pytest.raises(ValueError, match="no samples"):
        anyio.run(lambda: pick(read_eval_log(log.location, header_only=True), highest, scorer="rated"))


@pytest.mark.parametrize(
    ("stopping", "left"),
    [
        (until_solved(), {"a": [1, 2], "b": [1, 2, 3]}),
        (until_solved(0.5), {"a": [1, 2], "b": [1, 2]}),
        (until_solved(2), {"a": [1, 2, 3], "b": [1, 2, 3]}),
        (until_solved(0.1, scorer="rated"), {"a": [1, 2], "b": [1]}),
        (until_solved(scorer="other"), {"a": [1, 2, 3], "b": [1, 2, 3]}),
    ],
)
def test_no_epoch_after_a_solved_one(tmp_path: Path, stopping: Any, left: dict[str, list[int]]) -> None:
    log = run(tmp_path, early_stopping=stopping, epochs=Epochs(3, "max"))
    assert log.samples and log.results and log.results.early_stopping
    found = {name: [sample.epoch for sample in log.samples if sample.id == name] for name in left}
    assert found == left
    summary = log.results.early_stopping
    assert summary.manager == "until_solved" and len(summary.early_stops) == 6 - sum(map(len, left.values()))
    if left["a"] == [1, 2]:
        (stop,) = (stop for stop in summary.early_stops if stop.id == "a")
        assert stop.reason == "Solved in epoch 2."


def test_one_object_for_one_eval_after_another(tmp_path: Path) -> None:
    stopping = until_solved()
    for _ in range(2):
        log = run(tmp_path, early_stopping=stopping, epochs=Epochs(3, "max"))
        assert log.samples and len(log.samples) == 5


def test_scored_again_it_is_the_same(tmp_path: Path) -> None:
    log = score_log(run(tmp_path), rated(), action="overwrite", display="none")
    assert means(log)["rated/inspect_swe/best_by"] == 0.625
