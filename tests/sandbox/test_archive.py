"""Files packed in a sandbox: whole, or an error."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from inspect_swe._errors import AgentError
from inspect_swe._sandbox.archive import pack, unpack

from .workspaces import local_workspace

pytestmark = pytest.mark.anyio


def tool(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


async def pack_session(folder: Path, path: str = "") -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        if path:
            patch.setenv("PATH", path, prepend=":")
        async with local_workspace(str(folder)) as workspace:
            return await pack(workspace, str(folder), ["session", "absent"], 1 << 20)


@pytest.fixture
def session(tmp_path: Path) -> Path:
    (tmp_path / "session").mkdir()
    (tmp_path / "session/log").write_text("hello\n" * 1000)
    return tmp_path


async def test_round_trip(session: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    packed = await pack_session(session)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        assert sorted(archive.getnames()) == ["session", "session/log"]
    there = tmp_path_factory.mktemp("there")
    async with local_workspace(str(there)) as workspace:
        await unpack(workspace, packed, str(there), ["session"])
        for damaged in (packed[:-9], packed[:60], gzip.compress(gzip.decompress(packed)[:1500])):
            with pytest.raises(AgentError, match="unpacking the files failed"):
                await unpack(workspace, damaged, str(there), ["session"])
    assert (there / "session/log").read_text() == "hello\n" * 1000


@pytest.mark.parametrize("broken", ["tar", "gzip", "base64"])
async def test_a_failure_of_any_command_is_one(
    broken: str, session: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Each writes something first, as one does whose disk fills up or that is killed."""
    tools = tmp_path_factory.mktemp("tools")
    tool(tools, broken, "head -c 4 >/dev/null; echo aGVsbG8=; echo 'no memory' >&2; exit 2")
    with pytest.raises(AgentError, match="packing the files failed") as caught:
        await pack_session(session, str(tools))
    assert "no memory" in str(caught.value)


async def test_a_file_that_is_being_written_to_is_packed(
    session: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tools = tmp_path_factory.mktemp("tools")
    tool(tools, "tar", '/bin/tar "$@"; echo "tar: session/log: file changed as we read it" >&2; exit 1')
    assert await pack_session(session, str(tools))
