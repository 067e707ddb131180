"""The public functions about the agents' CLIs, against a registry on this machine."""

from __future__ import annotations

import asyncio
import io
import logging
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner

from inspect_swe import (
    AgentBinaries,
    AgentBinary,
    AgentInstallError,
    AgentOptionError,
    DigestMismatchError,
    RegistryError,
    SandboxPlatform,
    UnknownVersionError,
    cached_agent_binaries,
    download_agent_binary,
    download_wheels_tarball,
    resolve_agent_version,
)
from inspect_swe._cli import main
from inspect_swe._cli_inventory import CHOICES, TOOLS
from inspect_swe._packages.pins import Pins
from inspect_swe._packages.pypi.lock import PYTHONS
from inspect_swe._packages.pypi.tags import Target
from inspect_swe._store.layout import MAX_COPIES
from inspect_swe._store.versions import fetch_cli, fetch_tool

from .everything import AGENTS, PINNED, PLATFORMS, WHEELS, Everything
from .install.fake_registry import Reply


@pytest.mark.parametrize("agent", AGENTS)
def test_stable_is_the_pin(agent: str) -> None:
    assert resolve_agent_version(agent, "stable") == Pins.load().pin(agent).version
    assert resolve_agent_version(agent, "1.2.3", platform="linux-arm64-musl") == "1.2.3"


@pytest.mark.parametrize("version", ["auto", "sandbox"])
def test_what_depends_on_the_sandbox_is_not_resolved(version: str) -> None:
    assert resolve_agent_version("codex_cli", version) == version
    with pytest.raises(AgentOptionError, match="Unknown agent"):
        resolve_agent_version("nobody", version)


@pytest.mark.parametrize(("agent", "version"), [("nobody", "stable"), ("codex_cli", "newest")])
def test_what_is_no_agent_or_no_version(agent: str, version: str, everything: Everything) -> None:
    asked = everything.server.count()
    with pytest.raises(AgentOptionError):
        resolve_agent_version(agent, version)
    with pytest.raises(AgentOptionError):
        download_agent_binary(agent, version, "linux-x64")
    with pytest.raises(AgentOptionError, match="nothing to fetch"):
        download_agent_binary("codex_cli", "sandbox", "linux-x64")
    assert everything.server.count() == asked


def test_what_is_no_platform() -> None:
    windows: SandboxPlatform = "windows-x64"  # type: ignore[assignment]
    for call in (
        lambda: resolve_agent_version("codex_cli", "stable", windows),
        lambda: download_agent_binary("codex_cli", "stable", windows),
        lambda: download_wheels_tarball("helper", None, windows, "312"),
    ):
        with pytest.raises(AgentOptionError, match="linux-arm64-musl"):
            call()


@pytest.mark.parametrize("agent", AGENTS)
def test_download_and_list(agent: str, everything: Everything, capsys: pytest.CaptureFixture[str]) -> None:
    download_agent_binary(agent, "stable", "linux-arm64-musl")
    rows = cached_agent_binaries(agent, quiet=True)
    assert isinstance(rows, AgentBinaries) and rows == cached_agent_binaries(quiet=True)
    assert len(rows) == (len(PYTHONS) if agent in WHEELS else 1)
    for row in rows:
        assert isinstance(row, AgentBinary) and (row.agent, row.version) == (agent, PINNED)
        assert row.path.name.endswith("-linux-arm64-musl") and row.path.is_relative_to(everything.store)
        assert row.path.is_dir() if agent in WHEELS else row.path.read_bytes() == PINNED.encode()
    assert capsys.readouterr().out == ""


def test_the_programs_that_it_needs_come_with_it(everything: Everything) -> None:
    download_agent_binary("gemini_cli", "stable", "linux-x64")
    download_agent_binary("opencode", "stable", "linux-x64")
    folders = sorted(path.relative_to(everything.store).as_posix() for path in everything.store.glob("artifacts/*/*"))
    names = ("gemini_cli", "node", "opencode", "ripgrep")
    assert folders == [f"artifacts/{name}/1.0.0-linux-x64" for name in names]


