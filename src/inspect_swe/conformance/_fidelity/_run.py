"""One run of an agent against the fake provider, directly or through the bridge."""

from __future__ import annotations

import tempfile
from typing import Any, Literal

from inspect_ai import Task, eval_async
from inspect_ai.agent import as_solver
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog
from inspect_ai.model import get_model
from inspect_ai.tool import MCPServerConfigStdio
from inspect_ai.util import ComposeConfig, SandboxEnvironmentSpec

from ..._inspect.private import token_limits
from ..._provide import image_service, is_here
from ..._runtime.bridge_connection import interposed
from .._load import load_agent
from .._task import cli_mounts
from ._files import SERVER_PATH, sample_files
from ._play import Play
from ._providers import FakeProvider
from ._record import Recording
from ._subjects import PROMPT, Subject
from ._tap import Tap, listening

Way = Literal["direct", "eval"]
_WINDOW = 200_000


async def hold(
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
    play = Play(subject.root(), subject.sub_agent_answers())
    fake = FakeProvider(play)
    async with listening(fake.app) as url:
        model = get_model(
            subject.model, base_url=url + _PATHS[subject.dialect], api_key="fake", memoize=False, **subject.model_args
        )
        fake.window = token_limits(model)[0] or _WINDOW
        tap = Tap(fake if way == "direct" else None)
        token = interposed.set(tap)
        try:
            with tempfile.TemporaryDirectory() as folder:
                log = (await eval_async(_task(subject, image, version, provider), model, log_dir=folder))[0]
                # The samples are read from the file when they are first asked for.
                errors, used = _errors(log), _version(log)
        finally:
            interposed.reset(token)
    return Recording(fake.exchanges, tap.exchanges, "; ".join([*fake.errors, *errors]) or None, used)


_PATHS = {"anthropic": "", "responses": "/v1", "completions": "/v1", "google": ""}


def _task(subject: Subject, image: str, version: str | None, provider: str) -> Task:
    options: dict[str, Any] = dict(subject.options)
    if version is not None:
        options["version"] = version
    if subject.mcp:
        server = MCPServerConfigStdio(name="library", command="python3", args=[SERVER_PATH])
        options["mcp_servers"] = [server]
    here = is_here(image)
    mounts = cli_mounts(subject.agent, version or "stable", image) if here else []
    service = image_service(image, here, volumes=mounts)
    return Task(
        name="fidelity",
        dataset=[Sample(input=PROMPT, files=sample_files())],
        solver=as_solver(load_agent(subject.agent)(**options)),
        sandbox=SandboxEnvironmentSpec(provider, ComposeConfig(services={"default": service})),
    )


def _errors(log: EvalLog) -> list[str]:
    errors = [sample.error for sample in log.samples or [] if sample.error] + ([log.error] if log.error else [])
    return [error.message for error in errors]


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
