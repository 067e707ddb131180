"""What a worker watches of itself: processes it spawns, memory, and how long its event loop stands still."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

_PAGE = os.sysconf("SC_PAGE_SIZE")
_SAMPLE_EVERY = 0.01
TICK = 0.005
_GATHER = 120


class Spawns:
    """Every process that this one spawns from now on, with the time and the beginning of its command."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, list[str]]] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("subprocess.Popen", "os.posix_spawn"):
            command = [os.fsdecode(word) for word in arguments[1]][:6]
            # Popen may itself use posix_spawn: that is one process.
            if event == "subprocess.Popen" or not self._seen or self._seen[-1][1] != command:
                self._seen.append((time.time(), command))
        elif event in ("os.fork", "os.forkpty", "os.system"):
            self._seen.append((time.time(), [event]))

    def between(self, begin: float, end: float) -> list[list[str]]:
        return [command for at, command in self._seen if begin <= at <= end]


class Monitor:
    """Peak memory of this process above its start, and the event loop's longest stall."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._ticker: asyncio.Task[None] | None = None
        self._before = self._peak = 0
        self._stall = 0.0
        self._reset = False

    def start(self) -> None:
        gc.collect()
        try:
            Path("/proc/self/clear_refs").write_text("5")  # sets VmHWM back to now
            self._reset = True
        except OSError:  # then the samples must do
            self._reset = False
        self._before = self._peak = _rss()
        self._thread.start()
        self._ticker = asyncio.ensure_future(self._tick())

    def stop(self) -> None:
        assert self._ticker is not None
        self._ticker.cancel()
        self._stop.set()
        self._thread.join()
        high = high_water()
        if self._reset and high is not None:
            self._peak = max(self._peak, high)

    def result(self) -> dict[str, float]:
        return {"peak_bytes": self._peak - self._before, "stall_seconds": self._stall}

    def _sample(self) -> None:
        while not self._stop.wait(_SAMPLE_EVERY):
            self._peak = max(self._peak, _rss())

    async def _tick(self) -> None:
        last = time.perf_counter()
        while True:
            try:
                await asyncio.sleep(TICK)
            finally:  # the last gap counts as well
                now = time.perf_counter()
                self._stall = max(self._stall, now - last - TICK)
                last = now


class Together:
    """Lets several samples begin at the same moment, and times them from the first start to the last end.

    Args:
        count: How many.
    """

    def __init__(self, count: int) -> None:
        self.monitor = Monitor()
        self.seconds = 0.0
        self.written = 0
        self._count = count
        self._arrived = self._finished = 0
        self._started = 0.0
        self._go: asyncio.Event | None = None

    @asynccontextmanager
    async def placing(self) -> AsyncIterator[None]:
        self._go = self._go or asyncio.Event()
        self._arrived += 1
        if self._arrived == self._count:
            self.monitor.start()
            await asyncio.sleep(2 * TICK)
            self._started = time.perf_counter()
            self._go.set()
        await asyncio.wait_for(self._go.wait(), _GATHER)
        yield
        self._finished += 1
        if self._finished == self._count:
            self.seconds = time.perf_counter() - self._started
            self.monitor.stop()


def _rss() -> int:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * _PAGE


def high_water(pid: int | None = None) -> int | None:
    """Peak memory of a process (this one by default); None once it has ended."""
    try:
        lines = Path(f"/proc/{pid or 'self'}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:")), None)
