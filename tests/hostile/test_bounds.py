"""What one sandbox may cost the host: its memory, and the time of the samples beside it. The relay is the real one."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import json
import re
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from inspect_ai.agent import AgentState
from inspect_ai.util._sandbox.local import LocalSandboxEnvironment

from inspect_swe._bridge.app import BridgeApp
from inspect_swe._bridge.conversations import ConversationTracker
from inspect_swe._bridge.server import serving
from inspect_swe._bridge.settings import BridgeSettings
from inspect_swe._inspect.private import create_bridge
from inspect_swe._sandbox.probe import probe_sandbox
from inspect_swe._sandbox.relay.multiplexer import Multiplexer
from inspect_swe._sandbox.transports.local import LocalTransport
from inspect_swe._sandbox.workspace import Workspace
from inspect_swe.testing import say

from ..bridge.support import Site, in_sample, tcp
from ..sandbox.relay_support import LocalPipeChannel

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

ASK = json.dumps({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]})
# How many times longer a request of another sample may wait while a sandbox does its worst: as if each connection that
# the relay takes had a request of that kind under way, twice as long where other tests have begun meanwhile.
SLOWER = 2 * 64
_TRIES = 3
# Only for a test that would never end.
_NO_END = 900.0

# What the clients have in common; they run outside of this process, as they would in a sandbox.
CLIENT = """
import os, select, socket, sys, time
port, ask = int(sys.argv[1]), sys.argv[2].encode()
head = b"POST /v1/messages HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: %d\\r\\n\\r\\n"
def connect():
    return socket.create_connection(("127.0.0.1", port))
def send(client, data):
    try:
        client.sendall(data)
        return True
    except OSError:
        return False
"""


def memory(field: str) -> int:
    """Bytes of this process's memory: `VmRSS`, or `VmHWM` (the most since `forget_peak()`)."""
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.M)
    assert found
    return int(found[1]) << 10


def forget_peak() -> None:
    """Forget it, and give free memory back to the system: what is taken from there would not be seen."""
    gc.collect()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
    Path("/proc/self/clear_refs").write_text("5")


@dataclass
class Cost:
    """What an attack cost: bytes of memory, and how many times longer others waited."""

    memory: int = 0
    slower: float = 0.0


@contextlib.asynccontextmanager
async def neighbour() -> AsyncIterator[Callable[[], Awaitable[float]]]:
    """Another sample's bridge; yields a request to it, which returns how long this process worked meanwhile.

    That is what it waits for where others on the event loop hold it up, however busy the machine is.
    """
    bridge = create_bridge(AgentState(messages=[]))
    app = BridgeApp(bridge, BridgeSettings(), ConversationTracker(), lambda ending: None)
    async with app.running() as asgi, serving(asgi) as connect, tcp(connect) as url:
        async with httpx.AsyncClient(timeout=_NO_END) as http:

            async def ask() -> float:
                began = time.process_time()
                assert (await http.post(f"{url}/v1/messages", content=ASK)).status_code == 200
                return time.process_time() - began

            yield ask


def attack(
    script: str, *, limit: int, said: str, reply: str = "hello", lasts: float = _NO_END, jammed: bool = False
) -> Cost:
    """Has a client in the sandbox do its worst, until it ends or the time is up.

    Args:
        script: What the client does.
        limit: Bytes that it may cost this process.
        said: What the client prints at its end, or so far.
        reply: What the model says.
        lasts: Seconds; without it, as long as the client works, which depends on the machine.
        jammed: The sandbox's own requests have to wait afterwards, behind what its kernel holds.
    """
    # What a busy machine adds differs each time, and what the attack costs does not: the least of a few counts.
    for _ in range(_TRIES):
        cost = _cost(script, said, reply, lasts, jammed)
        print(f"\n{cost.memory >> 20} MB, others {cost.slower:.1f} times slower")
        if cost.memory < limit and cost.slower < SLOWER:
            return cost
    raise AssertionError(f"{cost.memory >> 20} MB, others {cost.slower:.1f} times slower")


