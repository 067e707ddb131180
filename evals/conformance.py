"""What every agent must do alike, tried with the real CLI in real containers. Costs nothing: the model is scripted.

    inspect eval evals/conformance.py -T agent=claude_code
    inspect eval evals/conformance.py -T agent=path/to/file.py:my_agent -T version=latest

`inspect-swe check AGENT` does the same for several agents, and prints a matrix.
"""

from inspect_ai import Task, task

from inspect_swe.conformance import conformance_task


@task
def conformance(
    agent: str = "claude_code",
    version: str | None = None,
    behaviours: str | list[str] | None = None,
    image: str = "python:3.12-bookworm",
    minimal_image: str = "alpine:3",
) -> Task:
    """Try an agent in everything that agents must do alike.

    Args:
        agent: One of the package's agents, `module:function` or `path/to/file.py:function`.
        version: Version of its CLI (default: the agent's own default).
        behaviours: Names of behaviours, separated by commas (default: all).
        image: An image with a shell, git and Python.
        minimal_image: An image with little more than a shell.
    """
    names = [behaviours] if isinstance(behaviours, str) else behaviours
    return conformance_task(agent, version, names, image, minimal_image)
