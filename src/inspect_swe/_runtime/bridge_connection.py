"""Bridges that carry a CLI's model calls to Inspect: our own, and Inspect's where ours does not work."""

from __future__ import annotations

import contextlib
import functools
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field, fields

import anyio
from inspect_ai.agent import AgentState, SandboxAgentBridge, sandbox_agent_bridge
from inspect_ai.model import ChatMessage, Model, ModelOutput
from inspect_ai.tool import ToolInfo
from inspect_ai.util import Checkpointer
from starlette.types import ASGIApp

from .._bridge.app import BridgeApp
from .._bridge.conversations import ConversationTracker, Marks
from .._bridge.identities import sample_identities
from .._bridge.server import serving
from .._bridge.settings import BridgeSettings, BridgeStats
from .._bridge.tool_events import ToolEvents
from .._contract.adapter import Adapter, Route
from .._contract.options import AgentOptions
from .._errors import AgentStartError, ToolsMissingError
from .._inspect.filters import before_generating
from .._inspect.handlers import load_handler
from .._inspect.ids import IdChanges
from .._inspect.private import (
    BRIDGE_AVAILABLE,
    create_bridge,
    host_calls,
    requested_failure,
    resolve_model,
)
from .._inspect.requests import full_name
from .._inspect.sentinel import ToolStages
from .._sandbox.workspace import Workspace
from .cancellation import AbortScope
from .limits import idle_limits, repeat_limits
from .output_limit import OutputLimit
from .tool_names import offered_tools

logger = logging.getLogger(__name__)

OpenBridge = Callable[
    [Adapter, AgentOptions, Route, AgentState, Workspace, AbortScope, Checkpointer | None],
    contextlib.AbstractAsyncContextManager["BridgeConnection"],
]

interposed: ContextVar[Callable[[BridgeApp, ASGIApp], ASGIApp] | None] = ContextVar("interposed", default=None)
"""Returns the app that serves the sandbox in place of the bridge's own: to record or to replace its replies."""


@dataclass
class BridgeConnection:
    """An open bridge.

    Args:
        kind: "own" or "inspect".
        bridge: The Inspect bridge that holds the conversation.
        base_url: Its URL, as seen in the sandbox.
        stats: Its statistics. Inspect's bridge only counts requests and records whether the tools were offered.
        tracker: Tracker that distinguishes the agent's own conversation from others.
        launched: Event that is set when the CLI starts.
        calls: Events of the CLI's tool calls. Only our own bridge has them.
        output_limit: Counter of truncated responses. Over Inspect's bridge, it counts those of the agent's own
            conversation, once the CLI sends the next request.
    """

    kind: str
    bridge: SandboxAgentBridge
    base_url: str
    stats: BridgeStats = field(default_factory=BridgeStats)
    tracker: ConversationTracker = field(default_factory=ConversationTracker)
    launched: anyio.Event = field(default_factory=anyio.Event)
    calls: ToolEvents | None = None
    output_limit: OutputLimit = field(default_factory=OutputLimit)

    def begin(self, session_id: str, prompts: Iterable[str]) -> None:
        """Prepare for the requests of a new prompt, and discard the state of earlier ones.

        Args:
            session_id: The session of the prompt, if known.
            prompts: Texts of the prompt.
        """
        self.launched.set()
        self.stats.outcomes.clear()
        self.tracker.begin(session_id, prompts)
        self.output_limit.begin()

    def end_calls(self, failed: bool) -> None:
        """End the CLI's open tool calls in the transcript."""
        if self.calls is not None:
            self.calls.end(failed)


async def choose_bridge(route: Route) -> OpenBridge:
    """Return our own bridge, or Inspect's if this inspect_ai release changed the internals that ours uses."""
    if not BRIDGE_AVAILABLE:
        return inspect_bridge
    try:
        if route.dialect is not None:
            await load_handler(route.dialect)
    except ImportError as ex:
        logger.warning("This inspect_ai changed its request handlers (%s): using Inspect's own, slower bridge.", ex)
        return inspect_bridge
    return own_bridge


@contextlib.asynccontextmanager
async def own_bridge(
    adapter: Adapter,
    options: AgentOptions,
    route: Route,
    state: AgentState,
    workspace: Workspace,
    abort_scope: AbortScope,
    checkpointer: Checkpointer | None,
) -> AsyncIterator[BridgeConnection]:
    """Open our own bridge: an app on this host, whose port the relay forwards into the sandbox."""
    tracker = ConversationTracker(_marks(adapter))
    calls = ToolEvents(tracker, lambda: host_calls(bridge))
    changes = IdChanges(sample_identities())
    stages = ToolStages(adapter.hidden_calls)
    repeats = [limit.counter() for limit in repeat_limits()]
    output_limit = OutputLimit()

    def on_output(messages: list[ChatMessage], output: ModelOutput) -> bool | None:
        output_limit.on_output(output)
        is_root = calls.on_output(messages, output)
        for exceeded in (counter.on_output(output) for counter in repeats if is_root is not False):
            if exceeded is not None:
                abort_scope.end(exceeded)
        return is_root

    bridge = create_bridge(
        state,
        options.bridged_tools,
        filter=before_generating(calls.on_messages, options.effort, options.filter, changes, stages),
        on_output=on_output,
        retry_refusals=options.retry_refusals,
        compaction=options.compaction,
        model=options.model,
        model_aliases=_aliases(options, route),
        forward_generation_config=options.transparent_proxy,
        checkpointer=checkpointer,
        changes=changes,
        stages=stages,
    )
    app = BridgeApp(bridge, _settings(adapter, options, route), tracker, abort_scope.end)
    interpose = interposed.get() or (lambda _, asgi: asgi)
    async with app.running() as asgi, serving(interpose(app, asgi)) as connect, workspace.relaying(connect) as port:
        url = f"http://127.0.0.1:{port}"
        connection = BridgeConnection(
            "own",
            bridge,
            url,
            app.stats,
            tracker=tracker,
            calls=calls,
            output_limit=output_limit,
        )
        idle = [functools.partial(limit.watch, connection) for limit in idle_limits()]
        failed, late = functools.partial(requested_failure, bridge), functools.partial(_late_tools, connection, options)
        with abort_scope.watching(workspace.wait_lost, failed, late, *idle):
            try:
                yield connection
            finally:
                connection.end_calls(failed=True)


