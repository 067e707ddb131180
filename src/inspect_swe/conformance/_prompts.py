"""Behaviours: prompts, and how they reach the model."""

from __future__ import annotations

from inspect_ai.agent import AgentAttempts, as_tool, handoff, react
from inspect_ai.event import ModelEvent, ToolEvent
from inspect_ai.log import transcript
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageSystem, ChatMessageTool, ChatMessageUser

from ..testing import call, finish, shell, turn
from ._behaviour import behaviour, check
from ._identity import BEHAVIOURS as ABOUT_IDS
from ._identity import judge_ids, server_ids
from ._trial import Trial

_OUTPUTS = {"printf hi > out.txt; pwd; sleep 1": "/workspace", "echo TWO-2": "TWO-2", "echo THREE-3": "THREE-3"}
_FIRST, _SECOND, _THIRD = (shell(command) for command in _OUTPUTS)


@behaviour(
    [
        turn(_FIRST, _SECOND),
        _THIRD,
        shell("false"),
        finish("All done."),
    ],
    also={
        "system_prompt": "Every request contains the agent's system prompt and the conversation's, each once.",
        "root_conversation": "The returned conversation is complete: each message once, and each call with its result.",
        "tool_events": "The transcript contains each call once, as a tool event with its command, result and duration.",
    },
)
async def basic(trial: Trial) -> None:
    """The agent runs tools in the sandbox, and its last answer is the output."""
    task: list[ChatMessage] = [ChatMessageSystem(content="FROM-THE-TASK"), ChatMessageUser(content="Write out.txt.")]
    await trial.run(task, system_prompt="FROM-THE-AGENT")
    with trial.judging("system_prompt"):
        for request in trial.requests:
            trial.check_once("FROM-THE-TASK", request.messages)
            trial.check_once("FROM-THE-AGENT", request.messages)
    with trial.judging("root_conversation"):
        _check_complete(trial)
    with trial.judging("tool_events"):
        _check_tool_events()
    check(await trial.sh("cat out.txt") == "hi", "the model's command did not run in the working directory")
    check("All done." in trial.state.output.completion, f"the output is {trial.state.output.completion!r}")
    check(len(trial.requests) == 4, f"the model was called {len(trial.requests)} times, not 4 times")
    check(any("/workspace" in text for text in trial.results), "the tool's result is not in the conversation")
    trial.check_once("Write out.txt.")


def _check_complete(trial: Trial) -> None:
    messages = trial.state.messages
    ids = [message.id for message in messages]
    check(len(ids) == len(set(ids)), "the conversation contains messages twice")
    calls = [c.id for m in messages if isinstance(m, ChatMessageAssistant) for c in m.tool_calls or []]
    results = [message.tool_call_id for message in messages if isinstance(message, ChatMessageTool)]
    check(len(calls) == len(set(calls)), "the conversation contains tool calls twice")
    check(set(calls[:4]) <= set(results), "a tool call has no result")
    check(len(results) == len(set(results)), f"the conversation contains tool results twice: {results}")
    for text in _OUTPUTS.values():
        check(sum(text in result for result in trial.results) == 1, f"the result {text!r} does not occur exactly once")


def _check_tool_events() -> None:
    tool_events = _tool_events()
    check(len(tool_events) >= 4, f"there are only {len(tool_events)} tool events")
    for event, (command, output) in zip(tool_events, _OUTPUTS.items(), strict=False):
        check(event.view and command in event.view.content, f"{command!r} is not shown in {event.view}")
        check(output in str(event.result) and event.error is None, f"{command!r} has the result {event.result!r}")
        check(event.completed and event.pending is None, f"the event of {command!r} has not ended")
        seconds = (event.completed - event.timestamp).total_seconds() if event.completed else 0
        check(seconds >= ("sleep" in command), f"{command!r} took {seconds} seconds")
        check(
            abs((event.working_time or 0) - seconds) < 0.5,
            f"{command!r} has a working time of {event.working_time} s in {seconds} s",
        )


