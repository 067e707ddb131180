"""Behaviours: MCP servers and host tools."""

from __future__ import annotations

import contextlib
from typing import Any

from inspect_ai.agent import BridgedToolsSpec
from inspect_ai.tool import MCPServerConfigHTTP, MCPServerConfigStdio, Tool, ToolDef, ToolError, tool

from .._errors import AgentOptionError
from ..testing import DynamicStep, ScriptedRequest, ScriptStep, Step, call, finish, say
from ._behaviour import behaviour, check
from ._trial import Trial

_SERVER = r"""
import http.server, json, sys

TOOL = {
    "name": "add",
    "description": "Add two integers.",
    "inputSchema": {"type": "object", "required": ["a", "b"],
                    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}},
}

def answer(request):
    method, params = request.get("method"), request.get("params") or {}
    if method == "initialize":
        result = {"protocolVersion": params.get("protocolVersion", "2025-06-18"), "capabilities": {"tools": {}},
                  "serverInfo": {"name": "adder", "version": "1"}}
    elif method == "tools/list":
        result = {"tools": [TOOL]}
    elif method == "tools/call":
        total = params["arguments"]["a"] + params["arguments"]["b"]
        result = {"content": [{"type": "text", "text": "sum=%d" % total}]}
    else:
        result = {}
    return {"jsonrpc": "2.0", "id": request["id"], "result": result}

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps(answer(request)).encode() if "id" in request else b""
        self.send_response(200 if body else 202)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.send_response(405)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_DELETE = do_GET

    def log_message(self, *args):
        pass

if sys.argv[1:] == ["http"]:
    http.server.ThreadingHTTPServer(("127.0.0.1", 8765), Handler).serve_forever()
for line in sys.stdin:
    request = json.loads(line)
    if "id" in request:
        print(json.dumps(answer(request)), flush=True)
"""

_WRITE_SERVER = f"#!/bin/sh\nset -e\nmkdir -p /opt/adder\ncat > /opt/adder/server.py <<'END'\n{_SERVER}\nEND\n"
_SERVE_HTTP = "setsid python3 /opt/adder/server.py http >/dev/null 2>&1 </dev/null &\nsleep 1\n"


@tool
def lookup() -> Tool:
    async def execute(what: str) -> str | int:
        """Look something up on the host.

        Args:
            what: One of number, text, error.
        """
        if what == "number":
            return 42
        if what == "error":
            raise ToolError("HOST-SAYS-NO")
        return f"text for {what}"

    return execute


# Names that some model's API rejects, and that CLIs convert without collisions.
_ODD_NAMES = ("files.read", "café menu/today", "a-dash", "sixty_letters_" + "long" * 11 + "ab")


def _odd_tool(name: str) -> Tool:
    async def execute(what: str) -> str:
        return f"ODD-RESULT-{_ODD_NAMES.index(name)}-{what}"

    description = f"The tool whose original name is {name!r}."
    return ToolDef(execute, name, description, {"what": "Anything."}).as_tool()


def _odd_tools(trial: Trial) -> list[str]:
    """Return the odd names that the agent's factory accepts."""
    names = []
    for name in _ODD_NAMES:
        with contextlib.suppress(AgentOptionError):
            trial.agent(bridged_tools=[BridgedToolsSpec(name="odd-names", tools=[_odd_tool(name)])])
            names.append(name)
    return names


def _call_odd(name: str) -> DynamicStep:
    def step(request: ScriptedRequest) -> Step:
        offered = [tool.name for tool in request.tools if f"original name is {name!r}" in tool.description]
        return call(offered[0], what="42") if offered else say(f"There is no tool {name}.")

    return step


_LOOKUPS = {"number": "42", "text": "text for text", "error": "HOST-SAYS-NO"}


@behaviour(
    [],
    setup=_WRITE_SERVER + _SERVE_HTTP,
    also={
        "mcp_http": "The tools of an MCP server over HTTP are offered from the first request, and work.",
        "bridged_tools": "Host tools are offered from the first request, and return numbers, texts and errors.",
        "renamed_tools": "A tool whose name the CLI changes works, or is rejected when the agent is created.",
        "servers_together": "All kinds of tools are offered together, beside a server without tools.",
    },
)
async def mcp_stdio(trial: Trial) -> None:
    """The tools of an MCP server in the sandbox are offered from the first request, and work."""
    options: dict[str, Any] = {}
    steps: list[ScriptStep] = []
    odd: list[str] = []
    if trial.has("mcp_servers"):
        stdio = MCPServerConfigStdio(
            name="std", command="python3", args=["server.py"], cwd="/opt/adder", env={"A": "1"}
        )
        web = MCPServerConfigHTTP(type="http", name="web", url="http://127.0.0.1:8765/mcp")
        options["mcp_servers"] = [stdio, web]
        steps += [call("std/add", a=2, b=3), call("web/add", a=3, b=4)]
    if trial.has("bridged_tools"):
        odd = _odd_tools(trial)
        options["bridged_tools"] = [
            BridgedToolsSpec(name="host", tools=[lookup()]),
            BridgedToolsSpec(name="odd-names", tools=[_odd_tool(name) for name in odd]),
            BridgedToolsSpec(name="empty", tools=[]),
        ]
        steps += [call("host/lookup", what=what) for what in _LOOKUPS]
        steps += [_call_odd(name) for name in odd]
    if not options:
        trial.require("bridged_tools", "mcp_servers")
    trial.script = [*steps, finish("Done.")]
    await trial.run("Use all of them.", **options)
    results = iter(trial.results)
    with trial.judging("servers_together"):
        trial.require("bridged_tools", "mcp_servers")
        check(len(trial.results) == len(steps), f"there are {len(trial.results)} results, not {len(steps)}")
    added = [next(results, "") for _ in range(2)] if trial.has("mcp_servers") else []
    with trial.judging("mcp_http"):
        trial.require("mcp_servers")
        check("sum=7" in added[1], f"the tool returned {added[1]!r}")
    with trial.judging("bridged_tools"):
        trial.require("bridged_tools")
        for expected in _LOOKUPS.values():
            text = next(results, "")
            check(expected in text, f"the tool returned {text!r} instead of {expected!r}")
    with trial.judging("renamed_tools"):
        trial.require("bridged_tools")
        check(odd, "the agent accepts none of the names")
        for name in odd:
            text = next(results, "")
            check(f"ODD-RESULT-{_ODD_NAMES.index(name)}-42" in text, f"the tool {name!r} returned {text!r}")
    trial.require("mcp_servers")
    check("sum=5" in added[0], f"the tool returned {added[0]!r}")
