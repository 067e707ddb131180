from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from inspect_swe._store.single_flight import SingleFlight, in_worker
from inspect_swe._store.store import Artifact, ArtifactStore

from .fake_registry import MEMBER, PACKAGE, FakeRegistry, Reply, make_tarball
from .published import Published


def _slowly(server: FakeRegistry, path: str, seconds: float) -> None:
    reply = server.reply(path)
    server.replies[path] = replace(reply, seconds=seconds)


def _wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def _leftovers(store: ArtifactStore) -> list[Path]:
    return list(store.root.glob("tmp/*")) + list(store.root.glob("artifacts/*/*"))


def test_event_loops_of_one_process_download_once(
    server: FakeRegistry, store: ArtifactStore, artifact: Artifact
) -> None:
    path = server.publish()
    _slowly(server, path, 0.3)
    threads = [threading.Thread(target=lambda: asyncio.run(store.fetch(artifact))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.count(path) == 1


def test_two_processes_download_once(published: Published, store: ArtifactStore) -> None:
    published.answer(replace(published.reply, seconds=1.5))
    processes = [published.start(store) for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert sorted(out.strip() for out, _ in outputs) == ["cache", "download"], outputs
    assert published.server.count(published.path) == 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_download_leaves_no_copy(how: signal.Signals, published: Published, store: ArtifactStore) -> None:
    whole = published.reply
    published.answer(replace(whole, seconds=3), whole)
    process = published.start(store)
    _wait_for(lambda: list(store.root.glob("tmp/*/downloads/*")))
    process.send_signal(how)
    process.communicate(timeout=60)
    assert store.cached(published.artifact) is None and not list(store.root.glob("artifacts/*/*"))
    assert bool(_leftovers(store)) == (how == signal.SIGKILL)
    assert published.fetch(store).source == "download"
    assert not list(store.root.glob("tmp/*"))


def test_a_cancelled_download_ends_at_once_and_is_cleaned_up(
    server: FakeRegistry, store: ArtifactStore, artifact: Artifact
) -> None:
    path = server.publish(tarball=make_tarball({MEMBER: os.urandom(200_000)}))
    _slowly(server, path, 60)

    async def main() -> float:
        task = asyncio.create_task(store.fetch(artifact))
        await asyncio.to_thread(_wait_for, lambda: server.count(path))
        start = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - start

    assert asyncio.run(main()) < 30, "it waited for the download"
    _wait_for(lambda: not _leftovers(store))


def test_the_event_loop_is_never_blocked(server: FakeRegistry, store: ArtifactStore, artifact: Artifact) -> None:
    path = server.publish(tarball=make_tarball({MEMBER: os.urandom(8_000_000)}))
    _slowly(server, path, 0.3)

    async def longest_gap(done: Callable[[], bool]) -> float:
        gaps = [0.0]
        while not done():
            start = time.monotonic()
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - start)
        return max(gaps)

    async def main() -> tuple[float, float]:
        fetching = asyncio.create_task(store.fetch(artifact))
        # An idle loop measures the delays that the machine itself causes.
        idle = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(longest_gap(fetching.done))))
        here = await longest_gap(fetching.done)
        assert (await fetching).source == "download"
        return here, await idle

    here, idle = asyncio.run(main())
    assert here < 0.2 + 10 * idle


def test_waiting_for_another_process_does_not_block_the_loop(
    server: FakeRegistry, store: ArtifactStore, artifact: Artifact
) -> None:
    server.publish()

    async def main() -> None:
        with store.disk.lock(artifact.name):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(store.fetch(artifact), 0.3)
        assert (await store.fetch(artifact)).source == "download"

    asyncio.run(main())


def test_waiting_tasks_share_a_failure() -> None:
    calls = 0

    async def fail() -> None:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.05)
        raise ValueError("no")

    async def main() -> list[BaseException | None]:
        calls: SingleFlight[None] = SingleFlight("test_shared_failure")
        return await asyncio.gather(*(calls.get("key", fail) for _ in range(5)), return_exceptions=True)

    assert [str(result) for result in asyncio.run(main())] == ["no"] * 5
    assert calls == 1


def test_when_the_working_task_is_cancelled_another_takes_over() -> None:
    calls = 0

    async def work() -> int:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.05)
        return calls

    async def main() -> tuple[int, int, int]:
        calls: SingleFlight[int] = SingleFlight("test_takes_over")
        first, second, third = (asyncio.create_task(calls.get("key", work)) for _ in range(3))
        await asyncio.sleep(0.01)
        first.cancel()
        return await second, await third, await calls.get("key", work)

    assert asyncio.run(main()) == (2, 2, 3)


def test_cancellation_stops_the_worker() -> None:
    stopped = threading.Event()

    def work(stop: threading.Event) -> None:
        if stop.wait(60):
            stopped.set()

    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(in_worker(work), 0.05)

    asyncio.run(main())
    assert stopped.wait(60)


def test_cancellation_ends_the_wait_for_a_busy_registry(
    server: FakeRegistry, store: ArtifactStore, artifact: Artifact
) -> None:
    server.publish()
    server.replies[f"/{PACKAGE}"] = Reply(429, headers={"Retry-After": "60"})

    async def main() -> None:
        task = asyncio.create_task(store.fetch(artifact))
        await asyncio.to_thread(_wait_for, server.count)
        task.cancel()

    asyncio.run(main())
    # Its lock is free as soon as the worker has noticed.
    with store.disk.locked(artifact.name, threading.Event()):
        assert server.count() == 1
