"""The transport of Inspect's `local` sandbox."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import pytest

from inspect_swe._errors import SandboxDiedError
from inspect_swe._sandbox.probe import Probe
from inspect_swe._sandbox.transports import bootstrap as start
from inspect_swe._sandbox.transports.local import LocalTransport, environment

from .relay_support import session_pids
from .workspaces import local_workspace

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ANTHROPIC_API_KEY", "x"),
        ("github_token", "x"),
        ("PIP_INDEX_URL", "https://me:hunter2@packages.test/simple"),
        ("UV_INDEX", "first=https://hunter2@packages.test/simple https://other.test/simple"),
        ("HTTP_PROXY", "http://me:hunter2@proxy.test:3128"),
        ("https_proxy", "HTTPS://me:hunter2@proxy.test:3128"),
        ("DATABASE_URL", "postgres://me:hunter2@db.test/x"),
        ("REDIS", "redis://:hunter2@cache.test"),
    ],
)
def test_credentials_are_withheld(name: str, value: str) -> None:
    assert environment({name: value}) == {}


@pytest.mark.parametrize(
    "value",
    [
        "http://proxy.test:3128",
        "https://packages.test/@scope/simple",
        "ssh://git@host.test/repository",
        "someone@host.test",
        "/usr/bin:/bin",
        "https://a.test:8080/path?to=someone@host.test",
    ],
)
def test_other_values_are_not(value: str) -> None:
    assert environment({"NAME": value}) == {"NAME": value}


async def test_a_relay_that_does_not_start_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also not one that hangs before it is the relay."""
    monkeypatch.setattr(start, "_TIMEOUT", 0.3)
    started: list[asyncio.subprocess.Process] = []
    create = asyncio.create_subprocess_exec

    async def recording(*arguments: str, **options: object) -> asyncio.subprocess.Process:
        started.append(await create("sh", "-c", "cat >/dev/null; :", **options))  # type: ignore[arg-type]
        return started[-1]

    async with local_workspace(str(tmp_path)) as workspace:
        monkeypatch.setattr(asyncio, "create_subprocess_exec", recording)
        transport = cast(LocalTransport, workspace.transport)
        with pytest.raises(SandboxDiedError, match="could not be started"):
            await transport.open_channel(workspace.probe)
        assert len(started) == 1 and started[0].returncode is not None
        monkeypatch.undo()


async def test_a_relay_that_cannot_be_written_is_an_error_with_the_reason(tmp_path: Path) -> None:
    async with local_workspace(str(tmp_path)) as workspace:
        probe = workspace.probe
        gone = Probe(**{**probe.__dict__, "base": str(tmp_path / "not-there")})
        with pytest.raises(SandboxDiedError, match=r"(?i)no such file|nonexistent|not found|cannot create"):
            await workspace.transport.open_channel(gone)
    assert session_pids(probe.token) == []


async def test_a_working_directory_that_cannot_be_entered(tmp_path: Path) -> None:
    """As where the path of the folder for temporary files is not UTF-8."""
    async with local_workspace(str(tmp_path)) as workspace:
        gone = Probe(**{**workspace.probe.__dict__, "cwd": f"{tmp_path}/\ufffd"})
        with pytest.raises(SandboxDiedError, match=r"could not be started: .*\n.*TMPDIR"):
            await workspace.transport.open_channel(gone)
