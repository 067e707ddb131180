"""Any Inspect sandbox provider: only `SandboxEnvironment.exec` is used."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import inspect_ai.util
from inspect_ai.util import SandboxEnvironment

from ..._errors import SandboxDiedError, SandboxUnsupportedError
from ..probe import Completed, Probe
from ..relay.exchange import ExchangeChannel
from ..relay.multiplexer import ByteChannel
from .bootstrap import relay_binary, relay_command

_TIMEOUT = 120
# As long as a command may be on its way the relay's daemon must not take its host for dead.
_LEASE = _TIMEOUT + 60
_LOOK = 10
# How long a command that others have overtaken may still be running, and how long none may come back at all.
_OVERTAKEN, _SILENCE = 30.0, float(_TIMEOUT)
_STEP = 1.0
# Older releases of Inspect don't have the second one.
_UNSUPPORTED = (NotImplementedError, getattr(inspect_ai.util, "SandboxUserUnsupportedError", NotImplementedError))


class Activity:
    """The commands of a provider in this process: which were started, and which have come back.

    Providers queue commands, so a command that hasn't come back may not have been started at all.
    """

    def __init__(self) -> None:
        self.started = 0
        self.latest = 0
        """The highest number of a command that has come back."""
        self.returned = time.monotonic()
        """When one has last come back."""

    @contextlib.contextmanager
    def command(self) -> Iterator[int]:
        """Run a command in this block; yields its number. One that is cancelled doesn't count as come back."""
        self.started += 1
        number = self.started
        try:
            yield number
        except asyncio.CancelledError:
            raise
        except BaseException:
            self._came_back(number)
            raise
        self._came_back(number)

    def _came_back(self, number: int) -> None:
        self.latest = max(self.latest, number)
        self.returned = time.monotonic()


_activities: defaultdict[type, Activity] = defaultdict(Activity)


class PortableTransport:
    """Runs commands through Inspect; the relay's bytes travel by one blocking exec at a time.

    Args:
        sandbox: The sample's sandbox.
        user: User to run as; None means the sandbox's own.
    """

    name = "portable"
    packs = True
    patience = 180.0

    def __init__(self, sandbox: SandboxEnvironment, user: str | None) -> None:
        self._sandbox = sandbox
        self._user = user
        self._channel: ExchangeChannel | None = None
        self._activity = _activities[type(self)]

    async def run(self, argv: list[str], stdin: bytes = b"") -> Completed:
        """Run a command to its end.

        Raises:
            SandboxDiedError: It did not end in time, or the provider could not run it.
            SandboxUnsupportedError: The provider does not run commands in that way.
        """
        try:
            with self._activity.command():
                # An empty input is given as one: with none, a command of some providers reads what is not meant for it.
                done = await self._sandbox.exec(
                    argv, input=stdin, user=self._user, timeout=_TIMEOUT, timeout_retry=False, concurrency=False
                )
        except TimeoutError as ex:
            raise SandboxDiedError(f"The sandbox did not answer within {_TIMEOUT} s.") from ex
        except _UNSUPPORTED as ex:
            raise SandboxUnsupportedError(
                f"The sandbox's provider does not support a command: {ex}",
                hint="leave out `user` if the provider cannot choose it.",
            ) from ex
        except Exception as ex:
            raise SandboxDiedError(f"The sandbox does not run commands ({type(ex).__name__}: {ex}).") from ex
        return Completed(done.returncode, done.stdout, done.stderr)

    async def open_channel(self, probe: Probe) -> ByteChannel:
        """Start the relay as a daemon and exchange bytes with it."""
        daemon = relay_command(probe, "--daemon", probe.scratch, str(_LEASE * 1000))
        await self._checked(daemon, relay_binary(probe), "The relay could not be started.")

        async def exchange(args: list[str], stdin: bytes) -> str:
            argv = [probe.relay, "--exchange", probe.scratch, *args]
            return (await self._checked(argv, stdin, "The relay in the sandbox does not answer.")).stdout

        self._channel = ExchangeChannel(exchange)
        return self._channel

    async def liveness_error(self) -> str | None:
        """That no command comes back: neither the exchange that always waits nor one that does nothing.

        The provider's own word counts: until then the second command may be waiting for others to end. A provider that
        doesn't keep to timeouts is told by later commands, which come back though this one doesn't, or by silence.
        """
        if self._channel is None or not self._channel.overdue:
            return None
        began, overtaken = time.monotonic(), None
        with self._activity.command() as number:
            look = asyncio.ensure_future(self._look())
            try:
                while not look.done():
                    await asyncio.wait({look}, timeout=_STEP)
                    now = time.monotonic()
                    if self._activity.latest > number:
                        overtaken = overtaken or now
                    if overtaken and now - overtaken > _OVERTAKEN:
                        return "a command that does nothing did not end there, and later ones have ended elsewhere"
                    if now - max(began, self._activity.returned) > _SILENCE:
                        return f"a command that does nothing did not end there within {_SILENCE:g} s"
                return look.result()
            finally:
                look.cancel()

    async def _look(self) -> str | None:
        try:
            done = await self._sandbox.exec(["true"], input=b"", timeout=_LOOK, timeout_retry=False, concurrency=False)
        except Exception as ex:
            return f"a command that does nothing failed there ({type(ex).__name__}: {ex})"
        return None if done.success else f"a command that does nothing failed there: {done.stderr.strip()}"

    async def _checked(self, argv: list[str], stdin: bytes, problem: str) -> Completed:
        done = await self.run(argv, stdin)
        if done.code != 0:
            raise SandboxDiedError(problem, exit_code=done.code, stdout=done.stdout, stderr=done.stderr)
        return done

    def host_path(self, path: Path) -> str | None:
        """The sandbox does not see this host's files."""
        return None

    async def place(self, source: Path, folder: str, probe: Probe) -> bool:
        """Not possible without the relay."""
        return False
