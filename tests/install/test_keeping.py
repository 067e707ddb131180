"""Retention of copies in the store, and access by other users."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import itertools
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import SoftFileLock

from inspect_swe._packages.npm.registry import NpmRegistry, Release
from inspect_swe._packages.pins import Pin, Pins
from inspect_swe._store import store as artifacts
from inspect_swe._store import verification
from inspect_swe._store.store import Artifact, ArtifactStore
from inspect_swe._store.usage_locks import UsageLocks, exclusive

from .fake_registry import MEMBER, PACKAGE, FakeRegistry
from .fetch_script import artifact_of

ROOT = Path(__file__).parents[2]
NOBODY = 65534


@pytest.fixture
def usage_locks(monkeypatch: pytest.MonkeyPatch) -> Iterator[UsageLocks]:
    """The locks of this process. A test can release them, as the end of a process does."""
    usage_locks = UsageLocks()
    monkeypatch.setattr(artifacts, "_usage_locks", usage_locks)
    yield usage_locks
    usage_locks.release()


def _fetch(server: FakeRegistry, store: ArtifactStore, *versions: str) -> list[Artifact]:
    made = []
    for version in versions:
        if f"/{PACKAGE}" not in server.replies or version not in server.documents[PACKAGE]["versions"]:
            server.publish(version)
        artifact = artifact_of(PACKAGE, version, MEMBER)
        asyncio.run(store.fetch(artifact))
        made.append(artifact)
    return made


def _age(store: ArtifactStore, artifact: Artifact, hours: int) -> None:
    note = store.disk.folder(artifact.folder) / verification.NAME
    os.utime(note, (note.stat().st_mtime - 3600 * hours,) * 2)


VERSIONS = [f"1.{minor}.0" for minor in range(7)]


PIN = Pin("tool", VERSIONS[0], {"linux-x64": Release(PACKAGE, VERSIONS[0])})


@pytest.mark.parametrize(
    ("pins", "remaining"), [({}, VERSIONS[2:]), ({"tool": PIN}, [VERSIONS[0], *VERSIONS[2:]])], ids=["none", "pinned"]
)
def test_the_pin_and_five_versions_remain(
    pins: dict[str, Pin],
    remaining: list[str],
    server: FakeRegistry,
    store: ArtifactStore,
    usage_locks: UsageLocks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Pins, "load", lambda: Pins(pins))
    for age, version in enumerate(VERSIONS):
        (artifact,) = _fetch(server, store, version)
        _age(store, artifact, 10 - age)
        usage_locks.release()
    assert store.versions("tool", "linux-x64") == remaining
    assert not list(store.root.glob("tmp/*"))


def test_use_makes_a_copy_recent(server: FakeRegistry, store: ArtifactStore, usage_locks: UsageLocks) -> None:
    for artifact in _fetch(server, store, *VERSIONS[:5]):
        _age(store, artifact, 10)
    _fetch(server, store, VERSIONS[0])
    usage_locks.release()
    _fetch(server, store, VERSIONS[5])
    assert len(store.versions("tool", "linux-x64")) == 5 and VERSIONS[0] in store.versions("tool", "linux-x64")


def test_copies_in_use_remain(server: FakeRegistry, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    other = UsageLocks()
    monkeypatch.setattr(artifacts, "_usage_locks", other)
    (old,) = _fetch(server, store, VERSIONS[0])
    _age(store, old, 10)
    for version in VERSIONS[1:]:
        mine = UsageLocks()
        monkeypatch.setattr(artifacts, "_usage_locks", mine)
        _fetch(server, store, version)
        mine.release()
    assert len(store.versions("tool", "linux-x64")) == 6 and store.cached(old) is not None
    other.release()
    assert store.remove(old.folder) and store.cached(old) is None


def test_copies_in_use_remain_until_the_process_is_killed(
    server: FakeRegistry, store: ArtifactStore, usage_locks: UsageLocks
) -> None:
    (artifact,) = _fetch(server, store, "1.0.0")
    folder = store.disk.folder(artifact.folder)
    usage_locks.release()
    code = """if True:
        import sys, time
        from tests.install.fetch_script import ArtifactStore, Path, artifact_of
        print(ArtifactStore(Path(sys.argv[1])).acquire(artifact_of(*sys.argv[2:])).source, flush=True)
        time.sleep(600)
    """
    command = [sys.executable, "-c", code, str(store.root), PACKAGE, "1.0.0", MEMBER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None and process.stdout.readline() == "cache\n"
        assert not store.remove(artifact.folder) and store.cached(artifact) is not None
        process.kill()
    assert store.remove(artifact.folder) and not folder.exists()


@pytest.mark.parametrize("suffixes", [("-linux-x64", "-linux-x64-musl"), ("-py3.11-linux-x64", "-py3.12-linux-x64")])
def test_each_platform_and_python_counts_for_itself(suffixes: tuple[str, str], store: ArtifactStore) -> None:
    for age, (version, suffix) in enumerate(itertools.product(VERSIONS, suffixes)):
        folder = store.disk.folder(f"tool/{version}{suffix}")
        folder.mkdir(parents=True)
        verification.write(folder, [Release(PACKAGE, version, integrity="sha512-x")])
        os.utime(folder / verification.NAME, (age, age))
    store.disk.remove_old("tool", suffixes[0], spared=[VERSIONS[1]])
    assert set(store.disk.copies("tool", suffixes[0])) == set(VERSIONS[1:])
    assert set(store.disk.copies("tool", suffixes[1])) == set(VERSIONS)


def test_a_copy_under_removal_can_not_be_acquired(
    server: FakeRegistry, store: ArtifactStore, usage_locks: UsageLocks
) -> None:
    (artifact,) = _fetch(server, store, "1.0.0")
    note = store.disk.folder(artifact.folder) / verification.NAME
    usage_locks.release()
    with exclusive(note) as free:
        assert free and store.acquire(artifact) is None
    assert store.acquire(artifact) is not None
    with exclusive(note) as free:
        assert not free


def test_damaged_copies_are_removed_first(server: FakeRegistry, store: ArtifactStore, usage_locks: UsageLocks) -> None:
    made = _fetch(server, store, *VERSIONS[:5])
    usage_locks.release()
    (store.disk.folder(made[3].folder) / verification.NAME).unlink()
    _fetch(server, store, VERSIONS[5])
    assert store.versions("tool", "linux-x64") == [*VERSIONS[:3], VERSIONS[4], VERSIONS[5]]
    assert not store.disk.folder(made[3].folder).exists()


def test_remove_a_missing_copy(store: ArtifactStore) -> None:
    assert not store.remove("tool/1.0.0-linux-x64")


def test_file_systems_without_locks(
    server: FakeRegistry, store: ArtifactStore, usage_locks: UsageLocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*arguments: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    (artifact,) = _fetch(server, store, "1.0.0")
    usage_locks.release()
    monkeypatch.setattr(fcntl, "flock", unsupported)
    monkeypatch.setattr(store.disk, "lock", lambda name: SoftFileLock(store.root / "locks" / f"{name}.soft"))
    assert store.acquire(artifact) is not None
    assert not store.disk.remove(store.disk.folder(artifact.folder)), "a process may use it"
    assert store.remove(artifact.folder), "unless the user says so"


def test_a_new_copy_is_locked_again(server: FakeRegistry, store: ArtifactStore, usage_locks: UsageLocks) -> None:
    (artifact,) = _fetch(server, store, "1.0.0")
    stored = store.cached(artifact)
    assert stored is not None
    stored.binary.write_bytes(b"")
    _fetch(server, store, "1.0.0")
    with exclusive(store.disk.folder(artifact.folder) / verification.NAME) as free:
        assert not free


@pytest.fixture
def shared(registry: NpmRegistry) -> Iterator[ArtifactStore]:
    """A store in a folder that other users can access. This user's umask makes files private."""
    root = Path(tempfile.mkdtemp(prefix="inspect-swe-test-"))
    root.chmod(0o755)
    before = os.umask(0o077)
    yield ArtifactStore(root, registry)
    os.umask(before)
    shutil.rmtree(root)


