"""What the host pays for a model call, beside Inspect's own `generate` with the same conversation, in one run.

    python -m bench.host                    # 200 turns
    python -m bench.host --turns 100

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
from inspect_swe._inspect.filters import before_generating
from inspect_swe._inspect.handlers import load_handler
from inspect_swe._inspect.ids import IdChanges
from inspect_swe._inspect.private import create_bridge, host_calls

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


async def ours(turns: int, tick: Callable[[], None]) -> None:
    """Hold the conversation over the bridge, from another process."""
    await load_handler("anthropic")  # as when an agent starts
    state = AgentState(messages=[ChatMessageUser(content="Do it.")])
    tracker = ConversationTracker(Marks("session", sub_agent_header="sub-agent"))
    events = ToolEvents(tracker, lambda: host_calls(bridge))
    changes = IdChanges(sample_identities())
    seeing = before_generating(events.on_messages, None, None, changes)
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
        port = server.sockets[0].getsockname()[1]
        client = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.host_client", str(port), str(turns), stdout=asyncio.subprocess.PIPE
        )
        assert client.stdout is not None
        tick()
        async for _ in client.stdout:
            tick()
        assert await client.wait() == 0
        server.close()
        events.end(failed=False)
    assert len(state.messages) >= 2 * turns, len(state.messages)


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
    arguments = parser.parse_args()
    os.environ.setdefault("INSPECT_DISPLAY", "none")
    sides = {"floor": floor, "ours": ours}
    found = {name: measure(sides[name], arguments.turns) for name in sides if arguments.side in (None, name)}
    if len(found) == 2:
        found["ratio"] = round(found["ours"]["total_s"] / found["floor"]["total_s"], 2)
        found["last_to_first"] = round(found["ours"]["quarters_ms"][3] / found["ours"]["quarters_ms"][0], 2)
    print(json.dumps({**found, "load": os.getloadavg()[0]}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
