"""A CLI's copy in the sandbox."""

from __future__ import annotations

import secrets
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from inspect_swe._errors import AgentInstallError
from inspect_swe._runtime import provisioning
from inspect_swe._runtime.provisioning import _copy, _sandbox_path
from inspect_swe._sandbox.transports.local import LocalTransport
from inspect_swe._sandbox.workspace import Workspace

from ..sandbox.workspaces import local_workspace


def stored(folder: Path) -> Any:
    package = folder / "package"
    (package / "bin").mkdir(parents=True)
    (package / "bin/cli").write_text("#!/bin/sh\necho whole\n")
    (package / "bin/cli").chmod(0o755)
    (package / "lib").mkdir()
    (package / "lib/part.js").write_text("part")
    artifact = SimpleNamespace(name=f"test-{secrets.token_hex(4)}")
    return SimpleNamespace(path=package, binary=package / "bin/cli", artifact=artifact)


@pytest.fixture(autouse=True)
def copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalTransport, "host_path", lambda self, path: None)


async def remove(workspace: Workspace, name: str) -> None:
    await workspace.shell('rm -rf "$1"', f"{workspace.probe.base}/tools/{name}")


@pytest.mark.anyio
@pytest.mark.parametrize("damage", ["printf cut", "printf ''", "rm", "chmod"])
async def test_a_damaged_copy_is_replaced(damage: str, tmp_path: Path) -> None:
    cli = stored(tmp_path)
    async with local_workspace(str(tmp_path)) as workspace:
        await _copy(cli, workspace)
        binary = _sandbox_path(cli, workspace)
        spoil = {"rm": 'rm "$1"', "chmod": 'chmod -x "$1"'}.get(damage, f'{damage} >"$1"')
        assert (await workspace.shell(spoil, binary)).code == 0
        await _copy(cli, workspace)
        assert (await workspace.run([binary])).stdout == "whole\n"
        left = await workspace.shell('ls -a "$1" "${1%/*}"', f"{workspace.probe.base}/tools/{cli.artifact.name}")
        assert ".old" not in left.stdout
        await remove(workspace, cli.artifact.name)


@pytest.mark.anyio
@pytest.mark.parametrize("spoil", ['rm "$1/lib/part.js"', 'printf p >"$1/lib/part.js"', 'rm -r "$1/lib"'])
async def test_a_copy_with_a_damaged_part_is_replaced(spoil: str, tmp_path: Path) -> None:
    cli = stored(tmp_path)
    async with local_workspace(str(tmp_path)) as workspace:
        await _copy(cli, workspace)
        folder = f"{workspace.probe.base}/tools/{cli.artifact.name}"
        assert (await workspace.shell(spoil, folder)).code == 0
        await _copy(cli, workspace)
        assert (await workspace.run(["cat", f"{folder}/lib/part.js"])).stdout == "part"
        await remove(workspace, cli.artifact.name)


@pytest.mark.anyio
async def test_a_copy_where_files_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In such a sandbox only the executable's size is compared."""
    monkeypatch.setattr(provisioning, "_SIZES", provisioning._SIZES.replace("find", "no-find"))
    cli = stored(tmp_path)
    async with local_workspace(str(tmp_path)) as workspace:
        await _copy(cli, workspace)
        before = workspace.copied
        await _copy(cli, workspace)
        assert workspace.copied == before
        await remove(workspace, cli.artifact.name)


@pytest.mark.anyio
async def test_a_copy_that_does_not_become_whole_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli = stored(tmp_path)
    async with local_workspace(str(tmp_path)) as workspace:
        write = Workspace.write

        async def cut(self: Workspace, path: str, content: Any, mode: int = 0o644) -> None:
            await write(self, path, b"#!/bin/sh", mode)

        monkeypatch.setattr(Workspace, "write", cut)
        with pytest.raises(AgentInstallError, match="does not contain the files"):
            await _copy(cli, workspace)
        await remove(workspace, cli.artifact.name)
