"""Offline: neither the container nor the host needs a network, if the CLI's version is in the store.

    inspect-swe download claude_code     # once, where there is a network
    inspect eval evals/offline.py
    inspect eval evals/offline.py -T agent=mini_swe_agent -T version=2.2.3

Without `--model` a script answers the agent's model calls, so it costs nothing, and needs no network either.
"""

from inspect_ai import Task, task
from inspect_ai.dataset import Sample

from inspect_swe import cached_agent_binaries, resolve_agent_version
from inspect_swe.testing import finish, register_script, shell
from swe_evals import agent_named, container_with, default_model, file_holds

register_script("offline", [shell("ls /sys/class/net | paste -s > interfaces.txt"), finish("I wrote it.")])


@task
def offline(agent: str = "claude_code", version: str | None = None) -> Task:
    """Work in a container without a network, with a CLI from the store.

    Args:
        agent: Any agent of this package.
        version: Version of its CLI (default: the pinned one).

    Raises:
        ValueError: That version isn't in the store.
    """
    version = version or resolve_agent_version(agent, "stable")
    if version not in [binary.version for binary in cached_agent_binaries(agent, quiet=True)]:
        raise ValueError(f"The store lacks it: run `inspect-swe download {agent} --version {version}` beforehand.")
    return Task(
        dataset=[
            Sample(
                input="Write the names of the network interfaces into interfaces.txt, in one line.",
                target="lo",
            )
        ],
        solver=agent_named(agent, version=version),
        scorer=file_holds("interfaces.txt"),
        sandbox=container_with((agent, version)),
        message_limit=50,
        model=default_model("offline"),
    )
