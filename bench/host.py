"""What the host pays for a model call, beside Inspect's own `generate` with the same conversation, in one run.

    python -m bench.host                    # 200 turns
    python -m bench.host --many 200         # 200 agents at once, 40 turns each, a model that takes 5 s

A solver holds the conversation with `generate` (the floor). Then a client in a process of its own holds it over the
bridge. Both are samples of a real eval in this process, whose CPU time is measured: per call, by quarter.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from typing import Any

from inspect_ai import Task, eval
from inspect_ai.agent import AgentState
from inspect_ai.dataset import Sample
from inspect_ai.model import (
    ChatMessage,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    Model,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import ToolCall, ToolInfo, ToolParams
from inspect_ai.util import JSONSchema

from inspect_swe._bridge.app import BridgeApp
from inspect_swe._bridge.conversations import ConversationTracker, Marks
from inspect_swe._bridge.identities import sample_identities
from inspect_swe._bridge.server import serving
from inspect_swe._bridge.settings import BridgeSettings
from inspect_swe._bridge.tool_events import ToolEvents
from inspect_swe._inspect.handlers import load_handler
from inspect_swe._inspect.ids import IdChanges
from inspect_swe._inspect.private import before_generating, create_bridge, host_calls

SYSTEM = "You are a careful engineer. " * 730
RESULT = "line of output 0123456789 abcdefghij\n" * 54
TOOLS = 16


def calls(model: str) -> Callable[..., ModelOutput]:
    """Return a model's function that answers each request with a call."""
    count = 0

    def output(*args: Any) -> ModelOutput:
        nonlocal count
        count += 1
        made = ModelOutput.for_tool_call(model, "tool_0", {"command": f"run {count}"}, tool_call_id=f"call_{count}")
        made.choices[0].message.content = f"Step {count}."
        made.usage = ModelUsage(input_tokens=10, output_tokens=5, total_tokens=15)
        return made

    return output


def schema(number: int) -> dict[str, Any]:
    """Return a tool's schema."""
    names = ("command", "path", "limit")
    properties = {name: {"type": "string", "description": f"The {name} of tool {number}. " * 3} for name in names}
    return {"type": "object", "properties": properties, "required": ["command"]}


def infos() -> list[ToolInfo]:
    """Return the tools."""
    made = []
    for number in range(TOOLS):
        plain = schema(number)
        properties = {name: JSONSchema(**value) for name, value in plain["properties"].items()}
        parameters = ToolParams(properties=properties, required=plain["required"])
        made.append(ToolInfo(name=f"tool_{number}", description="Does a thing. " * 20, parameters=parameters))
    return made


async def floor(turns: int, tick: Callable[[], None]) -> None:
    """Hold the conversation with Inspect's own `generate`."""
    model, tools = get_model(), infos()
    messages: list[ChatMessage] = [ChatMessageSystem(content=SYSTEM), ChatMessageUser(content="Do it.")]
    tick()
    for _ in range(turns):
        output = await model.generate(messages, tools)
        call: ToolCall = (output.message.tool_calls or [])[0]
        messages += [output.message, ChatMessageTool(content=RESULT, tool_call_id=call.id, function=call.function)]
        tick()


