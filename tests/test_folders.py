"""The host's folders: each odd one works, or is a typed error that says what to do."""

from __future__ import annotations

import os
import pwd
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from docker.context import ContextAPI

import inspect_swe
from inspect_swe import _folders
from inspect_swe._errors import AgentError, AgentInstallError, AgentOptionError
from inspect_swe._folders import (
    CACHE_VARIABLE,
    cache_folder,
    home_folder,
    is_usable_in_path,
    temporary_file,
    temporary_folder,
    temporary_root,
    working_folder,
    write_cached,
)
from inspect_swe._packages.npm.config import NpmConfig
from inspect_swe._packages.pypi.config import PipConfig
from inspect_swe._sandbox.transports import docker
from inspect_swe._sandbox.transports.local import LocalTransport, environment
from inspect_swe._store.store import ArtifactStore

# Nobody, not even root, can write there.
BARRED = "/proc/1/not-there"
ODD = ["x" * 120, "two words", "\udcff\udcfe", "a:b"]


@pytest.fixture
def no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user is a bare number."""

    def unknown(uid: int) -> Any:
        raise KeyError(uid)

    for name in ("HOME", CACHE_VARIABLE, "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


@pytest.fixture
def no_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [BARRED])


def test_without_a_home_folder(no_home: None) -> None:
    assert not (home_folder() / ".npmrc").exists()
    with pytest.raises(AgentInstallError, match=f"HOME is not set.*\n.*{CACHE_VARIABLE}"):
        ArtifactStore()


def test_registries_are_configured_without_a_home_folder(no_home: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", "https://packages.test")
    assert NpmConfig.load().registry_for("x") == "https://packages.test"
    monkeypatch.setenv("PIP_INDEX_URL", "https://packages.test/simple")
    monkeypatch.setenv("PIP_CERT", "~/certificates")
    assert PipConfig.load().index_urls == ("https://packages.test/simple",)


@pytest.mark.parametrize("home", [BARRED, "/etc/passwd", "relative", "/proc/1/fd\udcff"])
def test_registries_are_configured_whatever_the_home_folder(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("XDG_CONFIG_HOME", home)
    monkeypatch.setenv("XDG_CONFIG_DIRS", home)
    monkeypatch.setenv("npm_config_registry", "https://packages.test")
    assert NpmConfig.load().registry_for("x") == "https://packages.test"
    assert PipConfig.load().index_urls


def test_a_working_directory_that_was_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, "store")
    monkeypatch.setenv("npm_config_registry", "https://packages.test")
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    assert ArtifactStore().root == tmp_path / "gone/store"
    (tmp_path / "gone").rmdir()
    assert not (working_folder() / ".npmrc").exists()
    assert NpmConfig.load().registry_for("x") == "https://packages.test"
    with pytest.raises(OSError):
        ArtifactStore().root.mkdir(parents=True)
    os.chdir("/")


def test_a_store_that_belongs_to_no_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, "~nobody-knows/store")
    with pytest.raises(AgentOptionError, match=f"is not a folder.*\n.*{CACHE_VARIABLE}"):
        ArtifactStore()


@pytest.mark.parametrize("name", ODD)
def test_a_store_of_any_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / name))
    assert cache_folder() == tmp_path / name
    store = ArtifactStore()
    with store.disk.scratch("x") as folder:
        assert folder.is_dir() and tmp_path / name in folder.parents


def test_a_text_is_cached_in_the_users_folder_or_else_in_the_stores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, user = tmp_path / "store", tmp_path / "user"
    monkeypatch.setenv(CACHE_VARIABLE, str(store))
    for home, folder in ((str(user), user / "inspect_swe"), (BARRED, store)):
        monkeypatch.setenv("XDG_CACHE_HOME", home)
        file = write_cached("compose/x.yaml", "text")
        assert file == folder / "compose/x.yaml" and file.read_text() == "text"
        assert file.stat().st_mode & 0o777 == 0o600
        assert write_cached("compose/x.yaml", "text") == file
    monkeypatch.setenv(CACHE_VARIABLE, BARRED)
    with pytest.raises(AgentInstallError, match=r"x.yaml could not be written") as caught:
        write_cached("compose/x.yaml", "text")
    assert CACHE_VARIABLE in str(caught.value)


@pytest.mark.parametrize("name", ["x" * 120, "two words", "\udcff\udcfe", "not-there"])
def test_temporary_files_with_any_tmpdir(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name != "not-there":
        (tmp_path / name).mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / name))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with temporary_folder() as folder, temporary_file() as file:
        (folder / "file").write_text("text")
        assert file.write(b"text") == 4
        assert (tmp_path / name in folder.parents) == (name != "not-there")
    assert not folder.exists()


def test_no_folder_for_temporary_files(no_temporary_folder: None) -> None:
    with pytest.raises(AgentInstallError, match="TMPDIR"):
        temporary_file()
    with pytest.raises(AgentInstallError, match="TMPDIR"), temporary_folder():
        pass
    assert temporary_root() is None


def test_an_agent_on_this_machine_gets_a_tmpdir_that_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert environment(os.environ)["TMPDIR"] == str(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", BARRED)
    assert environment(os.environ)["TMPDIR"] != BARRED
    assert "TMPDIR" not in environment({})


@pytest.mark.parametrize("name", ODD)
def test_programs_are_used_where_they_lie_if_path_can_name_them(name: str, tmp_path: Path) -> None:
    """`local` copies the others to a folder of its own."""
    (tmp_path / name).mkdir()
    place = LocalTransport.host_path(object.__new__(LocalTransport), tmp_path / name)
    assert place == (str(tmp_path / name) if name in ("x" * 120, "two words") else None)


def test_programs_are_not_used_where_nothing_can_be_run(tmp_path: Path) -> None:
    """The system says so of a file without the permission as of one on a file system mounted with `noexec`."""
    (tmp_path / "program").write_text("#!/bin/sh\n")
    assert not is_usable_in_path(tmp_path / "program")
    assert not is_usable_in_path(tmp_path / "not-there")
    (tmp_path / "program").chmod(0o755)
    assert is_usable_in_path(tmp_path / "program")


@pytest.mark.parametrize("config", ["{", '{"currentContext": "broken"}', "a folder", "barred"])
def test_dockers_own_configuration_is_broken(config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine is then reached with Inspect's exec, which says itself what is wrong."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(docker, "_engines", [])
    monkeypatch.setenv("DOCKER_CONFIG", BARRED if config == "barred" else str(tmp_path))
    if config == "a folder":
        (tmp_path / "config.json").mkdir()
    else:
        (tmp_path / "config.json").write_text(config)
    meta = tmp_path / "contexts/meta" / ContextAPI.get_context.__name__
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text("{")
    docker.engine()


def test_one_module_asks_for_folders() -> None:
    """All others get them there, with its errors."""
    asks = re.compile(
        r"Path\.home\(|Path\.cwd\(|os\.getcwd\(|user_(cache|data|config)_(dir|path)\(.inspect_swe|gettempdir\("
        r"|mkdtemp\(|mkstemp\(|Temporary(File|Directory)\((?!dir=)"
    )
    source = Path(inspect_swe.__file__).parent
    run_inside = {"_agents/mini_swe_agent/runner.py", "_agents/antigravity/runner.py"}
    found = {
        str(file.relative_to(source))
        for file in source.rglob("*.py")
        if file.relative_to(source).as_posix() not in run_inside and asks.search(file.read_text())
    }
    assert found == {Path(_folders.__file__).name}
    assert issubclass(AgentInstallError, AgentError)
