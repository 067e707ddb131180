"""A byte stream over a provider that can only run commands to completion."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections.abc import Awaitable, Callable

Run = Callable[[list[str], bytes], Awaitable[str]]

_IN_FLIGHT = 4
# The daemon stores the answers to the last eight exchanges, for commands that the provider runs again.
_WINDOW = 8
_END, _END_OVERDUE = 60.0, 10.0
_SHORTEST_WAIT_MS = 1_000
_QUEUED_MS = 3_000
# Providers limit the input and output of one command, often to a megabyte; output is base64-encoded.
_MAX_IN, _MAX_OUT = 960_000, 720_000


class ExchangeChannel:
    """A byte channel to a relay that runs as a daemon.

    One exchange always waits in the sandbox for output. Another exchange carries input there, and makes the oldest one
    return at once. A few run at the same time to reduce the cost of latency. The daemon processes input, and the host
    processes output, in the order of their numbers. If the provider repeats an exchange, each run gets the same answer.

    Waits become shorter while the provider queues commands, because each waiting exchange occupies a slot.

    Args:
        run: Runs `relay --exchange DIR` with these further arguments and stdin, and returns its stdout.
        wait_ms: Longest wait of an exchange for output. It must be shorter than the provider's command timeout.
        max_in: Input limit of one exchange, in bytes.
        max_out: Output limit of one exchange, in bytes before base64.
    """

    def __init__(self, run: Run, *, wait_ms: int = 12_000, max_in: int = _MAX_IN, max_out: int = _MAX_OUT) -> None:
        self._run = run
        self._wait_ms = self._longest_wait_ms = wait_ms
        self._max_in = max_in
        self._max_out = max_out
        self._pending = bytearray()
        self._next = 0
        self._due = 0
        self._answers: dict[int, bytes] = {}
        self._output: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        self._patience = wait_ms / 1000 + 1
        self._back = time.monotonic()
        self._changed = asyncio.Condition()
        self._exchanges: set[asyncio.Task[None]] = set()
        self._pump: asyncio.Task[None] | None = None
        self._ended = False
        self._error: Exception | None = None

    async def send(self, data: bytes) -> None:
        """Queue bytes, and wait while the queue exceeds the input limit of one exchange.

        Raises:
            ConnectionResetError: The channel has ended.
        """
        self._start()
        async with self._changed:
            self._pending += data
            self._changed.notify_all()
            await self._changed.wait_for(lambda: self._ended or len(self._pending) <= self._max_in)
        if self._ended:
            raise ConnectionResetError(f"the exchange with the sandbox has ended: {self._error or 'it was closed'}")

    async def receive(self) -> bytes:
        """Return the next bytes, or none after `aclose()`.

        Raises:
            Exception: The error that `run` raised.
        """
        self._start()
        if self._ended and self._output.empty():
            return b""
        item = await self._output.get()
        if isinstance(item, Exception):
            raise item
        return item

    async def aclose(self) -> None:
        """End the session in the sandbox, and wait until its processes have been killed."""
        if self._ended and self._pump is None:
            return
        self._ended = True
        end = _END_OVERDUE if self.overdue else _END
        tasks = [task for task in (self._pump, *self._exchanges) if task]
        self._pump = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._output.put_nowait(b"")
        with contextlib.suppress(Exception):  # a daemon cleans up by itself, at the latest when its lease expires
            await asyncio.wait_for(self._run(["end"], b""), end)

    async def diagnosis(self) -> str:
        """Return an empty text: the error that `run` raised is the diagnosis."""
        return ""

    @property
    def overdue(self) -> bool:
        """True if no exchange has returned for longer than the longest wait."""
        return self._pump is not None and time.monotonic() - self._back > self._patience

    def _start(self) -> None:
        if self._pump is None and not self._ended:
            self._back = time.monotonic()
            self._pump = asyncio.create_task(self._keep_exchanging())

    async def _keep_exchanging(self) -> None:
        while True:
            async with self._changed:
                await self._changed.wait_for(self._has_work)
                piece = bytes(self._pending[: self._max_in])
                del self._pending[: self._max_in]
                self._changed.notify_all()
            task = asyncio.create_task(self._exchange(self._next, piece))
            self._next += 1
            self._exchanges.add(task)
            task.add_done_callback(self._exchanges.discard)

    def _has_work(self) -> bool:
        running = self._next - self._due - len(self._answers)
        if self._ended or self._next - self._due >= _WINDOW:
            return False
        return running == 0 or (running < _IN_FLIGHT and bool(self._pending))

    async def _exchange(self, number: int, piece: bytes) -> None:
        wait_ms = self._wait_ms
        arguments = [number, wait_ms, self._max_out, len(piece)]
        began = time.monotonic()
        try:
            answer = base64.b64decode(await self._run([str(argument) for argument in arguments], piece))
            self._adapt(wait_ms, (time.monotonic() - began) * 1000)
        except Exception as error:
            self._ended = True
            self._error = self._error or error
            self._output.put_nowait(error)
            answer = b""
        self._back = time.monotonic()
        async with self._changed:
            self._answers[number] = answer
            while self._due in self._answers:
                if output := self._answers.pop(self._due):
                    self._output.put_nowait(output)
                self._due += 1
            self._changed.notify_all()

    def _adapt(self, wait_ms: int, took_ms: float) -> None:
        """Shorten the wait after an exchange that the provider queued, and lengthen it after any other."""
        if took_ms > wait_ms + _QUEUED_MS:
            shortest = min(_SHORTEST_WAIT_MS, self._longest_wait_ms)
            self._wait_ms = max(shortest, self._wait_ms // 2)
        else:
            self._wait_ms = min(self._longest_wait_ms, self._wait_ms * 5 // 4 + 1)
