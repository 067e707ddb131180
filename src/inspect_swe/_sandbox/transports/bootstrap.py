"""Installation of the relay. One command in the sandbox reads it from stdin, writes it to a file and executes it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from importlib.resources import files

from ..._errors import SandboxDiedError, SandboxUnsupportedError
from ..probe import Probe
from ..relay.multiplexer import ByteChannel

_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
_READY = b"+"
_TIMEOUT, _REST = 60.0, 2.0
_MAX_TEXT = 1 << 16

# Works as any user and on any file system, and needs only the usual shell utilities. A provider may run it twice,
# even concurrently, and may lose its stderr. Commands that succeed may still print: the loader warns of LD_PRELOAD.
_SCRIPT = """
new=$2.$$
if said=$( (umask 077; head -c "$1" >"$new" && chmod 700 "$new" && mv -f "$new" "$2") 2>&1); then
  printf +
  shift
  exec "$@"
fi
printf '%s\n' "$said"
exit 1
"""


def relay_command(probe: Probe, *arguments: str) -> list[str]:
    """Return a command that reads `relay_binary()` from stdin, installs it, prints "+" and executes it."""
    return ["sh", "-c", _SCRIPT, "sh", str(len(relay_binary(probe))), probe.relay, *arguments]


def relay_binary(probe: Probe) -> bytes:
    """Return the relay binary for the sandbox's machine type.

    Raises:
        SandboxUnsupportedError: There is no relay for it.
    """
    machine = _MACHINES.get(probe.machine)
    if machine is None:
        raise SandboxUnsupportedError(
            f"The sandbox's machine type {probe.machine!r} is not supported.", hint="use an x86-64 or arm64 image."
        )
    return _binary(machine)


@functools.cache
def _binary(machine: str) -> bytes:
    return (files("inspect_swe._sandbox") / "relay_src" / f"relay-{machine}").read_bytes()


async def send_relay(channel: ByteChannel, probe: Probe) -> None:
    """Send the relay to a running `relay_command()`, and wait until the relay starts.

    Raises:
        SandboxDiedError: The relay could not be written or started.
    """
    with contextlib.suppress(OSError):  # a failed command reads nothing, but prints the reason
        await channel.send(relay_binary(probe))
    received = await _received(channel, _TIMEOUT)
    if received == _READY:
        return
    while len(received) < _MAX_TEXT and (more := await _received(channel, _REST)):
        received += more
    text = received.decode(errors="replace") + await channel.diagnosis()
    raise SandboxDiedError("The relay could not be started in the sandbox.", stderr=text)


async def _received(channel: ByteChannel, seconds: float) -> bytes:
    try:
        return await asyncio.wait_for(channel.receive(), seconds)
    except asyncio.TimeoutError:
        return b""