def _tool_events() -> list[ToolEvent]:
    """Return the transcript's tool events, each with its own call, even after the conversation was sent again."""
    events = transcript().events
    answers = [event for event in events if isinstance(event, ModelEvent)]
    ran = [event for event in events if isinstance(event, ToolEvent)]
    check(len({event.id for event in ran}) == len(ran), "the transcript contains tool events twice")
    call_ids = {call.id for event in answers for call in event.output.message.tool_calls or []}
    new = {message.tool_call_id for event in answers for message in event.input[-2:] if message.role == "tool"}
    check({event.id for event in ran} | new <= call_ids, "the log viewer would show results twice")
    return ran


_STRICT = {
    "user": "4242:4242",
    "read_only": True,
    "tmpfs": ["/tmp:exec,mode=1777"],
    "working_dir": "/tmp",
}


@behaviour(
    [step for n in range(3) for step in (shell(f"id -u >> users; echo try-{n}"), finish(f"Attempt {n}."))],
    service=_STRICT,
    copies=True,
    also={
        "container_user": "The agent runs in a container whose user is not root and has no name.",
        "read_only_root": "The agent runs, and continues after an attempt, in a container where only /tmp is writable.",
    },
)
async def attempts(trial: Trial) -> None:
    """Attempts are scored one after the other, in one session."""
    trial.grades = ["I", "I"]
    options = AgentAttempts(attempts=3, incorrect_message="WRONG-TRY-AGAIN")
    await trial.run("THE-TASK-TEXT", attempts=options, system_prompt="SYSTEM-MARKER")
    users = (await trial.sh("cat users")).split()
    with trial.judging("container_user"):
        check({*users} == {"4242"}, f"it ran as the users {users}, not as the container's")
    with trial.judging("read_only_root"):
        check(len(users) == 3, f"{len(users)} attempts wrote their file, not 3")
    check(not trial.grades, f"{len(trial.grades)} attempts were not scored")
    check(len(trial.requests) == 6, f"the model was called {len(trial.requests)} times, not 6 times")
    trial.check_once("THE-TASK-TEXT")
    trial.check_once("SYSTEM-MARKER", trial.requests[-1].messages)
    texts = [message.text for message in trial.requests[-1].messages]
    check(
        sum("WRONG-TRY-AGAIN" in text for text in texts) == 2, "not every failed attempt received the message about it"
    )
    for n in range(3):
        check(
            sum(f"try-{n}" in text for text in trial.results) == 1,
            f"the result of attempt {n} does not occur exactly once",
        )
    check(len(_tool_events()) >= 3, "the transcript lacks tool events of attempts")
    check("Attempt 2." in trial.state.output.completion, f"the output is {trial.state.output.completion!r}")


_PROMPTS = ("- list item\n--help", "/status returns 500", "!ls is a command\n@README.md says so")


# Qwen Code repeats the command in its result, and Gemini CLI rejects substitutions.
_ECHOES = {f"printf NUMBER-%s {number}": f"NUMBER-{number}" for number in range(1, 6)}
_ONE, _TWO, _THREE, _FOUR, _FIVE = (shell(command) for command in _ECHOES)


@behaviour(
    [
        turn(_ONE, _TWO),
        _THREE,
        finish("First answer."),
        turn(_FOUR, _FIVE),
        finish("Second answer."),
        finish("3."),
    ],
    also={
        "prompt_like_an_option": "Prompts that look like an option, a command or a mention reach the model unchanged.",
        **ABOUT_IDS,
    },
    call_ids=server_ids,
)
async def multi_turn(trial: Trial) -> None:
    """Called several times with the same state, the agent resumes its session."""
    agent = trial.agent(system_prompt="SYSTEM-MARKER")
    with trial.judging("prompt_like_an_option"):
        for prompt in _PROMPTS:
            await trial.run(prompt, agent=agent)
            messages = trial.requests[-1].messages
            check(any(prompt in message.text for message in messages), f"{prompt!r} did not reach the model unchanged")
    judge_ids(trial, _ECHOES)
    check(len(trial.requests) == 6, f"the model was called {len(trial.requests)} times, not 6 times")
    for prompt in _PROMPTS:
        trial.check_once(prompt)
    trial.check_once("SYSTEM-MARKER", trial.requests[-1].messages)
    for answer in ("First answer.", "Second answer."):
        texts = [message.text for message in trial.requests[-1].messages]
        check(any(answer in text for text in texts), f"the last request lacks the answer {answer!r}")
    check("3." in trial.state.output.completion, f"the output is {trial.state.output.completion!r}")


