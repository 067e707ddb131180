"""What becomes of a run when something breaks: one sample for each fault, played with the real CLI in a container.

    inspect eval evals/faults.py
    inspect eval evals/faults.py -T agent=codex_cli
    inspect eval evals/faults.py -T faults=provider_529,killed_once

The model is scripted, so it costs nothing. A sample is correct if the run ended as the documentation says (the section
"What is done about it" of the page on troubleshooting), the conversation was kept, and nothing was left running.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import signature

from inspect_ai import Task, task
from inspect_ai.agent import AgentState
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessageUser, ModelUsage
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import MCPServerConfigStdio
from inspect_ai.util import Limit, apply_limits, message_limit, sandbox, store, time_limit, token_limit

import inspect_swe
from inspect_swe import AgentError
from inspect_swe.testing import ScriptedRequest, ScriptStep, Step, fail, finish, refuse, scripted, shell
from swe_evals import agent_named, container_with

MARK = "sleep 4711"
RUNS = f"touch begun; {MARK}"
# The process that runs the CLI is the topmost one below the relay.
KILLER = """#!/bin/sh
cat > /usr/local/bin/kill-above <<'END'
#!/bin/sh
parent() { sed 's/.*) . //; s/ .*//' /proc/$1/stat; }
p=$$
while [ "$(cat /proc/$(parent $p)/comm)" != relay ]; do p=$(parent $p); done
[ "$1" = relay ] && p=$(parent $p)
kill -9 $p
sleep 2
END
chmod 755 /usr/local/bin/kill-above
"""


def recovers(request: ScriptedRequest) -> Step:
    """The provider fails until the CLI has been resumed."""
    said = " ".join(message.text for message in request.messages)
    if "interrupted by an error" not in said:
        return fail(503, "try again later")
    return finish("Recovered.")(request)


@dataclass(frozen=True)
class Fault:
    """A fault, and how the run must end.

    Args:
        ends: Type of the error, "limit: TYPE", or "done".
        script: What the model does.
        limit: Limits of the agent's run.
        meanwhile: What is done to the container once the file `begun` is there: a command of Docker.
        broken_server: Whether the agent is given an MCP server that never starts.
    """

    ends: str
    script: Sequence[ScriptStep]
    limit: Callable[[], Limit] | None = None
    meanwhile: str | None = None
    broken_server: bool = False


def _after_a_command(*steps: ScriptStep) -> list[ScriptStep]:
    return [shell("echo WORKED"), shell("true"), *steps]


MANY = [shell(f"echo WORKED {n}", usage=ModelUsage(input_tokens=9_000, output_tokens=1_000)) for n in range(40)]
FAULTS = {
    "none": Fault("done", _after_a_command(finish("Done."))),
    "killed_once": Fault("done", _after_a_command(shell("kill-above"), finish("Done."))),
    "killed_always": Fault("AgentCrashError", _after_a_command(*[shell("kill-above")] * 9)),
    "provider_400": Fault("ProviderError", _after_a_command(*[fail(400, "not like that")] * 200)),
    "provider_401": Fault("ProviderError", _after_a_command(*[fail(401, "who are you")] * 200)),
    "provider_429": Fault("ProviderRateLimitError", _after_a_command(*[fail(429, "slow down")] * 200)),
    "provider_500": Fault("ProviderError", _after_a_command(*[fail(500, "exploded")] * 200)),
    "provider_529": Fault("ProviderError", _after_a_command(*[fail(529, "overloaded")] * 200)),
    "provider_quota": Fault("ProviderQuotaError", _after_a_command(*[fail(429, "insufficient_quota")] * 200)),
    "provider_recovers": Fault("done", _after_a_command(*[recovers] * 200)),
    "refusal": Fault("done", _after_a_command(*[refuse("I will not.")] * 20)),
    "message_limit": Fault("limit: message", MANY, lambda: message_limit(14)),
    "token_limit": Fault("limit: token", MANY, lambda: token_limit(35_000)),
    "time_limit": Fault("limit: time", _after_a_command(*[shell(RUNS)] * 9), lambda: time_limit(20)),
    "relay_killed": Fault("SandboxDiedError", _after_a_command(shell("kill-above relay"))),
    "container_killed": Fault("SandboxDiedError", _after_a_command(shell(RUNS)), meanwhile="kill"),
    "server_never_starts": Fault("ToolsMissingError", _after_a_command(finish("Done.")), broken_server=True),
}


@task
def faults(agent: str = "claude_code", faults: str | list[str] | None = None) -> Task:
    """What becomes of a run when something breaks.

    Args:
        agent: Any agent of this package.
        faults: Names of faults, separated by commas (default: all).
    """
    names = [faults] if isinstance(faults, str) else faults or [*FAULTS]
    if "mcp_servers" not in signature(getattr(inspect_swe, agent)).parameters:
        names = [name for name in names if not FAULTS[name].broken_server]
    return Task(
        dataset=[Sample(id=name, input="Do what the script says.", setup=KILLER) for name in names],
        solver=suffer(agent),
        scorer=ends_as_it_must(),
        sandbox=container_with(agent),
        model=scripted(lambda: FAULTS[str(store().get("fault"))].script, name="faults"),
    )


@solver
def suffer(agent: str) -> Solver:
    """Runs the agent, breaks what the fault says, and notes how it ended."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        store().set("fault", state.sample_id)
        fault = FAULTS[str(state.sample_id)]
        server = MCPServerConfigStdio(name="broken", command="false")
        made = agent_named(agent, **({"mcp_servers": [server]} if fault.broken_server else {}))
        conversation = AgentState(messages=[ChatMessageUser(content=state.input_text)])
        hurting = asyncio.create_task(_hurt(fault.meanwhile)) if fault.meanwhile else None
        ends = "done"
        with apply_limits([fault.limit()] if fault.limit else [], catch_errors=True) as scope:
            try:
                conversation = await made(conversation)
            except AgentError as error:
                ends = type(error).__name__
        if hurting:
            hurting.cancel()
        if scope.limit_error:
            ends = f"limit: {scope.limit_error.type}"
        state.messages, state.output = conversation.messages, conversation.output
        store().set("ends", ends)
        store().set("left", [] if ends == "SandboxDiedError" and fault.meanwhile else await _left())
        return state

    return solve


