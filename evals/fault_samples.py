"""The faults: what breaks, what the scripted model does meanwhile, and how the run must end. Used by faults.py.

Nothing here is particular to this package's agents: any Inspect agent that runs a CLI can be made to suffer.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from typing import Any

from inspect_ai import Task
from inspect_ai.agent import Agent, as_solver
from inspect_ai.dataset import Sample
from inspect_ai.log._samples import sample_active  # what an operator does in Inspect's display has no public name
from inspect_ai.model import ModelCost, ModelInfo, ModelUsage, set_model_info
from inspect_ai.scorer import includes
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import MCPServerConfigStdio
from inspect_ai.util import (
    Limit,
    SandboxEnvironmentSpec,
    apply_limits,
    cost_limit,
    message_limit,
    sandbox,
    store,
    time_limit,
    token_limit,
)

from inspect_swe.testing import (
    ScriptedRequest,
    ScriptStep,
    Step,
    call,
    cut,
    fail,
    finish,
    refuse,
    scripted,
    shell,
    wait,
)

NOTES = Path(__file__).parent / "mcp_servers"
ANSWER = "All done."
# The process that runs the CLI is the topmost one below the relay.
TOOLS = """#!/bin/sh
cat > /usr/local/bin/kill-above <<'END'
#!/bin/sh
parent() { sed 's/.*) . //; s/ .*//' /proc/$1/stat; }
p=$$
sleep 1  # some CLIs take their time to write what was said
while [ "$(cat /proc/$(parent $p)/comm)" != relay ]; do p=$(parent $p); done
[ "$1" = relay ] && p=$(parent $p)
kill -9 $p
sleep 2
END
cat > /usr/local/bin/eat-memory <<'END'
#!/bin/sh
[ "$1" = relay ] && set -- $(grep -lsx relay /proc/[0-9]*/comm | cut -d/ -f3)
echo 0 > /proc/self/oom_score_adj  # a CLI may have made its tools the first to be killed
for p in "$@"; do echo 1000 > /proc/$p/oom_score_adj; done
exec tail /dev/zero
END
chmod 755 /usr/local/bin/kill-above /usr/local/bin/eat-memory
"""
BROKEN_CLIS = """
cd /usr/local/bin
rm -f claude codex  # may be links to what cannot be written to
for name in claude codex copilot gemini kimi opencode pi qwen; do printf '#!/bin/sh\\nexit 1\\n' > $name; done
# A Python package's command is run by the Python that it names.
printf '#!/usr/local/bin/python3.11\\n' | tee mini > google-antigravity
printf '#!/bin/bash\\n[ "$1 $2" = "-I -c" ] && exec -a "$0" /usr/bin/python3 "$@"\\nexit 1\\n' > python3.11
chmod 755 claude codex copilot gemini kimi opencode pi qwen mini google-antigravity python3.11
"""
SMALL_DISKS = {"tmpfs": [f"{place}:exec,mode=1777,size=48m" for place in ("/workspace", "/var/tmp", "/tmp", "/root")]}
FILL_DISKS = "for d in /workspace /var/tmp /tmp ~; do cat /dev/zero > $d/fill; done 2>/dev/null; echo full"
LITTLE_MEMORY = {"mem_limit": "900m", "memswap_limit": "900m"}


def recovers(request: ScriptedRequest) -> Step:
    """The provider fails until the CLI has been resumed."""
    said = " ".join(message.text for message in request.messages)
    if "interrupted by an error" not in said:
        return fail(503, "try again later")
    return finish(ANSWER)(request)


@dataclass(frozen=True)
class Fault:
    """A fault, and how the run must end.

    Args:
        ends: The error's type, "limit: TYPE", or "done"; where CLIs differ, any of several.
        script: What the model does.
        limits: Limits of the agent's run.
        hurts: What is done to the sample once the file `begun` is there: a command of Docker, or "operator ACTION".
        says: A word of the error's message that names the reason.
        answers: Whether the run is good for the right answer: one that ends otherwise may not be scored as right.
        works: Whether the agent has done something whose trace must be kept.
        servers: The agent's MCP servers.
        options: More of the agent's options.
        service: Changes to the container's compose service.
        setup: What else is done in the container beforehand.
        within: Seconds from the harm until the agent's end.
        apart: Whether it is nothing that a sample could tell of itself.
    """

    ends: str | tuple[str, ...]
    script: Sequence[ScriptStep]
    limits: Callable[[], list[Limit]] = list
    hurts: str | None = None
    says: str = ""
    answers: bool = True
    works: bool = True
    servers: Sequence[MCPServerConfigStdio] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    service: Mapping[str, Any] = field(default_factory=dict)
    setup: str = ""
    within: float = 30
    apart: bool = False


def _works(*steps: ScriptStep) -> list[ScriptStep]:
    # What is kept goes to the model's last answer: the second one has seen the first one's result.
    return [shell("echo WORKED"), shell("true"), *steps]


DONE = finish(ANSWER)
RUNS = shell("touch begun; sleep 4711")
IN_BACKGROUND = shell("setsid sh -c 'sleep 4712 & sleep 4713' >/dev/null 2>&1 & sleep 4714")
MANY = [shell(f"echo WORKED {n}", usage=ModelUsage(input_tokens=9_000, output_tokens=1_000)) for n in range(40)]
NEVER = MCPServerConfigStdio(name="broken", command="false")
NOTES_SERVER = MCPServerConfigStdio(name="notes", command="python3", args=["/opt/notes/server.py"])


def _read_if_offered(request: ScriptedRequest) -> Step:
    """Call a tool of the server that died, unless the CLI has noticed and offers it no more."""
    offered = any("notes" in name for name in request.tool_names)
    return call("notes/read", title="office") if offered else shell("true")


def _provider(status: int, message: str) -> list[ScriptStep]:
    return _works(*[fail(status, message)] * 200)


FAULTS = {
    "none": Fault("done", _works(DONE)),
    # The CLI
    "killed_once": Fault("done", _works(shell("kill-above"), DONE)),
    "killed_always": Fault("AgentCrashError", _works(*[shell("kill-above")] * 9), says="signal 9"),
    "exit_1_without_a_word": Fault(
        "AgentCrashError",
        [DONE],
        options={"version": "sandbox"},
        setup=BROKEN_CLIS,
        works=False,
        says="exit code 1",
    ),
    # The provider
    "provider_400": Fault("ProviderError", _provider(400, "not like that"), says="not like that"),
    "provider_401": Fault("ProviderError", _provider(401, "who are you"), says="who are you"),
    "provider_429": Fault("ProviderRateLimitError", _provider(429, "slow down"), says="slow down"),
    "provider_500": Fault("ProviderError", _provider(500, "exploded"), says="exploded"),
    "provider_529": Fault("ProviderError", _provider(529, "overloaded"), says="overloaded"),
    "provider_quota": Fault("ProviderQuotaError", _provider(429, "insufficient_quota"), says="insufficient_quota"),
    "provider_recovers": Fault("done", _works(*[recovers] * 200)),
    "provider_hangs": Fault("limit: time", _works(wait(4711)), lambda: [time_limit(60)], answers=False),
    "refusal": Fault("done", _works(*[refuse("I will not.")] * 20), answers=False),
    "content_filter": Fault(
        "done", _works(refuse("First I", shell("touch filtered")), *[refuse("I will not.")] * 20), answers=False
    ),
    "output_limit": Fault("done", _works(*[cut("Half of an ans")] * 40), answers=False),
    "cut_calls": Fault("done", _works(*[cut("I will", shell("touch cut"))] * 40), answers=False),
    # Limits
    "message_limit": Fault("limit: message", MANY, lambda: [message_limit(14)], answers=False),
    "token_limit": Fault("limit: token", MANY, lambda: [token_limit(35_000)], answers=False),
    "cost_limit": Fault("limit: cost", MANY, lambda: [cost_limit(0.35)], answers=False),
    "time_limit": Fault("limit: time", _works(*[RUNS] * 9), lambda: [time_limit(60)], answers=False),
    # The operator
    "operator_scores": Fault("limit: operator", _works(RUNS), hurts="operator score", answers=False),
    "operator_fails": Fault("RuntimeError", _works(RUNS), hurts="operator error", says="operator"),
    "operator_cancels": Fault("CancelledError", _works(RUNS), hurts="operator cancel"),
    "host_killed": Fault("nothing", _works(IN_BACKGROUND), apart=True),
    # The sandbox
    "container_killed": Fault("SandboxDiedError", _works(RUNS), hurts="kill", says="exit code 137"),
    "container_stopped": Fault("SandboxDiedError", _works(RUNS), hurts="stop", says="exit code"),
    "container_removed": Fault("SandboxDiedError", _works(RUNS), hurts="rm -f", says="removed"),
    "container_paused": Fault("SandboxDiedError", _works(RUNS), hurts="pause", says="paused"),
    "container_out_of_memory": Fault(
        "SandboxDiedError", _works(shell("eat-memory 1")), service=LITTLE_MEMORY, says="OOM"
    ),
    "relay_killed": Fault("SandboxDiedError", _works(shell("kill-above relay")), says="runs on"),
    "relay_out_of_memory": Fault(
        "SandboxDiedError", _works(shell("eat-memory relay")), service=LITTLE_MEMORY, says="OOM"
    ),
    "tool_out_of_memory": Fault("done", _works(shell("eat-memory self"), DONE), service=LITTLE_MEMORY),
    "disk_full": Fault(
        ("done", "AgentCrashError", "AgentError"),
        _works(shell(FILL_DISKS), shell("echo more > /workspace/more"), DONE),
        service=SMALL_DISKS,
    ),
    # MCP servers
    "server_never_starts": Fault("ToolsMissingError", _works(DONE), servers=[NEVER], works=False, says="broken"),
    "server_dies": Fault(
        "done",
        _works(
            call("notes/search", word="printer"),
            shell("pkill -9 -f '[o]pt/notes/server'"),
            _read_if_offered,
            DONE,
        ),
        servers=[NOTES_SERVER],
    ),
}


def fault_task(
    agents: Mapping[str, Callable[..., Agent]],
    faults: Sequence[str],
    container: Callable[..., SandboxEnvironmentSpec],
    tools: str = TOOLS,
) -> Task:
    """A task with a sample for each agent and fault, named AGENT/FAULT.

    Args:
        agents: What makes each agent, by name.
        faults: Names of faults.
        container: Makes the sandbox of changes to its compose service.
        tools: A script that puts `kill-above` and `eat-memory` into it.
    """
    price = ModelCost(input=10, output=10, input_cache_write=0, input_cache_read=0)
    set_model_info("scripted/faults", ModelInfo(cost=price))
    return Task(
        dataset=[
            Sample(
                id=f"{agent}/{name}",
                input="Do what the script says.",
                target=ANSWER,
                setup=tools + FAULTS[name].setup,
                files={"/opt/notes": str(NOTES)},
                sandbox=container(**FAULTS[name].service) if FAULTS[name].service else None,
            )
            for agent, made in agents.items()
            for name in faults
            if "mcp_servers" in signature(made).parameters or not FAULTS[name].servers
        ],
        solver=suffer(agents),
        cleanup=look_what_is_left,
        scorer=includes(),
        sandbox=container(),
        model=scripted(lambda: FAULTS[str(store().get("fault"))].script, name="faults"),
        fail_on_error=False,
    )


@solver
def suffer(agents: Mapping[str, Callable[..., Agent]]) -> Solver:
    """Runs the agent and breaks what the fault says; all that comes of it is Inspect's."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        agent, name = str(state.sample_id).split("/")
        fault = FAULTS[name]
        container = (await sandbox().connection()).container
        store().set("fault", name)
        store().set("container", container)
        servers = {"mcp_servers": fault.servers} if fault.servers else {}
        made = agents[agent](**fault.options, **servers)
        hurting = asyncio.create_task(_hurt(str(container), fault.hurts)) if fault.hurts else None
        store().set("since", time.monotonic())
        try:
            with apply_limits(fault.limits()):
                return await as_solver(made)(state, generate)
        finally:
            store().set("seconds", time.monotonic() - store().get("since"))
            if hurting:
                hurting.cancel()

    return solve


