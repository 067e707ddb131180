"""One run of an agent against the fake provider, directly or through the bridge."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any, Literal

from inspect_ai import Task, eval
from inspect_ai.agent import as_solver
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog
from inspect_ai.model import get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import MCPServerConfigStdio
from inspect_ai.util import ComposeConfig, SandboxEnvironmentSpec

from ..._folders import temporary_folder
from ..._inspect.private import token_limits
from ..._provide import image_service, is_here
from ..._runtime.bridge_connection import interposed
from .._load import load_agent
from .._task import cli_mounts
from ._compare import Comparison, compare
from ._files import SERVER_PATH, sample_files
from ._play import Play
from ._providers import FakeProvider
from ._record import Recording
from ._subjects import PROMPT, SUBJECTS, Subject
from ._tap import Tap, listening

_SECONDS = 300
_LONGEST = 300
Way = Literal["direct", "eval"]


def run_conversation(
    subject: Subject, way: Way, image: str, version: str | None = None, provider: str = "docker"
) -> Recording:
    """Hold the conversation, and return what was recorded.

    Args:
        subject: The agent.
        way: "direct" connects the CLI with the fake provider; "eval" with the bridge, and Inspect's provider with it.
        image: Image of the sandbox, with a shell and Python.
        version: Version of the CLI.
        provider: Sandbox provider.
    """
    fake = FakeProvider(Play(subject.root(), subject.sub_agent_answers()))
    tap = Tap(fake, way == "direct")
    with socket.create_server(("127.0.0.1", 0)) as port, temporary_folder() as folder:
        url = f"http://127.0.0.1:{port.getsockname()[1]}{_PATHS[subject.served or subject.dialect]}"
        model = get_model(subject.model, base_url=url, api_key="fake", memoize=False, **subject.model_args)
        fake.window = token_limits(model)[0] or fake.window
        task = _task(subject, image, version, provider, serve_and_run(subject, version, fake, tap, port))
        log = eval(task, model, log_dir=str(folder), display="none")[0]
        # The samples are read from the file when they are first asked for.
        if not tap.exchanges:
            fake.errors.append("No request passed the tap: the CLI sent none, or Inspect's own bridge served it.")
        return Recording(fake.exchanges, tap.exchanges, "; ".join([*fake.errors, *_errors(log)]) or None, _version(log))


@solver
def serve_and_run(subject: Subject, version: str | None, fake: FakeProvider, tap: Tap, port: socket.socket) -> Solver:
    """Run the agent while the fake provider serves a port of this host."""
    options: dict[str, Any] = dict(subject.options)
    if version is not None:
        options["version"] = version
    if subject.mcp:
        options["mcp_servers"] = [MCPServerConfigStdio(name="library", command="python3", args=[SERVER_PATH])]
    agent = as_solver(load_agent(subject.agent)(**options))

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        interposed.set(tap)
        async with listening(fake.app, port):
            return await agent(state, generate)

    return solve


def run_fidelity(
    names: Sequence[str], image: str, version: str | None = None, provider: str = "docker"
) -> list[Comparison]:
    """Compare the requests of agents with and without Inspect, one agent after the other.

    Args:
        names: Names in `SUBJECTS`.
        image: Image of the sandboxes, with a shell and Python.
        version: Version of the CLIs.
        provider: Sandbox provider.
    """
    return [_compared(name, image, version, provider) for name in names]


def _compared(name: str, image: str, version: str | None, provider: str) -> Comparison:
    subject = SUBJECTS[name]
    direct = run_conversation(subject, "direct", image, version, provider)
    through = run_conversation(subject, "eval", image, version, provider)
    return compare(name, subject.model, direct, through)


_PATHS = {"anthropic": "", "responses": "/v1", "completions": "/v1", "google": ""}


def _task(subject: Subject, image: str, version: str | None, provider: str, solver: Solver) -> Task:
    here = is_here(image)
    mounts = cli_mounts(subject.agent, version or "stable", image) if here else []
    service = image_service(image, here, volumes=mounts)
    return Task(
        name="fidelity",
        dataset=[Sample(input=PROMPT, files=sample_files())],
        solver=solver,
        time_limit=_SECONDS,
        sandbox=SandboxEnvironmentSpec(provider, ComposeConfig(services={"default": service})),
    )


def _errors(log: EvalLog) -> list[str]:
    errors = [sample.error for sample in log.samples or [] if sample.error] + ([log.error] if log.error else [])
    return [error.message[:_LONGEST] for error in errors]


def _version(log: EvalLog) -> str:
    return next(
        (
            str(event.data.get("version"))
            for sample in log.samples or []
            for event in sample.events
            if event.event == "info" and event.source == "inspect_swe" and isinstance(event.data, dict)
        ),
        "",
    )
