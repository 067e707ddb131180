"""The life of one agent call: sandbox, bridge, CLI in place, processes; and the end of all of them."""

from __future__ import annotations

import contextlib
import logging
import re
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

from inspect_ai.agent import AgentState
from inspect_ai.log import transcript
from inspect_ai.model import ChatMessage, ModelName
from inspect_ai.tool import MCPServerConfigHTTP
from inspect_ai.util import store, trace_message

from .._inspect_compat import BRIDGE_AVAILABLE, resolve_model
from .._sandbox.workspace import Workspace, open_workspace
from .adapter import Adapter, Exit, Launch, Site, Turn
from .ending import Ending
from .files import place_files, place_images
from .install import Installed, find_cli, place_cli
from .link import Link, inspect_link, own_link
from .options import AgentOptions
from .output import OutputBuffer
from .prompt import Opening, opening
from .record import shown_command, shown_env

logger = logging.getLogger(__name__)

_SHELLS = frozenset({"bash", "zsh"})


@dataclass
class Session:
    """An agent at work in a sandbox.

    Args:
        adapter: Knowledge of its CLI.
        options: What the user asked for.
        first: The first prompt.
        workspace: The sandbox.
        link: The bridge; its state is the conversation.
        site: What the adapter knows of the place.
        launch: What it made of that.
        installed: The CLI in place.
    """

    adapter: Adapter
    options: AgentOptions
    first: Turn
    workspace: Workspace
    link: Link
    site: Site
    launch: Launch
    installed: Installed
    launches: int = field(default=0)

    async def spawn(self, turn: Turn) -> Exit:
        """Run the CLI for one prompt, to its end. The only place where a CLI is started."""
        invocation = self.adapter.turn(self.site, turn)
        env = {**self._base_env(), **self.launch.env, **self.options.env}
        logger.debug("starting %s: %s", self.adapter.label, invocation.argv)
        self.launches += 1
        self.link.launched.set()
        process = await self.workspace.spawn(invocation.argv, env, invocation.stdin)
        buffers = {"stdout": OutputBuffer(), "stderr": OutputBuffer()}
        async for stream, chunk in process.output():
            buffers[stream].add(chunk)
            if self.options.debug:
                trace_message(logger, self.adapter.key, f"{stream}: {chunk.decode(errors='replace')}")
        status = await process.wait()
        out, err = buffers["stdout"], buffers["stderr"]
        code = -(status.signal or 9) if status.code is None else status.code
        end = Exit(code, out.tail, err.tail, out.head)
        self.site = replace(self.site, session_id=self.adapter.session_id(end) or self.site.session_id)
        if self.launches == 1:
            self._record(invocation.argv)
        return end

    def _base_env(self) -> dict[str, str]:
        probe = self.workspace.probe
        # A proxy that the image names must not come between the CLI and the bridge.
        direct = ",".join(filter(None, [probe.no_proxy, "127.0.0.1", "localhost", "::1"]))
        path = ":".join([*self.installed.path, probe.path])
        return {"PATH": path, "NO_PROXY": direct, "no_proxy": direct}

    def _told_version(self) -> str | None:
        """The version that the CLI itself names in its requests."""
        mark, told = self.adapter.user_agent, self.link.traffic.user_agent
        return re.split("[ /]", told.partition(mark)[2])[0] or None if mark else None

    def _record(self, argv: Sequence[str]) -> None:
        """Say in the log what ran."""
        transcript().info(
            {
                "agent": self.adapter.key,
                "version": self.installed.version or self._told_version(),
                "source": self.installed.source,
                "digest": self.installed.digest,
                "transport": self.workspace.transport.name,
                "bridge": self.link.kind,
                "session_id": self.site.session_id,
                "command": list(shown_command(argv, self.options.env, self.options.mcp_servers)),
                "env": dict(shown_env(self.launch.env, self.options.env)),
            },
            source="inspect_swe",
        )


