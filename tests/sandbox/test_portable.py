"""The portable transport over a provider with a cluster's manners; the relay and the shell are real ones."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from inspect_ai.util import ExecResult
from inspect_ai.util._sandbox.local import LocalSandboxEnvironment

from inspect_swe._errors import AgentError, SandboxDiedError, SandboxUnsupportedError
from inspect_swe._sandbox.probe import probe_sandbox
from inspect_swe._sandbox.relay import exchange
from inspect_swe._sandbox.relay.exchange import ExchangeChannel
from inspect_swe._sandbox.transports import exec as portable
from inspect_swe._sandbox.transports.exec import PortableTransport
from inspect_swe._sandbox.transports.local import LocalTransport
from inspect_swe._sandbox.workspace import Workspace

from ..fakes.portable_sandbox import PortableTestSandbox

pytestmark = pytest.mark.anyio


class Pod(PortableTestSandbox):
    """This machine, as a cluster would offer it."""

    def __init__(self) -> None:
        super().__init__(LocalSandboxEnvironment())


@contextlib.asynccontextmanager
async def working(pod: PortableTestSandbox) -> AsyncIterator[Workspace]:
    transport = PortableTransport(pod, None)
    workspace = Workspace(transport, await probe_sandbox(transport.run, []), None, id(pod))
    try:
        async with workspace.reachable():
            yield workspace
    finally:
        await transport.run(["rm", "-rf", workspace.probe.scratch])
        await pod.end()
        pod._docker.directory.cleanup()  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portable._activities[PortableTransport], "latest", 0)
    monkeypatch.setattr(portable._activities[PortableTransport], "started", 0)


async def test_a_command_without_input_does_not_read_its_shells() -> None:
    with anyio.fail_after(120):
        async with working(Pod()) as workspace:
            assert (await workspace.transport.run(["cat"])).stdout == ""
            assert (await workspace.run(["cat"])).stdout == ""


async def test_commands_that_run_twice_lose_nothing_and_add_nothing() -> None:
    with anyio.fail_after(120):
        pod = Pod()
        pod.LOST_EVERY = 2
        async with working(pod) as workspace:
            data = bytes(range(256)) * 12_000
            path = f"{workspace.probe.scratch}/copy"
            for _ in range(2):
                await workspace.write(path, data)
                code, out, _ = await workspace.capture(["cat", path])
                assert code == 0 and hashlib.sha256(out).digest() == hashlib.sha256(data).digest()
            numbers = "".join(f"{number}\n" for number in range(1, 21))
            steps = await asyncio.gather(
                *(workspace.shell("for i in $(seq 20); do echo $i; sleep 0.05; done") for _ in range(4))
            )
            assert [step.stdout for step in steps] == [numbers] * 4
            assert pod._commands > 20


async def test_agents_that_wait_for_a_place_are_not_taken_for_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waiting agent keeps an operation busy, so that looks at the other sandboxes have to queue."""
    monkeypatch.setattr(portable, "_LOOK", 1)
    monkeypatch.setattr(exchange, "_QUEUED_MS", 10_000)  # exchanges don't make room
    monkeypatch.setattr("inspect_swe._sandbox.workspace._QUIET", 0.5)
    monkeypatch.setattr(portable, "ExchangeChannel", lambda run: ExchangeChannel(run, wait_ms=3000), raising=True)
    with anyio.fail_after(120):

        class Narrow(Pod):
            OPERATIONS = 2
            LOST_EVERY = 1_000_000

        async def agent() -> str:
            async with working(Narrow()) as workspace:
                wait_lost = asyncio.ensure_future(workspace.wait_lost())
                thinking = asyncio.ensure_future(workspace.shell("sleep 8; echo well"))
                await asyncio.wait({wait_lost, thinking}, return_when=asyncio.FIRST_COMPLETED)
                if wait_lost.done():
                    return str(wait_lost.result())
                wait_lost.cancel()
                return thinking.result().stdout

        assert await asyncio.gather(*(agent() for _ in range(4))) == ["well\n"] * 4


