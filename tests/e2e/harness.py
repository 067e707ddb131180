"""Runs a real CLI in a real container with a scripted model, and hands back everything there is to look at."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from inspect_ai import Task, eval
from inspect_ai.agent import Agent, as_solver
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog, EvalSample
from inspect_ai.model import ChatMessage, ChatMessageTool, Model
from inspect_ai.scorer import CORRECT, Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import TaskState
from inspect_ai.util import SandboxEnvironmentType, sandbox

from inspect_swe._cli_inventory import CHOICES, public_name
from inspect_swe._inspect.private import agent_arguments
from inspect_swe.conformance._task import cli_mounts
from inspect_swe.testing import ScriptedRequest, ScriptStep, scripted, scripted_requests

from ..fakes import lean_docker  # noqa: F401  (registers the provider)


@dataclass
class Run:
    """What came of an eval of one sample."""

    log: EvalLog
    model: Model

    @property
    def sample(self) -> EvalSample:
        assert self.log.samples, self.log.error
        return self.log.samples[0]

    @property
    def error(self) -> str | None:
        """The sample's (else the eval's) error."""
        error = (self.log.samples[0].error if self.log.samples else None) or self.log.error
        return error.message if error else None

    @property
    def requests(self) -> list[ScriptedRequest]:
        return [request for request in scripted_requests(self.model) if request.main]

    @property
    def seen(self) -> str:
        """What the scorer's command printed in the sandbox."""
        assert self.error is None, self.error
        assert self.sample.scores
        return next(iter(self.sample.scores.values())).answer or ""

    @property
    def info(self) -> dict[str, Any]:
        """What ran, as the log has it."""
        events = [event for event in self.sample.events if event.event == "info" and event.source == "inspect_swe"]
        assert isinstance(events[0].data, dict)
        return events[0].data


@scorer(metrics=[accuracy()])
def prints(command: str) -> Scorer:
    """Runs a command in the sandbox, if there is one; correct whatever it prints, which is the answer."""

    async def score(state: TaskState, target: Target) -> Score:
        if not command:
            return Score(value=CORRECT, answer="")
        done = await sandbox().exec(["sh", "-c", command])
        return Score(value=CORRECT, answer=done.stdout + done.stderr)

    return score


def compose_file(folder: Path, image: str = "bookworm", **service: Any) -> str:
    """Write a compose file for one container without a network."""
    default = {
        "image": f"inspect-swe-test:{image}",
        "x-local": True,
        "init": image != "noshell",
        "command": "tail -f /dev/null",
        "network_mode": "none",
        "stop_grace_period": "1s",
        "working_dir": "/workspace",
        **service,
    }
    path = folder / "compose.yaml"
    path.write_text(json.dumps({"services": {"default": default}}))  # JSON is YAML
    return str(path)


@functools.cache
def mounts(key: str, version: str) -> list[Any]:
    """Mounts of an agent's CLI, so that tests which aren't about copying need not copy it again and again."""
    found = cli_mounts(key, version, "inspect-swe-test:bookworm")
    assert found
    return found


def _mounts(agent: Any) -> list[Any]:
    name, options = agent_arguments(agent)
    key, version = public_name(name), options.get("version", "auto")
    return mounts(key, version) if key in CHOICES and version != "sandbox" else []


def run_agent(
    folder: Path,
    agent: Agent | Callable[[], Agent],
    script: Sequence[ScriptStep],
    *,
    mount: bool = True,
    provider: str = "lean_test",
    prompt: str | list[ChatMessage] = "Do what the script says.",
    show: str = "",
    files: dict[str, str] | None = None,
    metadata: dict[str, Any] | None = None,
    setup: str | None = None,
    sandbox: SandboxEnvironmentType | None = None,
    scorer: Scorer | None = None,
    solver: Any = None,
    model: Model | None = None,
    task: dict[str, Any] | None = None,
    evaluation: dict[str, Any] | None = None,
    **service: Any,
) -> Run:
    """Evaluate one sample.

    Args:
        folder: Where the compose file and the log go.
        agent: The agent.
        script: What the model does.
        prompt: The sample's input.
        show: A command whose output in the sandbox is `Run.seen`.
        files: Files of the sample.
        metadata: Metadata of the sample.
        setup: Set-up script of the sample.
        sandbox: Instead of a container made from `service`.
        scorer: Instead of one that runs `show`.
        solver: Instead of the agent alone.
        model: Instead of one that plays `script`.
        task: More arguments for the task (limits).
        evaluation: More arguments for `eval()`.
        mount: Whether the CLI may be mounted into that container.
        provider: What makes that container: "docker" is Inspect's own.
        service: Changes to the compose service; `image` is the name of a test image.
    """
    if mount and sandbox is None and not service.keys() & {"image", "volumes"}:
        service["volumes"] = _mounts(agent)
    played = model or scripted(script)
    sample = Sample(input=prompt, files=files, metadata=metadata, setup=setup)
    log = eval(
        Task(
            dataset=[sample],
            solver=solver or as_solver(agent),  # type: ignore[arg-type]
            scorer=scorer or prints(show),
            sandbox=sandbox or (provider, compose_file(folder, **service)),
            **(task or {}),
        ),
        model=played,
        log_dir=str(folder / "logs"),
        display="none",
        fail_on_error=False,
        **(evaluation or {}),
    )[0]
    return Run(log, played)


def run_agents(
    folder: Path,
    agents: Mapping[str, Agent],
    script: Sequence[ScriptStep],
    sandbox: SandboxEnvironmentType,
    show: str = "",
    model: Model | None = None,
    **evaluation: Any,
) -> dict[str, Run]:
    """Evaluate one sample of each agent, all at once; arguments as for `run_agent`, the rest is `eval()`'s."""
    played = model or scripted(script)
    tasks = [
        Task(name=key, dataset=[Sample(input="Do it.")], solver=as_solver(agent), scorer=prints(show), sandbox=sandbox)
        for key, agent in agents.items()
    ]
    logs = eval(
        tasks,
        model=played,
        log_dir=str(folder / "logs"),
        display="none",
        fail_on_error=False,
        max_tasks=len(tasks),
        **evaluation,
    )
    return {log.eval.task: Run(log, played) for log in logs}


def asked(run: Run, request: int = 0) -> str:
    """Return the text of a request of a run without an error."""
    assert run.error is None, run.error
    return "\n".join(message.text for message in run.requests[request].messages)


def tool_results(messages: Sequence[ChatMessage]) -> list[str]:
    """Return the texts of all tool results."""
    return [message.text for message in messages if isinstance(message, ChatMessageTool)]


def wait_for(what: Callable[[], bool], seconds: float) -> None:
    """Wait until something holds."""
    start = time.monotonic()
    while not what():
        assert time.monotonic() - start < seconds, "it did not happen in time"
        time.sleep(0.1)


def containers(folder: Path) -> list[str]:
    """Containers that exist now, in whatever state, of compose files in a folder or below it."""
    return [name for name, place in _containers() if Path(place).is_relative_to(folder)]


def containers_of(task: str) -> set[str]:
    """Containers that exist now, in whatever state, of samples of a task whose compose files Inspect has written."""
    return {name for name, _ in _containers() if name.startswith(f"inspect-{task}-")}


def _containers() -> list[list[str]]:
    label = "com.docker.compose.project.working_dir"
    with closing(docker.from_env()) as engine:
        found = engine.api.containers(all=True)
    return [[each["Names"][0].removeprefix("/"), each["Labels"].get(label, "")] for each in found if each["Names"]]
