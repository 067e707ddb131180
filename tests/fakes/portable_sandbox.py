"""Sandbox providers that offer nothing but `exec` and files, and run commands as a cluster does."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from inspect_ai.util import ExecResult, SandboxEnvironment, sandboxenv
from inspect_ai.util._sandbox.docker.docker import DockerSandboxEnvironment

from .lean_docker import LeanTestSandbox

# A command without an input reads its shell's stdin, which has no end.
_INHERIT = 'f=/dev/shm/stdin-$$; mkfifo "$f" && exec 0<>"$f" && rm "$f" && exec "$@"'


@sandboxenv(name="portable_test")
class PortableTestSandbox(SandboxEnvironment):
    """Another sandbox without a container name to attach to, reached over what a cluster's API server is.

    Commands share a pool of operations. A command inherits stdin where it is given none, every few commands the answer
    is lost and the command runs again (also while its first run goes on), and stderr is lost.
    """

    DOCKER: type[SandboxEnvironment] = DockerSandboxEnvironment
    LATENCY = 0.0
    LIMIT: float = math.inf
    ANY_USER = True
    OPERATIONS = 8
    LOST_EVERY = 5
    CUT_AFTER = 0.3

    _pools: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]] = WeakKeyDictionary()

    def __init__(self, docker: SandboxEnvironment) -> None:
        super().__init__()
        self._docker = docker
        self._commands = 0
        self._cut: set[asyncio.Task[ExecResult[str]]] = set()

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
        portable = {name: env.as_type(cls) for name, env in environments.items()}
        for env in portable.values():
            await env.end()
        inner = {name: env._docker for name, env in portable.items()}
        await cls.DOCKER.sample_cleanup(task_name, config, inner, interrupted)

    @classmethod
    async def task_cleanup(cls, task_name: str, config: Any, cleanup: bool) -> None:
        await cls.DOCKER.task_cleanup(task_name, config, cleanup)

    async def end(self) -> None:
        """End the commands whose connections were cut."""
        for task in self._cut:
            task.cancel()
        await asyncio.gather(*self._cut, return_exceptions=True)

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
        if input is None:
            cmd = ["sh", "-c", _INHERIT, "sh", *cmd]

        async def run() -> ExecResult[str]:
            await asyncio.sleep(self.LATENCY)
            done = await self._docker.exec(cmd, input, cwd, env, user, timeout, timeout_retry, concurrency)
            self._check(done.stdout, done.stderr)
            return done

        async with self._pool():
            self._commands += 1
            if self._commands % self.LOST_EVERY == 0:
                await self._lose(run())
            done = await run()
        return ExecResult(done.success, done.returncode, done.stdout, "")

    async def _lose(self, run: Any) -> None:
        """Run a command whose answer is lost: at its end, or before it."""
        task = asyncio.ensure_future(run)
        self._cut.add(task)
        task.add_done_callback(self._cut.discard)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(task), self.CUT_AFTER)

    def _pool(self) -> asyncio.Semaphore:
        return self._pools.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self.OPERATIONS))

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
