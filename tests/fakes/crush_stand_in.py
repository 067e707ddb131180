#!/usr/bin/env python3
"""What stands in for Crush: its command line, settings and files, as far as the manual's adapter uses them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any


class Server:
    """An MCP server that is started as Crush starts one: `$NAME` in its arguments is filled in."""

    def __init__(self, entry: dict[str, Any]) -> None:
        assert entry["type"] == "stdio" and entry["timeout"] > 60
        argv = [entry["command"], *map(os.path.expandvars, entry["args"])]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ask("initialize", protocolVersion="2025-06-18")
        self.tools: list[dict[str, Any]] = self.ask("tools/list")["tools"]

    def ask(self, method: str, **params: Any) -> Any:
        assert self.process.stdin and self.process.stdout
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())["result"]


def tool(name: str, about: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": about, "parameters": schema}}


def main() -> None:
    resumes = sys.argv[1:] == ["run", "--quiet", "--continue"]
    assert resumes or sys.argv[1:] == ["run", "--quiet"], sys.argv
    with open(f"{os.environ['CRUSH_GLOBAL_CONFIG']}/crush.json") as file:
        config = json.load(file)
    options, chosen = config["options"], config["models"]["large"]
    provider = config["providers"][chosen["provider"]]
    assert provider["type"] == "openai-compat" and chosen["model"] in [model["id"] for model in provider["models"]]
    assert options["disable_metrics"] and options["disable_provider_auto_update"]
    assert options["data_directory"] == os.environ["CRUSH_GLOBAL_DATA"]
    os.makedirs(options["data_directory"], exist_ok=True)
    session = f"{options['data_directory']}/crush.db"
    servers = {name: Server(entry) for name, entry in config["mcp"].items()}
    command = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
    tools = [tool("bash", "Run a command.", command)]
    for name, server in servers.items():
        tools += [tool(f"mcp_{name}_{t['name']}", t["description"], t["inputSchema"]) for t in server.tools]
    messages: list[dict[str, Any]] = []
    if resumes:
        with open(session) as file:
            messages = json.load(file)
        for call in messages[-1].get("tool_calls") or []:
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": "There was an error."})
    messages.append({"role": "user", "content": sys.stdin.read()})
    system = {"role": "system", "content": f"{provider['system_prompt_prefix']}\nYou are Crush."}

    def run(function: dict[str, str]) -> str:
        arguments = json.loads(function["arguments"])
        if function["name"] == "bash":
            done = subprocess.run(["sh", "-c", arguments["command"]], capture_output=True, text=True)
            return f"{done.stdout}{done.stderr}\n\n<cwd>{os.getcwd()}</cwd>"
        _, name, called = function["name"].split("_", 2)
        return str(servers[name].ask("tools/call", name=called, arguments=arguments)["content"][0]["text"])

    while True:
        with open(session, "w") as file:
            json.dump(messages, file)
        body = json.dumps({"model": chosen["model"], "messages": [system, *messages], "tools": tools})
        headers = {"content-type": "application/json", "authorization": f"Bearer {provider['api_key']}"}
        request = urllib.request.Request(f"{provider['base_url']}/chat/completions", body.encode(), headers)
        reply = json.load(urllib.request.urlopen(request))["choices"][0]["message"]
        messages.append({key: reply[key] for key in ("role", "content", "tool_calls") if reply.get(key)})
        if not reply.get("tool_calls"):
            break
        with open(session, "w") as file:
            json.dump(messages, file)
        for call in reply["tool_calls"]:
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": run(call["function"])})
    with open(session, "w") as file:
        json.dump(messages, file)
    print(reply["content"])


if __name__ == "__main__":
    try:
        main()
    except urllib.error.HTTPError as error:
        print(f"ERROR agent run failed: {error.read().decode()}", file=sys.stderr)
        sys.exit(1)
