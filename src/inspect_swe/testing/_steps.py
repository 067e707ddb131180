"""Steps of a script."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from inspect_ai.model import ModelUsage

from ._errors import ScriptError
from ._request import ScriptedRequest

CutReason: TypeAlias = Literal["max_tokens", "model_length"]
"""Stop reasons of an answer that reached a limit."""


@dataclass(frozen=True)
class Shell:
    """Call of the shell tool, whatever its name. See `shell`."""

    command: str
    usage: ModelUsage | None = None


@dataclass(frozen=True)
class Call:
    """Call of a tool by name. See `call`."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Turn:
    """Several tool calls in one answer. See `turn`."""

    calls: tuple[Shell | Call, ...]
    text: str = ""
    usage: ModelUsage | None = None


@dataclass(frozen=True)
class Say:
    """Answer with text only. See `say`."""

    text: str
    usage: ModelUsage | None = None


@dataclass(frozen=True)
class Refuse:
    """Refusal to answer. See `refuse`."""

    text: str
    calls: tuple[Shell | Call, ...] = ()
    usage: ModelUsage | None = None


@dataclass(frozen=True)
class Cut:
    """Answer that ends at a limit. See `cut`."""

    text: str
    calls: tuple[Shell | Call, ...] = ()
    stop_reason: CutReason = "max_tokens"
    usage: ModelUsage | None = None


@dataclass(frozen=True)
class Fail:
    """Failure with a provider error. See `fail`."""

    status: int
    message: str


@dataclass(frozen=True)
class Wait:
    """Delay before an answer. See `wait`."""

    seconds: float
    then: Step | DynamicStep | None = None


Answer: TypeAlias = Shell | Call | Turn | Say | Refuse | Cut | Fail
"""Step that answers a request."""

Step: TypeAlias = Answer | Wait
"""Step with a fixed answer."""

DynamicStep: TypeAlias = Callable[[ScriptedRequest], Step]
"""Function that returns a step for the request."""

ScriptStep: TypeAlias = Step | DynamicStep
"""Any item of a script."""

_SUBMIT = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"

ANSWERS = (Shell, Call, Turn, Say, Refuse, Cut, Fail)


def shell(command: str, *, usage: ModelUsage | None = None) -> Shell:
    """Call the agent's shell tool (`Bash`, `exec_command`, `run_shell_command`, ...).

    Args:
        command: Command line. A tool that takes a list of words gets `["sh", "-c", command]`.
        usage: Token usage to report instead of the estimate.
    """
    return Shell(command, usage)


def call(tool: str, /, **arguments: Any) -> Call:
    """Call an offered tool.

    Args:
        tool: Name of the tool, with or without the CLI's prefix (`add` finds `mcp__calc__add`);
            `server/tool` selects a tool of one MCP server.
        **arguments: Arguments of the call, passed unchanged.
    """
    return Call(tool, arguments)


def turn(*calls: Shell | Call, text: str = "", usage: ModelUsage | None = None) -> Turn:
    """Make several tool calls in one answer.

    Args:
        *calls: Steps made by `shell` and `call`.
        text: Text of the answer.
        usage: Token usage to report instead of the estimate. The usage of each call is ignored.

    Raises:
        ScriptError: An item is not a `shell` or `call` step.
    """
    return Turn(_checked_calls("turn", calls), text, usage)


def say(text: str, *, usage: ModelUsage | None = None) -> Say:
    """Answer with text, which ends the turn of most agents.

    Args:
        text: The answer.
        usage: Token usage to report instead of the estimate.
    """
    return Say(text, usage)


def finish(text: str) -> DynamicStep:
    """Answer with text and end the run in the agent's way.

    Most agents stop at an answer without a tool call. Agents like mini-swe-agent instruct the model to submit with a
    command whose output begins with a certain line. For these, the step runs that command.

    Args:
        text: The answer.
    """

    def step(request: ScriptedRequest) -> Step:
        submits = any(_SUBMIT in message.text for message in request.messages if message.role in ("system", "user"))
        return Shell(f"echo {_SUBMIT}; printf '%s\\n' {shlex.quote(text)}") if submits else Say(text)

    return step


