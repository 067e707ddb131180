"""Interactive agents: scripted user turns, a user who interrupts, and a session that goes on in another sandbox.

    inspect eval evals/interactive.py@scripted_turns
    inspect eval evals/interactive.py@objecting_user
    inspect eval evals/interactive.py@resumed

Without `--model` scripts answer all model calls, so they cost nothing; name real models to see real agents at work
(`--model anthropic/claude-sonnet-4-5 --model-role user=openai/gpt-5`). `-T agent=claude_code` names another agent,
and `-T sandbox=local` runs it without Docker.
"""

import anyio
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessage, ChatMessageSystem, ChatMessageUser, get_model
from inspect_ai.scorer import includes
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import SandboxEnvironmentType

import inspect_swe
from inspect_swe import ACPAgent
from inspect_swe.acp import Prompt, SavedSession, ToolProgress, ToolStarted
from inspect_swe.testing import ScriptedRequest, Step, register_script, say, shell
from swe_evals import container_with, default_model, file_holds

USER = """You are the user of a coding agent, and want this of it, though you may not have told it yet: {wish}
You are shown what it does while it works. Answer with OK to let it go on; or with what it shall do instead, which
interrupts it, if what it does is not what you want."""
MOST_OBJECTIONS = 3
PATIENCE = 1800
"""Seconds that the second sample waits for the first."""


def judge(request: ScriptedRequest) -> Step:
    """The scripted user: an English greeting is not what they want."""
    return say("Stop. Write this: Bonjour" if "Hello" in request.messages[-1].text else "OK")


def recall(request: ScriptedRequest) -> Step:
    """The scripted agent knows the cat's name if the conversation has it."""
    return say("Walrus" if any("named Walrus" in message.text for message in request.messages) else "I don't know.")


register_script(
    "scripted_turns",
    [
        shell("echo 17 > number.txt"),
        say("I wrote it."),
        shell("awk '{ print 2 * $1 }' number.txt > new.txt && mv new.txt number.txt"),
        say("I doubled it."),
        shell("awk '{ print 8 + $1 }' number.txt > new.txt && mv new.txt number.txt"),
        say("I added 8."),
    ],
)
register_script(
    "objecting_user",
    [
        shell("sleep 60; echo Hello > greeting.txt"),
        shell("echo Bonjour > greeting.txt"),
        say("I wrote Bonjour instead."),
    ],
)
register_script("objecting_user_role", [judge] * 20)
register_script("resumed", [recall])


@task
def scripted_turns(agent: str = "gemini_cli", sandbox: str = "docker") -> Task:
    """A user says one thing after another, whatever the agent answers.

    Args:
        agent: claude_code, codex_cli, copilot_cli, gemini_cli, kimi_code or opencode.
        sandbox: "docker", or "local" to run on this machine without a container.
    """
    return Task(
        dataset=[
            Sample(
                input="Write the number 17 into number.txt.",
                metadata={"turns": ["Double the number in the file.", "And now add 8 to it."]},
                target="42",
            )
        ],
        solver=say_in_turn(agent),
        scorer=file_holds("number.txt"),
        sandbox=place(agent, sandbox),
        model=default_model("scripted_turns"),
    )


@task
def objecting_user(agent: str = "gemini_cli", sandbox: str = "docker") -> Task:
    """A user, played by the model role "user", sees what the agent does and interrupts it.

    Args:
        agent: claude_code, codex_cli, copilot_cli, gemini_cli, kimi_code or opencode.
        sandbox: "docker", or "local" to run on this machine without a container.
    """
    return Task(
        dataset=[
            Sample(
                input="Write a greeting into greeting.txt: one word, and nothing else.",
                metadata={"wish": "The greeting is French, so the file must hold exactly this: Bonjour"},
                target="Bonjour",
            )
        ],
        solver=watch(agent),
        scorer=file_holds("greeting.txt"),
        sandbox=place(agent, sandbox),
        model=default_model("objecting_user"),
    )


@task
def resumed(agent: str = "gemini_cli", sandbox: str = "docker") -> Task:
    """The second sample goes on, in a sandbox of its own, with the session that the first has saved.

    Args:
        agent: claude_code, codex_cli, copilot_cli, gemini_cli, kimi_code or opencode.
        sandbox: "docker", or "local" to run on this machine without a container.
    """
    return Task(
        dataset=[
            Sample(id="first", input="My cat is named Walrus. Answer with her name.", target="Walrus"),
            Sample(id="second", input="What is my cat's name? Answer with her name.", target="Walrus"),
        ],
        solver=go_on(agent),
        scorer=includes(),
        sandbox=place(agent, sandbox),
        model=default_model("resumed"),
    )


def made(agent: str) -> ACPAgent:
    """The interactive agent of a name."""
    agent_of_name: ACPAgent = getattr(inspect_swe, f"interactive_{agent}")()
    return agent_of_name


def place(agent: str, sandbox: str) -> SandboxEnvironmentType:
    """The sandbox; in a container the agent's CLI is mounted."""
    return container_with(f"interactive_{agent}") if sandbox == "docker" else sandbox


@solver
def say_in_turn(agent: str) -> Solver:
    """Prompts the agent with the sample's input, and then with each of its `turns`."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        async with made(agent).session(state) as session:
            for text in [state.input_text, *state.metadata["turns"]]:
                await session.prompt(text)
        return state

    return solve


@solver
def watch(agent: str) -> Solver:
    """Shows the user model each tool call as it is made; an objection interrupts the turn and is the next prompt."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        user = User(state.metadata["wish"])
        async with made(agent).session(state) as session:
            objection: str | None = state.input_text
            for _ in range(1 + MOST_OBJECTIONS):
                if objection is None:
                    break
                objection = await user.objects(session.prompt(objection))
        return state

    return solve


class User:
    """A user who is a model."""

    def __init__(self, wish: str) -> None:
        self._model = get_model(role="user", default="scripted/objecting_user_role")
        self._said: list[ChatMessage] = [ChatMessageSystem(content=USER.format(wish=wish))]

    async def objects(self, prompt: Prompt) -> str | None:
        """Watches a turn; what the user says to interrupt it, or None once it has ended without that."""
        shown: set[str] = set()
        async for event in prompt:
            # Some agents name the tool first, and only then say what it does.
            if isinstance(event, ToolStarted | ToolProgress) and event.title and event.title not in shown:
                shown.add(event.title)
                answer = await self._sees(f"It calls a tool: {event.title}")
                if answer != "OK":
                    return answer  # Leaving the loop cancels the turn.
        return None

    async def _sees(self, what: str) -> str:
        self._said.append(ChatMessageUser(content=what))
        output = await self._model.generate(self._said)
        self._said.append(output.message)
        return output.completion.strip().removesuffix(".")


@solver
def go_on(agent: str) -> Solver:
    """Saves the session of the sample "first", and goes on with it in the sample "second"."""
    saved: dict[int, SavedSession] = {}
    ended: dict[int, anyio.Event] = {}

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        over = ended.setdefault(state.epoch, anyio.Event())
        if state.sample_id == "second":
            with anyio.fail_after(PATIENCE):
                await over.wait()
            async with made(agent).session(state, resume=saved[state.epoch]) as session:
                await session.prompt(state.input_text)
            return state
        try:
            async with made(agent).session(state) as session:
                await session.prompt(state.input_text)
                saved[state.epoch] = await session.save()
        finally:
            over.set()
        return state

    return solve
