from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from inspect_swe._errors import AgentInstallError, DigestMismatchError
from inspect_swe._packages.npm.registry import Release
from inspect_swe._store.store import Artifact, ArtifactStore

from .fake_registry import MEMBER, PACKAGE, FakeRegistry, integrity_of, make_tarball

_FORBIDDEN = "is not allowed in an npm package"
UNUSABLE = {
    "parent folder": (make_tarball({MEMBER: b"x", "package/../../evil": b"evil"}), _FORBIDDEN),
    "absolute path": (make_tarball({MEMBER: b"x", "/evil": b"evil"}), _FORBIDDEN),
    "deep path": (make_tarball({MEMBER: b"x", "package/a/../../../../evil": b"evil"}), _FORBIDDEN),
    "symbolic link": (make_tarball({MEMBER: b""}, tarfile.SYMTYPE), _FORBIDDEN),
    "hard link": (make_tarball({MEMBER: b""}, tarfile.LNKTYPE), _FORBIDDEN),
    "device": (make_tarball({MEMBER: b""}, tarfile.CHRTYPE), _FORBIDDEN),
    "pipe": (make_tarball({MEMBER: b""}, tarfile.FIFOTYPE), _FORBIDDEN),
    "short": (b"x", "is not a gzip file"),
    "text": (b"not a gzip file at all", "can't be unpacked"),
    "truncated": (make_tarball({MEMBER: b"x" * 999})[:60], "can't be unpacked"),
    "no executable": (make_tarball({"package/other": b"x"}), "has no tool"),
}


def _files(store: ArtifactStore) -> list[str]:
    """The files in the store, without locks."""
    files = (path for path in store.root.rglob("*") if path.is_file() and path.suffix != ".lock")
    return sorted(path.relative_to(store.root).as_posix() for path in files)


def _damage(file: Path, how: str) -> None:
    if how == "truncated":
        os.truncate(file, 3)
    elif how == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes())


def test_fetch_and_hit(server: FakeRegistry, store: ArtifactStore, artifact: Artifact) -> None:
    server.publish()
    assert store.cached(artifact) is None
    stored = asyncio.run(store.fetch(artifact))
    assert stored.source == "download"
    assert stored.binary == stored.path / "tool"
    assert stored.path == store.root / "artifacts" / "tool" / "1.0.0-linux-x64" / "package"
    assert stored.binary.read_bytes() == b"#!/bin/sh\necho 1.0.0"
    assert os.access(stored.binary, os.X_OK)
    assert stored.digest.startswith("sha512-")
    requests = server.count()
    again = asyncio.run(store.fetch(artifact))
    assert (again.source, again.path, again.digest) == ("cache", stored.path, stored.digest)
    assert server.count() == requests
    assert not list((store.root / "tmp").iterdir())
    assert store.versions("tool", "linux-x64") == ["1.0.0"]
    assert store.versions("tool", "linux-x64-musl") == []


