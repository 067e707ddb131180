"""The process of an interactive agent, with one open session."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import anyio
from acp import PROTOCOL_VERSION, Client, RequestError
from acp.client.connection import ClientSideConnection
from acp.schema import AgentCapabilities, ClientCapabilities, Implementation, SessionModeState

from .._errors import ACPError, AgentExitedError, SessionStartError
from .._runtime.session import Session
from .._sandbox.relay.multiplexer import Process
from .._sandbox.workspace import Workspace
from .._version import __version__
from .adapter import AcpAdapter, AcpLaunch
from .client import SessionClient
from .connection import acp_connection, error_text, mcp_to_acp
from .wire import ErrorInfo

logger = logging.getLogger(__name__)

_START_TIMEOUT = 300
_CLOSE_TIMEOUT = 3
_QUIET = 0.25

# Commands lead their own POSIX sessions, unlike the CLI and its MCP servers. Their age separates them from
# commands that an earlier turn left running on purpose.
_LIST_COMMANDS = """
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


class AgentProcess:
    """An agent's process. `open()` starts it, `close()` ends it.

    Args:
        session: The agent's sandbox, bridge and CLI.
        adapter: Adapter of the CLI.
        launch: Launch of the CLI.
        client: Client that receives the agent's updates and requests.
        on_message: Called with each message that is sent to the process.
    """

    def __init__(
        self,
        session: Session,
        adapter: AcpAdapter,
        launch: AcpLaunch,
        client: SessionClient,
        on_message: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self.session_id = ""
        self.capabilities = AgentCapabilities()
        self.steering = False
        self.modes: SessionModeState | None = None
        self.config_options: Sequence[Any] = ()
        self.info = ErrorInfo()
        self.process: Process | None = None
        self.feeder: asyncio.Task[None] | None = None
        self._conn: ClientSideConnection | None = None
        self._session = session
        self._label = adapter.label
        self._reopens = adapter.reopens
        self._launch = launch
        self._client = client
        self._on_message = on_message
        self._stack = contextlib.AsyncExitStack()

    @property
    def conn(self) -> ClientSideConnection:
        """The SDK's connection.

        Raises:
            AgentExitedError: The connection is closed.
        """
        if self._conn is None:
            raise AgentExitedError(f"The session with {self._label} has been closed.")
        return self._conn

    @property
    def exited(self) -> bool:
        """Whether the process has ended."""
        return self.feeder is None or self.feeder.done()

    async def open(self, resume: str | None = None) -> None:
        """Start the process and open a new session, or reopen an earlier one.

        Raises:
            SessionStartError: The process could not be started, or the session could not be opened.
        """
        session, launch = self._session, self._launch
        with self._phase("start"):
            if resume is not None and self._reopens:
                await session.workspace.shell(f'cd "$1" || exit\n{self._reopens}', session.context.config)
            for file in launch.files:
                await session.workspace.write(file.path, file.content, file.mode)
            self.process = await session.start(launch.argv, launch.env, None)
            connection = acp_connection(self.process, cast(Client, self._client), sent=self._on_message)
            self._conn, self.feeder, self.info = await self._stack.enter_async_context(connection)
        with self._phase("initialize"):
            answer = await self.conn.initialize(
                protocol_version=PROTOCOL_VERSION,
                client_capabilities=ClientCapabilities(),
                client_info=Implementation(name="inspect_swe", version=__version__),
            )
            self.capabilities = answer.agent_capabilities or AgentCapabilities()
            self.steering = bool(((answer.field_meta or {}).get("steering") or {}).get("supported"))
        with self._phase("session"):
            opened = await self._open_session(resume)
            self.modes, self.config_options = opened.modes, opened.config_options or ()
        session.set_session_id(self.session_id)
        if launch.mode is not None:
            with self._phase("mode"):
                await self.conn.set_session_mode(session_id=self.session_id, mode_id=launch.mode)

    async def close(self) -> None:
        """End the session and the process. Never raises."""
        can = self.capabilities.session_capabilities
        with anyio.CancelScope(shield=True), contextlib.suppress(Exception):
            if can is not None and can.close is not None and not self.exited and self.process is not None:
                with anyio.move_on_after(_CLOSE_TIMEOUT):
                    await self.conn.close_session(session_id=self.session_id)
                    # Some CLIs idle for seconds after their stdin is closed.
                    await self.process.kill(15)
        with anyio.CancelScope(shield=True):
            await self._stack.aclose()
        self._conn = None
        self._session.record_output()

    async def exit_error(self) -> AgentExitedError:
        """Return the error for a process that has exited, with its exit code and output."""
        if self.feeder is not None:
            await asyncio.wait({self.feeder}, timeout=1)
        return AgentExitedError(
            f"{self._label} exited in the middle of its session.",
            hint="restart() resumes the session in a new process.",
            exit_code=self.info.exit_code,
            stdout=self.info.stdout,
            stderr=self.info.stderr,
        )

    async def _open_session(self, resume: str | None) -> Any:
        can = self.capabilities.session_capabilities
        servers = mcp_to_acp(self._launch.session_servers)
        common: dict[str, Any] = {"cwd": self._session.context.cwd, "mcp_servers": servers, **self._launch.meta}
        if resume is None:
            opened = await self.conn.new_session(**common)
            self.session_id = opened.session_id
            return opened
        self.session_id = resume
        if can is not None and can.resume is not None:
            return await self.conn.resume_session(session_id=resume, **common)
        with self._client.replaying():
            loaded = await self.conn.load_session(session_id=resume, **common)
            # Some CLIs answer before they have replayed the whole conversation.
            count = -1
            while count != self._client.update_count:
                count = self._client.update_count
                await asyncio.sleep(_QUIET)
            return loaded

    @contextlib.contextmanager
    def _phase(self, phase: str) -> Iterator[None]:
        """Limit the duration of a phase of the start. Errors name the phase."""
        try:
            with anyio.fail_after(_START_TIMEOUT):
                yield
        except (ACPError, ConnectionError, TimeoutError) as error:
            cause = error.__cause__
            what = f"reported: {error_text(cause)}" if isinstance(cause, RequestError) else "ended"
            if isinstance(error, TimeoutError):
                what = f"did not answer within {_START_TIMEOUT} s"
            raise SessionStartError(
                f"{self._label} could not be started as an interactive agent: in the phase {phase!r} it {what}.",
                hint="see its output for details.",
                phase=phase,
                exit_code=self.info.exit_code,
                stdout=self.info.stdout,
                stderr=self.info.stderr,
            ) from cause or error


async def end_commands(workspace: Workspace, agent: int, seconds: float) -> None:
    """Kill the commands that the cancelled turn started.

    Args:
        workspace: The sandbox.
        agent: Process id of the agent, which leads the POSIX session of the CLI and its MCP servers.
        seconds: Age of the turn, in seconds.
    """
    token = workspace.probe.token
    script = f'kill -9 $({{ {_LIST_COMMANDS}\n}} | grep -vx "$$") 2>/dev/null; exit 0'
    await workspace.shell(script, token, str(agent), str(int(seconds) + 1))
