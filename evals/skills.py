"""Skills: instructions and a script that the agent finds when a task calls for them.

    inspect eval evals/skills.py
    inspect eval evals/skills.py -T agent=codex_cli --model openai/gpt-5

Without `--model` a script answers the agent's model calls, so it costs nothing.
"""

from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import Sample

from inspect_swe.testing import register_script, say, shell
from swe_evals import agent_named, container_with, default_model, file_holds

SKILLS = Path(__file__).with_suffix("")

REPOSITORY = """#!/bin/sh
set -e
git init --quiet --initial-branch main
git config user.name Ada && git config user.email ada@example.com
commit() { git commit --quiet --allow-empty --message "$1"; }
commit 'feat: add a parser' && git tag v1.0
commit 'fix: read empty files'
commit 'feat: print totals'
commit 'chore: tidy up'
"""

NOTES = """Since v1.0
+ print totals
! read empty files"""

# Agents keep skills in folders of their own; a real model is told which.
register_script(
    "skills",
    [
        shell(
            "find / -path '*/release-notes/scripts/changes.sh' -not -path '/proc/*' -exec {} ';' 2>/dev/null > NOTES.md"
        ),
        say("I wrote NOTES.md in the house style."),
    ],
)


@task
def skills(agent: str = "claude_code") -> Task:
    """Release notes in a style that only the skill knows.

    Args:
        agent: Any agent of this package but mini_swe_agent.
    """
    return Task(
        dataset=[
            Sample(
                input="Write the release notes of this repository into NOTES.md, in the house style.",
                setup=REPOSITORY,
                target=NOTES,
            )
        ],
        solver=agent_named(agent, skills=sorted(SKILLS.iterdir())),
        scorer=file_holds("NOTES.md"),
        sandbox=container_with(agent),
        model=default_model("skills"),
    )