async def _hurt(command: str) -> None:
    """Does something to this sample's container, once the agent's command runs."""
    await sandbox().exec(["sh", "-c", "until [ -e begun ]; do sleep 0.2; done"])
    container = (await sandbox().connection()).container
    process = await asyncio.create_subprocess_exec("docker", command, str(container), stdout=asyncio.subprocess.DEVNULL)
    await process.wait()


async def _left() -> list[str]:
    """The processes that are left besides the container's own, this look at them, and the one that kills."""
    done = await sandbox().exec(["ps", "-eo", "args"])
    own = ("COMMAND", "/sbin/docker-init", "tail -f /dev/null", "ps -eo args", "sleep 2", "sh /usr/local/bin/kill")
    return [line for line in done.stdout.splitlines() if not line.startswith(own)]


@scorer(metrics=[accuracy()])
def ends_as_it_must() -> Scorer:
    """Correct if the run ended as it must, its conversation was kept, and nothing was left running."""

    async def score(state: TaskState, target: Target) -> Score:
        fault = FAULTS[str(state.sample_id)]
        ends, left = store().get("ends"), store().get("left")
        kept = any("WORKED" in message.text for message in state.messages if message.role == "tool")
        wrong = [
            *([f"it ended with {ends}, not with {fault.ends}"] if ends != fault.ends else []),
            *([] if kept or fault.broken_server else ["the conversation was lost"]),
            *([f"left running: {left}"] if left else []),
        ]
        return Score(value=INCORRECT if wrong else CORRECT, answer=ends, explanation="; ".join(wrong) or None)

    return score