class Client:
    """The process that holds conversations over bridges."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._ticks: dict[int, Callable[[], None]] = {}
        self._lock = asyncio.Lock()

    async def hold(self, port: int, turns: int, tick: Callable[[], None]) -> None:
        """Hold a conversation with the bridge at a port."""
        done = asyncio.Event()
        left = itertools.count(turns - 1, -1)

        def replied() -> None:
            tick()
            if next(left) == 0:
                done.set()

        self._ticks[port] = replied
        async with self._lock:
            if self._process is None:
                command = [sys.executable, "-m", "bench.host_client"]
                pipe = asyncio.subprocess.PIPE
                self._process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
                self._reading = asyncio.create_task(self._read(self._process))
        assert self._process.stdin is not None
        tick()
        self._process.stdin.write(f"{port} {turns}\n".encode())
        await done.wait()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self._ticks[int(line)]()


async def ours(turns: int, tick: Callable[[], None], client: Client | None = None, seconds: float = 0) -> None:
    """Hold the conversation over the bridge, from another process.

    Args:
        turns: Number of model calls.
        tick: Called before the first one and after each.
        client: The process; None starts one.
        seconds: What the model takes for an answer.
    """
    await load_handler("anthropic")  # as when an agent starts
    state = AgentState(messages=[ChatMessageUser(content="Do it.")])
    tracker = ConversationTracker(Marks("session", sub_agent_header="sub-agent"))
    events = ToolEvents(tracker, lambda: host_calls(bridge))
    changes = IdChanges(sample_identities())

    async def think(model: Model, *args: Any) -> None:
        await asyncio.sleep(seconds)

    seeing = before_generating(events.on_messages, None, think if seconds else None, changes)
    bridge = create_bridge(state, filter=seeing, on_output=events.on_output, changes=changes)
    app = BridgeApp(bridge, BridgeSettings(models=("m",)), tracker, lambda ex: None)
    async with app.running() as asgi, serving(asgi) as connect:

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            inner_reader, inner_writer = await connect()

            async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
                try:
                    while data := await source.read(1 << 18):
                        sink.write(data)
                        await sink.drain()
                finally:
                    sink.close()

            await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

        server = await asyncio.start_server(carry, "127.0.0.1", 0)
        await (client or Client()).hold(server.sockets[0].getsockname()[1], turns, tick)
        server.close()
        events.end(failed=False)
    assert len(state.messages) >= 2 * turns, len(state.messages)


def many(agents: int, turns: int, seconds: float) -> dict[str, Any]:
    """Run samples at once whose model takes its time; return the wall time beside the ideal, and the longest stall."""
    stalls: list[float] = []
    clients: list[Client] = []
    times: list[float] = []

    async def watch() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.02)
            stalls.append(time.monotonic() - before - 0.02)

    @solver
    def drive() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            if not clients:
                clients.append(Client())
                tasks.append(asyncio.ensure_future(watch()))
            await ours(turns, lambda: times.append(time.monotonic()), clients[0], seconds)
            return state

        return solve

    tasks: list[asyncio.Future[None]] = []
    log = eval(
        Task(dataset=[Sample(input="Do it.") for _ in range(agents)], solver=drive()),
        model=get_model("mockllm/model", custom_outputs=calls("mockllm/model"), memoize=False),
        display="none",
        log_dir=tempfile.mkdtemp(),
        log_realtime=False,
        max_samples=agents,
        max_connections=agents,
    )[0]
    assert log.status == "success", log.error and log.error.message
    took = max(times) - min(times)
    return {
        "agents": agents,
        "seconds": round(took, 1),
        "of_ideal": round(took / (turns * seconds), 3),
        "calls_per_second": round(agents * turns / took, 1),
        "longest_stall_ms": round(max(stalls) * 1000),
        "cpu_s": round(time.process_time(), 1),
    }


def measure(hold: Callable[[int, Callable[[], None]], Awaitable[None]], turns: int) -> dict[str, Any]:
    """Run an eval of one sample, and return its CPU time in milliseconds a call, by quarter, and its memory."""
    times: list[float] = []

    @solver
    def drive() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            await hold(turns, lambda: times.append(time.process_time()))
            return state

        return solve

    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    log = eval(
        Task(dataset=[Sample(input="Do it.")], solver=drive()),
        model=get_model("mockllm/model", custom_outputs=calls("mockllm/model"), memoize=False),
        display="none",
        log_dir=tempfile.mkdtemp(),
        log_realtime=False,
    )[0]
    assert log.status == "success", log.error and log.error.message
    quarter = turns // 4
    marks = [times[n * quarter] for n in range(5)]
    return {
        "quarters_ms": [round((end - begin) / quarter * 1000, 2) for begin, end in itertools.pairwise(marks)],
        "total_s": round(times[-1] - times[0], 2),
        "peak_mb": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, 1),
    }


def main() -> int:
    """Measure, and print both sides and their ratio as JSON."""
    parser = argparse.ArgumentParser(prog="bench.host", description=__doc__)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--side", choices=["floor", "ours"])
    parser.add_argument("--many", type=int, metavar="AGENTS", help="Run so many agents at once instead.")
    arguments = parser.parse_args()
    os.environ.setdefault("INSPECT_DISPLAY", "none")
    if arguments.many:
        print(json.dumps({**many(arguments.many, 40, 5.0), "load": os.getloadavg()[0]}, indent=2))
        return 0
    sides = {"floor": floor, "ours": ours}
    found = {name: measure(sides[name], arguments.turns) for name in sides if arguments.side in (None, name)}
    if len(found) == 2:
        found["ratio"] = round(found["ours"]["total_s"] / found["floor"]["total_s"], 2)
        found["last_to_first"] = round(found["ours"]["quarters_ms"][3] / found["ours"]["quarters_ms"][0], 2)
    print(json.dumps({**found, "load": os.getloadavg()[0]}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
