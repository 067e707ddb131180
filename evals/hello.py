"""The smallest eval: a coding agent writes a file, a scorer reads it.

    inspect eval evals/hello.py --model scripted/hello

`scripted/hello` answers the agent's model calls from a script, so it costs nothing; name a real model instead
(`--model anthropic/claude-sonnet-4-5`) to see a real agent at work. `-T sandbox=local` runs it without Docker.
"""

from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import TaskState
from inspect_ai.util import sandbox

from inspect_swe import claude_code

COMPOSE = Path(__file__).parent / "compose.yaml"


@task
def hello(sandbox: str = "docker") -> Task:
    """Write hello.txt.

    Args:
        sandbox: "docker", or "local" to run on this machine without a container.
    """
    return Task(
        dataset=[
            Sample(
                input="Write a file hello.txt in the working directory that holds exactly this text: Hello, world!",
                target="Hello, world!",
            )
        ],
        solver=claude_code(),
        scorer=file_holds("hello.txt"),
        sandbox=("docker", str(COMPOSE)) if sandbox == "docker" else sandbox,
    )


@scorer(metrics=[accuracy()])
def file_holds(path: str) -> Scorer:
    """Correct if a file in the sandbox holds the target text."""

    async def score(state: TaskState, target: Target) -> Score:
        try:
            content = await sandbox().read_file(path)
        except FileNotFoundError:
            return Score(value=INCORRECT, explanation=f"{path} was not written")
        return Score(value=CORRECT if content.strip() == target.text else INCORRECT, answer=content)

    return score
