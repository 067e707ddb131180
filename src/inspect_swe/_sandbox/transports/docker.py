"""Direct access to a container through the engine's API: no process is spawned."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import socket
import struct
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import docker
from anyio.lowlevel import RunVar
from docker.context import ContextAPI
from docker.errors import APIError, DockerException, NotFound
from docker.utils import kwargs_from_env
from inspect_ai.util import SandboxConnection

from ..._errors import AgentInstallError, SandboxDiedError
from ..files import tar_stream
from ..probe import MOST_OUTPUT, Completed, Probe
from .bootstrap import relay_command, send_relay

logger = logging.getLogger(__name__)

_READ = 1 << 16
TIMEOUT = 120.0
"""Seconds within which a short command must end."""

_LOOK = 5.0
_PAUSE = 8.0
# A container's end is known to the engine after its streams have ended, and a removal begins with a kill.
_SETTLES = 1.0
_copies: RunVar[anyio.CapacityLimiter] = RunVar("inspect_swe_copies_at_once")

_engines: list[docker.APIClient] = []


def engine() -> docker.APIClient | None:
    """The engine that the `docker` command would take; None where the SDK cannot reach it.

    It is looked for once per process, unless it did not answer.
    """
    if _engines:
        return _engines[0]
    try:
        settings = _settings()
    except Exception as ex:  # the SDK raises bare exceptions where a context's files can't be read
        logger.info("Docker's configuration can't be read (%s): using Inspect's exec instead of the engine's API.", ex)
        return None
    try:
        if settings is None or str(settings["base_url"]).startswith("ssh:"):
            return None
        client = docker.APIClient(**settings, version="auto", timeout=120, num_pools=64)
        client.ping()
        _engines.append(client)
        return client
    except DockerException as ex:
        logger.info("The Docker engine is not reachable through its API (%s): using Inspect's exec instead.", ex)
        return None


def _copies_at_once() -> anyio.CapacityLimiter:
    """One for each processor, up to four: more are slower in sum, and would starve the event loop."""
    if (limiter := _copies.get(None)) is None:
        limiter = anyio.CapacityLimiter(min(4, max(2, os.cpu_count() or 2)))
        _copies.set(limiter)
    return limiter


def _settings() -> dict[str, Any] | None:
    """Where the engine is: `DOCKER_HOST`, else `DOCKER_CONTEXT`, else the current context."""
    if os.environ.get("DOCKER_HOST"):
        settings = kwargs_from_env()
        return {"base_url": settings.get("base_url"), "tls": settings.get("tls", False)}
    context = ContextAPI.get_context(os.environ.get("DOCKER_CONTEXT"))
    if context is None or context.Host is None:
        return None
    return {"base_url": context.Host, "tls": context.TLSConfig or False}


async def connect_docker(connection: SandboxConnection, user: str | None) -> DockerTransport | None:
    """The direct transport to a sandbox, or None where its container cannot be reached that way."""
    if connection.type != "docker" or not connection.container:  # other providers name containers too
        return None
    client = await anyio.to_thread.run_sync(engine)
    if client is None or client.base_url.startswith("https"):  # an upgraded TLS stream cannot be handed to asyncio
        return None
    try:
        await anyio.to_thread.run_sync(client.inspect_container, connection.container)
    except (DockerException, OSError):
        return None
    return DockerTransport(client, connection.container, user)


class DockerTransport:
    """Runs commands in, and copies files into, one container.

    Args:
        client: The engine's API.
        container: Name or id of the container.
        user: User to run as; None means the container's own.
    """

    name = "docker"
    packs = False
    patience = 30.0

    def __init__(self, client: docker.APIClient, container: str, user: str | None) -> None:
        self._client = client
        self._container = container
        self._user = user or ""

    async def run(self, argv: list[str]) -> Completed:
        """Run a command to its end."""
        # What a command prints before the SDK hands over the socket is lost in the SDK's read buffer: it must wait.
        channel = await self._open(["sh", "-c", 'read -r _; exec "$@"', "sh", *argv])
        try:
            return await asyncio.wait_for(_completed(channel), TIMEOUT)
        except asyncio.TimeoutError:
            raise SandboxDiedError(f"The container did not finish a short command within {TIMEOUT:.0f} s.") from None
        finally:
            await channel.aclose()

    async def open_channel(self, probe: Probe) -> DockerChannel:
        """Start the relay with its standard streams attached to us."""
        channel = await self._open(relay_command(probe))
        try:
            await send_relay(channel, probe)
        except BaseException:
            await channel.aclose()
            raise
        return channel

    async def _open(self, argv: list[str]) -> DockerChannel:
        exec_id, sock = await anyio.to_thread.run_sync(self._attach, argv)
        reader, writer = await asyncio.open_connection(sock=sock, limit=1 << 20)
        return DockerChannel(self._client, exec_id, reader, writer)

    def _attach(self, argv: list[str]) -> tuple[str, socket.socket]:
        try:
            exec_id = self._client.exec_create(self._container, argv, stdin=True, user=self._user)["Id"]
            stream: Any = self._client.exec_start(exec_id, socket=True)
        except (DockerException, OSError) as ex:
            raise SandboxDiedError(
                f"The container does not run commands: {getattr(ex, 'explanation', None) or ex}"
            ) from ex
        # The SDK hands out a file-like wrapper; asyncio wants the socket itself, and it must outlive the wrapper.
        raw = getattr(stream, "_sock", stream)
        duplicate = socket.socket(fileno=os.dup(raw.fileno()))
        stream.close()
        duplicate.setblocking(False)
        return exec_id, duplicate

    async def liveness_error(self) -> str | None:
        """That the container is paused, for longer than it takes to make an image of it."""
        for pause in (_PAUSE, 0):
            paused = False  # as long as the engine, which may be busy, doesn't say otherwise
            with anyio.move_on_after(_LOOK):
                paused = await anyio.to_thread.run_sync(self._is_paused, abandon_on_cancel=True)
            if not paused:
                return None
            await asyncio.sleep(pause)
        return "its container is paused"

    def _is_paused(self) -> bool:
        with contextlib.suppress(DockerException, OSError):
            return bool(self._client.inspect_container(self._container)["State"].get("Paused"))
        return False

    def host_path(self, path: Path) -> str | None:
        """The container does not see this host's files."""
        return None

    async def place(self, source: Path, folder: str, probe: Probe) -> bool:
        """Copy a file or a folder's content into `folder` (which must exist), owned by the agent's user.

        Args:
            source: File or folder on this host. It is streamed: never whole in memory.
            folder: Existing folder in the container.
            probe: Says whose the files shall be.

        Returns:
            False where the engine cannot write there: it sees the root file system, but no tmpfs.

        Raises:
            AgentInstallError: The engine refused them.
        """
        if probe.rootfs:
            await anyio.to_thread.run_sync(self._place, source, folder, probe, limiter=_copies_at_once())
        return probe.rootfs

    def _place(self, source: Path, folder: str, probe: Probe) -> None:
        try:
            self._client.put_archive(self._container, folder, tar_stream(source, probe.uid, probe.gid))
        except (APIError, OSError) as ex:
            raise AgentInstallError(
                f"Copying {source.name} into the container failed: {getattr(ex, 'explanation', None) or ex}",
                hint="check that the engine's disk is not full (`docker system df`).",
            ) from ex


