"""Interactive agents in an odd image, with tools whose names the CLIs change: the plants of the conformance task."""

from __future__ import annotations

import contextlib
from pathlib import Path

from inspect_ai.agent import AgentState, BridgedToolsSpec
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import sandbox

from inspect_swe import AgentOptionError
from inspect_swe._agents import ROSTER
from inspect_swe.acp import ACPAgent
from inspect_swe.conformance._prompts import _ODD, _ODD_FILES
from inspect_swe.conformance._tools import _ODD_NAMES, _call_odd, _odd_tool
from inspect_swe.testing import ScriptStep, say, scripted, scripted_requests, shell

from .harness import mounts, run_agent
from .test_acp import AGENTS

ODD = {**_ODD, "LD_PRELOAD": "/opt/odd/absent.so"}
UNSEEN = {adapter.key: adapter.unseen_by_commands for adapter in ROSTER}


def accepted(key: str) -> list[str]:
    """Names of tools that the agent's factory accepts."""
    names = []
    for name in _ODD_NAMES:
        with contextlib.suppress(AgentOptionError):
            AGENTS[key](bridged_tools=[BridgedToolsSpec(name="odd-names", tools=[_odd_tool(name)])])
            names.append(name)
    return names


async def problems(key: str) -> list[str]:
    """What goes wrong in a session of an agent."""
    names = accepted(key)
    steps: list[ScriptStep] = [*map(_call_odd, names), shell(f"env > seen-{key}"), say("Done.")]
    model = scripted(steps)
    tools = [BridgedToolsSpec(name="odd-names", tools=[_odd_tool(name) for name in names])]
    made: ACPAgent = AGENTS[key](model=model, bridged_tools=tools)
    async with made.session(AgentState(messages=[])) as session:
        turn = await session.prompt("Look around.")
    told = [message.text for message in scripted_requests(model)[-1].messages if message.role == "tool"]
    expected = [f"ODD-RESULT-{_ODD_NAMES.index(name)}-42" for name in names]
    found = [f"{text} is not in {told}" for text in expected if not any(text in one for one in told)]
    printed = await sandbox().exec(["cat", f"seen-{key}"])
    seen = dict(line.split("=", 1) for line in printed.stdout.splitlines() if "=" in line)
    found += [f"{name} is {seen.get(name)}" for name, value in ODD.items() if seen.get(name) != value]
    found = [each for each in found if each.split()[0] not in UNSEEN[key]]
    return found + ([] if names and turn.text == "Done." else [f"the turn ended with {turn.text!r}"])


def test_odd_images_and_odd_tools(tmp_path: Path) -> None:
    """All agents, one after the other, in one container."""
    found: dict[str, list[str]] = {}

    @solver
    def drive() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            for key in AGENTS:
                try:
                    found[key] = await problems(key)
                except Exception as error:
                    found[key] = [repr(error)]
            return state

        return solve

    volumes = {each["target"]: each for key in AGENTS for each in mounts(key, "auto")}
    run = run_agent(
        tmp_path,
        AGENTS["opencode"](),
        [],
        solver=drive(),
        setup=_ODD_FILES,
        volumes=[*volumes.values()],
        environment=ODD,
        pids_limit=64,
        ulimits={"nofile": 256},
    )
    assert run.error is None
    assert found == {key: [] for key in AGENTS}
