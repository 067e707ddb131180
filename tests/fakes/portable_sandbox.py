"""Sandbox providers that offer nothing but `exec` and files: Docker underneath, but no `connection()`."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from inspect_ai.util import ExecResult, SandboxEnvironment, sandboxenv
from inspect_ai.util._sandbox.docker.docker import DockerSandboxEnvironment

from .lean_docker import LeanTestSandbox


@sandboxenv(name="portable_test")
class PortableTestSandbox(SandboxEnvironment):
    """Docker without a container name to attach to."""

    DOCKER: type[SandboxEnvironment] = DockerSandboxEnvironment
    LATENCY = 0.0
    LIMIT: float = math.inf
    ANY_USER = True

    def __init__(self, docker: SandboxEnvironment) -> None:
        super().__init__()
        self._docker = docker

    @classmethod
    def config_files(cls) -> list[str]:
        return cls.DOCKER.config_files()

    @classmethod
    async def task_init(cls, task_name: str, config: Any) -> None:
        await cls.DOCKER.task_init(task_name, config)

    @classmethod
    async def sample_init(cls, task_name: str, config: Any, metadata: dict[str, str]) -> dict[str, SandboxEnvironment]:
        made = await cls.DOCKER.sample_init(task_name, config, metadata)
        return {name: cls(docker) for name, docker in made.items()}

    @classmethod
    async def sample_cleanup(
        cls, task_name: str, config: Any, environments: dict[str, SandboxEnvironment], interrupted: bool
    ) -> None:
        inner = {name: env.as_type(cls)._docker for name, env in environments.items()}
        await cls.DOCKER.sample_cleanup(task_name, config, inner, interrupted)

    @classmethod
    async def task_cleanup(cls, task_name: str, config: Any, cleanup: bool) -> None:
        await cls.DOCKER.task_cleanup(task_name, config, cleanup)

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
        if user is not None and not self.ANY_USER:
            raise NotImplementedError("commands run as the container's user")
        self._check(input or b"")
        await asyncio.sleep(self.LATENCY)
        done = await self._docker.exec(cmd, input, cwd, env, user, timeout, timeout_retry, concurrency)
        self._check(done.stdout, done.stderr)
        return done

    async def write_file(self, file: str, contents: str | bytes) -> None:
        self._check(contents)
        await self._docker.write_file(file, contents)

    async def read_file(self, file: str, text: bool = True) -> Any:
        return await self._docker.read_file(file, text)  # type: ignore[call-overload]

    def _check(self, *contents: str | bytes) -> None:
        if max(map(len, contents)) > self.LIMIT:
            raise ValueError(f"more than {self.LIMIT} bytes at once")


@sandboxenv(name="strict_test")
class StrictTestSandbox(PortableTestSandbox):
    """As far away and as narrow as a cluster: 200 ms to each command, a megabyte in and out, no choice of the user."""

    DOCKER = LeanTestSandbox
    LATENCY = 0.2
    LIMIT = 1_000_000
    ANY_USER = False