@pytest.mark.parametrize(
    ("agent", "programs"),
    [
        ("claude_code", ["claude_agent_acp", "node"]),
        ("codex_cli", ["codex_acp", "node"]),
        ("gemini_cli", ["node"]),
        ("opencode", ["ripgrep"]),
    ],
)
def test_an_interactive_agent_is_the_same_cli_with_what_it_needs(
    agent: str, programs: list[str], everything: Everything
) -> None:
    interactive = f"interactive_{agent}"
    download_agent_binary(interactive, "stable", "linux-x64")
    folders = {path.parent.name for path in everything.store.glob("artifacts/*/1.0.0-linux-x64")}
    assert folders == {agent, *programs}
    (row,) = cached_agent_binaries(interactive, quiet=True)
    assert row == cached_agent_binaries(agent, quiet=True)[0] and row.agent == agent
    assert resolve_agent_version(interactive, "stable") == PINNED


def test_what_has_no_interactive_variant() -> None:
    with pytest.raises(AgentOptionError, match="interactive_claude_code"):
        resolve_agent_version("interactive_mini_swe_agent", "stable")


@pytest.mark.anyio
async def test_in_a_running_event_loop(everything: Everything) -> None:
    download_agent_binary("codex_cli", "latest", "linux-x64")
    (row,) = cached_agent_binaries("codex_cli", quiet=True)
    assert row.version == PINNED


def test_the_list_is_printed(everything: Everything, capsys: pytest.CaptureFixture[str]) -> None:
    assert cached_agent_binaries() == () and "store is empty" in capsys.readouterr().out
    everything.publish("1.1.0")
    for version in ("latest", "stable"):
        download_agent_binary("claude_code", version, "linux-x64")
    newest, oldest = cached_agent_binaries("claude_code")
    assert (newest.version, oldest.version) == ("1.1.0", "1.0.0")
    shown = capsys.readouterr().out
    assert str(newest.path) in shown and str(oldest.path) in shown
    with pytest.raises(AgentOptionError, match="nobody"):
        cached_agent_binaries("nobody")


def test_where_no_link_can_be_made_the_file_itself_is_listed(
    everything: Everything, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(link: Path, target: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "symlink_to", refuse)
    download_agent_binary("claude_code", "stable", "linux-x64")
    (row,) = cached_agent_binaries("claude_code", quiet=True)
    assert row.path.name == "claude" and row.path.read_bytes() == PINNED.encode()


def test_after_downloading_all_there_is_no_request(everything: Everything) -> None:
    async def all_of_it(version: str) -> set[str]:
        sources: set[str] = set()
        for key, recipe in CHOICES.values():
            for platform in PLATFORMS:
                for python in PYTHONS if key in WHEELS else PYTHONS[:1]:
                    found = await fetch_cli(key, recipe, version, platform, target=Target(platform, python))
                    sources.add(found.source)
                for tool in getattr(recipe, "needs", ()):
                    sources.add((await fetch_tool(tool, platform)).source)
        return sources

    assert CliRunner().invoke(main, ["download", "--all"]).exit_code == 0
    asked = everything.server.count()
    assert asyncio.run(all_of_it("stable")) == asyncio.run(all_of_it(PINNED)) == {"cache"}
    assert everything.server.count() == asked
    everything.server.close()
    assert asyncio.run(all_of_it("auto")) == {"cache"}
    assert {tool.key for _, recipe in CHOICES.values() for tool in getattr(recipe, "needs", ())} == set(TOOLS)


def _names(tarball: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(tarball), mode="r:gz") as archive:
        return archive.getnames()


def _wheel(everything: Everything, name: str) -> bytes:
    reply = everything.server.replies[f"/files/{name}"]
    assert isinstance(reply, Reply)
    return reply.body


def test_wheels(everything: Everything) -> None:
    everything.wheels.publish("app", "2.0", ("helper", "native[fast]"))
    for python in ("310", "312"):
        for library in ("manylinux_2_17_aarch64", "musllinux_1_1_aarch64", "manylinux_2_17_x86_64"):
            everything.wheels.publish("native", "1.0", tags=f"cp{python}-cp{python}-{library}")
    content, version = download_wheels_tarball("app", None, "linux-arm64-musl", "312")
    assert version == "2.0" and _names(content) == [
        "app-2.0-py3-none-any.whl",
        "helper-1.0.0-py3-none-any.whl",
        "native-1.0-cp312-cp312-musllinux_1_1_aarch64.whl",
    ]
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        member = archive.extractfile("app-2.0-py3-none-any.whl")
        assert member is not None and member.read() == _wheel(everything, "app-2.0-py3-none-any.whl")
    assert _names(download_wheels_tarball("app", "2.0", "linux-x64", "3.10")[0])[-1:] == [
        "native-1.0-cp310-cp310-manylinux_2_17_x86_64.whl"
    ]
    with pytest.raises(AgentInstallError, match="native"):
        download_wheels_tarball("app", "2.0", "linux-x64-musl", "3.10")


def test_wheels_are_fetched_once_and_again_if_they_are_damaged(everything: Everything) -> None:
    first = download_wheels_tarball("helper", None, "linux-x64", "312")
    asked = everything.server.count()
    assert download_wheels_tarball("Helper", "1.0.0", "linux-x64", "3.12") == first
    assert everything.server.count() == asked
    (kept,) = everything.store.glob("wheels/helper/*/1.0.0.tar.gz")
    kept.write_bytes(kept.read_bytes()[:-20])
    assert download_wheels_tarball("helper", "1.0.0", "linux-x64", "3.12") == first
    assert everything.server.count() > asked
    assert not list(everything.store.glob("wheels/*/*/tmp*"))


@pytest.mark.parametrize("version", [None, "1.0.0"])
def test_wheels_that_several_want_at_once_are_downloaded_once(version: str | None, everything: Everything) -> None:
    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(download_wheels_tarball, "helper", version, "linux-x64", "312") for _ in range(4)]
        assert len({future.result() for future in futures}) == 1
    assert everything.server.count(".whl") == 1


