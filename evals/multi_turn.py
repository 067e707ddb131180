"""Several turns: an agent that is called again in a sample goes on in its own session.

    inspect eval evals/multi_turn.py
    inspect eval evals/multi_turn.py -T agent=codex_cli --model openai/gpt-5

Without `--model` a script answers the agent's model calls, so it costs nothing. Agents that stay at work between a
user's turns, and can be interrupted, are in interactive.py.
"""

import re

from inspect_ai import Task, task
from inspect_ai.agent import Agent, as_solver
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessageUser
from inspect_ai.solver import Generate, Solver, TaskState, solver

from inspect_swe.testing import ScriptedRequest, Step, finish, register_script, shell
from swe_evals import agent_named, container_with, default_model, file_holds


def write_it_down(request: ScriptedRequest) -> Step:
    """The scripted agent knows the number only if the conversation has it."""
    said = re.search(r"my number is (\d+)", " ".join(message.text for message in request.messages))
    return shell(f"echo {said[1] if said else 'unknown'} > number.txt")


register_script(
    "multi_turn",
    [
        finish("I will remember it."),
        write_it_down,
        finish("I wrote it."),
        shell("awk '{ print 2 * $1 }' number.txt > twice.txt && mv twice.txt number.txt"),
        finish("I doubled it."),
    ],
)


@task
def multi_turn(agent: str = "claude_code") -> Task:
    """A user says one thing after another.

    Args:
        agent: Any agent of this package.
    """
    return Task(
        dataset=[
            Sample(
                input="Remember that my number is 21. Do nothing with it yet.",
                metadata={"turns": ["Write my number into number.txt.", "Now double the number in the file."]},
                target="42",
            )
        ],
        solver=turns(agent_named(agent)),
        scorer=file_holds("number.txt"),
        sandbox=container_with(agent),
        message_limit=50,
        model=default_model("multi_turn"),
    )


@solver
def turns(agent: Agent) -> Solver:
    """Calls an agent with the sample's input, and again with each of its `turns`."""
    work = as_solver(agent)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state = await work(state, generate)
        for text in state.metadata["turns"]:
            state.messages.append(ChatMessageUser(content=text))
            state = await work(state, generate)
        return state

    return solve
