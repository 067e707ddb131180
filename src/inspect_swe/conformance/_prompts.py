"""Behaviours: prompts, and how they reach the model."""

from __future__ import annotations

from inspect_ai.agent import AgentAttempts, as_tool, handoff, react
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageSystem, ChatMessageTool, ChatMessageUser

from ..testing import call, finish, shell, turn
from ._behaviour import behaviour, check
from ._trial import Trial


@behaviour([shell("printf hi > out.txt; pwd"), finish("All done.")], copies=True)
async def basic(trial: Trial) -> None:
    """It runs tools in the sandbox, and its last answer is the output."""
    await trial.run("Please write out.txt.")
    check(await trial.sh("cat out.txt") == "hi", "the model's command did not run in the working directory")
    check("All done." in trial.state.output.completion, f"the output is {trial.state.output.completion!r}")
    check(len(trial.requests) == 2, f"the model was asked {len(trial.requests)} times, not twice")
    check(any("/workspace" in text for text in trial.results), "the tool's result is not in the conversation")
    trial.check_once("Please write out.txt.")


@behaviour([step for n in range(3) for step in (shell(f"echo try-{n}"), finish(f"Attempt {n}."))])
async def attempts(trial: Trial) -> None:
    """Attempts are scored one after the other, in one session."""
    trial.grades = ["I", "I"]
    told = AgentAttempts(attempts=3, incorrect_message="WRONG-TRY-AGAIN")
    await trial.run("THE-TASK-TEXT", attempts=told, system_prompt="SYSTEM-MARKER")
    check(not trial.grades, f"{len(trial.grades)} attempts were not scored")
    check(len(trial.requests) == 6, f"the model was asked {len(trial.requests)} times, not 6 times")
    trial.check_once("THE-TASK-TEXT")
    trial.check_once("SYSTEM-MARKER", trial.requests[-1].messages)
    texts = [message.text for message in trial.requests[-1].messages]
    check(sum("WRONG-TRY-AGAIN" in text for text in texts) == 2, "not every attempt was told that it was wrong")
    for n in range(3):
        check(sum(f"try-{n}" in text for text in trial.results) == 1, f"the result of attempt {n} is not there once")
    check("Attempt 2." in trial.state.output.completion, f"the output is {trial.state.output.completion!r}")


@behaviour([shell("echo 1"), finish("First answer."), shell("echo 2"), finish("Second answer.")])
async def multi_turn(trial: Trial) -> None:
    """Called twice on one state, it goes on in its session."""
    agent = trial.agent(system_prompt="SYSTEM-MARKER")
    await trial.run("FIRST-PROMPT", agent=agent)
    await trial.run("SECOND-PROMPT", agent=agent)
    trial.check_once("FIRST-PROMPT")
    trial.check_once("SECOND-PROMPT")
    trial.check_once("SYSTEM-MARKER", trial.requests[-1].messages)
    asked = [message.text for message in trial.requests[-1].messages]
    check(any("First answer." in text for text in asked), "the second call does not know the first one's answer")
    check("Second answer." in trial.state.output.completion, f"the output is {trial.state.output.completion!r}")


@behaviour([call("transfer_to_coder"), shell("echo x > out.txt"), finish("I wrote it."), call("submit", answer="done")])
async def handed_over(trial: Trial) -> None:
    """Handed a conversation, it works on what the conversation asks for."""
    coder = handoff(trial.agent(), tool_name="transfer_to_coder")
    await trial.run("THE-TASK-TEXT: write out.txt.", agent=react(prompt="You lead.", tools=[coder]))
    check(await trial.sh("cat out.txt") == "x\n", "the agent did not work")
    asked = [message.text for message in trial.requests[1].messages]
    check(any("THE-TASK-TEXT" in text for text in asked), "the task's text did not reach the agent")
    check(any("I wrote it." in message.text for message in trial.state.messages), "its answer was lost")


@behaviour([call("coder", input="SUB-TASK"), shell("echo x > out.txt"), finish("I did."), call("submit", answer="ok")])
async def as_a_tool(trial: Trial) -> None:
    """Called as a tool, it works on the tool's input and returns its answer."""
    coder = as_tool(trial.agent(name="coder", description="Writes code."))
    await trial.run("Have the work done.", agent=react(prompt="You lead.", tools=[coder]))
    check(await trial.sh("cat out.txt") == "x\n", "the agent did not work")
    asked = [message.text for message in trial.requests[1].messages]
    check(any("SUB-TASK" in text for text in asked), "the tool's input did not reach the agent")
    check(any("I did." in text for text in trial.results), f"the tool returned {trial.results}")


@behaviour([shell("echo 1"), shell("echo 2"), finish("Done.")])
async def system_prompt(trial: Trial) -> None:
    """Its own system prompt and the conversation's reach the model once, in every request."""
    prompt: list[ChatMessage] = [ChatMessageSystem(content="FROM-THE-TASK"), ChatMessageUser(content="Do it.")]
    await trial.run(prompt, system_prompt="FROM-THE-AGENT")
    for request in trial.requests:
        trial.check_once("FROM-THE-TASK", request.messages)
        trial.check_once("FROM-THE-AGENT", request.messages)


@behaviour([finish("I read it.")])
async def prompt_of_one_mebibyte(trial: Trial) -> None:
    """A prompt of 1 MiB arrives whole."""
    prompt = "BEGIN " + "0123456789abcdef" * 65534 + "0123456789 THE-END."
    assert len(prompt) <= 1 << 20
    await trial.run(prompt)
    check(any(prompt in message.text for message in trial.requests[0].messages), "the prompt did not arrive whole")


@behaviour([finish("One."), finish("Two."), finish("Three."), finish("Four.")])
async def prompt_like_an_option(trial: Trial) -> None:
    """Prompts that look like an option, a command or a mention arrive as they are."""
    agent = trial.agent()
    for prompt in ("- list item\n--help", "/status returns 500", "!ls is a command", "@README.md says so"):
        await trial.run(prompt, agent=agent)
        asked = trial.requests[-1].messages
        check(any(prompt in message.text for message in asked), f"{prompt!r} did not arrive as it is")


@behaviour(
    [turn(shell("echo ONE-1"), shell("echo TWO-2")), shell("echo THREE-3"), shell("false"), finish("That is all.")]
)
async def root_conversation(trial: Trial) -> None:
    """The final conversation is the whole of it, each message once, each tool call with its result."""
    await trial.run("TASK-TEXT")
    messages = trial.state.messages
    ids = [message.id for message in messages]
    check(len(ids) == len(set(ids)), "messages are there twice")
    calls = [c.id for m in messages if isinstance(m, ChatMessageAssistant) for c in m.tool_calls or []]
    results = [message.tool_call_id for message in messages if isinstance(message, ChatMessageTool)]
    check(len(calls) == len(set(calls)), "tool calls are there twice")
    check(set(calls[:4]) <= set(results), "a tool call has no result")
    check(len(results) == len(set(results)), f"tool results are there twice: {results}")
    for text in ("ONE-1", "TWO-2", "THREE-3"):
        check(sum(text in result for result in trial.results) == 1, f"the result {text!r} is not there once")
    trial.check_once("TASK-TEXT")
    check("That is all." in trial.state.output.completion, f"the output is {trial.state.output.completion!r}")