@contextlib.asynccontextmanager
async def open_session(adapter: Adapter, options: AgentOptions, state: AgentState) -> AsyncIterator[Session]:
    """Set everything up for an agent call; nothing of it is left when the block ends.

    Args:
        adapter: Knowledge of the CLI.
        options: What the user asked for.
        state: The conversation so far. The bridge writes into it as the agent works.

    Raises:
        AgentError: A typed error for whatever is missing; what is cheap to find out is found out first.
    """
    memory = _Memory.recall(adapter, options, state)
    taken = {"image"} if adapter.takes_images else set[str]()
    left_out = {kind for message in state.messages for kind in _media(message)} - taken
    if left_out:
        logger.warning("%s cannot take these in its input, they are left out: %s.", adapter.label, ", ".join(left_out))
    start = opening(state.messages, options.system_prompt, memory.seen)
    workspace = await open_workspace(options.sandbox, options.user, options.cwd, [adapter.command, *_SHELLS])
    found = await find_cli(adapter, options.version, workspace)
    served = ModelName(resolve_model(options.model)).name
    open_link = own_link if BRIDGE_AVAILABLE else inspect_link
    async with Ending() as ending:
        async with open_link(adapter, options, adapter.route(served), state, workspace, ending) as link:
            installed = await place_cli(found, workspace)
            site = _site(options, workspace, installed, start, memory, served, link.base_url)
            launch = adapter.launch(site)
            await place_files(workspace, site, launch, options.skills)
            images = await place_images(workspace, site, start.images if adapter.takes_images else ())
            first = Turn(start.prompt, start.resume, images)
            session = Session(adapter, options, first, workspace, link, site, launch, installed)
            yield session
            memory.keep(link.bridge.state, session.site)


def _media(message: ChatMessage) -> set[str]:
    content = message.content if isinstance(message.content, list) else []
    return {str(part.type) for part in content if part.type in ("image", "audio", "video", "document")}


def _site(
    options: AgentOptions,
    workspace: Workspace,
    installed: Installed,
    start: Opening,
    memory: _Memory,
    served: str,
    base_url: str,
) -> Site:
    bridged = tuple(
        MCPServerConfigHTTP(type="http", name=spec.name, url=f"{base_url}/mcp/{spec.name}")
        for spec in options.bridged_tools
    )
    return Site(
        command=installed.command,
        config=memory.config if start.resume and memory.config else f"{workspace.probe.scratch}/home",
        home=workspace.probe.home,
        cwd=workspace.cwd,
        shells=_SHELLS & workspace.probe.commands.keys(),
        base_url=base_url,
        model=served,
        system=memory.system if start.resume else start.system,
        mcp_servers=(*options.mcp_servers, *bridged),
        bridged=bridged,
        session_id=memory.session_id if start.resume and memory.session_id else str(uuid.uuid4()),
        debug=options.debug,
    )


@dataclass
class _Memory:
    """What an agent keeps between two calls in one sample: ids belong to the sample, never to the factory."""

    key: str
    seen: int | None = None
    session_id: str | None = None
    config: str | None = None
    system: str | None = None

    @classmethod
    def recall(cls, adapter: Adapter, options: AgentOptions, state: AgentState) -> _Memory:
        parts = ["inspect_swe", adapter.key, options.name, options.sandbox or "default", options.user or ""]
        memory = cls(":".join(parts))
        kept = store().get(memory.key)
        if kept:
            ids = [message.id for message in state.messages]
            if kept["last"] in ids:
                memory.seen = ids.index(kept["last"]) + 1
                memory.session_id, memory.config = kept["session_id"], kept["config"]
                memory.system = kept["system"]
        return memory

    def keep(self, state: AgentState, site: Site) -> None:
        if state.messages:
            last = state.messages[-1].id
            store().set(
                self.key, {"last": last, "session_id": site.session_id, "config": site.config, "system": site.system}
            )
