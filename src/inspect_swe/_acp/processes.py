"""Commands that an agent leaves running when its turn is cancelled."""

from __future__ import annotations

from .._sandbox.workspace import Workspace

# Commands are sessions of their own, which tells them from the CLI and from its MCP servers; their age tells them
# from what an earlier turn has left running on purpose.
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
    """End them.

    Args:
        workspace: The sandbox.
        agent: Process id of the agent, which leads the session of all that belongs to it.
        seconds: Age of the turn.
    """
    token = workspace.probe.token
    script = f'kill -9 $({{ {_END}\n}} | grep -vx "$$") 2>/dev/null; exit 0'
    await workspace.shell(script, token, str(agent), str(int(seconds) + 1))
