"""Any Inspect sandbox provider: only `SandboxEnvironment.exec` is used."""

from __future__ import annotations

from pathlib import Path

import anyio
from inspect_ai.util import SandboxEnvironment

from .._errors import SandboxDiedError
from .exchange import ExchangeChannel
from .multiplexer import ByteChannel
from .probe import Completed, Probe
from .start import relay_binary, relay_command

_TIMEOUT = 120
# As long as a command may be on its way the relay's daemon must not take its host for dead.
_LEASE = _TIMEOUT + 60
_LOOK = 10


class PortableTransport:
    """Runs commands through Inspect; the relay's bytes travel by one blocking exec at a time.

    Args:
        sandbox: The sample's sandbox.
        user: User to run as; None means the sandbox's own.
    """

    name = "portable"
    packs = True

    def __init__(self, sandbox: SandboxEnvironment, user: str | None) -> None:
        self._sandbox = sandbox
        self._user = user
        self._channel: ExchangeChannel | None = None

    async def run(self, argv: list[str], stdin: bytes = b"") -> Completed:
        """Run a command to its end."""
        done = await self._sandbox.exec(
            argv, input=stdin or None, user=self._user, timeout=_TIMEOUT, timeout_retry=False, concurrency=False
        )
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

    async def ailment(self) -> str | None:
        """That no command comes back: neither the exchange that always waits nor one that does nothing."""
        if self._channel is None or not self._channel.overdue:
            return None
        with anyio.move_on_after(_LOOK + 1):
            try:
                done = await self._sandbox.exec(["true"], timeout=_LOOK, timeout_retry=False, concurrency=False)
            except Exception as ex:
                return f"a command that does nothing failed there ({type(ex).__name__}: {ex})"
            return None if done.success else f"a command that does nothing failed there: {done.stderr.strip()}"
        return f"a command that does nothing did not end there within {_LOOK} s"

    async def _checked(self, argv: list[str], stdin: bytes, problem: str) -> Completed:
        try:
            done = await self.run(argv, stdin)
        except TimeoutError as ex:
            raise SandboxDiedError(f"{problem} The sandbox did not answer within {_TIMEOUT} s.") from ex
        if done.code != 0:
            raise SandboxDiedError(problem, exit_code=done.code, stdout=done.stdout, stderr=done.stderr)
        return done

    def host_path(self, path: Path) -> str | None:
        """The sandbox does not see this host's files."""
        return None

    async def place(self, source: Path, folder: str, probe: Probe) -> bool:
        """Not possible without the relay."""
        return False
