"""The conversation of an interactive agent: whatever the CLI asks besides, the sample ends with the right answer.

    inspect eval evals/conversations.py -T agent=codex_cli
    python evals/conversations.py --runs 20
    python evals/conversations.py --agents codex_cli,kimi_code --prompts 2,3 --runs 5 --markdown

Each sample is one session with a number of prompts. A sample is right if `state.output` is the answer to its last
prompt, and `state.messages` hold each prompt and each answer once, in order, and no other answer. As a program it tries
all interactive agents and prints a table of how many of the runs were right. Exit code 1 if any was not.
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Sequence

import anyio
from inspect_ai import Task, eval, task
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, match, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import SandboxEnvironmentType
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

import inspect_swe
from inspect_swe._agents import ROSTER
from inspect_swe.testing import ScriptedRequest, Step, register_script, say, wait
from swe_evals import container_with, default_model

AGENTS = [adapter.key for adapter in ROSTER if hasattr(inspect_swe, f"interactive_{adapter.key}")]
MAX_PROMPTS = 9
SLOW = 0.3
"""Seconds that every other answer takes: what the CLI asks besides is answered before it, or after it."""


def answer(request: ScriptedRequest) -> Step:
    """Answer the last prompt of the conversation by its number."""
    said = "\n".join(message.text for message in request.messages if message.role == "user")
    number = int(re.findall(r"Say the number (\d)\.", said)[-1])
    return wait(SLOW, say(f"number {number}")) if number % 2 == 0 else say(f"number {number}")


register_script("conversations", [answer] * 2 * MAX_PROMPTS)


@task
def conversations(
    agent: str = "codex_cli",
    prompts: str | int = "1,2,3,5",
    pauses: str | float = "0,1",
    runs: int = 1,
    sandbox: SandboxEnvironmentType | None = None,
) -> Task:
    """Sessions of some prompts each, with and without a pause between them.

    Args:
        agent: Name of an interactive agent, such as codex_cli.
        prompts: Numbers of prompts, separated by commas.
        pauses: Seconds between two prompts, separated by commas.
        runs: How often each of these is tried.
        sandbox: Where they run; by default a container with the agent's CLI.
    """
    return Task(
        name=f"conversations_{agent}",
        dataset=[
            Sample(
                id=f"{count} prompts, pause {pause:g}, run {run}",
                input="Say the number 1.",
                target=f"number {count}",
                metadata={"prompts": count, "pause": pause},
            )
            for count in map(int, str(prompts).split(","))
            for pause in map(float, str(pauses).split(","))
            for run in range(1, runs + 1)
            if count > 1 or pause == 0
        ],
        solver=converse(agent),
        scorer=[match("exact"), holds_the_conversation()],
        sandbox=sandbox or container_with(f"interactive_{agent}"),
        model=default_model("conversations"),
    )


@solver
def converse(agent: str) -> Solver:
    """Give the agent its prompts in one session."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        async with getattr(inspect_swe, f"interactive_{agent}")().session(state) as session:
            for number in range(1, state.metadata["prompts"] + 1):
                turn = await session.prompt(f"Say the number {number}.")
                assert turn.text == f"number {number}", turn.text
                await anyio.sleep(state.metadata["pause"])
        return state

    return solve


@scorer(metrics=[accuracy()])
def holds_the_conversation() -> Scorer:
    """Correct if the messages are the prompts and their answers."""

    async def score(state: TaskState, target: Target) -> Score:
        count = state.metadata["prompts"]
        answers = [message.text for message in state.messages if message.role == "assistant"]
        prompts = re.findall(r"Say the number \d\.", "\n".join(m.text for m in state.messages if m.role == "user"))
        wanted = [f"number {number}" for number in range(1, count + 1)]
        right = answers == wanted and prompts == [f"Say the {each}." for each in wanted]
        last = state.messages[-1].text == state.output.completion == target.text
        return Score(value=CORRECT if right and last else INCORRECT, answer="\n".join(answers))

    return score


def tally(logs: Sequence[EvalLog]) -> dict[tuple[str, int, float], Counter[bool]]:
    """Count the samples that were right, and those that were wrong, by agent, number of prompts and pause."""
    counts: dict[tuple[str, int, float], Counter[bool]] = {}
    for log in logs:
        agent = log.eval.task.removeprefix("conversations_")
        for sample in log.samples or []:
            cell = (agent, sample.metadata["prompts"], sample.metadata["pause"])
            scores = [score.value for score in (sample.scores or {}).values()]
            right = len(scores) == 2 and set(scores) == {CORRECT} and sample.error is None
            counts.setdefault(cell, Counter())[right] += 1
    return counts


def main() -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(description="How often the conversations of interactive agents are right.")
    parser.add_argument("--agents", default=",".join(AGENTS))
    parser.add_argument("--prompts", default="1,2,3,5")
    parser.add_argument("--pauses", default="0,1")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--max-samples", type=int, default=6)
    parser.add_argument("--markdown", action="store_true")
    args = parser.parse_args()
    logs = eval(
        [conversations(agent, args.prompts, args.pauses, args.runs) for agent in args.agents.split(",")],
        model="scripted/conversations",
        display="none",
        fail_on_error=False,
        max_samples=args.max_samples,
        time_limit=300,
    )
    counts = tally(logs)
    columns = list(dict.fromkeys(cell[1:] for cell in counts))
    table = Table("agent", box=MARKDOWN if args.markdown else None, pad_edge=args.markdown)
    for prompts, pause in columns:
        table.add_column(f"{prompts} prompt{'s' * (prompts > 1)}" + (f", {pause:g} s between" if pause else ""))
    for agent in args.agents.split(","):
        cells = [counts.get((agent, *column), Counter()) for column in columns]
        table.add_row(agent, *(f"{cell[True]}/{cell.total()}" for cell in cells))
    Console(width=None if sys.stdout.isatty() else 1000).print(table)
    failed = [(log, sample) for log in logs for sample in log.samples or [] if sample.error is not None]
    said = [f"{log.eval.task}, {sample.id}: {sample.error}" for log, sample in failed]
    Console().print(*said, sep="\n", markup=False)
    return 0 if counts and not any(cell[False] for cell in counts.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