def _modes(root: Path) -> set[tuple[bool, int]]:
    return {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in root.rglob("*")}


def test_others_can_read(server: FakeRegistry, shared: ArtifactStore) -> None:
    _fetch(server, shared, "1.0.0")
    assert _modes(shared.root) == {(True, 0o755), (False, 0o644), (False, 0o755)}


def test_a_group_can_replace(server: FakeRegistry, shared: ArtifactStore) -> None:
    shared.root.chmod(0o2775)
    _fetch(server, shared, "1.0.0")
    folders = [path for path in shared.root.rglob("*") if path.is_dir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o2775}
    writable = [path for path in shared.root.rglob("*") if path.is_file() and path.stat().st_mode & 0o020]
    assert {path.suffix for path in writable} == {".lock", ".json"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become other users")
@pytest.mark.parametrize("mode", [0o755, 0o777])
def test_another_user(mode: int, server: FakeRegistry, shared: ArtifactStore) -> None:
    shared.root.chmod(mode)
    _fetch(server, shared, "1.0.0")
    server.publish("2.0.0")
    environment = {"NPM_CONFIG_REGISTRY": server.url, "NO_PROXY": "*", "HOME": "/", "USER_ID": str(NOBODY)}
    command = [sys.executable, "-m", "tests.install.fetch_script", str(shared.root), PACKAGE, "1.0.0,2.0.0", MEMBER]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    used, fetched = done.stdout.splitlines() if done.returncode == 0 else (done.stderr, "")
    assert used == "cache"
    if mode == 0o777:
        assert fetched == "download"
        _fetch(server, shared, "2.0.0")
        assert server.count("2.0.0.tgz") == 1, "and theirs can be used as well"
    else:
        assert fetched.startswith("AgentInstallError: tool 2.0.0 for linux-x64 can't be stored")
        assert server.count("2.0.0.tgz") == 0
