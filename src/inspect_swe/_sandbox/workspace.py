"""The sandbox of a sample from the agent's user's point of view: facts, files and processes."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import anyio
import anyio.to_thread
from inspect_ai.util import SandboxEnvironment
from inspect_ai.util import sandbox as inspect_sandbox

from .._errors import AgentInstallError, AgentOptionError, SandboxDiedError
from .._inspect.private import is_local
from .files import gzipped, source_files, tar_stream
from .probe import MAX_OUTPUT, Completed, Probe, probe_sandbox
from .relay.multiplexer import ByteChannel, Connect, Multiplexer, Process, SandboxFileError
from .transports.docker import connect_docker
from .transports.exec import PortableTransport
from .transports.local import LocalTransport

_QUIET = 5.0
_REPLACE = 'rm -rf "$1.old"; if [ -e "$2" ]; then mv "$2" "$1.old" || exit 1; fi; mv "$1" "$2" && rm -rf "$1.old"'


class Transport(Protocol):
    """A way to reach a sandbox."""

    name: str
    packs: bool
    """True if transfers are slow enough that copied files should be compressed."""
    patience: float
    """Seconds within which a working relay answers."""

    async def run(self, argv: list[str]) -> Completed:
        """Run a command to completion, as the agent's user."""

    async def open_channel(self, probe: Probe) -> ByteChannel:
        """Start the relay and return its byte stream."""

    async def liveness_error(self) -> str | None:
        """Return the reason why a quiet sandbox cannot answer, or None if it can. Never raises."""

    def host_path(self, path: Path) -> str | None:
        """Return the path of a host file in the sandbox, or None if the sandbox cannot see it."""

    async def place(self, source: Path, folder: str, probe: Probe) -> bool:
        """Copy files into a folder. Returns False if only the relay can write there."""


async def open_workspace(name: str | None, user: str | None, cwd: str | None, commands: list[str]) -> Workspace:
    """Choose a transport for a sandbox and probe it with one command.

    Args:
        name: Name of the sandbox; None means the sample's default.
        user: User to run as; None means the sandbox's default.
        cwd: Working directory; a relative one starts in the sandbox's own.
        commands: Commands to look for on PATH.

    Raises:
        AgentOptionError: There is no sandbox (of that name).
        SandboxUnsupportedError: The sandbox has no shell, no such user, or no usable folder.
    """
    try:
        sandbox = inspect_sandbox(name)
    except (ProcessLookupError, ValueError) as ex:
        raise AgentOptionError(
            f"There is no sandbox{f' named {name!r}' if name else ''} in this sample: {ex}",
            hint='give the task one, for example Task(sandbox="docker").',
        ) from ex
    transport = await _choose_transport(sandbox, user)
    probe = await probe_sandbox(transport.run, commands, user)
    return Workspace(transport, probe, cwd, id(sandbox))


async def _choose_transport(sandbox: SandboxEnvironment, user: str | None) -> Transport:
    if is_local(sandbox):
        return LocalTransport(sandbox, user)
    try:
        connection = await sandbox.connection()
    except (NotImplementedError, ConnectionError):
        return PortableTransport(sandbox, user)
    return await connect_docker(connection, user) or PortableTransport(sandbox, user)


def unset_argv(names: Sequence[str]) -> list[str]:
    """Return the start of a command that runs without these variables."""
    return ["env", *(word for name in names for word in ("-u", name))] if names else []


