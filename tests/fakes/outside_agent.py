"""An agent as a user of the package would define one: a program of their own, and the adapter that describes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from inspect_ai.agent import Agent, AgentAttempts, agent
from inspect_ai.model import GenerateFilter, Model
from typing_extensions import Unpack

from inspect_swe import RunResults
from inspect_swe.adapter import (
    Adapter,
    Exit,
    File,
    Invocation,
    Launch,
    LaunchContext,
    Outcome,
    Route,
    ToolKind,
    Turn,
    Verdict,
    agent_options,
    json_events,
    swe_agent,
)

PROGRAM = r"""
import json, os, subprocess, sys, urllib.error, urllib.request

session, url, model = sys.argv[1:4]
tool = {"name": "bash", "description": "Run a command.", "parameters": {
    "type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}}

def save():
    with open(session + ".new", "w") as file:
        json.dump(messages, file)
    os.replace(session + ".new", session)

def ask():
    body = {"model": model, "messages": messages, "tools": [{"type": "function", "function": tool}]}
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    return json.load(urllib.request.urlopen(request))["choices"][0]

if os.path.exists(session):
    messages = json.load(open(session))
    for call in messages[-1].get("tool_calls") or []:
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": "interrupted"})
else:
    system = open(session + ".system").read()
    messages = [{"role": "system", "content": "You run commands. " + system}]
messages.append({"role": "user", "content": sys.stdin.read()})
save()
try:
    while True:
        choice = ask()
        messages.append({k: v for k, v in choice["message"].items() if k in ("role", "content", "tool_calls") and v})
        save()
        for call in choice["message"].get("tool_calls") or []:
            command = json.loads(call["function"]["arguments"])["command"]
            done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": done.stdout or "(nothing)"})
        save()
        if not choice["message"].get("tool_calls"):
            break
    print(json.dumps({"done": True}))
except urllib.error.HTTPError as error:
    print(json.dumps({"done": False, "error": error.read().decode()}))
    sys.exit(1)
"""


@agent
def outside_agent(
    name: str = "Outside agent",
    description: str = "Runs commands.",
    system_prompt: str | None = None,
    attempts: int | AgentAttempts = 1,
    model_aliases: dict[str, str | Model] | None = None,
    filter: GenerateFilter | None = None,
    retry_refusals: int | None = None,
    cwd: str | None = None,
    env: dict[str, str] | None = None,
    user: str | None = None,
    **results: Unpack[RunResults],
) -> Agent:
    """An agent that is not in the package."""
    options = agent_options(
        name=name,
        description=description,
        system_prompt=system_prompt,
        attempts=attempts,
        model_aliases=model_aliases,
        filter=filter,
        retry_refusals=retry_refusals,
        cwd=cwd,
        env=env,
        user=user,
        **results,
    )
    return swe_agent(Outside(), options)


@dataclass(frozen=True)
class Outside(Adapter):
    """Knowledge of the program."""

    key: ClassVar[str] = "outside"
    label: ClassVar[str] = "Outside agent"
    command: ClassVar[str] = "python3"
    tools: ClassVar[Mapping[str, ToolKind]] = {"bash": "execute"}

    def route(self, model: str) -> Route:
        return Route({model: None})

    def launch(self, site: LaunchContext) -> Launch:
        system = File(f"{site.config}/{site.session_id}.json.system", (site.system or "").encode())
        return Launch(files=(system, File(f"{site.config}/program.py", PROGRAM.encode())))

    def turn(self, site: LaunchContext, turn: Turn) -> Invocation:
        session = f"{site.config}/{site.session_id}.json"
        program = (*site.command, "-I", f"{site.config}/program.py")
        return Invocation((*program, session, f"{site.base_url}/v1/chat/completions", site.model), turn.prompt.encode())

    def judge(self, exit: Exit) -> Verdict:
        result = next(json_events(exit.stdout), None)
        if result is None:
            return Verdict(Outcome.CRASHED)
        return Verdict(Outcome.DONE) if result["done"] else Verdict(Outcome.FAILED, json.dumps(result["error"]))
