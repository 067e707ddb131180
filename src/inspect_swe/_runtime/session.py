"""The life of one agent call: sandbox, bridge, CLI in place, processes; and the end of all of them."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from inspect_ai.agent import AgentState
from inspect_ai.log import transcript
from inspect_ai.model import Model, ModelName
from inspect_ai.tool import MCPServerConfigHTTP
from inspect_ai.util import trace_message

from .._errors import ProviderError
from .._inspect_compat import BRIDGE_AVAILABLE, resolve_model, token_limits
from .._sandbox.multiplexer import Process
from .._sandbox.workspace import Workspace, open_workspace
from .adapter import Adapter, Exit, Launch, Site, Turn
from .ending import Ending
from .files import place_files
from .install import Installed, find_cli, place_cli
from .link import Link, inspect_link, own_link
from .memory import Start
from .options import AgentOptions
from .output import OutputBuffer
from .record import shown_command, shown_env

logger = logging.getLogger(__name__)

_SHELLS = frozenset({"bash", "zsh"})


@dataclass
class Session:
    """An agent at work in a sandbox.

    Args:
        adapter: Knowledge of its CLI.
        options: What the user asked for.
        workspace: The sandbox.
        link: The bridge; its state is the conversation.
        site: What the adapter knows of the place.
        launch: What it made of that.
        installed: The CLI in place.
    """

    adapter: Adapter
    options: AgentOptions
    workspace: Workspace
    link: Link
    site: Site
    launch: Launch
    installed: Installed
    _recorded: bool = field(default=False, init=False)

    async def start(self, argv: Sequence[str], env: Mapping[str, str], stdin: bytes | None) -> Process:
        """Start the CLI: the only place where that is done.

        Args:
            argv: Its command.
            env: Variables on top of the launch's own; the user's come last.
            stdin: What it reads; None leaves it open.
        """
        logger.debug("starting %s: %s", self.adapter.label, argv)
        return await self.workspace.spawn(argv, {**self.env, **env, **self.options.env}, stdin)

    async def spawn(self, turn: Turn) -> Exit:
        """Run the CLI for one prompt, to its end."""
        invocation = self.adapter.turn(self.site, turn)
        self.link.launched.set()
        process = await self.start(invocation.argv, {}, invocation.stdin)
        buffers = {"stdout": OutputBuffer(), "stderr": OutputBuffer()}
        async for stream, chunk in process.output():
            buffers[stream].add(chunk)
            if self.options.debug:
                trace_message(logger, self.adapter.key, f"{stream}: {chunk.decode(errors='replace')}")
        status = await process.wait()
        out, err = buffers["stdout"], buffers["stderr"]
        end = Exit(status.returncode, out.tail, err.tail, out.head)
        self.site = replace(self.site, session_id=self.adapter.session_id(end) or self.site.session_id)
        self.record(invocation.argv)
        return end

    def provider_error(self, **details: Any) -> ProviderError | None:
        """The error of the model's provider that the CLI's last request met, if it met one."""
        if (failure := self.link.traffic.failure) is None:
            return None
        status, message = failure
        return ProviderError(
            f"{self.adapter.label} gave up because the model provider answered with "
            f"{f'HTTP {status}' if status else 'an error'}: {message}",
            status=status,
            hint="this is the provider's error, not the agent's; retry the sample (--retry-on-error) once it is gone.",
            **details,
        )

    @property
    def env(self) -> dict[str, str]:
        """Variables for the CLI, without the user's own."""
        probe = self.workspace.probe
        # A proxy that the image names must not come between the CLI and the bridge.
        direct = ",".join(filter(None, [probe.no_proxy, "127.0.0.1", "localhost", "::1"]))
        path = ":".join([*self.installed.path, probe.path])
        return {"PATH": path, "NO_PROXY": direct, "no_proxy": direct, **self.launch.env}

    def _told_version(self) -> str | None:
        """The version that the CLI itself names in its requests."""
        mark, told = self.adapter.user_agent, self.link.traffic.user_agent
        return re.split("[ /]", told.partition(mark)[2])[0] or None if mark else None

    def record(self, argv: Sequence[str]) -> None:
        """Say in the log what ran, the first time that it is asked for."""
        if self._recorded:
            return
        self._recorded = True
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
async def open_session(
    adapter: Adapter, options: AgentOptions, state: AgentState, start: Start
) -> AsyncIterator[Session]:
    """Set everything up for an agent call; nothing of it is left when the block ends.

    Args:
        adapter: Knowledge of the CLI.
        options: What the user asked for.
        state: The conversation so far. The bridge writes into it as the agent works.
        start: How the CLI's own conversation begins.

    Raises:
        AgentError: A typed error for whatever is missing; what is cheap to find out is found out first.
    """
    workspace = await open_workspace(options.sandbox, options.user, options.cwd, [adapter.command, *_SHELLS])
    found = await find_cli(adapter, options.version, workspace)
    served = resolve_model(options.model)
    open_link = own_link if BRIDGE_AVAILABLE else inspect_link
    async with Ending() as ending:
        async with open_link(adapter, options, adapter.route(ModelName(served).name), state, workspace, ending) as link:
            installed = await place_cli(found, workspace)
            site = _site(options, workspace, installed, start, served, link.base_url)
            launch = adapter.launch(site)
            await place_files(workspace, site, launch, options.skills)
            yield Session(adapter, options, workspace, link, site, launch, installed)


def _site(
    options: AgentOptions, workspace: Workspace, installed: Installed, start: Start, served: Model, base_url: str
) -> Site:
    bridged = tuple(
        MCPServerConfigHTTP(type="http", name=spec.name, url=f"{base_url}/mcp/{spec.name}")
        for spec in options.bridged_tools
    )
    window, max_output = token_limits(served)
    return Site(
        command=installed.command,
        tools=installed.tools,
        config=start.config or f"{workspace.probe.scratch}/home",
        home=workspace.probe.home,
        cwd=workspace.cwd,
        shells=_SHELLS & workspace.probe.commands.keys(),
        base_url=base_url,
        model=ModelName(served).name,
        system=start.system,
        mcp_servers=(*options.mcp_servers, *bridged),
        bridged=bridged,
        session_id=start.session_id,
        debug=options.debug,
        window=window,
        max_output=max_output,
    )
