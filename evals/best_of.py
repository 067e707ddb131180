"""Best of several agents: all work on the same task at once, the task's scorer judges, and the best one's work counts.

    inspect eval evals/best_of.py
    inspect eval evals/best_of.py -T agents=claude_code,codex_cli,gemini_cli --model openai/gpt-5

Without `--model` a script answers the agents' model calls, so it costs nothing. What Claude Code writes then is worse.
"""

import json
from collections.abc import Sequence

from inspect_ai import Task, task
from inspect_ai.agent import AgentState, run
from inspect_ai.dataset import Sample
from inspect_ai.scorer import Score, Scorer, Target, accuracy, score, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import collect, sandbox, store

from inspect_swe.testing import ScriptedRequest, Step, finish, register_script, shell
from swe_evals import agent_named, container_with, default_model

WINNER, GRADES = "winner", "grades"

PROGRAM = """cat > roman.py <<'END'
def roman(number):
    text = ""
    for value, digits in {numerals}:
        text += digits * (number // value)
        number %= value
    return text
END"""
PLAIN = [(1000, "M"), (500, "D"), (100, "C"), (50, "L"), (10, "X"), (5, "V"), (1, "I")]
SUBTRACTED = [(900, "CM"), (400, "CD"), (90, "XC"), (40, "XL"), (9, "IX"), (4, "IV")]


def program(request: ScriptedRequest) -> Step:
    """The scripted agents, all at once: Claude Code, whose shell tool is named Bash, forgets about IV."""
    if any(message.role == "tool" for message in request.messages):
        return finish("I wrote roman.py.")(request)
    numerals = PLAIN if "Bash" in request.tool_names else sorted(PLAIN + SUBTRACTED, reverse=True)
    return shell(PROGRAM.format(numerals=numerals))


register_script("best_of", [program] * 12)


@task
def best_of(agents: Sequence[str] = ("claude_code", "codex_cli")) -> Task:
    """Roman numerals, by the best of several agents.

    Args:
        agents: Agents of this package.
    """
    return Task(
        dataset=[
            Sample(
                input="Write roman.py with a function roman(number): the Roman numeral of a number from 1 to 3999.",
                metadata={"cases": {"3": "III", "4": "IV", "1666": "MDCLXVI", "3999": "MMMCMXCIX"}},
            )
        ],
        solver=best(agents),
        scorer=cases_right(),
        sandbox=container_with(*agents),
        message_limit=200,
        model=default_model("best_of"),
    )


@solver
def best(agents: Sequence[str]) -> Solver:
    """Has several agents work at once, each in a folder of its own, and goes on with the best one's conversation."""

    async def work(name: str, state: TaskState) -> AgentState:
        await sandbox().exec(["mkdir", "-p", name])
        return await run(agent_named(name, cwd=name), state.messages)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        ended = dict(zip(agents, await collect(*(work(name, state) for name in agents)), strict=True))
        grades = {}
        for name, candidate in ended.items():
            store().set(WINNER, name)  # So far: the scorer looks into its folder.
            (grade,) = await score(candidate)
            grades[name] = grade.as_float()
        winner = max(grades, key=lambda name: grades[name])
        store().set(WINNER, winner)
        store().set(GRADES, grades)
        state.messages, state.output = ended[winner].messages, ended[winner].output
        return state

    return solve


@scorer(metrics=[accuracy()])
def cases_right() -> Scorer:
    """Which part of the sample's cases the program in the winner's folder has right."""

    async def score(state: TaskState, target: Target) -> Score:
        cases: dict[str, str] = state.metadata["cases"]
        code = f"from roman import roman; print(*[roman(n) for n in {json.dumps([int(n) for n in cases])}])"
        done = await sandbox().exec(["python3", "-c", code], cwd=state.store.get(WINNER), timeout=30)
        right = [want == had for want, had in zip(cases.values(), done.stdout.split(), strict=False)]
        return Score(value=sum(right) / len(cases), answer=done.stdout, explanation=done.stderr)

    return score
