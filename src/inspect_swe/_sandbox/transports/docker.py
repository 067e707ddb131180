"""A transport to containers through the Docker engine's API. It spawns no host processes."""

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
from ..probe import MAX_OUTPUT, Completed, Probe
from .bootstrap import relay_command, send_relay

logger = logging.getLogger(__name__)

_READ = 1 << 16
TIMEOUT = 120.0
"""Timeout of a short command, in seconds."""

_LOOK = 5.0
_PAUSE = 8.0
# The engine reports a container's end only after its streams have ended, and a removal begins with a kill.
_SETTLES = 1.0
_copies: RunVar[anyio.CapacityLimiter] = RunVar("inspect_swe_copies_at_once")

_engines: list[docker.APIClient] = []


def engine() -> docker.APIClient | None:
    """Return a client of the engine that the `docker` command uses, or None if the SDK cannot reach it.

    Only a client that works is cached for the process.
    """
    if _engines:
        return _engines[0]
    try:
        settings = _settings()
    except Exception as ex:  # the SDK raises bare exceptions if a context's files can't be read
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
    """Return the limiter of concurrent copies: one per processor, two to four.

    More would take longer overall, and starve the event loop.
    """
    if (limiter := _copies.get(None)) is None:
        limiter = anyio.CapacityLimiter(min(4, max(2, os.cpu_count() or 2)))
        _copies.set(limiter)
    return limiter


def _settings() -> dict[str, Any] | None:
    """Return connection settings from `DOCKER_HOST`, else `DOCKER_CONTEXT`, else the current context."""
    if os.environ.get("DOCKER_HOST"):
        settings = kwargs_from_env()
        return {"base_url": settings.get("base_url"), "tls": settings.get("tls", False)}
    context = ContextAPI.get_context(os.environ.get("DOCKER_CONTEXT"))
    if context is None or context.Host is None:
        return None
    return {"base_url": context.Host, "tls": context.TLSConfig or False}


async def connect_docker(connection: SandboxConnection, user: str | None) -> DockerTransport | None:
    """Return a direct transport to a sandbox, or None if the engine's API cannot reach its container."""
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
    """A transport to one container.

    Args:
        client: API client of the engine.
        container: Name or id of the container.
        user: User to run as; None means the container's default.
    """

    name = "docker"
    packs = False
    patience = 30.0

    def __init__(self, client: docker.APIClient, container: str, user: str | None) -> None:
        self._client = client
        self._container = container
        self._user = user or ""

    async def run(self, argv: list[str]) -> Completed:
        """Run a command to completion.

        Raises:
            SandboxDiedError: The container does not run commands, or the command exceeded its time or output limit.
        """
        # Output written before the SDK hands over the socket is lost in the SDK's read buffer: the command must wait.
        channel = await self._open(["sh", "-c", 'read -r _; exec "$@"', "sh", *argv])
        try:
            return await asyncio.wait_for(_completed(channel), TIMEOUT)
        except asyncio.TimeoutError:
            raise SandboxDiedError(f"The container did not finish a short command within {TIMEOUT:.0f} s.") from None
        finally:
            await channel.aclose()

    async def open_channel(self, probe: Probe) -> DockerChannel:
        """Start the relay with its standard streams attached to this process."""
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
        # The SDK returns a file-like wrapper; asyncio needs the socket itself, which must outlive the wrapper.
        raw = getattr(stream, "_sock", stream)
        duplicate = socket.socket(fileno=os.dup(raw.fileno()))
        stream.close()
        duplicate.setblocking(False)
        return exec_id, duplicate

    async def liveness_error(self) -> str | None:
        """Return an error if the container is paused for longer than a commit of an image takes."""
        for pause in (_PAUSE, 0):
            paused = False  # the default if the engine is busy and does not answer
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
        """Return None: the container does not see host files."""
        return None

    async def place(self, source: Path, folder: str, probe: Probe) -> bool:
        """Copy a file or a folder's content into an existing folder, owned by the agent's user.

        Args:
            source: File or folder on the host. It is streamed, not loaded into memory.
            folder: Existing folder in the container.
            probe: Facts about the sandbox, including the owner of the files.

        Returns:
            False if the engine cannot write there: it sees only the root file system, no tmpfs.

        Raises:
            AgentInstallError: The engine rejected the files.
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
        if len(output) > MAX_OUTPUT:  # root in the sandbox can replace `sh`
            raise SandboxDiedError(f"A short command in the container wrote more than {MAX_OUTPUT >> 20} MiB.")
    return Completed(await channel.exit_code(), output.decode(errors="replace"), channel.stderr)


class DockerChannel:
    """The attached streams of one command: `send()` writes its stdin, `receive()` reads its stdout."""

    def __init__(
        self, client: docker.APIClient, exec_id: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._client = client
        self._exec_id = exec_id
        self._reader = reader
        self._writer = writer
        self._remaining = 0
        self._is_stderr = False
        self._stderr = io.BytesIO()

    async def send(self, data: bytes) -> None:
        """Send bytes to its stdin."""
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self) -> bytes:
        """Return bytes from its stdout, or none at end of file."""
        while True:
            if self._remaining == 0:
                try:
                    header = await self._reader.readexactly(8)
                except (asyncio.IncompleteReadError, ConnectionError):
                    return b""
                # The engine's stream header: byte 0 is the stream's type, bytes 4 to 7 are the length.
                self._is_stderr = header[0] == 2
                self._remaining = struct.unpack(">I", header[4:])[0]
                continue
            data = await self._reader.read(min(self._remaining, _READ))
            if not data:
                return b""
            self._remaining -= len(data)
            if not self._is_stderr:
                return data
            if self._stderr.tell() < _READ:
                self._stderr.write(data)

    async def end(self) -> None:
        """Close its stdin."""
        if self._writer.can_write_eof() and not self._writer.is_closing():
            self._writer.write_eof()

    async def aclose(self) -> None:
        """Close the connection. Shuts the socket down, because the SDK's objects keep a reference until collected."""
        with contextlib.suppress(OSError):
            self._writer.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self._writer.close()

    @property
    def stderr(self) -> str:
        """The beginning of the command's stderr."""
        return self._stderr.getvalue().decode(errors="replace")

    async def exit_code(self) -> int:
        """Return the command's exit code. Call it after the output has ended."""
        for _ in range(50):
            info = await anyio.to_thread.run_sync(self._client.exec_inspect, self._exec_id)
            if info["ExitCode"] is not None:
                return int(info["ExitCode"])
            await asyncio.sleep(0.02)
        return 255

    async def diagnosis(self) -> str:
        """Return known facts about the command's end: its stderr, exit code and the container's state."""
        with anyio.move_on_after(_LOOK):
            await asyncio.sleep(_SETTLES)
            diagnosis = await anyio.to_thread.run_sync(self._examine, abandon_on_cancel=True)
            return f"{self.stderr} {diagnosis}".lstrip()
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
