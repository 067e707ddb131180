"""What a run looks like in the log: events, spans and their order, with the real CLIs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from inspect_ai.agent import AgentAttempts, AgentBridgeContext, current_agent_bridge_context, is_root_agent
from inspect_ai.event import InfoEvent, ModelEvent, ScoreEvent, SpanBeginEvent, ToolEvent
from inspect_ai.model import ChatMessage, GenerateConfig, GenerateFilter, Model
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import TaskState
from inspect_ai.tool import ToolInfo
from inspect_ai.util import sandbox

import inspect_swe
from inspect_swe import claude_code
from inspect_swe._export import export
from inspect_swe.testing import ScriptedRequest, ScriptStep, Step, call, say, shell, turn

from ..export.validator import valid_trajectories
from .harness import Run, compose_file, mounts, run_agent, run_agents

TASK = "Count the files in the working directory."
NAMES = ("one", "two", "three", "four")


def events(run: Run, kind: Any) -> list[Any]:
    return [event for event in run.sample.events if isinstance(event, kind)]


def command_of(event: ToolEvent) -> str:
    return str(
        next((event.arguments[key] for key in ("command", "cmd", "CommandLine") if key in event.arguments), None)
    )


@scorer(metrics=[accuracy()])
def holds_42() -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        text = (await sandbox().exec(["cat", "out.txt"])).stdout.strip()
        return Score(value=CORRECT if text == "42" else INCORRECT, answer=text)

    return score


def test_attempts_are_spans_with_their_scores(tmp_path: Path) -> None:
    steps: list[ScriptStep] = [
        shell("echo 40 > out.txt"),
        say("40"),
        shell("echo 42 > out.txt"),
        say("42"),
        say("never"),
    ]
    run = run_agent(tmp_path, claude_code(attempts=AgentAttempts(3)), steps, scorer=holds_42())
    assert run.error is None
    assert [message.text for message in run.requests[-1].messages if message.text == "40"] == ["40"]
    attempts = [event for event in events(run, SpanBeginEvent) if event.type == "attempt"]
    assert [event.name for event in attempts] == ["attempt 1", "attempt 2"]
    ids = [event.id for event in attempts]
    assert [event.span_id for event in events(run, ToolEvent)] == ids
    scores = [(event.span_id, event.score.value) for event in events(run, ScoreEvent) if event.intermediate]
    assert scores == list(zip(ids, ("I", "C"), strict=True))
    (info,) = [event for event in events(run, InfoEvent) if event.source == "inspect_swe"]
    order = run.sample.events
    assert order.index(info) < order.index(attempts[0]), "what runs is said first"
    assert info.span_id == attempts[0].parent_id
    assert info.data["setup"].keys() == {"find_seconds", "place_seconds", "copied_bytes"}


def delegated_to(request: ScriptedRequest) -> str | None:
    """Which sub-agent asks: its task's name."""
    said = [message.text for message in request.messages if message.role == "user"]
    return next((name for name in NAMES if any(f"{TASK} ({name})" in text for text in said)), None)


def delegate(request: ScriptedRequest) -> Step:
    """Hand out work: one task, two at once, one in the background (where the CLI has such a thing)."""
    answered = [message for message in request.messages if message.role == "assistant"]
    if name := delegated_to(request):
        return say(f"{name} is done.") if answered else shell(f"echo {name}")
    offered = {tool.name for tool in request.tools}
    results = [message.text for message in request.messages if message.role == "tool"]
    if "Agent" in offered:
        common: dict[str, Any] = {"description": "Count", "subagent_type": "general-purpose"}
        one, two, three, four = (
            call("Agent", prompt=f"{TASK} ({name})", run_in_background=name == "four", **common) for name in NAMES
        )
        steps: list[Step] = [one, turn(two, three), four, shell("sleep 3")]
    elif "read_agent" in offered:
        common = {"description": "Count", "agent_type": "general-purpose", "mode": "sync"}
        one, two, three, _ = (call("task", prompt=f"{TASK} ({name})", name=name, **common) for name in NAMES)
        steps = [one, turn(two, three)]
    elif "task" in offered:
        one, two, three, _ = (
            call("task", description="Count", prompt=f"{TASK} ({name})", subagent_type="general") for name in NAMES
        )
        steps = [one, turn(two, three)]
    else:
        one, two, three, _ = (call("spawn_agent", message=f"{TASK} ({name})") for name in NAMES)
        ids = [json.loads(result)["agent_id"] for result in results if "agent_id" in result]
        wait_for = [call("wait_agent", targets=[each], timeout_ms=20_000) for each in ids]
        steps = [one, *wait_for[:1], turn(two, three), *wait_for[1:]]
    return steps[len(answered)] if len(answered) < len(steps) else say("All is done.")


class Watched(NamedTuple):
    """A request, as a filter sees it."""

    delegated: str | None
    has_tools: bool
    context: AgentBridgeContext | None
    is_root: bool


