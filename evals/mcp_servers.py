"""MCP servers: one of notes, which runs in the sandbox.

    inspect eval evals/mcp_servers.py
    inspect eval evals/mcp_servers.py -T agent=gemini_cli --model google/gemini-2.5-pro

Without `--model` a script answers the agent's model calls, so it costs nothing.
"""

from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes
from inspect_ai.tool import MCPServerConfigStdio

from inspect_swe.testing import ScriptedRequest, Step, call, register_script, say
from swe_evals import agent_named, container_with, default_model

FILES = Path(__file__).with_suffix("")


def report(request: ScriptedRequest) -> Step:
    """The scripted agent answers with the note that it has read."""
    return say(request.messages[-1].text)


register_script("mcp_servers", [call("notes/search", word="printer"), call("notes/read", title="office"), report])


@task
def mcp_servers(agent: str = "claude_code") -> Task:
    """Find something in the notes.

    Args:
        agent: Any agent of this package but mini_swe_agent.
    """
    notes = MCPServerConfigStdio(name="notes", command="python3", args=["/opt/notes/server.py"])
    return Task(
        dataset=[
            Sample(
                input="My notes say which colour the printer's lamp has when it needs paper. Which one is it?",
                target="magenta",
                files={"/opt/notes": str(FILES)},
            )
        ],
        solver=agent_named(agent, mcp_servers=[notes]),
        scorer=includes(),
        sandbox=container_with(agent),
        model=default_model("mcp_servers"),
    )
