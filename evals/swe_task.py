"""A SWE-style task: a small repository with an issue and failing tests, scored by hidden tests.

    inspect eval evals/swe_task.py
    inspect eval evals/swe_task.py -T agent=mini_swe_agent --model anthropic/claude-sonnet-4-5

Without `--model` a script answers the agent's model calls, so it costs nothing: it runs the tests, applies
swe_task/solution.patch, and runs them again. The hidden tests are in the sandbox only when the agent has ended.
"""

from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import TaskState
from inspect_ai.util import sandbox

from inspect_swe.testing import finish, register_script, shell
from swe_evals import agent_named, container_with, default_model

FILES = Path(__file__).with_suffix("")
HIDDEN = "/var/hidden_tests"
RUN_TESTS = "python3 -m unittest discover -s tests"

register_script(
    "swe_task",
    [
        shell(RUN_TESTS),
        shell(f"git apply <<'END_OF_PATCH'\n{(FILES / 'solution.patch').read_text()}END_OF_PATCH\n{RUN_TESTS}"),
        finish("All that was reported is fixed, and the tests pass."),
    ],
)


@task
def swe_task(agent: str = "claude_code") -> Task:
    """An issue in a small repository.

    Args:
        agent: Any agent of this package.
    """
    return Task(
        dataset=[
            Sample(
                id="durations",
                input=(FILES / "issue.md").read_text(),
                files={".": str(FILES / "repository")},
                setup=(FILES / "setup.sh").read_text(),
            )
        ],
        solver=agent_named(agent),
        scorer=hidden_tests_pass(),
        sandbox=container_with(agent),
        message_limit=200,
        model=default_model("swe_task"),
    )


@scorer(metrics=[accuracy()])
def hidden_tests_pass() -> Scorer:
    """Correct if all hidden tests pass. The answer is the agent's patch."""

    async def score(state: TaskState, target: Target) -> Score:
        patch = await sandbox().exec(["sh", "-c", "git add --all && git diff --cached HEAD"])
        for test in sorted((FILES / "hidden_tests").glob("*.py")):
            await sandbox().write_file(f"{HIDDEN}/{test.name}", test.read_text())
        tests = await sandbox().exec(["python3", "-m", "unittest", "discover", "-s", HIDDEN], timeout=120)
        passed = tests.success and tests.stderr.strip().endswith("OK")
        return Score(value=CORRECT if passed else INCORRECT, answer=patch.stdout, explanation=tests.stderr)

    return score
