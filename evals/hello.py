"""The smallest eval: a coding agent writes a file, a scorer reads it.

    inspect eval evals/hello.py

Without `--model` a script answers the agent's model calls, so it costs nothing; name a real model
(`--model anthropic/claude-sonnet-4-5`) to see a real agent at work. `-T agent=codex_cli` names another agent, and
`-T sandbox=local` runs it without Docker.
"""

from inspect_ai import Task, task
from inspect_ai.dataset import Sample

from swe_evals import COMPOSE, agent_named, default_model, file_holds


@task
def hello(agent: str = "claude_code", sandbox: str = "docker") -> Task:
    """Write hello.txt.

    Args:
        agent: Any agent of this package.
        sandbox: "docker", or "local" to run on this machine without a container.
    """
    return Task(
        dataset=[
            Sample(
                input="Write a file hello.txt in the working directory that holds exactly this text: Hello, world!",
                target="Hello, world!",
            )
        ],
        solver=agent_named(agent),
        scorer=file_holds("hello.txt"),
        sandbox=("docker", str(COMPOSE)) if sandbox == "docker" else sandbox,
        model=default_model("hello"),
    )