def write_result(data: object) -> DynamicStep:
    """Write a result with the shell tool to the file that the prompt names, for agents with `response_schema`.

    Args:
        data: Content of the file: text unchanged, anything else as JSON.
    """
    text = data if isinstance(data, str) else json.dumps(data)

    def step(request: ScriptedRequest) -> Step:
        prompts = [message.text for message in request.messages if message.role == "user"]
        if not (files := re.findall(r"/\S+/result-\w+\.json", "\n".join(prompts))):
            raise ScriptError("write_result(): no prompt requests a result.")
        return Shell(f"printf %s {shlex.quote(text)} > {shlex.quote(files[-1])}")

    return step


def refuse(text: str, *calls: Shell | Call, usage: ModelUsage | None = None) -> Refuse:
    """Refuse to answer, with the stop reason `content_filter`.

    Args:
        text: Text of the refusal, or of the answer until a filter stopped it.
        *calls: Tool calls before the refusal: steps made by `shell` and `call`.
        usage: Token usage to report instead of the estimate.

    Raises:
        ScriptError: An item is not a `shell` or `call` step.
    """
    return Refuse(text, _checked_calls("refuse", calls), usage)


def cut(text: str, *calls: Shell | Call, stop_reason: CutReason = "max_tokens", usage: ModelUsage | None = None) -> Cut:
    """Stop an answer in the middle, at a limit.

    Args:
        text: Text of the answer up to the limit.
        *calls: Tool calls of the answer: steps made by `shell` and `call`. The last one is cut, so that its arguments
            cannot be parsed.
        stop_reason: The limit: "max_tokens" for the output limit, "model_length" for the context window.
        usage: Token usage to report instead of the estimate.

    Raises:
        ScriptError: An item is not a `shell` or `call` step, or the stop reason is unknown.
    """
    if stop_reason not in get_args(CutReason):
        raise ScriptError(f"cut() requires the stop reason {' or '.join(get_args(CutReason))}, not {stop_reason!r}.")
    return Cut(text, _checked_calls("cut", calls), stop_reason, usage)


def fail(status: int, message: str = "scripted failure") -> Fail:
    """Fail the request with a provider error. Inspect does not retry it; the CLI may.

    Args:
        status: HTTP status, 400 to 599.
        message: The provider's error message.

    Raises:
        ScriptError: The status is out of range.
    """
    if not 400 <= status <= 599:
        raise ScriptError(f"fail() requires an HTTP status from 400 to 599, not {status!r}.")
    return Fail(status, message)


def wait(seconds: float, then: ScriptStep | None = None) -> Wait:
    """Wait, then answer the same request.

    Args:
        seconds: Seconds to wait.
        then: The step to answer with; None takes the next step of the script.

    Raises:
        ScriptError: The time is negative.
    """
    if seconds < 0:
        raise ScriptError(f"wait() requires a non-negative number of seconds, not {seconds!r}.")
    return Wait(seconds, then)


def _checked_calls(step: str, calls: tuple[Shell | Call, ...]) -> tuple[Shell | Call, ...]:
    for item in calls:
        if not isinstance(item, (Shell, Call)):
            raise ScriptError(f"{step}() accepts shell() and call() steps, not {item!r}.")
    return calls


def checked_steps(steps: object) -> tuple[ScriptStep, ...]:
    """Return the steps of a script as a tuple.

    Args:
        steps: A sequence of steps.

    Raises:
        ScriptError: The value is not a sequence, or an item is not a step.
    """
    if isinstance(steps, str) or not isinstance(steps, Sequence):
        raise ScriptError(f"A script is a list of steps, not {steps!r}.")
    for number, step in enumerate(steps, 1):
        # A class is callable but not a step: its parentheses were forgotten.
        if isinstance(step, type) or not (isinstance(step, (*ANSWERS, Wait)) or callable(step)):
            raise ScriptError(
                f"Item {number} of the script is not a step: {step!r}.",
                hint="Create steps with shell(), call(), turn(), say(), refuse(), cut(), fail() or wait(), or pass a "
                "function.",
            )
    return tuple(steps)


def expects_tool_call(steps: tuple[ScriptStep, ...]) -> bool:
    """Return whether the first answer of the steps is a tool call, apart from failures and waits.

    A function doesn't count as a tool call, as its answer is unknown.

    Args:
        steps: The remaining steps of a script.
    """
    for step in steps:
        if isinstance(step, Wait) and step.then is not None:
            step = step.then
        if isinstance(step, (Wait, Fail)):
            continue
        return isinstance(step, (Shell, Call)) or (isinstance(step, Turn) and bool(step.calls))
    return False