# Variables that break programs that read them: the named files are missing, or are no libraries or modules.
_ODD = {
    "BASH_ENV": "/opt/odd/printing",
    "BUN_OPTIONS": "--preload=/opt/odd/absent.js",
    "CDPATH": "/opt",
    "ENV": "/opt/odd/printing",
    "LD_LIBRARY_PATH": "/opt/odd",
    "NODE_OPTIONS": "--require=/opt/odd/absent.cjs",
    "NODE_PATH": "/opt/odd",
    "PYTHONHOME": "/opt/odd",
    "PYTHONPATH": "/opt/odd",
    "TMPDIR": "/opt/odd/absent",
}
_ODD_FILES = r"""#!/bin/sh
mkdir -p /opt/odd
echo 'echo PRINTED' >/opt/odd/printing
for file in /etc/profile ~/.bashrc ~/.profile ~/.bash_profile; do printf 'echo PRINTED\nexit 3\n' >"$file"; done
for name in libstdc++.so.6 libatomic.so.1; do : >"/opt/odd/$name"; done
for name in json os re; do echo 'raise SystemExit(3)' >"/opt/odd/$name.py"; done
"""


@behaviour(
    [
        call("transfer_to_coder"),
        shell("echo x > out.txt; env > seen"),
        finish("I wrote it."),
        call("submit", answer="done"),
    ],
    lead=("submit", "transfer_to_coder"),
    setup=_ODD_FILES,
    service={"environment": _ODD, "pids_limit": 64, "ulimits": {"nofile": 256}},
    also={
        "odd_environment": "Profiles that exit, and variables of the image that break programs, don't affect the CLI; "
        "its commands receive the variables. It runs with 256 open files and 64 processes.",
    },
)
async def handed_over(trial: Trial) -> None:
    """After a handoff, the agent does what the conversation asks for."""
    coder = handoff(trial.agent(), tool_name="transfer_to_coder")
    await trial.run("THE-TASK-TEXT: write out.txt.", agent=react(prompt="You lead.", tools=[coder]))
    check(await trial.sh("cat out.txt") == "x\n", "the agent did not work")
    with trial.judging("odd_environment"):
        seen = dict(line.split("=", 1) for line in (await trial.sh("cat seen")).splitlines() if "=" in line)
        unseen = trial.adapter.unseen_by_commands if trial.adapter else frozenset()
        lost = [name for name, value in _ODD.items() if seen.get(name) != value and name not in unseen]
        check(not lost, f"these variables differ in the agent's command: {', '.join(lost)}")
    texts = [message.text for message in trial.requests[1].messages]
    check(any("THE-TASK-TEXT" in text for text in texts), "the task's text did not reach the agent")
    check(any("I wrote it." in message.text for message in trial.state.messages), "the agent's answer is missing")


@behaviour(
    [call("coder", input="SUB-TASK"), shell("echo x > out.txt"), finish("I did."), call("submit", answer="ok")],
    lead=("coder", "submit"),
)
async def as_a_tool(trial: Trial) -> None:
    """Called as a tool, the agent works on the tool's input and returns its answer."""
    coder = as_tool(trial.agent(name="coder", description="Writes code."))
    await trial.run("Delegate the work.", agent=react(prompt="You lead.", tools=[coder]))
    check(await trial.sh("cat out.txt") == "x\n", "the agent did not work")
    texts = [message.text for message in trial.requests[1].messages]
    check(any("SUB-TASK" in text for text in texts), "the tool's input did not reach the agent")
    check(any("I did." in text for text in trial.results), f"the tool returned {trial.results}")