async def test_exchanges_wait_for_a_shorter_time_where_commands_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "_QUEUED_MS", 20)
    monkeypatch.setattr(exchange, "_SHORTEST_WAIT_MS", 2)
    waits: list[int] = []
    enough = asyncio.Event()

    async def run(arguments: list[str], stdin: bytes) -> str:
        if arguments != ["end"]:
            waits.append(int(arguments[1]))
            if len(waits) == 30:
                enough.set()
            await asyncio.sleep(0.06 if len(waits) < 4 else 0)
        return ""

    channel = ExchangeChannel(run, wait_ms=8)
    receiving = asyncio.create_task(channel.receive())
    await enough.wait()
    receiving.cancel()
    await channel.aclose()
    assert waits[:4] == [8, 4, 2, 2] and max(waits[4:]) == 8


class Hung(PortableTestSandbox):
    """Whose commands come back when they are told to, whatever their timeout."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[ExecResult[str] | Exception] = asyncio.Queue()

    async def exec(self, cmd: list[str], *arguments: Any, **options: Any) -> ExecResult[str]:
        answer = await self.answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer


@contextlib.asynccontextmanager
async def overdue(sandbox: PortableTestSandbox) -> AsyncIterator[PortableTransport]:
    async def waiting(arguments: list[str], stdin: bytes) -> str:
        return "" if arguments == ["end"] else await asyncio.sleep(60, "")

    transport = PortableTransport(sandbox, None)
    assert await transport.liveness_error() is None
    transport._channel = channel = ExchangeChannel(waiting, wait_ms=600_000)
    receiving = asyncio.create_task(channel.receive())
    await asyncio.sleep(0.1)
    assert not channel.overdue and await transport.liveness_error() is None
    channel._back -= 700
    assert channel.overdue
    yield transport
    receiving.cancel()
    await channel.aclose()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (ExecResult(True, 0, "", ""), None),
        (ExecResult(False, 1, "", "it is paused"), "it is paused"),
        (TimeoutError(), "TimeoutError"),
        (ConnectionError("the pod is gone"), "the pod is gone"),
    ],
)
async def test_the_providers_word_on_a_sandbox_counts(answer: ExecResult[str] | Exception, told: str | None) -> None:
    with anyio.fail_after(120):
        sandbox = Hung()
        async with overdue(sandbox) as transport:
            looking = asyncio.ensure_future(transport.liveness_error())
            await asyncio.sleep(0.2)
            assert not looking.done()
            sandbox.answers.put_nowait(answer)
            found = await looking
            assert found is None if told is None else told in (found or "")


async def test_a_provider_that_keeps_to_no_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its look hangs for sure where nothing comes back at all, or where later commands have."""
    monkeypatch.setattr(portable, "_STEP", 0.02)
    with anyio.fail_after(120):
        async with overdue(Hung()) as transport:
            monkeypatch.setattr(portable, "_SILENCE", 0.3)
            assert "within 0.3 s" in (await transport.liveness_error() or "")
            monkeypatch.setattr(portable, "_SILENCE", 60.0)
            monkeypatch.setattr(portable, "_OVERTAKEN", 0.3)
            looking = asyncio.ensure_future(transport.liveness_error())
            await asyncio.sleep(0.5)
            assert not looking.done()
            with transport._activity.command():
                pass
            assert "later ones have ended" in (await looking or "")


@pytest.mark.parametrize("transport", [PortableTransport, LocalTransport])
@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        (TimeoutError(), SandboxDiedError, "did not answer within"),
        (ConnectionError("refused"), SandboxDiedError, "ConnectionError: refused"),
        (NotImplementedError("no choice of the user"), SandboxUnsupportedError, "no choice of the user"),
    ],
)
async def test_the_first_look_fails_with_a_typed_error(
    transport: type[PortableTransport], answer: Exception, kind: type[AgentError], told: str
) -> None:
    sandbox = Hung()
    sandbox.answers.put_nowait(answer)
    with pytest.raises(kind, match=told):
        await probe_sandbox(transport(sandbox, None).run, [])


async def test_a_relay_that_does_not_answer_reports_its_error_on_stdout() -> None:
    async with working(Pod()) as workspace:
        wait_lost = asyncio.ensure_future(workspace.wait_lost())
        await asyncio.sleep(0.1)
        await workspace.transport.run([workspace.probe.relay, "--exchange", workspace.probe.scratch, "end"])
        error = await asyncio.wait_for(wait_lost, 60)
        assert "relay: socket failed: errno 2" in str(error)
