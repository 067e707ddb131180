"""Centaur mode: a person works in the sandbox through Inspect's `human_cli()`, with the CLI ready in their shell."""

from __future__ import annotations

import contextlib
import posixpath
import shlex

from inspect_ai.agent import AgentState, human_cli
from inspect_ai.util import sandbox_default

from .._contract.adapter import Adapter
from .._contract.conversation import ResumePoint
from .._contract.options import AgentOptions, CentaurOptions
from .._errors import SandboxUnsupportedError
from .._sandbox.workspace import unset_argv
from .prompt import system_text
from .routing import with_direct
from .session import Session, open_session

_NEEDED = ("bash", "python3")

# The CLI may still run when the task ends. Other processes that the person started belong to the task.
_END = """
[ -e "$1/pids" ] || exit 0
open() {
  while read -r pid; do
    tr '\\0' '\\n' 2>/dev/null <"/proc/$pid/environ" | grep -qxF "AGENT_SESSION=$2" && echo "$pid"
  done <"$1/pids"
}
for signal in TERM TERM TERM KILL; do
  pids=$(open "$1" "$2" 2>/dev/null)
  [ "$pids" ] || exit 0
  kill -"$signal" $pids
  sleep 1
done
"""


async def run_centaur(
    adapter: Adapter, options: AgentOptions, centaur: CentaurOptions, state: AgentState
) -> AgentState:
    """Run the human agent, with the CLI available, until the person submits an answer.

    Args:
        adapter: The CLI's adapter.
        options: The user's options.
        centaur: Options of Inspect's human agent.
        state: The conversation that holds the task.

    Returns:
        The CLI's conversation, with the person's answer as its output.

    Raises:
        AgentError: The CLI could not be set up.
    """
    system = system_text(state.messages, options.system_prompt)
    async with open_session(adapter, options, state, ResumePoint(system)) as session:
        await _require(session, [*_NEEDED, *(["script"] if centaur.record_session else [])])
        folder = await _place_command(session)
        person = human_cli(
            answer=centaur.answer,
            intermediate_scoring=centaur.intermediate_scoring,
            record_session=centaur.record_session,
            user=options.user,
            instructions=f"{adapter.label} is ready to help you: run `{adapter.command}`.",
            bashrc=f'export PATH={shlex.quote(folder)}:"$PATH"\n',
        )
        with sandbox_default(options.sandbox) if options.sandbox else contextlib.nullcontext():
            await person(session.state)
        await session.workspace.shell(_END, folder, session.workspace.probe.token)
        return session.state


async def _require(session: Session, commands: list[str]) -> None:
    missing = [name for name in commands if (await session.workspace.shell('command -v "$1"', name)).code != 0]
    if missing:
        raise SandboxUnsupportedError(
            f"Centaur mode needs {' and '.join(missing)} in the sandbox.",
            hint="install them in the image; `script`, of util-linux, is only needed for record_session.",
        )


async def _place_command(session: Session) -> str:
    """Write a command that starts the configured CLI under its usual name, and return the command's folder."""
    adapter, workspace = session.adapter, session.workspace
    terminal = adapter.terminal(session.context)
    for file in terminal.files:
        await workspace.write(file.path, file.content, file.mode)
    folder = posixpath.join(session.context.config, "terminal")
    # Keep the PATH and the other variables of the person's shell.
    env = {name: value for name, value in session.env.items() if name != "PATH"}
    env |= {**with_direct(session.options.env), "AGENT_SESSION": workspace.probe.token}
    path = shlex.quote(":".join(session.installation.path))
    variables = shlex.join(f"{name}={value}" for name, value in env.items())
    unset = shlex.join(unset_argv(session.unset) or ["env"])
    script = f"""#!/bin/sh
echo "$$" >>{shlex.quote(folder)}/pids
exec {unset} PATH={path}:"$PATH" {variables} {shlex.join(terminal.argv)} "$@"
"""
    await workspace.write(f"{folder}/{adapter.command}", script.encode(errors="replace"), 0o755)
    session.record_launch(terminal.argv)
    return folder
