"""The `inspect-swe` command, against a registry on this machine."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import typing
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from inspect_swe import cli
from inspect_swe._agents import ROSTER
from inspect_swe._install import SandboxPlatform
from inspect_swe._install import retries as retries_module

from .install.fake_registry import FakeRegistry

MEMBER = "package/claude"
PACKAGE = "@anthropic-ai/claude-code-"
HERE = "linux-arm64" if platform.machine().lower() in ("aarch64", "arm64") else "linux-x64"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRegistry]:
    registry = FakeRegistry()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", registry.url)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("INSPECT_SWE_CACHE_DIR", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(retries_module, "_PAUSES", (0.01,))
    yield registry
    registry.close()


def publish(server: FakeRegistry, version: str, target: str = HERE) -> None:
    server.publish(version, PACKAGE + target, files={MEMBER: b"#!/bin/sh\n", "package/a.json": b"{}"})


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, arguments)


def listed() -> list[cli.Entry]:
    result = run("list", "--json")
    assert result.exit_code == 0
    return typing.cast("list[cli.Entry]", json.loads(result.stdout))


def test_platforms_are_those_of_the_store() -> None:
    assert typing.get_args(SandboxPlatform) == cli.PLATFORMS


def test_version() -> None:
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"{version('inspect_swe')}\n")


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, inspect_swe.cli; sys.exit('inspect_ai' in sys.modules or 'httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_download_and_list(server: FakeRegistry, tmp_path: Path) -> None:
    publish(server, "1.0.0")
    first = run("download", "claude_code", "--version", "1.0.0")
    assert (first.exit_code, first.stderr) == (0, "")
    assert first.stdout == f"claude_code 1.0.0 {HERE}: downloaded (12 bytes)\n"

    requests = server.count()
    again = run("download", "claude_code", "--version", "1.0.0")
    assert "already there" in again.stdout and server.count() == requests

    (entry,) = listed()
    assert (entry["agent"], entry["version"], entry["platform"], entry["size"]) == ("claude_code", "1.0.0", HERE, 12)
    assert Path(entry["path"]).is_relative_to(tmp_path / "store") and Path(entry["path"]).read_bytes() == b"#!/bin/sh\n"
    assert entry["digest"].startswith("sha512-")

    table = run("list").stdout.splitlines()
    assert table[0].split() == ["agent", "version", "platform", "size", "path"]
    assert table[1].split() == ["claude_code", "1.0.0", HERE, "12", "bytes", entry["path"]]


def test_latest_of_all_platforms(server: FakeRegistry) -> None:
    for target in cli.PLATFORMS:
        publish(server, "1.9.0", target)
        publish(server, "1.10.0", target)
    result = run("download", "claude_code", "--version", "latest", "--platform", "all")
    assert result.exit_code == 0, result.stderr
    assert [entry["platform"] for entry in listed()] == list(cli.PLATFORMS)
    assert run("download", "claude_code", "--version", "1.9.0", "--platform", "linux-x64").exit_code == 0
    assert [entry["version"] for entry in listed() if entry["platform"] == "linux-x64"] == ["1.10.0", "1.9.0"]


def test_stable_takes_the_pinned_digest_only(server: FakeRegistry) -> None:
    from inspect_swe._install import Pins

    publish(server, Pins.load().pin("claude_code").version)
    result = run("download", "claude_code")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ") and "digest" in result.stderr and "Traceback" not in result.stderr
    assert listed() == []


def test_unknown_version(server: FakeRegistry) -> None:
    publish(server, "1.0.0")
    result = run("download", "claude_code", "--version", "9.9.9")
    assert result.exit_code == 1
    assert "error: " in result.stderr and "The newest are: 1.0.0" in result.stderr


@pytest.mark.parametrize("wrong", ["newest", "sandbox"])
def test_what_is_no_version(server: FakeRegistry, wrong: str) -> None:
    result = run("download", "claude_code", "--version", wrong)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: version=") and server.count() == 0


def test_unknown_agent_lists_the_known_ones(server: FakeRegistry) -> None:
    result = run("download", "claude_code", "nobody")
    assert result.exit_code == 2
    assert "'nobody'" in result.stderr and all(adapter.key in result.stderr for adapter in ROSTER)
    assert server.count() == 0


def test_unknown_platform(server: FakeRegistry) -> None:
    result = run("download", "claude_code", "--platform", "windows-x64")
    assert result.exit_code == 2
    assert all(target in result.stderr for target in cli.PLATFORMS)


def test_empty_and_damaged_stores(server: FakeRegistry, tmp_path: Path) -> None:
    assert run("list").stdout == f"The store is empty: {tmp_path / 'store'}\n"
    publish(server, "1.0.0")
    run("download", "claude_code", "--version", "1.0.0")
    Path(listed()[0]["path"]).write_bytes(b"changed")
    assert listed() == []