class Workspace:
    """A sandbox, ready for an agent.

    Args:
        transport: The transport to the sandbox.
        probe: Facts about the sandbox.
        cwd: Working directory for the agent; None means the sandbox's own.
        identity: A number that distinguishes the sandboxes of this process.
    """

    def __init__(self, transport: Transport, probe: Probe, cwd: str | None, identity: int) -> None:
        self.transport = transport
        self.probe = probe
        self.identity = identity
        self.copied = 0
        """Total size of the files copied into the sandbox, in bytes."""
        self.cwd = probe.cwd if cwd is None else cwd if cwd.startswith("/") else f"{probe.cwd.rstrip('/')}/{cwd}"
        self._relay: Multiplexer | None = None
        self._frozen = False
        self._fatal_error: SandboxDiedError | None = None

    @property
    def relay(self) -> Multiplexer:
        """The running relay."""
        assert self._relay is not None, "the relay is not running"
        return self._relay

    @contextlib.asynccontextmanager
    async def relaying(self, connect: Connect | None) -> AsyncIterator[int]:
        """Run the relay, and yield the port it listens on in the sandbox.

        If the block raises, or this process dies, everything started through the relay is killed. Otherwise daemons
        that the agent started keep running for the scorers, until the sandbox ends. In the `local` sandbox, on this
        machine, they are always killed.

        Args:
            connect: Opens a connection to the host's app for each connection made in the sandbox. If None, they are
                refused.
        """
        channel = await self.transport.open_channel(self.probe)
        relay = Multiplexer(channel, token=self.probe.token, connect=connect, patience=self.transport.patience)
        try:
            port = await relay.start()
            self._relay = relay
            yield port
            if self.transport.name != "local":
                await relay.detach()
        finally:
            self._relay = None
            with anyio.move_on_after(self.transport.patience * 2 / 3, shield=True):
                await self._end(relay)

    @contextlib.asynccontextmanager
    async def reachable(self) -> AsyncIterator[None]:
        """Ensure a running relay: use the current one, or start one for this block.

        Raises:
            SandboxDiedError: The sandbox was already lost.
        """
        if self._fatal_error is not None:
            raise self._fatal_error
        async with contextlib.nullcontext() if self._relay is not None else self.relaying(None):
            yield

    async def _watch(self, relay: Multiplexer) -> None:
        """Fail the session of a frozen (for example paused) sandbox, whose channel would never end."""
        while True:
            await anyio.sleep(_QUIET)
            if time.monotonic() - relay.last_received < _QUIET:
                continue
            if liveness_error := await self.transport.liveness_error():
                self._frozen = True
                relay.fail(SandboxDiedError(f"The sandbox stands still: {liveness_error}."))
                return

    async def _end(self, relay: Multiplexer) -> None:
        # A frozen sandbox cannot run a kill command; its relay exits as soon as the sandbox resumes.
        is_lost = relay.closed.is_set() and not (relay.detached or self._frozen)
        if not relay.closed.is_set():
            # Closing the channel also kills the processes, but at an unknown time: scorers might still see them.
            with contextlib.suppress(SandboxDiedError), anyio.move_on_after(self.transport.patience / 3):
                await relay.kill_all()
        await relay.aclose()
        if is_lost:
            with contextlib.suppress(Exception):  # the sandbox itself may be gone
                await self.transport.run([self.probe.relay, "--kill", self.probe.token])

    async def spawn(
        self, argv: Sequence[str], env: Mapping[str, str], stdin: bytes | None = b"", unset: Sequence[str] = ()
    ) -> Process:
        """Start a process in the working directory.

        Args:
            argv: The command.
            env: Variables to add to the sandbox's environment.
            stdin: Standard input; None leaves it open for `Process.write`.
            unset: Variables of the sandbox's environment to remove.
        """
        return await self.relay.spawn([*unset_argv(unset), *argv], cwd=self.cwd, env=env, stdin=stdin)

    async def run(self, argv: Sequence[str], stdin: bytes = b"", limit: int = MAX_OUTPUT) -> Completed:
        """Run a short command through the relay to completion. Kills it if it writes more than `limit` bytes."""
        code, out, err = await self.capture(argv, stdin, limit)
        return Completed(code, out.decode(errors="replace"), err.decode(errors="replace"))

    async def capture(
        self, argv: Sequence[str], stdin: bytes = b"", limit: int = MAX_OUTPUT
    ) -> tuple[int, bytes, bytes]:
        """Run a command like `run()`, and return its exit code and raw output.

        Output of more than `limit` bytes means that the command was killed for exceeding the limit.
        """
        process = await self.relay.spawn(argv, cwd=None, env={}, stdin=stdin)
        streams = {"stdout": bytearray(), "stderr": bytearray()}
        try:
            async for stream, chunk in process.output():
                if len(streams[stream]) <= limit:
                    streams[stream] += chunk
                else:
                    await process.kill()
            status = await process.wait()
        except BaseException:
            await process.kill()
            raise
        code = status.code if status.code is not None else 128 + (status.signal or 0)
        return code, bytes(streams["stdout"]), bytes(streams["stderr"])

    async def shell(self, script: str, *arguments: str, limit: int = MAX_OUTPUT) -> Completed:
        """Run a shell script with the arguments $1, $2, ..."""
        return await self.run(["sh", "-c", script, "sh", *arguments], limit=limit)

    async def write(self, path: str, content: bytes | Path | Iterator[bytes], mode: int = 0o644) -> None:
        """Write a file atomically, and create its parent folders.

        Raises:
            AgentInstallError: The file could not be written.
        """
        try:
            await self.relay.write_file(path, content, mode)
        except SandboxFileError as ex:
            raise AgentInstallError(
                f"Writing {path} in the sandbox failed: {ex}", hint="check the sandbox's free disk space."
            ) from ex

    async def copy(self, source: Path, folder: str) -> None:
        """Copy a file or the content of a folder into `folder`.

        Replaces an existing `folder` only when the copy is complete.

        Raises:
            AgentInstallError: The files could not be written.
        """
        stage = f"{self.probe.scratch}/stage"
        files = await anyio.to_thread.run_sync(source_files, source)
        await self._checked('rm -rf "$1"; mkdir -p "$1" "$(dirname "$2")"', stage, folder)
        if not await self.transport.place(source, stage, self.probe) and not await self._unpack(source, stage):
            for file in files:
                await self.write(f"{stage}/{file.name}", file.path, file.mode)
        await self._checked(_REPLACE, stage, folder)
        self.copied += sum(file.size for file in files)

    async def _unpack(self, source: Path, folder: str) -> bool:
        """Copy as one compressed stream over a slow connection. Returns False if impossible or not worthwhile."""
        if not (self.transport.packs and (await self.shell("command -v tar && command -v gzip")).code == 0):
            return False
        packed = f"{folder}.tgz"
        await self.write(packed, gzipped(tar_stream(source, self.probe.uid, self.probe.gid)))
        return (await self.shell('tar -xzf "$1" -C "$2"; code=$?; rm -f "$1"; exit $code', packed, folder)).code == 0

    async def _checked(self, script: str, *arguments: str) -> None:
        done = await self.shell(script, *arguments)
        if done.code != 0:
            raise AgentInstallError(
                f"A set-up command failed in the sandbox: {shlex.join(['sh', '-c', script, 'sh', *arguments])}",
                exit_code=done.code,
                stdout=done.stdout,
                stderr=done.stderr,
            )

    async def wait_lost(self) -> SandboxDiedError:
        """Wait until the relay's channel ends or the sandbox freezes, and return the error."""
        relay = self.relay
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch, relay)
            await relay.closed.wait()
            group.cancel_scope.cancel()
        error = relay.error
        if not isinstance(error, SandboxDiedError):
            error = SandboxDiedError(f"The sandbox was lost: {error}")
        self._fatal_error = error
        return error
