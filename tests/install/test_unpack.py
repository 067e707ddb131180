from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from inspect_swe._errors import AgentInstallError, DigestMismatchError, RegistryError
from inspect_swe._packages.download import download
from inspect_swe._packages.extract import unpack, unpack_inside
from inspect_swe._packages.http import Abandoned
from inspect_swe._packages.npm.registry import Release
from inspect_swe._packages.pypi.index import INDEX_HINT, PyPIIndex
from inspect_swe._packages.pypi.resolver import integrity, resolve_wheels
from inspect_swe._packages.pypi.tags import Target

from .fake_registry import Reply, embed_tarball, make_tarball
from .wheel_index import WheelIndex


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


def _releases(wheels: WheelIndex) -> list[Release]:
    with PyPIIndex(wheels.config) as index:
        return resolve_wheels(index, ["app"], Target("linux-x64", "3.11"))


def _download(wheels: WheelIndex, releases: list[Release], folder: Path, stop: threading.Event) -> list[Path]:
    return download(wheels.config, releases, folder, "app", INDEX_HINT, stop)


def _zip(path: Path, *members: tuple[str, int]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, mode in members:
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            archive.writestr(member, b"content of " + name.encode())
    return path


def test_from_the_index_to_imports(wheels: WheelIndex, stop: threading.Event, tmp_path: Path) -> None:
    wheels.publish("app", "1.0", ("lib",), files={"app/__init__.py": b"import lib\n", "app/data.txt": b"x"})
    wheels.publish("lib", "2.0")
    paths = _download(wheels, _releases(wheels), tmp_path, stop)
    assert [path.name for path in paths] == ["app-1.0-py3-none-any.whl", "lib-2.0-py3-none-any.whl"]
    for path in paths:
        unpack(path, tmp_path / "site", stop)
    code = "import app, lib, importlib.metadata as m; print(lib.x, m.version('app'), m.requires('app'))"
    env = {"PYTHONPATH": str(tmp_path / "site"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1 1.0 ['lib']"
    assert stat.S_IMODE((tmp_path / "site/app/data.txt").stat().st_mode) == 0o644


def test_without_a_digest_nothing_is_downloaded(wheels: WheelIndex, stop: threading.Event, tmp_path: Path) -> None:
    name = wheels.publish("app", "1.0", hashes={"md5": "0"})
    with pytest.raises(DigestMismatchError, match="can't be verified"):
        _download(wheels, _releases(wheels), tmp_path, stop)
    assert wheels.server.count(name) == 0


def test_the_first_failure_cancels_all_downloads(wheels: WheelIndex, stop: threading.Event, tmp_path: Path) -> None:
    wheels.publish("app", "1.0", tuple(f"lib{count}" for count in range(40)))
    for count in range(40):
        wheels.publish(f"lib{count}", "1.0")
    releases = _releases(wheels)
    for release in releases:
        wheels.server.replies[f"/files/{release.file}"] = Reply(403)
    with pytest.raises(RegistryError, match="403"):
        _download(wheels, releases, tmp_path, stop)
    assert wheels.server.count(".whl") < len(releases)


def test_cancellation(wheels: WheelIndex, stop: threading.Event, tmp_path: Path) -> None:
    wheels.publish("app", "1.0")
    releases = _releases(wheels)
    wheel = _zip(tmp_path / "other-1.0-py3-none-any.whl", ("other.py", 0))
    stop.set()
    with pytest.raises(Abandoned):
        _download(wheels, releases, tmp_path, stop)
    with pytest.raises(Abandoned):
        unpack(wheel, tmp_path / "site", stop)


def test_progress_of_several_files(
    wheels: WheelIndex,
    stop: threading.Event,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wheels.publish("app", "1.0", ("lib",))
    wheels.publish("lib", "2.0")
    releases = _releases(wheels)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    _download(wheels, releases, tmp_path, stop)
    out, err = capfd.readouterr()
    assert out == "" and "app (2 of 2)" in err


def test_paths_of_members(stop: threading.Event, tmp_path: Path) -> None:
    data = "My.App-1.0.data"
    members = ["my_app/__init__.py", "My.App-1.0.dist-info/METADATA", f"{data}/purelib/pure/x.py"]
    members += [f"{data}/platlib/native.so", f"{data}/scripts/run", f"{data}/headers/x.h", f"{data}/data/share/x"]
    wheel = _zip(
        tmp_path / "my_app-1.0-py3-none-any.whl", *((name, 0o100644) for name in members), ("bin/tool", 0o100755)
    )
    unpack(wheel, tmp_path / "site", stop)
    files = {
        path.relative_to(tmp_path / "site").as_posix() for path in (tmp_path / "site").rglob("*") if path.is_file()
    }
    assert files == {
        "my_app/__init__.py",
        "My.App-1.0.dist-info/METADATA",
        "pure/x.py",
        "native.so",
        "bin/tool",
    }
    assert os.access(tmp_path / "site/bin/tool", os.X_OK) and not os.access(tmp_path / "site/native.so", os.X_OK)


def test_keep_and_drop(stop: threading.Event, tmp_path: Path) -> None:
    names = ["bin/tool", "bin/tool.map", "lib/a.so", "docs/a.txt", "LICENSE"]
    wheel = _zip(tmp_path / "tool-1.0-py3-none-any.whl", *((name, 0) for name in names))
    tarball = tmp_path / "tool.tgz"
    tarball.write_bytes(make_tarball({f"package/{name}": b"x" for name in names}))
    for file in (wheel, tarball):
        folder = tmp_path / f"from-{file.suffix}"
        unpack(file, folder, stop, keep=("bin/", "LICENSE"), drop=(".map",))
        assert {path.relative_to(folder).as_posix() for path in folder.rglob("*")} == {"bin", "bin/tool", "LICENSE"}


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("../evil.py", 0),
        ("/etc/evil.py", 0),
        ("a/../../evil.py", 0),
        ("a-1.0.data/purelib/../../../evil.py", 0),
        ("a\\..\\evil.py", 0),
        ("C:/evil.py", 0),
        ("./evil.py", 0),
        ("link.py", stat.S_IFLNK | 0o777),
        ("pipe", stat.S_IFIFO | 0o644),
    ],
)
def test_forbidden_members(name: str, mode: int, stop: threading.Event, tmp_path: Path) -> None:
    wheel = _zip(tmp_path / "a-1.0-py3-none-any.whl", ("good.py", 0), (name, mode))
    with pytest.raises(AgentInstallError, match="is not allowed in a wheel"):
        unpack(wheel, tmp_path / "site", stop)
    assert not list(tmp_path.rglob("evil.py")) and not (tmp_path / "site/good.py").exists()


@pytest.mark.parametrize("damage", ["no zip", "crc"])
def test_damaged_wheels(damage: str, stop: threading.Event, tmp_path: Path) -> None:
    wheel = _zip(tmp_path / "a-1.0-py3-none-any.whl", ("good.py", 0))
    content = b"no zip" if damage == "no zip" else wheel.read_bytes().replace(b"content", b"CONTENT", 1)
    wheel.write_bytes(content)
    with pytest.raises(AgentInstallError, match=r"a-1.0-py3-none-any.whl can't be unpacked"):
        unpack(wheel, tmp_path / "site", stop)


def test_the_digest_of_hexadecimal_digits() -> None:
    assert integrity("00" * 32) == "sha256-" + "A" * 43 + "="


@pytest.mark.parametrize("rest", [b"", b"\0" * 9], ids=["at the end", "in the middle"])
def test_embedded_files_replace_the_executable(stop: threading.Event, tmp_path: Path, rest: bytes) -> None:
    tarball = make_tarball({"package/index.js": b"run()", "package/lib/a.js": b"a"})
    executable = tmp_path / "package" / "program"
    executable.parent.mkdir()
    executable.write_bytes(embed_tarball("files.tgz", tarball, rest))
    unpack_inside(executable, "files.tgz", tmp_path, stop)
    files = {path.name: path.read_bytes() for path in executable.parent.rglob("*") if path.is_file()}
    assert files == {"index.js": b"run()", "a.js": b"a"}


@pytest.mark.parametrize("content", [None, b"", b"\x7fELF files.tgz", b"\t\0\0\0\0\0\0\0files.tgz"])
def test_an_executable_without_embedded_files(stop: threading.Event, tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "program").write_bytes(content)
    with pytest.raises(AgentInstallError, match=r"program is missing or does not contain files\.tgz"):
        unpack_inside(tmp_path / "program", "files.tgz", tmp_path, stop)
