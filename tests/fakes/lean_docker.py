"""A sandbox provider that makes a compose file's container without `docker compose`, which is slower than many a test.

What it doesn't know in that file is an error: such a test needs Inspect's own provider.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import socket
import threading
import time
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

import anyio
import anyio.to_thread
from docker.errors import DockerException, NotFound
from docker.types import Mount, Ulimit
from docker.utils.socket import STDERR, STDOUT, frames_iter
from inspect_ai.util import (
    ComposeConfig,
    ExecResult,
    SandboxConnection,
    SandboxEnvironment,
    SandboxUnavailableError,
    sandboxenv,
)

from inspect_swe._sandbox.transports.docker import engine

OF_CONTAINER = ("image", "command", "working_dir", "user", "environment")
OF_HOST = ("init", "network_mode", "read_only", "tmpfs", "security_opt", "cap_drop", "pids_limit")
WITHOUT_EFFECT = ("x-local", "stop_grace_period")
MOUNT = {"type": "bind", "read_only": True, "bind": {"create_host_path": False}}
# What a command prints before the SDK hands over the socket is lost in the SDK's read buffer: it must wait.
GATED = ["sh", "-c", 'read -r _; exec "$@"', "sh"]
FAULTS: dict[str, type[OSError]] = {
    "No such file": FileNotFoundError,
    "Is a directory": IsADirectoryError,
    "Permission denied": PermissionError,
}


@sandboxenv(name="lean_test")
class LeanTestSandbox(SandboxEnvironment):
    """One container; `connection()` says about it what Inspect's own provider would."""

    def __init__(self, task_name: str) -> None:
        super().__init__()
        client = engine()
        assert client is not None
        self._client = client
        self._name = f"inspect-{task_name}-{uuid4().hex}"
        self._folder = PurePosixPath("/")

    @classmethod
    def config_files(cls) -> list[str]:
        return ["compose.yaml"]

    @classmethod
    async def sample_init(cls, task_name: str, config: Any, metadata: dict[str, str]) -> dict[str, SandboxEnvironment]:
        made = cls(task_name)
        try:
            await anyio.to_thread.run_sync(made._start, config)
        except BaseException:
            await made._remove()
            raise
        return {"default": made}

    @classmethod
    async def sample_cleanup(
        cls, task_name: str, config: Any, environments: dict[str, SandboxEnvironment], interrupted: bool
    ) -> None:
        for environment in environments.values():
            await environment.as_type(cls)._remove()

    # Inspect hands `concurrency` on to those only that have all of these parameters.
    async def exec(
        self,
        cmd: list[str],
        input: str | bytes | None = None,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        user: str | None = None,
        timeout: int | None = None,
        timeout_retry: bool = True,
        concurrency: bool = True,
    ) -> ExecResult[str]:
        limited = ["timeout", "-k", "5s", f"{timeout}s", *cmd] if timeout is not None else cmd
        begun = time.monotonic()
        code, out, err = await anyio.to_thread.run_sync(
            self._run, limited, input or b"", cwd or "", env, user, abandon_on_cancel=True
        )
        if timeout is not None and code >= 124 and time.monotonic() - begun >= timeout:
            raise TimeoutError(f"Command timed out after {timeout} seconds")
        return ExecResult(code == 0, code, out.decode(errors="replace"), err.decode(errors="replace"))

    async def write_file(self, file: str, contents: str | bytes) -> None:
        await self._file('mkdir -p -- "$(dirname -- "$1")" && cat > "$1"', file, contents)

    async def read_file(self, file: str, text: bool = True) -> Any:
        contents = await self._file('cat -- "$1"', file)
        return contents.decode() if text else contents

    async def connection(self, *, user: str | None = None) -> SandboxConnection:
        try:
            await anyio.to_thread.run_sync(self._client.inspect_container, self._name)
        except NotFound as ex:
            raise ConnectionError(str(ex)) from ex
        login = ["docker", "exec", "-it", *(["--user", user] if user else []), self._name, "bash", "-l"]
        return SandboxConnection(type="docker", command=shlex.join(login), container=self._name)

    def default_polling_interval(self) -> float:
        return 0.2

    def _start(self, config: str | ComposeConfig) -> None:
        """Make the container, with the label by which one finds those of a compose file."""
        if isinstance(config, str):
            labels = {"com.docker.compose.project.working_dir": str(Path(config).parent)}
            service = _service(Path(config).read_text())
        else:
            labels, service = {}, _service(config.model_dump_json(by_alias=True, exclude_none=True))
        volumes = service.get("volumes", [])
        host = self._client.create_host_config(
            **{key: service[key] for key in OF_HOST if key in service},
            ipc_mode=service.get("ipc"),
            ulimits=[Ulimit(name=name, soft=most, hard=most) for name, most in service.get("ulimits", {}).items()],
            binds=[volume for volume in volumes if isinstance(volume, str)],
            mounts=[_mount(**volume) for volume in volumes if not isinstance(volume, str)],
        )
        self._client.create_container(
            **{key: service[key] for key in OF_CONTAINER if key in service},
            name=self._name,
            labels=labels,
            host_config=host,
        )
        self._client.start(self._name)
        self._folder /= self._client.inspect_container(self._name)["Config"]["WorkingDir"]

    async def _remove(self) -> None:
        with anyio.CancelScope(shield=True), contextlib.suppress(NotFound):
            await anyio.to_thread.run_sync(lambda: self._client.remove_container(self._name, v=True, force=True))

    def _run(
        self, cmd: list[str], input: str | bytes, cwd: str, env: dict[str, str] | None, user: str | None
    ) -> tuple[int, bytes, bytes]:
        data = b"\n" + (input.encode() if isinstance(input, str) else input)
        printed = {STDOUT: bytearray(), STDERR: bytearray()}
        try:
            exec_id = self._client.exec_create(
                self._name,
                [*GATED, *cmd],
                stdin=True,
                environment=env,
                workdir=str(self._folder / cwd),
                user=user or "",
            )["Id"]
            stream: Any = self._client.exec_start(exec_id, socket=True)
            threading.Thread(target=_feed, args=(stream._sock, data), daemon=True).start()
            with contextlib.closing(stream._response):
                for kind, part in frames_iter(stream, tty=False):  # type: ignore[no-untyped-call]
                    printed[kind] += part
            while (told := self._client.exec_inspect(exec_id))["Running"]:
                time.sleep(0.01)
        except (DockerException, OSError) as ex:
            raise SandboxUnavailableError(f"The container does not run commands: {ex}") from ex
        return told["ExitCode"], bytes(printed[STDOUT]), bytes(printed[STDERR])

    async def _file(self, script: str, file: str, contents: str | bytes = b"") -> bytes:
        command = ["sh", "-c", script, "sh", file]
        code, out, err = await anyio.to_thread.run_sync(self._run, command, contents, "", None, None)
        if code != 0:
            told = err.decode(errors="replace")
            raise next((fault for words, fault in FAULTS.items() if words in told), RuntimeError)(told)
        return out


def _service(text: str) -> dict[str, Any]:
    """The only service of a compose file (`$` would stand for a variable)."""
    document = json.loads(text)
    service: dict[str, Any] = document["services"]["default"]
    unknown = service.keys() - {*OF_CONTAINER, *OF_HOST, *WITHOUT_EFFECT, "ipc", "ulimits", "volumes"}
    if unknown or document != {"services": {"default": service}} or "$" in text:
        raise ValueError(f"Inspect's own provider is needed for {unknown or text}")
    return service


def _mount(source: str, target: str, **kind: Any) -> Mount:
    """A mount as `with_agents()` writes it."""
    if kind != MOUNT:
        raise ValueError(f"Inspect's own provider is needed for {kind}")
    return Mount(target, source, type="bind", read_only=True)


def _feed(sock: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
