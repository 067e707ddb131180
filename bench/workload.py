"""What both sides do in a worker process. Runs under either interpreter: needs inspect_ai, and nothing of ours."""

from __future__ import annotations

import importlib.metadata
import json
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from inspect_ai import Task, eval
from inspect_ai.agent import Agent, AgentState, agent, as_solver
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    get_model,
    modelapi,
)
from inspect_ai.tool import ToolCall, ToolChoice, ToolInfo

from .probes import Spawns, Together

PROMPT = "Do what the script says."
CLIENT = Path(__file__).with_name("client.py")

Job = dict[str, Any]
Result = dict[str, Any]

generate_seconds: list[float] = []
"""Time spent inside the model, call by call."""


class ScriptModel(ModelAPI):
    """Answers at once. `bench/script-N` makes N-1 shell calls and then says so; its state is in the conversation."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig | None = None,
        **model_args: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config or GenerateConfig())
        self.calls = int(model_name.rpartition("-")[2])

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        started = time.perf_counter()
        done = sum(isinstance(message, ChatMessageTool) for message in input)
        if done < self.calls - 1:
            call = ToolCall(id=f"toolu_{done:04d}", function="Bash", arguments={"command": f"echo {done}"})
            message = ChatMessageAssistant(content=[], tool_calls=[call], model=self.model_name, source="generate")
            choice = ChatCompletionChoice(message=message, stop_reason="tool_calls")
        else:
            message = ChatMessageAssistant(content=f"done after {done + 1}", model=self.model_name, source="generate")
            choice = ChatCompletionChoice(message=message, stop_reason="stop")
        # Without usage Inspect would count tokens itself, with a tokenizer from the network.
        usage = ModelUsage(input_tokens=100, output_tokens=10, total_tokens=110)
        output = ModelOutput(model=self.model_name, choices=[choice], usage=usage)
        generate_seconds.append(time.perf_counter() - started)
        return output


@modelapi(name="bench")
def bench_provider() -> type[ModelAPI]:
    return ScriptModel


def evaluate(job: Job, solver: Agent, model: str = "bench/script-1", samples: int = 1) -> tuple[EvalLog, float]:
    """Run an eval of `samples` equal samples, all at once; returns its log and wall time."""
    dataset = [Sample(input=PROMPT, id=number + 1) for number in range(samples)]
    started = time.perf_counter()
    log = eval(
        Task(dataset=dataset, solver=as_solver(solver), sandbox=("docker", job["compose"])),
        model=get_model(model),
        display="none",
        log_dir=job["log_dir"],
        max_samples=samples,
        max_sandboxes=samples,
    )[0]
    wall = time.perf_counter() - started
    for sample in log.samples or []:
        if sample.error:
            raise RuntimeError(f"a sample failed: {sample.error.traceback}")
    if log.status != "success" or len(log.samples or []) != samples:
        raise RuntimeError(f"the eval failed: {log.error.traceback if log.error else log.status}")
    return log, wall


def sample_job(job: Job, solver: Agent) -> Result:
    """One sample with the real CLI, already in the image."""
    spawns = Spawns()
    log, wall = evaluate(job, solver, f"bench/script-{job['calls']}")
    if len(generate_seconds) != job["calls"]:
        raise RuntimeError(f"the model was called {len(generate_seconds)} times, not {job['calls']}")
    begin, end = _agent_span(log)
    spawned = spawns.between(begin, end)
    return {"agent_seconds": end - begin, "eval_seconds": wall, "processes": len(spawned), "spawned": spawned}


def _agent_span(log: EvalLog) -> tuple[float, float]:
    """When the agent's span began and ended: after the container is up, before it is taken down."""
    assert log.samples
    events = log.samples[0].events
    begin = next(event for event in events if event.event == "span_begin" and event.type == "agent")
    end = next(event for event in events if event.event == "span_end" and event.id == begin.id)
    return begin.timestamp.timestamp(), end.timestamp.timestamp()


def client_argv(job: Job, base_url: str) -> list[str]:
    """The command that makes the calls, inside the container."""
    return ["python3", "-c", CLIENT.read_text(), base_url, str(job["sequential"]), str(job["clients"])]


def latency_job(job: Job, run_client: Callable[[AgentState, Job], Awaitable[tuple[AgentState, str]]]) -> Result:
    """Model calls over a bridge, without a CLI.

    Args:
        job: How many calls.
        run_client: Opens a bridge, runs `client_argv()` in the container, returns what it printed.
    """
    printed: list[str] = []

    @agent
    def bridged() -> Agent:
        async def execute(state: AgentState) -> AgentState:
            state, output = await run_client(state, job)
            printed.append(output)
            return state

        return execute

    evaluate(job, bridged())
    times = json.loads(printed[0])
    model = statistics.median(generate_seconds)
    return {
        "sequential": [seconds - model for seconds in times["sequential"]],
        "concurrent": [seconds - model for seconds in times["concurrent"]],
        "calls_per_second": len(times["concurrent"]) / times["concurrent_wall"],
        "model_seconds": model,
    }


def install_job(job: Job, install: Callable[[Job, Together], Awaitable[int]]) -> Result:
    """Put the CLI's binary into several containers at once.

    Args:
        job: How many containers, which binary.
        install: Gets ready, puts the binary in place inside `together.placing()`, returns the size of what is there.
    """
    together = Together(job["containers"])
    sizes: list[int] = []

    @agent
    def placing() -> Agent:
        async def execute(state: AgentState) -> AgentState:
            sizes.append(await install(job, together))
            return state

        return execute

    evaluate(job, placing(), samples=job["containers"])
    expected = Path(job["binary"]).stat().st_size
    if sizes != [expected] * job["containers"]:
        raise RuntimeError(f"the binary has {expected} bytes; in the containers are {sizes}")
    return {"seconds": together.seconds, "written_bytes": together.written, **together.monitor.result()}


def acp_launch(package: str, jobs: dict[str, Callable[[Job], Result]]) -> None:
    """Do the job on the command line and print its result: one line of JSON, the last on stdout."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # nothing else may write there
    job = json.loads(sys.argv[1])
    result = jobs[job["kind"]](job)
    versions = {name: importlib.metadata.version(name) for name in (package, "inspect_ai")}
    print(json.dumps({**result, "versions": versions}), file=out, flush=True)
