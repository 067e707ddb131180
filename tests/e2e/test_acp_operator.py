"""A person writes to a running agent and interrupts it, through Inspect's own ACP server; and the reference's API."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import anyio
import pytest
from acp import text_block
from inspect_ai.agent import AgentState
from inspect_ai.approval import Approval, ApprovalPolicy, Approver, approver
from inspect_ai.model import ChatMessage
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import ToolCall, ToolCallView
from inspect_ai.util import ExecRemoteStreamingOptions, sandbox

from inspect_swe.acp import AgentExitedError, acp_connection, interactive_claude_code, interactive_gemini_cli
from inspect_swe.testing import ScriptedRequest, ScriptStep, Shell, say, shell

from .harness import compose_file, run_agent


class Operator:
    """Speaks to the eval's ACP server, as `inspect acp` and editors do: JSON-RPC, a line each."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._number = 0
        self.states: list[str] = []

    async def request(self, method: str, params: dict[str, Any]) -> Any:
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        while (message := await self._receive()).get("id") != self._number or "method" in message:
            pass
        assert "error" not in message, message
        return message["result"]

    def notify(self, method: str, params: dict[str, Any]) -> None:
        self._send({"method": method, "params": params})

    async def until(self, state: str) -> None:
        """Wait until the agent is in this state (started, ended, cancelled)."""
        while state not in self.states:
            await self._receive()
        self.states = self.states[self.states.index(state) + 1 :]

    def _send(self, message: dict[str, Any]) -> None:
        self._writer.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    async def _receive(self) -> Any:
        message = json.loads(await self._reader.readline())
        if message.get("method") == "inspect/turn_state":
            self.states.append(message["params"]["state"])
        return message


async def attached(port: int) -> tuple[Operator, str]:
    """Attach to the only running sample."""
    for _ in range(600):
        try:
            operator = Operator(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 26))
            await operator.request("initialize", {"protocolVersion": 1, "clientCapabilities": {}})
            sessions = (await operator.request("inspect/list_sessions", {}))["sessions"]
            if sessions:
                found = sessions[0]["sessionId"]
                await operator.request("session/load", {"sessionId": found, "cwd": "/", "mcpServers": []})
                return operator, found
        except OSError:
            pass
        await asyncio.sleep(0.1)
    raise AssertionError("there is no session to attach to")


def in_thread(work: Callable[[], Coroutine[Any, Any, None]]) -> tuple[threading.Thread, list[BaseException]]:
    """Run something beside the eval, in a loop of its own."""
    errors: list[BaseException] = []

    async def bounded() -> None:
        await asyncio.wait_for(work(), 90)

    def run() -> None:
        try:
            asyncio.run(bounded())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, errors


