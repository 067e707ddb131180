"""An agent looks at the machine that it is on. Its answers are compared with what commands of the scorer say.

    inspect eval evals/system_explorer.py
    inspect eval evals/system_explorer.py -T agent=gemini_cli --model google/gemini-2.5-pro

Without `--model` a script answers the agent's model calls, so it costs nothing.
"""

from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import json_dataset
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import TaskState
from inspect_ai.util import sandbox

from inspect_swe.testing import ScriptedRequest, Step, finish, register_script, shell
from swe_evals import agent_named, container_with, default_model

DATASET = Path(__file__).with_suffix(".jsonl")


def report(request: ScriptedRequest) -> Step:
    """The scripted agent answers with what its command has printed."""
    seen = [message.text for message in request.messages if message.role == "tool"]
    return finish(seen[-1])(request)


register_script("system_explorer", [shell("cat /etc/os-release /etc/passwd; uname -a"), report])


@task
def system_explorer(agent: str = "claude_code") -> Task:
    """Questions about the machine.

    Args:
        agent: Any agent of this package.
    """
    return Task(
        dataset=json_dataset(str(DATASET)),
        solver=agent_named(agent),
        scorer=states_fact(),
        sandbox=container_with(agent),
        message_limit=50,
        model=default_model("system_explorer"),
    )


@scorer(metrics=[accuracy()])
def states_fact() -> Scorer:
    """Correct if the answer has every line that the sample's command prints."""

    async def score(state: TaskState, target: Target) -> Score:
        facts = (await sandbox().exec(["sh", "-c", state.metadata["fact"]])).stdout.splitlines()
        answer = state.output.completion
        stated = bool(facts) and all(fact in answer for fact in facts)
        return Score(value=CORRECT if stated else INCORRECT, answer=answer, explanation=f"The facts are: {facts}")

    return score