def test_a_hit_depends_on_size_and_time_only(server: FakeRegistry, store: ArtifactStore, artifact: Artifact) -> None:
    server.publish()
    binary = asyncio.run(store.fetch(artifact)).binary
    before = binary.stat()
    binary.write_bytes(b"?" * before.st_size)
    assert store.cached(artifact) is None
    os.utime(binary, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.cached(artifact) is not None, "377 MB are not read for every sample"


@pytest.mark.parametrize("how", ["truncated", "missing", "touched"])
@pytest.mark.parametrize("name", ["package/tool", "package/a.json"])
def test_a_damaged_copy_is_fetched_again(
    name: str, how: str, server: FakeRegistry, store: ArtifactStore, artifact: Artifact
) -> None:
    path = server.publish()
    stored = asyncio.run(store.fetch(artifact))
    before = stored.binary.read_bytes()
    _damage(stored.path.parent / name, how)
    assert store.cached(artifact) is None
    fresh = asyncio.run(store.fetch(artifact))
    assert fresh.source == "download" and fresh.binary.read_bytes() == before
    assert server.count(path) == 2
    assert len(_files(store)) == 3


@pytest.mark.parametrize("text", ["", "{}", "[]", "not json", '{"files": {"package/tool": null}}'])
def test_a_damaged_record_is_ignored(text: str, server: FakeRegistry, store: ArtifactStore, artifact: Artifact) -> None:
    server.publish()
    stored = asyncio.run(store.fetch(artifact))
    (stored.path.parent / "verified.json").write_text(text)
    assert store.cached(artifact) is None
    assert asyncio.run(store.fetch(artifact)).source == "download"


def test_a_copy_with_another_digest_is_not_used(server: FakeRegistry, store: ArtifactStore, artifact: Artifact) -> None:
    server.publish()
    asyncio.run(store.fetch(artifact))
    pinned = replace(artifact, release=Release(PACKAGE, "1.0.0", integrity=integrity_of(b"other")))
    assert store.cached(pinned) is None


def test_the_pinned_digest_takes_precedence(server: FakeRegistry, store: ArtifactStore, artifact: Artifact) -> None:
    server.publish()
    pinned = replace(artifact, release=Release(PACKAGE, "1.0.0", integrity=integrity_of(b"pinned")))
    with pytest.raises(DigestMismatchError):
        asyncio.run(store.fetch(pinned))
    assert _files(store) == []


@pytest.mark.parametrize(("tarball", "error"), UNUSABLE.values(), ids=UNUSABLE)
def test_unusable_packages(
    tarball: bytes, error: str, server: FakeRegistry, store: ArtifactStore, artifact: Artifact, tmp_path: Path
) -> None:
    server.publish(tarball=tarball)
    with pytest.raises(AgentInstallError, match=error):
        asyncio.run(store.fetch(artifact))
    assert _files(store) == [] and not list(tmp_path.rglob("evil"))


def test_another_top_folder_becomes_package(server: FakeRegistry, store: ArtifactStore, artifact: Artifact) -> None:
    server.publish(files={"tool-1.0.0/tool": b"x", "tool-1.0.0/lib/y.js": b"y"})
    stored = asyncio.run(store.fetch(artifact))
    assert stored.binary.read_bytes() == b"x" and (stored.path / "lib" / "y.js").is_file()


@pytest.mark.parametrize("reason", ["full disk", "no permission"])
def test_errors_while_writing(
    reason: str, server: FakeRegistry, store: ArtifactStore, artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left") if reason == "full disk" else PermissionError(13, "Denied")

    server.publish()
    monkeypatch.setattr(tarfile.TarFile, "extractfile", fail)
    with pytest.raises(AgentInstallError, match="bytes are needed" if reason == "full disk" else "can't be stored"):
        asyncio.run(store.fetch(artifact))
    assert _files(store) == []


def test_an_unusable_folder_appears_in_the_error(artifact: Artifact, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AgentInstallError, match=r"can't be stored in .*file") as failure:
        asyncio.run(ArtifactStore(tmp_path / "file").fetch(artifact))
    assert "INSPECT_SWE_CACHE_DIR" in str(failure.value)


def test_the_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INSPECT_SWE_CACHE_DIR", str(tmp_path / "mine"))
    assert ArtifactStore().root == tmp_path / "mine"
    monkeypatch.delenv("INSPECT_SWE_CACHE_DIR")
    assert ArtifactStore().root.name == "inspect_swe"


@pytest.mark.parametrize(("terminal", "shown"), [(False, ""), (True, "tool 1.0.0")])
def test_progress_appears_only_on_a_terminal(
    terminal: bool,
    shown: str,
    server: FakeRegistry,
    store: ArtifactStore,
    artifact: Artifact,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.publish()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    asyncio.run(store.fetch(artifact))
    out, err = capfd.readouterr()
    assert out == "" and shown in err and bool(err) == terminal


def test_temporary_folders_of_killed_processes_are_removed(
    server: FakeRegistry, store: ArtifactStore, artifact: Artifact
) -> None:
    server.publish()
    for name in ("tool-1.0.0-linux-x64.dead", "other-2.0.0-linux-x64.dead", "busy-1.0.0-linux-x64.alive"):
        (store.root / "tmp" / name).mkdir(parents=True)
        (store.root / "tmp" / name / "half.tgz").write_bytes(b"half")
    with store.disk.lock("busy-1.0.0-linux-x64"):
        asyncio.run(store.fetch(artifact))
    assert [path.name for path in (store.root / "tmp").iterdir()] == ["busy-1.0.0-linux-x64.alive"]
    shutil.rmtree(store.root)
