"""The eval behind `inspect-swe chat`: one sample, whose solver lets a person talk with the agent."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import Any

from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog
from inspect_ai.model import Model, get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import ComposeConfig, SandboxEnvironmentSpec, SandboxEnvironmentType
from rich.errors import MarkupError
from rich.text import Text

from .. import acp
from .._errors import AgentError, AgentOptionError, SandboxUnsupportedError
from .._inspect.private import load_dotenv
from .._provide import image_service, is_here, with_agents
from ._conversation import Conversation
from ._shared import platforms_of
from ._terminal import Keyboard, Screen

_IMAGE = "python:3.12-bookworm"
_INTERRUPTED = 130


@dataclass(frozen=True)
class Setup:
    """What is talked with, and where it works.

    Args:
        agent: The agent's key.
        version: Version of its CLI.
        place: "local" or "docker".
        file: A compose file or a Dockerfile, or nothing.
        image: An image, where there is no file.
        cwd: The agent's working directory.
        ask: Whether the person is asked before it calls tools.
    """

    agent: str
    version: str
    place: str
    file: str
    image: str | None
    cwd: str | None
    ask: bool


@dataclass(frozen=True)
class Ended:
    """How it ended.

    Args:
        code: The command's exit code.
        log: Where the log lies.
        error: What went wrong.
    """

    code: int
    log: str
    error: str = ""


def chat_model(name: str | None) -> Model:
    """The model that is named, or that Inspect's environment names.

    Raises:
        AgentOptionError: None is, or it can't be used.
    """
    load_dotenv()
    # Not left to Inspect, to whom the model of an earlier eval of this process would come first.
    name = name or os.environ.get("INSPECT_EVAL_MODEL", "").split(",")[0]
    if not name:
        raise AgentOptionError(
            "No model is named.", hint="use --model or INSPECT_EVAL_MODEL, for example anthropic/claude-sonnet-4-5."
        )
    try:
        return get_model(name)
    except Exception as error:
        # Whatever a provider raises: a package that isn't there, a key that isn't set, an unknown name.
        raise AgentOptionError(f"The model can't be used: {_told(error)}") from error


def hold_chat(setup: Setup, model: Model, log_dir: str | None) -> Ended:
    """Open a session, and let the person talk until they end it. Blocks.

    Raises:
        AgentError: The sandbox or the agent is none that there could be a session with.
    """
    keyboard, screen = Keyboard(), Screen()
    conversation = Conversation(keyboard, screen)
    options: dict[str, Any] = {"version": setup.version, "cwd": setup.cwd}
    if setup.place == "local" and setup.cwd is not None:
        # Inspect's own is a new temporary folder, to which nothing is relative that a person would name.
        options["cwd"] = os.path.abspath(setup.cwd)
    if setup.ask:
        options["permissions"] = conversation.permit
    agent = getattr(acp, f"interactive_{setup.agent}")(**options)

    @solver(name="chat")
    def talk() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            async with agent.session(state) as session:
                await conversation.hold(session)
            return state

        return solve

    sandbox = _sandbox(setup)
    if keyboard.terminal:
        screen.note(f"Starting {setup.agent}. Ctrl-C interrupts it, Ctrl-D ends the session.")
    task = Task(
        name="chat",
        dataset=[Sample(input=f"A person talks with {setup.agent}.")],
        solver=talk(),
        sandbox=sandbox,
    )
    try:
        return _ended(eval(task, model=model, display="none", log_dir=log_dir)[0], conversation)
    except Exception as error:
        # No Docker, say: without a display Inspect shows nothing of it.
        raise AgentError(f"The eval could not be run: {_told(error)}") from error


def _told(error: Exception) -> str:
    """What an error says; Inspect's own say it in rich's markup."""
    text = str(getattr(error, "message", error))
    with contextlib.suppress(MarkupError):
        text = Text.from_markup(text).plain
    return text.strip()


def _ended(log: EvalLog, conversation: Conversation) -> Ended:
    error = (log.samples[0].error if log.samples else None) or log.error
    if error is not None:
        return Ended(1, log.location, error.message)
    if log.status != "success" or (conversation.interrupted and not conversation.keyboard.terminal):
        return Ended(_INTERRUPTED, log.location)
    limit = log.samples[0].limit if log.samples else None
    return Ended(1, log.location, f"the {limit.type} limit was reached") if limit else Ended(0, log.location)


def _sandbox(setup: Setup) -> SandboxEnvironmentType:
    """Where the agent works; in a container with its CLI mounted, where that can be, as nothing starts faster."""
    if setup.place == "local":
        return "local"
    platforms = None
    plain = SandboxEnvironmentSpec("docker", setup.file or None)
    if not setup.file:
        image = setup.image or _IMAGE
        here = is_here(image)
        platforms = platforms_of(None) if image == _IMAGE and not here else None
        plain = SandboxEnvironmentSpec("docker", ComposeConfig(services={"default": image_service(image, here)}))
    if setup.version == "sandbox":
        return plain
    try:
        return with_agents(plain, [(f"interactive_{setup.agent}", setup.version)], platforms=platforms)
    except SandboxUnsupportedError:
        return plain