def test_an_operator_interrupts_and_redirects(tmp_path: Path) -> None:
    """An interrupt stops the turn and its command; what the operator says is the next prompt, marked as theirs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    long, short = threading.Event(), threading.Event()

    def step(told: threading.Event, command: str) -> ScriptStep:
        def answer(request: ScriptedRequest) -> Shell:
            told.set()
            return Shell(command)

        return answer

    async def operate() -> None:
        operator, session = await attached(port)
        await asyncio.to_thread(long.wait, 60)
        await asyncio.sleep(1)
        operator.notify("session/cancel", {"sessionId": session})
        await operator.until("cancelled")
        said = {"type": "text", "text": "Do the OPERATOR-WISH instead."}
        await operator.request("session/prompt", {"sessionId": session, "prompt": [said]})
        await asyncio.to_thread(short.wait, 60)
        more = {"type": "text", "text": "And OPERATOR-MORE."}
        await operator.request("session/prompt", {"sessionId": session, "prompt": [more]})
        await operator.until("ended")

    thread, errors = in_thread(operate)
    script: list[ScriptStep] = [
        step(long, "env sleep 61"),
        step(short, "env sleep 3"),
        say("wish done"),
        say("more done"),
    ]
    agent = interactive_gemini_cli(operator=True)
    run = run_agent(tmp_path, agent, script, show="ps -eo args", evaluation={"acp_server": port})
    thread.join(10)
    assert errors == []
    assert run.error is None
    assert run.sample.output.completion == "more done"
    assert "sleep 61" not in run.seen
    last = run.requests[-1].messages
    for wish in ("OPERATOR-WISH", "OPERATOR-MORE"):
        assert sum(wish in message.text for message in last) == 1
    operated = [message.text for message in run.sample.messages if message.source == "operator"]
    assert [text.split("OPERATOR-")[1][:4] for text in operated] == ["WISH", "MORE"]


def test_the_reference_way(tmp_path: Path) -> None:
    """The agent as a task of its own: `ready`, `conn`, `session_id`, and a cancel that returns the state."""
    agent = interactive_gemini_cli()
    ready = agent.ready

    @solver
    def drive() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            with pytest.raises(AgentExitedError):
                _ = agent.conn
            for text in ("first", "second"):
                task = asyncio.ensure_future(agent(AgentState(messages=state.messages)))
                await agent.wait_ready()
                assert agent.ready.is_set()
                answer = await agent.conn.prompt(session_id=agent.session_id, prompt=[text_block(text)])
                assert answer.stop_reason == "end_turn"
                task.cancel()
                ended = await task
                assert ended.output.completion == f"{text} answer"
                assert not agent.ready.is_set()
            return state

        return solve

    run = run_agent(tmp_path, agent, [say("first answer"), say("second answer")], solver=drive())
    assert run.error is None, run.error
    assert not ready.is_set()


def test_a_run_that_cannot_start_says_so(tmp_path: Path) -> None:
    """`wait_ready()` raises what ended the run, instead of waiting for ever."""
    agent = interactive_gemini_cli(version="sandbox")

    @solver
    def drive() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            task = asyncio.ensure_future(agent(AgentState(messages=state.messages)))
            with pytest.raises(Exception, match="not installed in the sandbox"):
                await agent.wait_ready()
            with pytest.raises(Exception, match="not installed in the sandbox"):
                await task
            return state

        return solve

    run = run_agent(tmp_path, agent, [say("never")], solver=drive())
    assert run.error is None, run.error


_ECHO = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    method = request.get("method")
    result = {"protocolVersion": 1} if method == "initialize" else {}
    if method == "session/new":
        result = {"sessionId": "one"}
    elif method == "session/prompt":
        text = request["params"]["prompt"][0]["text"]
        update = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}
        params = {"sessionId": "one", "update": update}
        print(json.dumps({"jsonrpc": "2.0", "method": "session/update", "params": params}), flush=True)
        result = {"stopReason": "end_turn"}
    if "id" in request:
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)
print("ended", file=sys.stderr)
sys.exit(3)
"""


def test_a_connection_over_exec_remote(tmp_path: Path) -> None:
    """`acp_connection()` takes a process of Inspect's own `exec_remote()`, as the reference has it."""
    seen: dict[str, Any] = {}

    @solver
    def drive() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            options = ExecRemoteStreamingOptions(stdin_open=True)
            proc = await sandbox().exec_remote(["python3", "-c", _ECHO], options)
            async with acp_connection(proc) as (conn, feeder, info):
                await conn.initialize(protocol_version=1)
                session = await conn.new_session(cwd="/workspace")
                answer = await conn.prompt(session_id=session.session_id, prompt=[text_block("hello")])
                seen["stop"] = answer.stop_reason
                await proc.close_stdin()
                with anyio.fail_after(120):
                    await feeder
                seen["exit"], seen["stderr"] = info.exit_code, info.stderr
            return state

        return solve

    sandboxed = ("docker", compose_file(tmp_path))
    run = run_agent(tmp_path, interactive_gemini_cli(), [say("never")], solver=drive(), sandbox=sandboxed)
    assert run.error is None, run.error
    assert seen == {"stop": "end_turn", "exit": 3, "stderr": "ended\n"}


@approver
def no_rm() -> Approver:
    async def approve(message: str, call: ToolCall, view: ToolCallView, history: list[ChatMessage]) -> Approval:
        decision = "reject" if "rejected" in json.dumps(call.arguments) + message else "approve"
        return Approval(decision=decision, explanation="by the test")  # type: ignore[arg-type]

    return approve


def test_inspects_approval_policy_decides(tmp_path: Path) -> None:
    """`permissions="approver"` asks the approvers of the eval, as for Inspect's own tools."""
    agent = interactive_claude_code(permissions="approver")

    @solver
    def drive() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            async with agent.session(state) as session:
                await session.prompt("Do both.")
            return state

        return solve

    script: list[ScriptStep] = [shell("touch /workspace/allowed"), shell("touch /workspace/rejected"), say("done")]
    policy = {"approval": [ApprovalPolicy(approver=no_rm(), tools="*")]}
    run = run_agent(tmp_path, agent, script, solver=drive(), show="ls /workspace", evaluation=policy)
    assert run.seen.split() == ["allowed"]
    decisions = [event.decision for event in run.sample.events if event.event == "approval"]
    assert list(dict.fromkeys(decisions)) == ["approve", "reject"]