async def _completed(channel: DockerChannel) -> Completed:
    output = bytearray()
    with contextlib.suppress(ConnectionError):
        await channel.send(b"\n")
        await channel.end()
    while data := await channel.receive():
        output += data
        if len(output) > MOST_OUTPUT:  # whoever is root in the sandbox chooses what `sh` is
            raise SandboxDiedError(f"A short command in the container wrote more than {MOST_OUTPUT >> 20} MiB.")
    return Completed(await channel.exit_code(), output.decode(errors="replace"), channel.stderr)


class DockerChannel:
    """The attached streams of one command: what we send is its stdin, what we receive its stdout."""

    def __init__(
        self, client: docker.APIClient, exec_id: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._client = client
        self._exec_id = exec_id
        self._reader = reader
        self._writer = writer
        self._left = 0
        self._is_stderr = False
        self._stderr = io.BytesIO()

    async def send(self, data: bytes) -> None:
        """Send bytes to its stdin."""
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self) -> bytes:
        """Bytes from its stdout; empty at end of file."""
        while True:
            if self._left == 0:
                try:
                    header = await self._reader.readexactly(8)
                except (asyncio.IncompleteReadError, ConnectionError):
                    return b""
                # The engine frames the stream: one byte says which, four say how long.
                self._is_stderr = header[0] == 2
                self._left = struct.unpack(">I", header[4:])[0]
                continue
            data = await self._reader.read(min(self._left, _READ))
            if not data:
                return b""
            self._left -= len(data)
            if not self._is_stderr:
                return data
            if self._stderr.tell() < _READ:
                self._stderr.write(data)

    async def end(self) -> None:
        """Close its stdin, so that it sees end of file."""
        if self._writer.can_write_eof() and not self._writer.is_closing():
            self._writer.write_eof()

    async def aclose(self) -> None:
        """Drop the connection: also the SDK's hold on it, which lasts until its objects are collected."""
        with contextlib.suppress(OSError):
            self._writer.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self._writer.close()

    @property
    def stderr(self) -> str:
        """The beginning of its stderr."""
        return self._stderr.getvalue().decode(errors="replace")

    async def exit_code(self) -> int:
        """Its exit code, once its output has ended."""
        for _ in range(50):
            info = await anyio.to_thread.run_sync(self._client.exec_inspect, self._exec_id)
            if info["ExitCode"] is not None:
                return int(info["ExitCode"])
            await asyncio.sleep(0.02)
        return 255

    async def diagnosis(self) -> str:
        """What is known about how the command ended: its stderr, exit code and the container's state."""
        with anyio.move_on_after(_LOOK):
            await asyncio.sleep(_SETTLES)
            found = await anyio.to_thread.run_sync(self._examine, abandon_on_cancel=True)
            return f"{self.stderr} {found}".lstrip()
        return "The Docker engine does not answer."

    def _examine(self) -> str:
        try:
            info = self._client.exec_inspect(self._exec_id)
            state = self._client.inspect_container(info["ContainerID"])["State"]
        except NotFound:
            return "Its container was removed."
        except (DockerException, OSError) as ex:
            return f"The Docker engine does not tell the container's state: {ex}"
        memory = " for lack of memory (OOM): it needs a higher mem_limit" if state.get("OOMKilled") else ""
        if not state.get("Running"):
            return f"Its container ended with exit code {state.get('ExitCode')}{memory and ', killed'}{memory}."
        killed = f", in which something was killed{memory}" if memory else ""
        return f"Its exit code is {info.get('ExitCode')}; its container runs on{killed}."
