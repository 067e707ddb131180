"""Attempts: the scorer judges the work in between, and tells the agent what is wrong with it.

    inspect eval evals/attempts.py
    inspect eval evals/attempts.py -T agent=opencode -T attempts=5 --model openai/gpt-5

Without `--model` a script answers the agent's model calls, so it costs nothing: its first attempt is wrong.
"""

from inspect_ai import Task, task
from inspect_ai.agent import AgentAttempts, AgentState
from inspect_ai.dataset import Sample
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import TaskState
from inspect_ai.util import sandbox

from inspect_swe.testing import finish, register_script, shell
from swe_evals import agent_named, container_with, default_model

PRIMES = "print(*[n for n in range({first}, 30) if all(n % d for d in range(2, n))])"

register_script(
    "attempts",
    [
        shell(f"echo '{PRIMES.format(first=1)}' > primes.py"),
        finish("It prints the primes."),
        shell(f"echo '{PRIMES.format(first=2)}' > primes.py"),
        finish("1 is no prime: it is left out now."),
    ],
)


@task
def attempts(agent: str = "claude_code", attempts: int = 3) -> Task:
    """A small program, in several attempts.

    Args:
        agent: Any agent of this package.
        attempts: How many it has.
    """
    return Task(
        dataset=[
            Sample(
                input="Write primes.py, which prints the primes below 30 in one line, with a space between them.",
                target="2 3 5 7 11 13 17 19 23 29",
            )
        ],
        solver=agent_named(agent, attempts=AgentAttempts(attempts=attempts, incorrect_message=feedback)),
        scorer=program_prints("primes.py"),
        sandbox=container_with(agent),
        message_limit=50,
        model=default_model("attempts"),
    )


async def feedback(state: AgentState, scores: list[Score]) -> str:
    """What the agent is told before its next attempt."""
    return f"That is not right yet. {scores[0].explanation}"


@scorer(metrics=[accuracy()])
def program_prints(path: str) -> Scorer:
    """Correct if a Python program in the sandbox prints the target text."""

    async def score(state: TaskState, target: Target) -> Score:
        done = await sandbox().exec(["python3", path], timeout=30)
        printed = (done.stdout + done.stderr).strip()
        right = done.success and printed == target.text
        return Score(value=CORRECT if right else INCORRECT, answer=printed, explanation=f"{path} prints: {printed}")

    return score
