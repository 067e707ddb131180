"""The tests' own sandbox provider: the container that `docker compose` would make, and Inspect's contract."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from docker.errors import APIError
from inspect_ai.util import SandboxUnavailableError

from ..fakes.lean_docker import LeanTestSandbox
from .harness import compose_file, containers, mounts


@asynccontextmanager
async def sandboxed(file: str) -> AsyncIterator[LeanTestSandbox]:
    made = await LeanTestSandbox.sample_init("task", file, {})
    try:
        yield made["default"].as_type(LeanTestSandbox)
    finally:
        await LeanTestSandbox.sample_cleanup("task", file, made, True)


def facts(container: str) -> dict[str, Any]:
    """All that is set about a container, but for names and what is only for `docker compose`."""
    done = subprocess.run(["docker", "inspect", container], capture_output=True, text=True, check=True)
    (told,) = json.loads(done.stdout)
    own = {"Hostname", "Labels", "StopTimeout"}
    found = {key: value for key, value in {**told["Config"], **told["HostConfig"]}.items() if value and key not in own}
    return {**found, "Mounts": sorted(told["Mounts"], key=str), "Path": told["Path"], "Args": told["Args"]}


@pytest.mark.anyio
async def test_it_is_the_same_container(tmp_path: Path) -> None:
    file = compose_file(
        tmp_path,
        user="1500:1500",
        working_dir="/home/agent",
        volumes=[*mounts("claude_code", "stable"), f"{tmp_path}:/data:ro"],
        read_only=True,
        tmpfs=["/tmp:noexec,mode=1777", "/home/agent:exec,uid=1500,gid=1500"],
        environment={"A": "b = c"},
        ipc="none",
        security_opt=["seccomp=unconfined"],
        cap_drop=["ALL"],
    )
    compose = ["docker", "compose", "--file", file, "--project-name", tmp_path.name.replace("_", "").lower()]
    try:
        await asyncio.to_thread(subprocess.run, [*compose, "up", "--detach"], check=True, capture_output=True)
        (container,) = containers(tmp_path)
        expected = facts(container)
    finally:
        await asyncio.to_thread(subprocess.run, [*compose, "down"], check=True, capture_output=True)
    async with sandboxed(file):
        (container,) = containers(tmp_path)
        assert facts(container) == expected


@pytest.mark.anyio
async def test_commands_and_files(tmp_path: Path) -> None:
    async with sandboxed(compose_file(tmp_path)) as box:
        done = await box.exec(["sh", "-c", "cat; pwd >&2; id -un; echo $A; exit 3"], "in\n", "..", {"A": "b"}, "agent")
        assert (done.returncode, done.stdout, done.stderr) == (3, "in\nagent\nb\n", "/\n")
        assert len((await box.exec(["cat"], "x" * 3_000_000)).stdout) == 3_000_000
        assert (await box.exec(["true"], "x" * 3_000_000)).success
        assert (await box.exec(["no-such-command"])).returncode == 127
        with pytest.raises(TimeoutError):
            await box.exec(["sleep", "60"], timeout=1)
        await box.write_file("new/folder/file", b"\0\r\n")
        assert await box.read_file("/workspace/new/folder/file", text=False) == b"\0\r\n"
        with pytest.raises(FileNotFoundError):
            await box.read_file("missing")
        with pytest.raises(IsADirectoryError):
            await box.write_file("new", "x")


@pytest.mark.anyio
async def test_it_is_gone_at_once(tmp_path: Path) -> None:
    with anyio.fail_after(60):
        async with sandboxed(compose_file(tmp_path)) as box:
            assert (await box.connection()).container in containers(tmp_path)
            waiting = asyncio.create_task(box.exec(["sleep", "600"]))
            await asyncio.sleep(0.5)
            waiting.cancel()
        assert containers(tmp_path) == []
        with pytest.raises(SandboxUnavailableError):
            await box.exec(["true"])
        with pytest.raises(ConnectionError):
            await box.connection()


@pytest.mark.parametrize(
    "service", [{"privileged": True}, {"user": "$USER"}, {"volumes": [{"source": "a", "target": "/b"}]}]
)
def test_what_it_does_not_know_is_an_error(tmp_path: Path, service: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Inspect's own provider is needed"):
        asyncio.run(LeanTestSandbox.sample_init("task", compose_file(tmp_path, **service), {}))


def test_a_container_that_does_not_start_is_removed(tmp_path: Path) -> None:
    file = compose_file(tmp_path, command="no-such-program", init=False)
    with pytest.raises(APIError, match="no-such-program"):
        asyncio.run(LeanTestSandbox.sample_init("task", file, {}))
    assert containers(tmp_path) == []
