"""Commands that an agent leaves running after its turn was cancelled."""

from __future__ import annotations

from .._sandbox.workspace import Workspace

# Commands lead their own POSIX sessions, unlike the CLI and its MCP servers. Their age separates them from
# commands that an earlier turn left running on purpose.
_END = """
token=$1 agent=$2 turn=$3
now=$(cut -d. -f1 /proc/uptime)
for stat in /proc/[0-9]*/stat; do
  pid=${stat#/proc/}; pid=${pid%/stat}
  line=$(cat "$stat" 2>/dev/null) || continue
  set -- ${line##*) }
  [ "$4" != "$agent" ] && [ $(( now - ${20} / 100 )) -le "$turn" ] || continue
  tr '\\0' '\\n' <"/proc/$pid/environ" 2>/dev/null | grep -qx "AGENT_SESSION=$token" || continue
  [ "$pid" = "$$" ] || echo "$pid"
done
"""


async def end_commands(workspace: Workspace, agent: int, seconds: float) -> None:
    """Kill the commands that the cancelled turn started.

    Args:
        workspace: The sandbox.
        agent: Process id of the agent, which leads the POSIX session of the CLI and its MCP servers.
        seconds: Age of the turn, in seconds.
    """
    token = workspace.probe.token
    script = f'kill -9 $({{ {_END}\n}} | grep -vx "$$") 2>/dev/null; exit 0'
    await workspace.shell(script, token, str(agent), str(int(seconds) + 1))
