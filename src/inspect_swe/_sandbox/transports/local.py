"""A transport to Inspect's `local` sandbox, where the relay runs the agent's processes on this machine."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from pathlib import Path

from ..._errors import SandboxDiedError
from ..._folders import is_usable_in_path, temporary_root
from ..probe import Probe
from ..relay.multiplexer import ByteChannel
from .bootstrap import relay_command, send_relay
from .exec import PortableTransport

# The agent must not receive this process's credentials.
_SECRET_NAME = re.compile("KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)
# https://TOKEN@host, https://user:password@host, and postgres://user:password@host, but not ssh://git@host.
_SECRET_VALUE = re.compile(r"https?://[^/\s@]+@|[a-z][a-z0-9+.-]*://[^/\s@:]*:[^/\s@]+@", re.IGNORECASE)


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without those whose name indicates a credential or whose value is a URL with one.

    Replaces a `TMPDIR` that cannot be used.
    """
    env = {
        name: value
        for name, value in variables.items()
        if not _SECRET_NAME.search(name) and not _SECRET_VALUE.search(value)
    }
    if "TMPDIR" in env and env["TMPDIR"] != (usable := temporary_root()):
        env["TMPDIR"] = usable or "/tmp"
    return env


class LocalTransport(PortableTransport):
    """A transport that runs commands in the local sandbox's folder, with the relay as a child process."""

    name = "local"
    packs = False
    patience = 30.0

    async def open_channel(self, probe: Probe) -> ByteChannel:
        """Start the relay with its standard streams attached to this process."""
        try:
            process = await asyncio.create_subprocess_exec(
                *relay_command(probe),
                cwd=probe.cwd,
                env=environment(os.environ),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as ex:
            raise SandboxDiedError(
                f"The relay could not be started: {ex}",
                hint="check that the sandbox's folder exists, and that TMPDIR names a folder whose path is UTF-8.",
            ) from ex
        channel = PipeChannel(process)
        try:
            await send_relay(channel, probe)
        except BaseException:
            await channel.aclose()
            raise
        return channel

    async def liveness_error(self) -> str | None:
        """Return None: this machine is alive while this process runs."""
        return None

    def host_path(self, path: Path) -> str | None:
        """Return the path of the host file itself, or None if programs can't be run there."""
        return str(path) if is_usable_in_path(path) else None


class PipeChannel:
    """The standard streams of a child process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin and process.stdout
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout

    async def send(self, data: bytes) -> None:
        """Send bytes to its stdin."""
        self._stdin.write(data)
        await self._stdin.drain()

    async def receive(self) -> bytes:
        """Return bytes from its stdout, or none at end of file."""
        return await self._stdout.read(1 << 16)

    async def diagnosis(self) -> str:
        """Return the relay's exit code as a sentence."""
        return f"Relay exit code {self._process.returncode}."

    async def aclose(self) -> None:
        """Close its stdin, and wait until it has cleaned up and exited. Kills it after ten seconds."""
        self._stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 10)
        except asyncio.TimeoutError:
            self._process.kill()
            await self._process.wait()