def _cost(script: str, said: str, reply: str, lasts: float, jammed: bool) -> Cost:
    cost = Cost()

    async def body(site: Site) -> None:
        relay = Multiplexer(await LocalPipeChannel.open(), token="bounds", connect=site.connect)
        port = await relay.start()
        async with neighbour() as ask:
            usual = statistics.median([await ask() for _ in range(30)])
            forget_peak()
            before = memory("VmRSS")
            client = await asyncio.create_subprocess_exec(
                *(sys.executable, "-u", "-c", CLIENT + script, str(port), ASK),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            assert client.stdout
            until, waits = time.monotonic() + lasts, list[float]()
            reading = asyncio.ensure_future(client.stdout.read())
            while not reading.done() and time.monotonic() < until:
                waits.append(await ask())
                await asyncio.sleep(0.02)
            assert client.stdin
            client.stdin.close()
            assert said in (await asyncio.wait_for(reading, _NO_END)).decode()
            await client.wait()
            cost.memory = memory("VmHWM") - before
            cost.slower = statistics.median(waits) / usual
        assert not relay.closed.is_set() and site.ended == []
        if not jammed:
            async with httpx.AsyncClient(timeout=_NO_END) as http:
                assert (await http.post(f"http://127.0.0.1:{port}/v1/messages", content=ASK)).status_code == 200
        await relay.aclose()

    in_sample([say(reply)], body, timeout=None)
    return cost


def test_10_000_connections() -> None:
    """The relay takes 64 at a time; the others wait in the sandbox's kernel."""
    script = """
for _ in range(12):
    if os.fork() == 0:
        break
else:
    sys.stdin.read()
    print("10000 were tried")
    os._exit(0)
clients = []
for _ in range(834):
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex(("127.0.0.1", port))
    clients.append(client)
while os.getppid() > 1:
    for client in clients:
        try:
            client.send(b"POST /v1/messages HTTP/1.1\\r\\nX: ")
        except OSError:
            pass
    time.sleep(0.2)
"""
    attack(script, limit=32 << 20, said="10000 were tried", lasts=1, jammed=True)


def test_a_body_of_a_gigabyte() -> None:
    script = """
client = connect()
send(client, head % (SIZE << 20))
piece = bytes(1 << 20)
print(sum(send(client, piece) for _ in range(SIZE)), "MB sent")
print(client.recv(1000).decode())
"""
    usual = attack(script.replace("SIZE", "60"), limit=512 << 20, said="60 MB sent\nHTTP/1.1 400")
    # It costs no more than one that is taken in: what is too much is read, and forgotten.
    most = 2 * usual.memory + (32 << 20)
    attack(script.replace("SIZE", "1024"), limit=most, said="1024 MB sent\nHTTP/1.1 413")


def test_bodies_that_are_never_finished() -> None:
    """Each is within the limit; together they are not."""
    script = """
clients = [connect() for _ in range(40)]
for client in clients:
    send(client, head % (60 << 20))
for _ in range(8):
    for client in clients:
        send(client, b"x" * (1 << 20))
answered = select.select(clients, [], [], 5)[0]
print("some were refused" if answered and answered[0].recv(100).startswith(b"HTTP/1.1 429") else "none was refused")
"""
    attack(script, limit=512 << 20, said="some were refused")


def test_a_client_that_never_reads_large_replies() -> None:
    script = """
for _ in range(60):
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    send(client, head % len(ask) + ask)
    clients = [client, *clients] if _ else [client]
sys.stdin.read()
print("nothing was read")
"""
    attack(script, limit=60 * 4 * 500_000, said="nothing was read", reply="x" * 500_000, lasts=1)


def test_headers_without_end() -> None:
    script = """
clients = [connect() for _ in range(30)]
line = b"POST /v1/messages HTTP/1.1\\r\\n"
for client in clients:
    send(client, line)
ended = 0
for number in range(200):
    for client in clients:
        ended += not send(client, b"a:b\\r\\n" * 10_000 if number % 2 else b"x" * 50_000)
print("refused" if ended else "served")
"""
    attack(script, limit=64 << 20, said="refused")


def test_requests_without_end_whose_replies_are_not_read() -> None:
    script = """
clients = [connect() for _ in range(30)]
ended = 0
for number in range(50):
    for client in clients:
        ended += not send(client, b"GET /v1/models HTTP/1.1\\r\\n\\r\\n" * 5000)
print("refused" if ended else "served")
"""
    attack(script, limit=64 << 20, said="refused")


def test_a_flood_of_requests_that_nobody_waits_for() -> None:
    script = """
for count in range(300):
    body = ask.replace(b"hello", b"hello %d" % count)
    client = connect()
    send(client, head % len(body) + body)
    client.close()
sys.stdin.read()
print("flooded")
"""
    attack(script, limit=64 << 20, said="flooded", lasts=1)


def test_a_short_command_that_writes_without_end() -> None:
    async def main() -> None:
        reach = LocalTransport(LocalSandboxEnvironment(), None)
        workspace = Workspace(reach, await probe_sandbox(reach.run, [], None), None, 0)
        async with workspace.relaying(None):
            costs = []
            for _ in range(_TRIES):
                forget_peak()
                before = memory("VmRSS")
                done = await workspace.run(["yes"])
                assert done.code == 128 + 9 and len(done.stdout) < 17 << 20
                costs.append(memory("VmHWM") - before)
            assert min(costs) < 160 << 20

    asyncio.run(main())


@pytest.mark.parametrize("values", [b"[],", b"0,", b'{"":0},'], ids=["lists", "numbers", "objects"])
def test_json_that_becomes_much_more_than_its_text(values: bytes) -> None:
    script = f"""
body = ask[:-1] + b', "x": [' + {values!r} * 10_000_000 + b'0]}}'
client = connect()
send(client, head % len(body))
send(client, body)
print(client.recv(1000).decode())
"""
    attack(script, limit=160 << 20, said="HTTP/1.1 413")
