"""The direct way into a container."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import threading
import uuid
from collections.abc import Iterator

import pytest

from inspect_swe._sandbox.probe import Completed, probe_sandbox
from inspect_swe._sandbox.transports.docker import DockerTransport, engine
from inspect_swe._sandbox.workspace import Workspace

from .harness import wait_for


@pytest.fixture
def container() -> Iterator[str]:
    name = f"inspect-swe-test-{uuid.uuid4().hex[:8]}"
    command = ["docker", "run", "-d", "--rm", "--network", "none", "--name", name, "inspect-swe-test:bookworm"]
    subprocess.run([*command, "tail", "-f", "/dev/null"], check=True, capture_output=True)
    yield name
    subprocess.run(["docker", "rm", "-f", name], check=True, capture_output=True)


def transport(container: str, user: str | None = None) -> DockerTransport:
    client = engine()
    assert client is not None
    return DockerTransport(client, container, user)


@pytest.mark.anyio
async def test_output_and_exit_code(container: str) -> None:
    done = await transport(container).run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert done == Completed(3, "out\n", "err\n")
    assert (await transport(container, "agent").run(["id", "-u"])).stdout == "1500\n"
    assert (await transport(container).run(["no-such-command"])).code == 127
    assert (await transport(container, "nobody-here").run(["true"])).code == 126


@pytest.mark.anyio
async def test_no_output_is_lost_on_a_busy_machine(container: str) -> None:
    stop = threading.Event()
    limit = asyncio.Semaphore(6)

    def burn() -> None:
        while not stop.is_set():
            sum(range(2000))

    async def one() -> Completed:
        async with limit:
            return await transport(container).run(["sh", "-c", "echo first; sleep 0.02; echo last"])

    threads = [threading.Thread(target=burn, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        results = await asyncio.gather(*(one() for _ in range(80)))
    finally:
        stop.set()
    assert set(results) == {Completed(0, "first\nlast\n", "")}


@pytest.mark.anyio
async def test_what_was_started_is_gone_when_the_block_has_failed(container: str) -> None:
    busy = "for i in $(seq 200); do sh -c 'while :; do :; done' & done; echo started; wait"
    reach = transport(container)
    workspace = Workspace(reach, await probe_sandbox(reach.run, [], None), None, 0)
    with pytest.raises(RuntimeError, match="no more"):
        async with workspace.relaying(None):
            process = await workspace.spawn(["sh", "-c", busy], {})
            async for _ in process.output():
                raise RuntimeError("no more")
    seen = await reach.run(["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"])
    assert "while :" not in seen.stdout


@pytest.fixture
def nothing_is_collected() -> Iterator[None]:
    """Python frees no cycles of objects, such as those in which the engine's client holds connections."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("nothing_is_collected")
@pytest.mark.anyio
async def test_the_relay_is_gone_when_the_block_has_failed(container: str) -> None:
    def is_gone() -> bool:
        command = ["docker", "top", container, "-eo", "pid,args"]
        return "relay" not in subprocess.run(command, check=True, capture_output=True, text=True).stdout

    reach = transport(container)
    workspace = Workspace(reach, await probe_sandbox(reach.run, [], None), None, 0)
    with pytest.raises(RuntimeError, match="no more"):
        async with workspace.relaying(None):
            raise RuntimeError("no more")
    await asyncio.to_thread(wait_for, is_gone, 60)
