"""The eval behind `inspect-swe chat`: one sample whose solver is a chat with the agent."""

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
    """The agent and the sandbox of a chat.

    Args:
        agent: Key of the agent.
        version: Version of the CLI.
        place: "local" or "docker".
        file: A compose file or a Dockerfile, or empty.
        image: An image, if there is no file.
        cwd: Working directory of the agent.
        ask: Whether to ask the person before tool calls.
    """

    agent: str
    version: str
    place: str
    file: str
    image: str | None
    cwd: str | None
    ask: bool


@dataclass(frozen=True)
class ChatOutcome:
    """The outcome of a chat.

    Args:
        code: Exit code of the command.
        log: Location of the log.
        error: Error message.
    """

    code: int
    log: str
    error: str = ""


def chat_model(name: str | None) -> Model:
    """Return the named model, or the one of Inspect's environment variable.

    Raises:
        AgentOptionError: No model is specified, or it could not be loaded.
    """
    load_dotenv()
    # Inspect would prefer the model of an earlier eval in this process.
    name = name or os.environ.get("INSPECT_EVAL_MODEL", "").split(",")[0]
    if not name:
        raise AgentOptionError(
            "No model is specified.",
            hint="set --model or INSPECT_EVAL_MODEL, for example to anthropic/claude-sonnet-4-5.",
        )
    try:
        return get_model(name)
    except Exception as error:
        # Providers raise many kinds of errors: missing packages, missing keys, unknown names.
        raise AgentOptionError(f"The model could not be loaded: {_plain_text(error)}") from error


def run_chat(setup: Setup, model: Model, log_dir: str | None) -> ChatOutcome:
    """Open a session and run the chat until the person ends it. Blocks.

    Raises:
        AgentError: The sandbox or the agent could not be started.
    """
    keyboard, screen = Keyboard(), Screen()
    conversation = Conversation(keyboard, screen)
    options: dict[str, Any] = {"version": setup.version, "cwd": setup.cwd}
    if setup.place == "local" and setup.cwd is not None:
        # Inspect's default is a new temporary folder, so a relative path would not mean the user's.
        options["cwd"] = os.path.abspath(setup.cwd)
    if setup.ask:
        options["permissions"] = conversation.permit
    agent = getattr(acp, f"interactive_{setup.agent}")(**options)

    @solver(name="chat")
    def talk() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            async with agent.session(state) as session:
                await conversation.run(session)
            return state

        return solve

    sandbox = _sandbox(setup)
    if keyboard.terminal:
        screen.note(f"Starting {setup.agent}. Ctrl-C interrupts it, Ctrl-D ends the session.")
    task = Task(
        name="chat",
        dataset=[Sample(input=f"A chat with {setup.agent}.")],
        solver=talk(),
        sandbox=sandbox,
    )
    try:
        return _outcome(eval(task, model=model, display="none", log_dir=log_dir)[0], conversation)
    except Exception as error:
        # For example a missing Docker: without a display Inspect prints nothing.
        raise AgentError(f"The eval failed: {_plain_text(error)}") from error


def _plain_text(error: Exception) -> str:
    """Return an error's text, without Inspect's rich markup."""
    text = str(getattr(error, "message", error))
    with contextlib.suppress(MarkupError):
        text = Text.from_markup(text).plain
    return text.strip()


def _outcome(log: EvalLog, conversation: Conversation) -> ChatOutcome:
    error = (log.samples[0].error if log.samples else None) or log.error
    if error is not None:
        return ChatOutcome(1, log.location, error.message)
    if log.status != "success" or (conversation.interrupted and not conversation.keyboard.terminal):
        return ChatOutcome(_INTERRUPTED, log.location)
    limit = log.samples[0].limit if log.samples else None
    return (
        ChatOutcome(1, log.location, f"the {limit.type} limit was reached") if limit else ChatOutcome(0, log.location)
    )


def _sandbox(setup: Setup) -> SandboxEnvironmentType:
    """Return the sandbox. Containers get the CLI as a mount if possible, which starts fastest."""
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
