"""Interactive agents, as both sides drive them in a worker process: sessions, prompts, cancels, events.

Runs under either interpreter, as `workload` does.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from inspect_ai.agent import Agent, AgentState, agent
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    ChatMessageUser,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    modelapi,
)
from inspect_ai.tool import ToolCall, ToolChoice, ToolInfo
from inspect_ai.util import sandbox

from .workload import Job, Result, evaluate

EMITTER = Path(__file__).with_name("emitter.py")

_TIMES = "/var/tmp/bench-times.json"
_SHELLS = ("Bash", "run_shell_command")
_ASKED = re.compile(r"\[bench (text|tool|sleep) (\d+)\]")
_STARTED = "/var/tmp/bench-sleep-{}"
_COMMANDS = {"tool": "echo {}", "sleep": f"touch {_STARTED}; sleep 60"}
_AWAIT = 'until [ -e "$1" ]; do sleep 0.1; done'
_SLEEP_TIMEOUT = 240

answered: dict[int, float] = {}
"""When the model had its first answer to a prompt, by the prompt's number."""


class TalkModel(ModelAPI):
    """Answers at once, as the last prompt wants it: with text, or with a shell call and then text."""

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        kind, number, done = _wanted(input)
        shell = next((tool.name for tool in tools if tool.name in _SHELLS), None)
        message = ChatMessageAssistant(content=f"answer {number}", model=self.model_name, source="generate")
        if shell is not None and kind in _COMMANDS and not done:
            arguments = {"command": _COMMANDS[kind].format(number)}
            if shell == "Bash":
                arguments["description"] = "what the benchmark wants"
            call = ToolCall(id=f"toolu_{number:04d}", function=shell, arguments=arguments)
            message = ChatMessageAssistant(content=[], tool_calls=[call], model=self.model_name, source="generate")
        choice = ChatCompletionChoice(message=message, stop_reason="tool_calls" if message.tool_calls else "stop")
        # Without usage Inspect would count tokens itself, with a tokenizer from the network.
        usage = ModelUsage(input_tokens=100, output_tokens=10, total_tokens=110)
        output = ModelOutput(model=self.model_name, choices=[choice], usage=usage)
        if shell is not None:  # without tools it is a side call (a title, say)
            answered.setdefault(number, time.time())
        return output


@modelapi(name="bench_talk")
def talk_provider() -> type[ModelAPI]:
    return TalkModel


def _wanted(messages: list[ChatMessage]) -> tuple[str, int, bool]:
    """The last prompt's kind and number, and whether a tool's result has followed it."""
    done = False
    for message in reversed(messages):
        done = done or isinstance(message, ChatMessageTool)
        asked = _ASKED.findall(message.text) if isinstance(message, ChatMessageUser) else []
        if asked:
            return asked[-1][0], int(asked[-1][1]), done
    return "text", 0, True


class Talk(Protocol):
    """An open session. `heard` has the time of arrival of each text chunk."""

    heard: list[float]

    async def prompt(self, text: str) -> str:
        """Give a prompt; returns why its turn ended."""

    async def cancel(self) -> None:
        """Cancel the turn that goes on."""


Open = Callable[[Job, AgentState], AbstractAsyncContextManager[Talk]]
"""Start an agent and a session, until it is ready for a prompt; at the block's end both end."""


def talk_job(job: Job, opened: Open) -> Result:
    """An agent is started twice in one container; the second time it is given prompts.

    Args:
        job: Which agent; how many prompts of each kind.
        opened: How a session is opened.
    """
    found: Result = {}

    async def drive(state: AgentState) -> None:
        async with _timed(job, state, opened) as (_, seconds):
            found["first"] = seconds
        async with _timed(job, state, opened) as (talk, seconds):
            found["second"] = seconds
            asked = _Asked(talk)
            found["text"] = [await asked.ask("text") for _ in range(job["text"])]
            found["answer"] = asked.delays
            found["tool"] = [await asked.ask("tool") for _ in range(job["tool"])]
            found["cancel"] = [await asked.cancelled() for _ in range(job["cancel"])]

    evaluate(job, _driven(drive), model="bench_talk/script")
    return found


def events_job(job: Job, opened: Open) -> Result:
    """The emitter in the place of an agent: the time from its writing an event until the client has it."""
    delays: list[float] = []

    async def drive(state: AgentState) -> None:
        async with opened(job, state) as talk:
            await talk.prompt("Emit.")
            heard = list(talk.heard)
        written = json.loads(await sandbox().read_file(_TIMES))
        if len(heard) != len(written):
            raise RuntimeError(f"{len(written)} events were written, and {len(heard)} have arrived")
        delays.extend(there - here for here, there in zip(written, heard, strict=True))

    evaluate(job, _driven(drive))
    return {"delays": delays}


def emitter_argv(job: Job) -> list[str]:
    """The emitter's command, inside the container."""
    return ["python3", "-c", EMITTER.read_text(), _TIMES, str(job["events"]), str(job["pause"])]


@asynccontextmanager
async def _timed(job: Job, state: AgentState, opened: Open) -> AsyncIterator[tuple[Talk, float]]:
    fresh = AgentState(messages=list(state.messages))
    began = time.perf_counter()
    async with opened(job, fresh) as talk:
        yield talk, time.perf_counter() - began


def _driven(drive: Callable[[AgentState], Any]) -> Agent:
    @agent
    def driving() -> Agent:
        async def execute(state: AgentState) -> AgentState:
            await drive(state)
            return state

        return execute

    return driving()


class _Asked:
    """Gives numbered prompts in a session.

    Args:
        talk: The session.
    """

    def __init__(self, talk: Talk) -> None:
        self.delays: list[float] = []
        self._talk = talk
        self._number = 0

    async def ask(self, kind: str) -> float:
        """The seconds until the turn has ended."""
        self._number += 1
        before = len(self._talk.heard)
        began = time.perf_counter()
        _expect("end_turn", await self._talk.prompt(f"[bench {kind} {self._number}]"))
        seconds = time.perf_counter() - began
        if kind == "text":
            self.delays.append(self._talk.heard[before] - answered[self._number])
        return seconds

    async def cancelled(self) -> float:
        """The seconds from cancelling, while a command sleeps, until the turn has ended."""
        self._number += 1
        turn = asyncio.ensure_future(self._talk.prompt(f"[bench sleep {self._number}]"))
        await sandbox().exec(["sh", "-c", _AWAIT, "sh", _STARTED.format(self._number)], timeout=_SLEEP_TIMEOUT)
        await asyncio.sleep(1)
        began = time.perf_counter()
        cancelling = asyncio.ensure_future(self._talk.cancel())
        reason = await turn
        seconds = time.perf_counter() - began
        await cancelling
        _expect("cancelled", reason)
        return seconds


def _expect(wanted: str, reason: str) -> None:
    if reason != wanted:
        raise RuntimeError(f"a turn ended with {reason!r}, not with {wanted!r}")
