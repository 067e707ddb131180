"""Behaviours: MCP servers, host tools, models and filters."""

from __future__ import annotations

from typing import Any

from inspect_ai.agent import BridgedToolsSpec
from inspect_ai.model import ChatMessage, GenerateConfig, Model, ModelOutput
from inspect_ai.tool import (
    MCPServerConfigHTTP,
    MCPServerConfigStdio,
    Tool,
    ToolChoice,
    ToolError,
    ToolInfo,
    tool,
)

from ..testing import ScriptStep, call, finish, say, scripted, scripted_requests, shell
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


_LOOKUPS = {"number": "42", "text": "text for text", "error": "HOST-SAYS-NO"}


@behaviour(
    [],
    setup=_WRITE_SERVER + _SERVE_HTTP,
    also={
        "mcp_http": "The tools of an MCP server over HTTP are there from the first request, and work.",
        "bridged_tools": "Host tools are there from the first request; numbers, texts and errors come back as such.",
        "servers_together": "All of them are there together.",
    },
)
async def mcp_stdio(trial: Trial) -> None:
    """The tools of an MCP server in the sandbox are there from the first request, and work."""
    options: dict[str, Any] = {}
    steps: list[ScriptStep] = []
    if trial.has("mcp_servers"):
        stdio = MCPServerConfigStdio(
            name="std", command="python3", args=["server.py"], cwd="/opt/adder", env={"A": "1"}
        )
        web = MCPServerConfigHTTP(type="http", name="web", url="http://127.0.0.1:8765/mcp")
        options["mcp_servers"] = [stdio, web]
        steps += [call("std/add", a=2, b=3), call("web/add", a=3, b=4)]
    if trial.has("bridged_tools"):
        options["bridged_tools"] = [BridgedToolsSpec(name="host", tools=[lookup()])]
        steps += [call("host/lookup", what=what) for what in _LOOKUPS]
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
            check(expected in text, f"{expected!r} came back as {text!r}")
    trial.require("mcp_servers")
    check("sum=5" in added[0], f"the tool returned {added[0]!r}")


_ASK = r"""
import json, urllib.request
for line in open("/proc/net/tcp").read().splitlines()[1:]:
    local, state = line.split()[1], line.split()[3]
    if state != "0A" or not local.startswith("0100007F:"):
        continue
    for model in ("my-alias", "gpt-4o"):
        body = {"model": model, "messages": [{"role": "user", "content": "who?"}]}
        url = "http://127.0.0.1:%d/v1/chat/completions" % int(local.split(":")[1], 16)
        request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
        try:
            print(json.load(urllib.request.urlopen(request))["choices"][0]["message"]["content"])
        except OSError:
            pass  # what listens there is the CLI itself
"""


_ADD_USER = """#!/bin/sh
set -e
id tester 2>/dev/null || useradd -m -u 4321 tester
mkdir -p '/home/tester/my work' && chown -R tester /home/tester
"""


@behaviour(
    [shell('id -un > facts; echo "$HOME $PWD $FOO" >> facts'), shell(f"python3 -c '{_ASK}'"), finish("Done.")],
    setup=_ADD_USER,
    also={
        "routing": "Model names go where they are mapped to, and all others to the eval's model, never to a provider.",
        "filtered": "A filter sees every request, with the served model, and may answer in its place.",
    },
)
async def user_cwd_env(trial: Trial) -> None:
    """It runs as a user, in a folder and with an environment of one's choice."""
    other = scripted([say("I am the alias.")], name="other")
    seen: list[str] = []
    answered: list[bool] = []

    async def answer(
        model: Model,
        messages: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice | None,
        config: GenerateConfig,
    ) -> ModelOutput | None:
        seen.append(str(model))
        if answered or not tools:  # what asks for a title, say, has none
            return None
        answered.append(True)
        return ModelOutput.for_tool_call(str(model), *_shell_of(tools))

    options: dict[str, Any] = {
        "user": "tester",
        "cwd": "/home/tester/my work",
        "env": {"FOO": "bar $baz 'qux'"},
        "model_aliases": {"my-alias": other},
        "filter": answer,
    }
    await trial.run("Do it.", **{name: value for name, value in options.items() if trial.has(name)})
    told = "\n".join(trial.results)
    with trial.judging("routing"):
        trial.require("model_aliases")
        check("I am the alias." in told, f"the alias was not used: {told!r}")
        check("Scripted model" in told, f"another name did not reach the eval's model: {told!r}")
        check(len(scripted_requests(other)) == 1, "the alias was asked more than once")
    with trial.judging("filtered"):
        trial.require("filter")
        check("SAYS-THE-FILTER" in told, "the filter's answer was not used")
        served = {str(trial.model)} | ({str(other)} if trial.has("model_aliases") else set())
        check(len(seen) >= 4, f"the filter saw {len(seen)} requests")
        check(set(seen) == served, f"the filter saw the models {seen}")
    trial.require("user", "cwd", "env")
    facts = await trial.sh("cat '/home/tester/my work/facts'")
    check(facts == "tester\n/home/tester /home/tester/my work bar $baz 'qux'\n", f"its shell says: {facts!r}")


def _shell_of(tools: list[ToolInfo]) -> tuple[str, dict[str, object]]:
    from ..testing._match import shell_call

    return shell_call(tools, "echo SAYS-THE-FILTER")