def test_wheels_of_the_latest_few_versions_are_kept(everything: Everything) -> None:
    for minor in range(MAX_COPIES + 2):
        everything.wheels.publish("helper", f"2.{minor}")
        assert download_wheels_tarball("helper", None, "linux-x64", "312")[1] == f"2.{minor}"
    kept = {path.name for path in everything.store.glob("wheels/helper/*/*")}
    versions = [f"2.{minor}" for minor in range(2, MAX_COPIES + 2)]
    assert kept == {f"{version}{suffix}" for version in versions for suffix in (".tar.gz", ".json")}


def test_wheels_without_an_index(everything: Everything, caplog: pytest.LogCaptureFixture) -> None:
    first = download_wheels_tarball("helper", None, "linux-x64", "312")
    everything.server.close()
    with caplog.at_level(logging.WARNING):
        assert download_wheels_tarball("helper", None, "linux-x64", "312") == first
    assert "the latest in the cache" in caplog.text
    for package, version in (("helper", "3.0"), ("other", None)):
        with pytest.raises(RegistryError):
            download_wheels_tarball(package, version, "linux-x64", "312")


def test_a_changed_wheel_is_not_kept(everything: Everything) -> None:
    everything.server.replies["/files/helper-1.0.0-py3-none-any.whl"] = Reply(body=b"changed")
    with pytest.raises(DigestMismatchError):
        download_wheels_tarball("helper", None, "linux-x64", "312")
    assert not list(everything.store.glob("wheels/*/*/*"))


def test_wheels_that_are_not_there(everything: Everything) -> None:
    for package, version in (("helper", "9.9"), ("unheard-of", None)):
        with pytest.raises(UnknownVersionError):
            download_wheels_tarball(package, version, "linux-x64", "312")


@pytest.mark.parametrize(
    ("package", "version", "python"),
    [
        ("../helper", None, "312"),
        ("helper>=1", None, "312"),
        ("helper", "new", "312"),
        ("helper", None, "27"),
        ("helper", None, "cp312"),
    ],
)
def test_what_is_no_package_or_no_python(package: str, version: str | None, python: str, tmp_path: Path) -> None:
    with pytest.raises(AgentOptionError):
        download_wheels_tarball(package, version, "linux-x64", python)
