"""Web search: the CLI's own search tool, answered by the model provider's search. The container has no network.

    inspect eval evals/web_search.py --model anthropic/claude-sonnet-4-5
    inspect eval evals/web_search.py -T agent=gemini_cli --model google/gemini-2.5-pro
    inspect eval evals/web_search.py

Without `--model` a script answers the agent's model calls, and the search that the CLI makes of one: it costs nothing,
and shows that the CLI has its search tool, and that what is found comes back to the agent.
"""

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes

from inspect_swe.testing import ScriptedRequest, Step, call, register_script, say
from swe_evals import agent_named, container_with, default_model

FOUND = "The Debian project released Debian 12, whose code name is bookworm, on 10 June 2023."


def search(request: ScriptedRequest) -> Step:
    """The scripted agent uses the search tool that its CLI has."""
    tools = [name for name in request.tool_names if name in ("WebSearch", "google_web_search")]
    return call(tools[0], query="Debian bookworm release date")


def report(request: ScriptedRequest) -> Step:
    """The scripted agent answers with what the search has found."""
    return say(request.messages[-1].text)


register_script("web_search", [search, say(FOUND), report])


@task
def web_search(agent: str = "claude_code") -> Task:
    """Look something up.

    Args:
        agent: claude_code or gemini_cli (with a real model, codex_cli too: its search is a part of the model's answer).
    """
    return Task(
        dataset=[
            Sample(
                input="On which day was Debian's bookworm released? Search the web, and name day, month and year.",
                target="10 June 2023",
            )
        ],
        solver=agent_named(agent),
        scorer=includes(),
        sandbox=container_with(agent),
        model=default_model("web_search"),
    )