async def _hurt(container: str, what: str) -> None:
    """Does something to this sample, once the agent's command runs."""
    # Without a slot of `max_subprocesses`: two such samples would hold both, and no other sample could start.
    await sandbox().exec(["sh", "-c", "until [ -e begun ]; do sleep 0.2; done"], concurrency=False)
    store().set("since", time.monotonic())
    kind, _, action = what.partition(" ")
    if kind == "operator":
        active: Any = sample_active()
        active.interrupt(action)
    elif not await docker(*what.split(), container):
        store().set("unhurt", True)


async def look_what_is_left(state: TaskState) -> None:
    """Notes which processes are left, as seen from outside of the sandbox, where nothing has to run for it."""
    container = str(state.store.get("container"))
    if FAULTS[str(state.store.get("fault"))].hurts == "pause":
        await docker("unpause", container)
    left = await processes(container)
    for _ in range(20):
        if left:
            await asyncio.sleep(0.25)
            left = await processes(container)
    state.store.set("left", left)


async def processes(container: str) -> list[str]:
    """What runs in a container besides its own idle process, and Inspect's, if it has put one there."""
    lines = (await docker("top", container, "-eo", "pid,args")).splitlines()[1:]
    running = [line.split(None, 1)[1] for line in lines]
    idle = re.compile(r"/sbin/docker-init|tail -f /dev/null|\S+/inspect-sandbox-tools server")
    return [line for line in running if not idle.match(line)]


async def docker(*arguments: str) -> str:
    """Run a command of Docker; returns what it printed (all those used here do), which is nothing where it failed."""
    nowhere, pipe = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec("docker", *arguments, stdin=nowhere, stdout=pipe, stderr=nowhere)
    try:
        return (await process.communicate())[0].decode()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
