from __future__ import annotations

from pathlib import Path

import pytest

from inspect_swe._errors import AgentInstallError, RegistryError
from inspect_swe._packages.npm.registry import digest_of
from inspect_swe._packages.platforms import PLATFORMS
from inspect_swe._packages.pypi.index import PyPIIndex
from inspect_swe._packages.pypi.lock import LOCKS_FOLDER, PYTHONS, Lock, located, make_lock, sha256_of
from inspect_swe._packages.pypi.tags import Target

from .fake_registry import FakeRegistry
from .wheel_index import WheelIndex

X64 = Target("linux-x64", "3.11")


@pytest.fixture
def wheels(wheels: WheelIndex) -> WheelIndex:
    wheels.publish("app", "1.0", ("native", 'old; python_version < "3.11"'))
    wheels.publish("old", "0.1")
    for python in ("310", "311"):
        for machine in ("x86_64", "aarch64"):
            wheels.publish("native", "2.0", tags=f"cp{python}-cp{python}-manylinux_2_28_{machine}")
    wheels.publish("native", "1.9")
    return wheels


@pytest.fixture
def lock(index: PyPIIndex) -> Lock:
    return make_lock(index, ["app==1.0"], pythons=("3.10", "3.11"))


def test_a_lock_covers_all_platforms_and_pythons(lock: Lock, index: PyPIIndex) -> None:
    def files(target: Target) -> list[str | None]:
        return [release.file for release in lock.select(target)]

    app, old = "app-1.0-py3-none-any.whl", "old-0.1-py3-none-any.whl"
    assert files(X64) == [app, "native-2.0-cp311-cp311-manylinux_2_28_x86_64.whl"]
    assert files(Target("linux-arm64", "3.10.4")) == [app, "native-2.0-cp310-cp310-manylinux_2_28_aarch64.whl", old]
    assert files(Target("linux-arm64-musl", "3.11")) == [app, "native-1.9-py3-none-any.whl"]
    for release in lock.select(X64):
        (file,) = (file for file in index.files(release.package) if file.filename == release.file)
        assert release.url is None and sha256_of(release) == file.sha256 and digest_of(release)


def test_the_text_is_reproducible(lock: Lock, wheels: WheelIndex, index: PyPIIndex, tmp_path: Path) -> None:
    for name in wheels.entries:
        wheels.entries[name].reverse()
        wheels.refresh(name)
    again = make_lock(index, ["app==1.0"], pythons=("3.10", "3.11"))
    assert again.text() == lock.text() and lock.text().count(".whl") == 7
    assert wheels.server.host not in lock.text()
    (tmp_path / "lock.json").write_text(lock.text(), encoding="utf-8")
    assert Lock.load(tmp_path / "lock.json") == lock


def test_selecting_sends_no_request(lock: Lock, server: FakeRegistry) -> None:
    requests = server.count()
    lock.select(X64)
    assert server.count() == requests


def test_urls_are_the_users_indexs(lock: Lock, other_server: FakeRegistry) -> None:
    mirror = WheelIndex(other_server)
    mirror.publish("app", "1.0", ("changed",))
    mirror.publish("native", "2.0", tags="cp311-cp311-manylinux_2_28_x86_64")
    selected = lock.select(X64)
    with PyPIIndex(mirror.config) as index:
        wheels = located(index, selected)
        assert [one.url for one in wheels] == [f"{other_server.url}/files/{one.file}" for one in selected]
        assert [one.integrity for one in wheels] == [one.integrity for one in selected]
        assert located(index, wheels) == wheels
        with pytest.raises(RegistryError, match=r"does not have native-2.0-cp310-cp310") as failure:
            located(index, lock.select(Target("linux-x64", "3.10")))
    assert "PIP_INDEX_URL" in str(failure.value)


def test_sandboxes_that_a_lock_does_not_cover(lock: Lock) -> None:
    with pytest.raises(AgentInstallError, match=r"app==1.0 is not locked for Python 3.9 on linux-x64 .*3.10, 3.11"):
        lock.select(Target("linux-x64", "3.9"))
    with pytest.raises(AgentInstallError, match="too old"):
        lock.select(Target("linux-x64", "3.11", glibc=(2, 17)))


def test_a_lock_needs_digests(wheels: WheelIndex, index: PyPIIndex) -> None:
    wheels.entries["app"][0]["hashes"] = {}
    wheels.refresh("app")
    with pytest.raises(AgentInstallError, match=r"no sha256 digest for app-1.0-py3-none-any.whl"):
        make_lock(index, ["app==1.0"], pythons=("3.11",))


@pytest.mark.parametrize("file", list(LOCKS_FOLDER.glob("*.json")), ids=lambda file: file.stem)
def test_the_locks_that_ship_with_the_package(file: Path) -> None:
    lock = Lock.load(file)
    assert lock.text() == file.read_text(encoding="utf-8") and lock.pythons == PYTHONS
    name, _, version = lock.requirements[0].partition("==")
    for platform in PLATFORMS:
        for python in PYTHONS:
            releases = lock.select(Target(platform, python))
            names = [release.package for release in releases]
            assert len(names) == len(set(names)) and not set(lock.exclude) & set(names)
            assert (name, version) in [(release.package, release.version) for release in releases]
            assert all(digest_of(release) for release in releases)
