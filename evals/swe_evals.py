"""What the evals share: the agents, the container they work in, the model that costs nothing, and a scorer."""

from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from inspect_ai.agent import Agent
from inspect_ai.model import Model, get_model
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import TaskState
from inspect_ai.util import ComposeConfig, SandboxEnvironmentSpec, sandbox

import inspect_swe
from inspect_swe import with_agents

COMPOSE = Path(__file__).parent / "compose.yaml"


def agent_named(name: str, **options: Any) -> Agent:
    """An agent by the name of its factory, such as "codex_cli"."""
    agent: Agent = getattr(inspect_swe, name)(**options)
    return agent


def container_with(*agents: str | tuple[str, str], **service: Any) -> SandboxEnvironmentSpec:
    """A container that sees these agents' CLIs: it starts without copying them.

    Args:
        *agents: Names, or names and versions.
        **service: Changes to its compose service.
    """
    if not service:
        return with_agents(str(COMPOSE), agents)
    document = yaml.safe_load(COMPOSE.read_text())
    document["services"]["default"].update(service)
    return with_agents(ComposeConfig.model_validate(document), agents)


def default_model(script: str) -> Model | None:
    """The scripted model that a task has if the eval names none: Inspect lets a task's own win over `--model`."""
    try:
        named = str(get_model()) != "none/none"
    except ValueError:
        return None  # Not in an eval: a Python program makes the task, and names the model in `eval()`.
    return None if named else get_model(f"scripted/{script}")


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