# Inspect does not wait until its proxy in the sandbox listens. A CLI that starts faster would lack the bridged tools.
_UNTIL_IT_LISTENS = """
for _ in $(seq 300); do
  grep -q ":$1 [0-9A-F]*:0000 0A " /proc/net/tcp /proc/net/tcp6 2>/dev/null && exit 0
  sleep 0.2
done
exit 1
"""


@contextlib.asynccontextmanager
async def inspect_bridge(
    adapter: Adapter,
    options: AgentOptions,
    route: Route,
    state: AgentState,
    workspace: Workspace,
    abort_scope: AbortScope,
    checkpointer: Checkpointer | None,
) -> AsyncIterator[BridgeConnection]:
    """Open Inspect's public bridge, the fallback that works with any inspect_ai release.

    It is slower, and exposes the requests but not the responses.
    """
    settings, stats = _settings(adapter, options, route), BridgeStats()
    repeats = [limit.counter() for limit in repeat_limits()]
    if idle_limits():
        logger.warning("With Inspect's own bridge, idle_limit() has no effect.")

    output_limit, last = OutputLimit(), state.output

    def on_messages(messages: list[ChatMessage], tools: list[ToolInfo]) -> None:
        nonlocal last
        stats.requests += 1
        # The bridge does not report responses, but the state has the last one of the agent's own conversation.
        if state.output is not last:
            last = state.output
            output_limit.on_output(last)
        causes: list[Exception | None] = [counter.on_messages(messages) for counter in repeats]
        if tools and not stats.tools_offered.is_set():
            causes.append(settings.missing({full_name(tool) for tool in tools}))
            stats.tools_offered.set()
        for cause in filter(None, causes):
            abort_scope.end(cause)
            raise cause

    bridging = sandbox_agent_bridge(
        state,
        model=None if options.model is None else str(options.model),
        model_aliases=_aliases(options, route),
        filter=before_generating(on_messages, options.effort, options.filter),
        forward_generation_config=bool(options.transparent_proxy),
        retry_refusals=options.retry_refusals,
        compaction=options.compaction,
        sandbox=options.sandbox,
        port=20000 + secrets.randbelow(30000),
        web_search=route.web_search,
        bridged_tools=options.bridged_tools,
        checkpointer=checkpointer,
    )
    async with workspace.relaying(None), bridging as bridge:
        if (await workspace.shell(_UNTIL_IT_LISTENS, f"{bridge.port:04X}")).code != 0:
            raise AgentStartError(
                f"Inspect's model proxy does not listen on port {bridge.port} of the sandbox after 60 s.",
                hint="check the eval's log for errors of Inspect's sandbox tools; the image needs /proc/net and grep.",
            )
        url = f"http://127.0.0.1:{bridge.port}"
        connection = BridgeConnection("inspect", bridge, url, stats, output_limit=output_limit)
        with abort_scope.watching(workspace.wait_lost, functools.partial(_late_tools, connection, options)):
            yield connection


async def _late_tools(connection: BridgeConnection, options: AgentOptions) -> ToolsMissingError:
    """Return an error if the CLI does not offer the bridged tools to the model in time; otherwise wait forever."""
    await connection.launched.wait()
    with anyio.move_on_after(options.mcp_ready_timeout if options.bridged_tools else None) as clock:
        await connection.stats.tools_offered.wait()
    if not clock.cancelled_caught:
        await anyio.sleep_forever()
    names = ", ".join(repr(spec.name) for spec in options.bridged_tools)
    return ToolsMissingError(
        f"{options.name} was started, and has not offered the tools of its bridged MCP servers ({names}) to the model "
        f"within {options.mcp_ready_timeout:g} seconds.",
        hint="raise mcp_ready_timeout if the sandbox is slow; a run without its tools must not be scored.",
    )


def _marks(adapter: Adapter) -> Marks:
    return Marks(**{each.name: getattr(adapter, each.name) for each in fields(Marks)})


def _aliases(options: AgentOptions, route: Route) -> dict[str, str | Model]:
    targets = {name: target or options.model for name, target in route.aliases.items()}
    own = {name: resolve_model(target) for name, target in targets.items() if name not in options.model_aliases}
    return {**own, **options.model_aliases}


def _settings(adapter: Adapter, options: AgentOptions, route: Route) -> BridgeSettings:
    # In centaur mode, the person notices missing tools.
    expected = {} if options.centaur else offered_tools(adapter, options)
    return BridgeSettings(route.web_search, tuple(route.aliases), expected, adapter.reads_json)
