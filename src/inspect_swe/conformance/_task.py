"""The behaviours as an Inspect task, with one sample for each run."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Sequence
from typing import Any

from inspect_ai import Task
from inspect_ai.agent import AgentState
from inspect_ai.dataset import Sample
from inspect_ai.scorer import CORRECT, INCORRECT, NOANSWER, Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import ComposeConfig, ComposeService, SandboxEnvironmentSpec, store

from .._agents import ROSTER
from .._errors import SandboxUnsupportedError
from .._provide import image_service, is_here, with_agents
from ..testing import ScriptStep, scripted
from . import _answers, _failures, _outputs, _places, _policies, _prompts, _tools  # noqa: F401
from ._behaviour import BEHAVIOURS, Behaviour
from ._load import load_agent
from ._trial import AgentFactory, Trial, trial_here

_VERDICT = "conformance"
_OWN = [adapter.key for adapter in ROSTER]


def conformance_task(
    agent: str | AgentFactory,
    version: str | None = None,
    behaviours: Sequence[str] | None = None,
    image: str = "python:3.12-bookworm",
    minimal_image: str = "alpine:3",
) -> Task:
    """Return a task that tests an agent's conformance. It uses a scripted model, so no other is needed.

    Args:
        agent: Factory of the agent, or its name: `claude_code`, `module:function` or `path/to/file.py:function`.
        version: Version of its CLI (default: the agent's own default).
        behaviours: Names of the behaviours to test (default: all).
        image: An image with a shell, git and Python, like that of most tasks.
        minimal_image: An image with little more than a shell.

    Raises:
        ValueError: A behaviour does not exist, or the agent has no option `version`.

    Examples:
        ```python
        from inspect_ai import Task, task

        from inspect_swe.conformance import conformance_task


        @task
        def conformance(agent: str = "claude_code") -> Task:
            return conformance_task(agent, behaviours=["basic", "killed"])
        ```
    """
    factory = load_agent(agent) if isinstance(agent, str) else agent
    unknown = [name for name in behaviours or () if name not in BEHAVIOURS]
    if unknown:
        raise ValueError(f"Unknown behaviour: {', '.join(unknown)}. Known behaviours: {', '.join(BEHAVIOURS)}.")
    runs = {BEHAVIOURS[name].name: BEHAVIOURS[name] for name in behaviours or BEHAVIOURS}
    ordered = sorted(runs.values(), key=lambda behaviour: not behaviour.waits)
    here = {each for each in {image, minimal_image} if is_here(each)}
    mounts = cli_mounts(str(agent), version or "stable", image) if agent in _OWN and image in here else []
    options = {} if version is None else {"version": version}
    if not options.keys() <= inspect.signature(factory).parameters.keys():
        raise ValueError(f"{agent} has no option `version`.")
    return Task(
        name="conformance",
        dataset=[
            _sample(each, minimal_image if each.minimal else image, here, [] if each.copies else mounts)
            for each in ordered
        ],
        solver=try_agent(factory, options),
        scorer=conforms(),
        model=scripted(_script_here, name="conformance", call_ids=_call_id_here),
        metadata={"agent": agent if isinstance(agent, str) else agent.__name__, "version": version or "default"},
    )


def _script_here() -> Sequence[ScriptStep]:
    trial = trial_here.get()
    return trial.script or trial.behaviour.script


def _call_id_here(answer: int, call: int) -> str | None:
    call_ids = trial_here.get().behaviour.call_ids
    return call_ids(answer, call) if call_ids else None


def cli_mounts(agent: str, version: str, image: str) -> list[Any]:
    """Return mounts of an agent's CLI, which save a copy for each sample; empty if nothing can be mounted.

    Args:
        agent: Agent of this package.
        version: Version of its CLI.
        image: Image of the samples.
    """
    config = ComposeConfig(services={"default": ComposeService(image=image)})
    try:
        config_with_mounts = with_agents(config, [(agent, version)]).config
    except SandboxUnsupportedError:
        return []
    assert isinstance(config_with_mounts, ComposeConfig)
    document = config_with_mounts.model_dump(mode="json", by_alias=True, exclude_none=True)
    return list(document["services"]["default"]["volumes"])


def _sample(behaviour: Behaviour, image: str, here: Collection[str], mounts: list[Any]) -> Sample:
    service = image_service(image, image in here, volumes=mounts, **behaviour.service)
    return Sample(
        input=behaviour.about,
        id=behaviour.name,
        setup=behaviour.setup,
        sandbox=SandboxEnvironmentSpec("docker", ComposeConfig(services={"default": service})),
    )


@solver
def try_agent(factory: AgentFactory, options: dict[str, Any]) -> Solver:
    """Run a behaviour."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        behaviour = BEHAVIOURS[str(state.sample_id)]
        trial = Trial(factory, options, behaviour, state=AgentState(messages=[]))
        trial_here.set(trial)
        with trial.judging(behaviour.name):
            trial.require(*behaviour.needs)
            await behaviour.play(trial)
            trial.check_tools()
        state.messages, state.output = trial.state.messages, trial.state.output
        # Behaviours that were not judged get the verdict of the run.
        verdicts = dict.fromkeys(behaviour.names, trial.verdicts[behaviour.name]) | trial.verdicts
        store().set(_VERDICT, verdicts)
        return state

    return solve


@scorer(metrics=[accuracy()])
def conforms() -> Scorer:
    """Score as correct if all applicable behaviours passed; N if none applies."""

    async def score(state: TaskState, target: Target) -> Score:
        verdicts: dict[str, tuple[str, str]] | None = store().get(_VERDICT)
        if verdicts is None:
            # An attempt of the agent is being scored.
            return Score(value=trial_here.get().grades.pop(0))
        values = {value for value, _ in verdicts.values()}
        worst = next(value for value in (INCORRECT, CORRECT, NOANSWER) if value in values)
        why = "\n".join(dict.fromkeys(why for _, why in verdicts.values() if why))
        return Score(value=worst, explanation=why, metadata={"behaviours": verdicts})

    return score
