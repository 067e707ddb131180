"""A matrix of logs with known truth: 3 agents, 2 scripted models, 12 samples, 3 epochs."""

from __future__ import annotations

from pathlib import Path

from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import LimitExceededError

from inspect_swe.testing import finish, scripted

EPOCHS = 3
SAMPLES = 12
AGENTS = {"alpha": 8, "beta": 6, "gamma": 3}
MODELS = {"one": 0, "two": 1}


def truth(agent: str, model: str, sample: int, epoch: int) -> float | str:
    """Return the score of a run, or what ends it."""
    if agent == "beta" and sample in (0, 7):
        return "error"
    if agent == "gamma" and sample == 1 and epoch == 2:
        return "limit"
    return float(sample < AGENTS[agent] - 2 * MODELS[model] or (sample == 10 and epoch == 1))


def act(agent: str, model: str) -> Solver:
    @solver(name=agent)
    def mock() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            outcome = truth(agent, model, int(state.sample_id), state.epoch)
            if outcome == "error":
                raise ValueError("crashed")
            state = await generate(state)
            if outcome == "limit":
                raise LimitExceededError("custom", value=2, limit=1)
            state.metadata["outcome"] = outcome
            return state

        return solve

    return mock()


@scorer(metrics=[accuracy()])
def known() -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        return Score(value=CORRECT if state.metadata.get("outcome") else INCORRECT)

    return score


def write_logs(folder: Path) -> None:
    """Run all evals of the matrix."""
    samples = [Sample(id=index, input=f"task {index}", target="x") for index in range(SAMPLES)]
    for agent in AGENTS:
        for model in MODELS:
            task = Task(MemoryDataset(samples, name="matrix"), solver=act(agent, model), scorer=known(), name="matrix")
            log_dir = str(folder / f"{agent}-{model}")
            eval(
                task,
                model=scripted([finish("done")], name=model),
                epochs=EPOCHS,
                log_dir=log_dir,
                display="none",
                fail_on_error=False,
            )