def watch(requests: list[Watched]) -> GenerateFilter:
    async def look(
        model: Model, messages: list[ChatMessage], tools: list[ToolInfo], choice: Any, config: GenerateConfig
    ) -> None:
        texts = [message.text for message in messages if message.role == "user"]
        name = next((name for name in NAMES if any(f"{TASK} ({name})" in text for text in texts)), None)
        requests.append(Watched(name, bool(tools), current_agent_bridge_context(), is_root_agent()))

    return look


def check_senders(requests: list[Watched]) -> None:
    """Check who sent each request: the agent itself, one of its sub-agents, or the CLI for a title."""
    ids: dict[str, set[str | None]] = {}
    for request in requests:
        assert request.context is not None
        if request.delegated and request.has_tools:
            assert (request.context.kind, request.is_root) == ("subagent", False), request
            ids.setdefault(request.delegated, set()).add(request.context.subagent_id)
        elif request.has_tools:
            assert (request.context.kind, request.is_root) == ("root", True), request
        else:
            assert (request.context.kind, request.is_root) == ("utility", False), request
    assert all(len(each) == 1 and None not in each for each in ids.values()), ids
    assert len(set().union(*ids.values())) == len(ids) > 2


def test_sub_agents(tmp_path: Path) -> None:
    keys = {"claude_code": NAMES, "codex_cli": NAMES[:3], "copilot_cli": NAMES[:3], "opencode": NAMES[:3]}
    volumes = {str(mount): mount for key in keys for mount in mounts(key, "stable")}
    requests: dict[str, list[Watched]] = {key: [] for key in keys}
    runs = run_agents(
        tmp_path,
        {key: getattr(inspect_swe, key)(filter=watch(requests[key])) for key in keys},
        [delegate] * 30,
        ("lean_test", compose_file(tmp_path, volumes=list(volumes.values()))),
    )
    for key, run in runs.items():
        assert run.error is None, f"{key}: {run.error}"
        check_senders(requests[key])
        calls = [event for event in events(run, ToolEvent) if TASK in str(event.arguments)]
        begun = {event.id: event for event in events(run, SpanBeginEvent)}
        assert len(calls) == len(keys[key]), key
        for delegated, name in zip(calls, keys[key], strict=True):
            assert name in str(delegated.arguments), key
            assert delegated.agent_span_id, (key, name)
            inside = begun[delegated.agent_span_id]
            assert (inside.type, inside.parent_id) == ("agent", delegated.span_id), (key, name)
            ran = [event for event in events(run, ToolEvent) if event.span_id == inside.id]
            assert [command_of(event) for event in ran] == [f"echo {name}"], (key, name)
            asked = [event for event in events(run, ModelEvent) if event.span_id == inside.id]
            assert [event.output.completion for event in asked][1:] == [f"{name} is done."], (key, name)
        root = [event for event in events(run, ModelEvent) if event.span_id == calls[0].span_id]
        conversation = [message for message in run.sample.messages if message.role == "assistant"]
        assert conversation[-1].text == run.sample.output.completion == "All is done.", key
        # Codex tells the model of a sub-agent that has ended, even after the end of its turn.
        assert len(conversation) == len(root), key
        assert not any(f"echo {name}" in str(message.tool_calls) for message in conversation for name in NAMES), key


def output_events(run: Run) -> list[dict[str, str]]:
    """What the CLI printed, launch by launch: strings of that length are attachments."""
    told = [event.data for event in events(run, InfoEvent) if event.data.get("event") == "output"]
    return [
        {name: run.sample.attachments[data[name][len("attachment://") :]] for name in ("stdout", "stderr")}
        for data in told
    ]


def test_debug_keeps_the_output_of_each_launch(tmp_path: Path) -> None:
    agent = claude_code(debug=True, env={"MY_KEY": "very-secret"})
    run = run_agent(tmp_path, agent, [shell("echo $MY_KEY"), shell("kill -9 $PPID"), say("done")])
    assert run.error is None
    first, second = output_events(run)
    assert '"subtype":"init"' in first["stdout"] and "***" in first["stdout"] and "very-secret" not in first["stdout"]
    assert '"subtype":"init"' in second["stdout"] and "[DEBUG]" in second["stderr"]
    _, killed = events(run, ToolEvent)
    # Whether Claude Code tells its death as the call's result depends on how much of its session it had written.
    assert killed.completed is not None and killed.error.type in ("cancelled", "unknown")


def test_a_limit_while_a_command_runs(tmp_path: Path) -> None:
    run = run_agent(tmp_path, claude_code(debug=True), [shell("echo begin; sleep 99")], task={"time_limit": 12})
    assert run.sample.limit and run.sample.limit.type == "time"
    (waiting,) = events(run, ToolEvent)
    assert waiting.error.type == "cancelled" and waiting.completed and waiting.working_time > 1
    (output,) = output_events(run)
    assert "sleep 99" in output["stdout"]
    (exported,) = export(run.log.location, "atif", tmp_path / "atif")
    assert exported.path and Path(exported.path).parent == tmp_path / "atif"
    (trajectory,) = valid_trajectories(tmp_path / "atif").values()
    assert trajectory["notes"] == "The sample exceeded its time limit."
    assert [each["function_name"] for each in trajectory["steps"][-1]["tool_calls"]] == ["Bash"]
