"""A transport to any Inspect sandbox provider. It uses only `SandboxEnvironment.exec`."""

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
# The relay's daemon must not consider the host dead while a command may still be under way.
_LEASE = _TIMEOUT + 60
_LOOK = 10
# Seconds that a command may take after later ones have returned, and seconds without any command returning.
_OVERTAKEN, _SILENCE = 30.0, float(_TIMEOUT)
_STEP = 1.0
# Older releases of Inspect don't have `SandboxUserUnsupportedError`.
_UNSUPPORTED = (NotImplementedError, getattr(inspect_ai.util, "SandboxUserUnsupportedError", NotImplementedError))


class Activity:
    """Started and returned commands of a provider in this process.

    Providers queue commands, so a command that hasn't returned may not have started in the sandbox.
    """

    def __init__(self) -> None:
        self.started = 0
        self.latest = 0
        """The highest number of a command that has returned."""
        self.returned = time.monotonic()
        """Time of the last return of a command, on the monotonic clock."""

    @contextlib.contextmanager
    def command(self) -> Iterator[int]:
        """Count the block as a command, and yield its number. A cancelled command doesn't count as returned."""
        self.started += 1
        number = self.started
        try:
            yield number
        except asyncio.CancelledError:
            raise
        except BaseException:
            self._record_return(number)
            raise
        self._record_return(number)

    def _record_return(self, number: int) -> None:
        self.latest = max(self.latest, number)
        self.returned = time.monotonic()


_activities: defaultdict[type, Activity] = defaultdict(Activity)


class PortableTransport:
    """A transport that runs commands through Inspect, and exchanges the relay's bytes by blocking commands.

    Args:
        sandbox: The sample's sandbox.
        user: User to run as; None means the sandbox's default.
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
        """Run a command to completion.

        Raises:
            SandboxDiedError: The command did not end in time, or the provider could not run it.
            SandboxUnsupportedError: The provider does not support the command or its user.
        """
        try:
            with self._activity.command():
                # Pass an empty input explicitly: without one, some providers let a command read unrelated input.
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
        """Start the relay as a daemon, and return a channel to it."""
        daemon = relay_command(probe, "--daemon", probe.scratch, str(_LEASE * 1000))
        await self._checked(daemon, relay_binary(probe), "The relay could not be started.")

        async def exchange(args: list[str], stdin: bytes) -> str:
            argv = [probe.relay, "--exchange", probe.scratch, *args]
            return (await self._checked(argv, stdin, "The relay in the sandbox does not answer.")).stdout

        self._channel = ExchangeChannel(exchange)
        return self._channel

    async def liveness_error(self) -> str | None:
        """Return an error if neither the waiting exchange nor a command that does nothing returns.

        The provider's own timeout decides first, because the second command may be queued behind others. If the
        provider ignores timeouts, later commands that return before this one decide, or a period without any returns.
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
        """Return None: the sandbox does not see host files."""
        return None

    async def place(self, source: Path, folder: str, probe: Probe) -> bool:
        """Return False: only the relay can copy files."""
        return False
