"""How a CLI's model calls reach Inspect: over our own bridge, or over Inspect's where ours cannot be used."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from inspect_ai.agent import AgentState, SandboxAgentBridge, sandbox_agent_bridge
from inspect_ai.model import Model
from inspect_ai.tool import ToolDef

from .._bridge.server import serving
from .._bridge.settings import BridgeSettings, Traffic
from .._inspect_compat import BRIDGE_AVAILABLE, create_bridge, requested_failure, resolve_model
from .._sandbox.workspace import Workspace
from .adapter import Adapter, Route
from .ending import Ending
from .options import AgentOptions

if BRIDGE_AVAILABLE:
    from .._bridge.app import BridgeApp


@dataclass
class Link:
    """A bridge that is up.

    Args:
        kind: "own" or "inspect".
        bridge: Holds the conversation.
        base_url: Where it listens, as seen in the sandbox.
        progress: A number that grows with each model call.
        traffic: What our own app saw.
    """

    kind: str
    bridge: SandboxAgentBridge
    base_url: str
    progress: Callable[[], int]
    traffic: Traffic = field(default_factory=Traffic)


@contextlib.asynccontextmanager
async def own_link(
    adapter: Adapter, options: AgentOptions, route: Route, state: AgentState, workspace: Workspace, ending: Ending
) -> AsyncIterator[Link]:
    """Our own bridge: an app on this host, its port carried into the sandbox by the relay."""
    bridge = create_bridge(
        state,
        options.bridged_tools,
        filter=options.filter,
        retry_refusals=options.retry_refusals,
        compaction=options.compaction,
        model=options.model,
        model_aliases=_aliases(options, route),
    )
    app = BridgeApp(bridge, _settings(adapter, options, route), ending.end)
    async with app.running() as asgi, serving(asgi) as connect, workspace.relaying(connect) as port:
        with ending.watching(workspace.death, lambda: requested_failure(bridge)):
            yield Link("own", bridge, f"http://127.0.0.1:{port}", lambda: app.traffic.requests, app.traffic)


@contextlib.asynccontextmanager
async def inspect_link(
    adapter: Adapter, options: AgentOptions, route: Route, state: AgentState, workspace: Workspace, ending: Ending
) -> AsyncIterator[Link]:
    """Inspect's public bridge, the safety net: slower, but it is there whatever the inspect_ai release."""
    bridging = sandbox_agent_bridge(
        state,
        model=options.model,
        model_aliases=_aliases(options, route),
        filter=options.filter,
        retry_refusals=options.retry_refusals,
        compaction=options.compaction,
        sandbox=options.sandbox,
        port=20000 + secrets.randbelow(30000),
        web_search=route.web_search,
        bridged_tools=options.bridged_tools,
    )
    async with workspace.relaying(None), bridging as bridge:
        with ending.watching(workspace.death):
            yield Link("inspect", bridge, f"http://127.0.0.1:{bridge.port}", lambda: len(bridge.state.messages))


def _aliases(options: AgentOptions, route: Route) -> dict[str, str | Model]:
    targets = {name: target or options.model for name, target in route.aliases.items()}
    own = {name: resolve_model(target) for name, target in targets.items() if name not in options.model_aliases}
    return {**own, **options.model_aliases}


def _settings(adapter: Adapter, options: AgentOptions, route: Route) -> BridgeSettings:
    expected: dict[str, tuple[str, frozenset[str]]] = {}
    for server in options.mcp_servers:
        named = frozenset[str]() if server.tools == "all" else frozenset(server.tools)
        expected[server.name] = (adapter.tool_prefix(server.name), named)
    for spec in options.bridged_tools:
        names = frozenset(ToolDef(tool).name for tool in spec.tools)
        expected[spec.name] = (adapter.tool_prefix(spec.name), names)
    return BridgeSettings(web_search=route.web_search, models=tuple(route.aliases), expected_tools=expected)
