"""A supervisor gives work to two different coding agents, the real Claude Code and the real Codex CLI, and merges it.

    inspect eval evals/handoff.py@handed_over
    inspect eval evals/handoff.py@called_as_tools

The first hands the conversation over with `handoff()`, to one agent after the other. The second calls the agents as
tools with `as_tool()`, at once: each knows what it is told, and nothing else. Without `--model` a script answers all
model calls, so they cost nothing.
"""

from inspect_ai import Task, task
from inspect_ai.agent import Agent, as_tool, handoff, react
from inspect_ai.dataset import Sample
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import TaskState
from inspect_ai.tool import Tool, bash
from inspect_ai.util import sandbox

from inspect_swe import claude_code, codex_cli
from inspect_swe.testing import ScriptedRequest, Step, call, register_script, say, shell, turn
from swe_evals import container_with, default_model

SUPERVISOR = """You lead two coding agents, and write no code yourself. Claude Code works in the folder slugs, a git
worktree on the branch slugs, and Codex CLI in the folder counts, on the branch counts. Tell each what to write and
commit there. Then merge both branches into the one in the folder main, and submit."""

WISH = """Our Python package lacks two modules. slugs.py: slug(title) is the title in lower case, with a `-` between its
words. counts.py: count(text) is the number of words in a text. Have both written and merged into main."""

WORKTREES = """#!/bin/sh
set -e
git config --global user.name Ada && git config --global user.email ada@example.com
git init --quiet --initial-branch main main && cd main
echo '# Words' > README.md && git add README.md && git commit --quiet --message 'Begin'
git worktree add --quiet -b slugs ../slugs && git worktree add --quiet -b counts ../counts
"""

CHECK = "from slugs import slug; from counts import count; print(slug('To Be or Not'), count('to be or not'))"

# Whose turn it is: the supervisor, Claude Code, and Codex CLI. One script plays them all.
SLUGS = r"""printf 'def slug(title):\n    return "-".join(title.lower().split())\n' > slugs.py
git add slugs.py && git commit --quiet --message 'Add slugs'"""
COUNTS = r"""printf 'def count(text):\n    return len(text.split())\n' > counts.py
git add counts.py && git commit --quiet --message 'Add counts'"""
MERGE = "cd main && git merge --quiet --no-edit slugs && git merge --quiet --no-edit counts"

register_script(
    "handed_over",
    [
        turn(call("transfer_to_claude_code"), text="Claude Code, write slugs.py as the user wants it, and commit it."),
        shell(SLUGS),
        say("slugs.py is committed."),
        turn(call("transfer_to_codex_cli"), text="Codex CLI, write counts.py as the user wants it, and commit it."),
        shell(COUNTS),
        say("counts.py is committed."),
        shell(MERGE),
        call("submit", answer="Both modules are in main."),
    ],
)


def coder(request: ScriptedRequest) -> Step:
    """Either of the two agents, which are at work at the same time: Claude Code's shell tool is named Bash."""
    if any(message.role == "tool" for message in request.messages):
        return say("It is committed.")
    return shell(SLUGS if "Bash" in request.tool_names else COUNTS)


register_script(
    "called_as_tools",
    [
        turn(
            call("claude_code", input="Write slugs.py: slug(title) is the title in lower case, with `-`. Commit it."),
            call("codex_cli", input="Write counts.py: count(text) is the number of words in it. Commit it."),
        ),
        *[coder] * 4,
        shell(MERGE),
        call("submit", answer="Both modules are in main."),
    ],
)


@task
def handed_over() -> Task:
    """The supervisor hands the conversation over, to one agent after the other."""
    return merged_by_supervisor([handoff(agent) for agent in coders()], "handed_over")


@task
def called_as_tools() -> Task:
    """The supervisor calls both agents as tools, at once."""
    return merged_by_supervisor([as_tool(agent) for agent in coders()], "called_as_tools")


def coders() -> list[Agent]:
    """The two agents, each in a worktree of its own."""
    return [claude_code(cwd="slugs"), codex_cli(cwd="counts")]


def merged_by_supervisor(tools: list[Tool], script: str) -> Task:
    """The task, which is the same however the agents are given their work."""
    return Task(
        dataset=[Sample(input=WISH, setup=WORKTREES, target="to-be-or-not 4")],
        solver=react(prompt=SUPERVISOR, tools=[*tools, bash()]),
        scorer=main_has_both(),
        sandbox=container_with("claude_code", "codex_cli"),
        message_limit=200,
        model=default_model(script),
    )


@scorer(metrics=[accuracy()])
def main_has_both() -> Scorer:
    """Correct if both branches are merged into main, and both modules work there."""

    async def score(state: TaskState, target: Target) -> Score:
        done = await sandbox().exec(["python3", "-c", CHECK], cwd="main", timeout=30)
        merged = await sandbox().exec(["git", "branch", "--merged", "main", "--format=%(refname:short)"], cwd="main")
        ahead = await sandbox().exec(["git", "rev-list", "--count", "main"], cwd="main")
        answer = f"{done.stdout}{done.stderr}{merged.stdout}{ahead.stdout}"
        both = {"slugs", "counts"} <= set(merged.stdout.split()) and int(ahead.stdout) > 2
        right = both and done.stdout.strip() == target.text
        return Score(value=CORRECT if right else INCORRECT, answer=answer)

    return score
