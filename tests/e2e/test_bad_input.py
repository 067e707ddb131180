"""Bad input: a typed error with a clear sentence, and no container left (the fixture looks)."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inspect_swe import AgentInstallError, AgentOptionError, claude_code
from inspect_swe._sandbox.workspace import Workspace
from inspect_swe._store import versions as catalog
from inspect_swe.testing import say

from ..install.fake_registry import FakeRegistry
from . import harness
from .harness import Run

# What is copied, and when, is the point here.
run_agent = functools.partial(harness.run_agent, mount=False)

PACKAGE = "@anthropic-ai/claude-code-linux-x64"
FAKE_CLI = b"""#!/bin/sh
cat >/dev/null
curl -s "$ANTHROPIC_BASE_URL/v1/messages" \\
  -d '{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"x"}],
  "tools":[{"name":"Bash","input_schema":{}}]}' >/dev/null
echo '{"type":"system","subtype":"init","claude_code_version":"9.1.0"}'
echo '{"type":"result","subtype":"success","is_error":false,"result":"fake"}'
"""


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeRegistry]:
    server = FakeRegistry()
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", server.url)
    monkeypatch.setenv("INSPECT_SWE_CACHE_DIR", str(tmp_path / "cache"))
    # What one process has looked up holds for the process: a test is another one.
    for cache in (value for value in vars(catalog).values() if hasattr(value, "cache_clear")):
        cache.cache_clear()
    yield server
    server.close()


@pytest.fixture
def no_setup(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails if a relay is started, let alone a bridge or an agent."""

    def relaying(self: Workspace, connect: Any) -> Any:
        raise AssertionError("set-up was begun")

    monkeypatch.setattr(Workspace, "relaying", relaying)


def failed(run: Run, kind: str) -> str:
    """The error of a run that failed with a certain type of error."""
    assert run.log.samples
    error = run.log.samples[0].error
    assert error is not None
    assert f"{kind}: " in error.traceback or f"{kind}:" in error.traceback
    return error.message


@pytest.mark.usefixtures("no_setup")
def test_unknown_version(tmp_path: Path, registry: FakeRegistry) -> None:
    registry.publish("9.1.0", PACKAGE, files={"package/claude": FAKE_CLI})
    message = failed(run_agent(tmp_path, claude_code(version="9.9.999"), [say("x")]), "UnknownVersionError")
    assert "9.9.999" in message and "9.1.0" in message


@pytest.mark.usefixtures("no_setup")
def test_sandbox_version_where_there_is_none(tmp_path: Path) -> None:
    message = failed(run_agent(tmp_path, claude_code(version="sandbox"), [say("x")]), "AgentInstallError")
    assert "Claude Code is not installed in the sandbox" in message
    assert 'version="stable"' in message


@pytest.mark.usefixtures("no_setup")
def test_digest_mismatch(tmp_path: Path, registry: FakeRegistry) -> None:
    registry.publish("2.1.329", PACKAGE, files={"package/claude": FAKE_CLI})
    message = failed(run_agent(tmp_path, claude_code(version="stable"), [say("x")]), "DigestMismatchError")
    assert PACKAGE in message
    assert not list((tmp_path / "cache").rglob("claude"))


def test_truncated_cache_is_fetched_again(tmp_path: Path, registry: FakeRegistry) -> None:
    path = registry.publish("9.1.0", PACKAGE, files={"package/claude": FAKE_CLI})
    for number in (1, 2, 3):
        folder = tmp_path / str(number)
        folder.mkdir()
        run = run_agent(folder, claude_code(version="9.1.0"), [say("x")])
        assert run.error is None
        assert run.info["source"] == ("cache" if number == 2 else "download")
        assert registry.count(path) == (2 if number == 3 else 1)
        if number == 2:
            (cached,) = (tmp_path / "cache").rglob("claude")
            cached.write_bytes(FAKE_CLI[:20])


def test_registry_unreachable_with_a_cached_copy(tmp_path: Path, registry: FakeRegistry) -> None:
    registry.publish("9.1.0", PACKAGE, files={"package/claude": FAKE_CLI})
    assert run_agent(tmp_path, claude_code(version="9.1.0"), [say("x")]).error is None
    registry.close()
    run = run_agent(tmp_path, claude_code(version="9.1.0"), [say("x")])
    assert run.error is None
    assert run.info["source"] == "cache"


@pytest.mark.usefixtures("no_setup")
def test_registry_unreachable_without_one(tmp_path: Path, registry: FakeRegistry) -> None:
    registry.close()
    message = failed(run_agent(tmp_path, claude_code(version="stable"), [say("x")]), "RegistryError")
    assert registry.url in message
    assert "inspect-swe download" in message


def test_no_shell_in_the_image(tmp_path: Path) -> None:
    run = run_agent(tmp_path, claude_code(), [say("x")], image="noshell", working_dir="/")
    assert "cannot run a shell" in failed(run, "SandboxUnsupportedError")


def test_nowhere_writable(tmp_path: Path) -> None:
    run = run_agent(tmp_path, claude_code(), [say("x")], read_only=True, ipc="none", working_dir="/", user="1500:1500")
    message = failed(run, "SandboxUnsupportedError")
    assert "may write and execute" in message and "/var/tmp" in message


def test_unknown_user(tmp_path: Path) -> None:
    message = failed(run_agent(tmp_path, claude_code(user="nobody-here"), [say("x")]), "SandboxUnsupportedError")
    assert "nobody-here" in message


def test_unknown_sandbox(tmp_path: Path) -> None:
    message = failed(run_agent(tmp_path, claude_code(sandbox="other"), [say("x")]), "AgentOptionError")
    assert "other" in message


def test_missing_working_directory(tmp_path: Path) -> None:
    message = failed(run_agent(tmp_path, claude_code(cwd="/not/there"), [say("x")]), "AgentStartError")
    assert "/not/there" in message


def test_conflicting_options_are_refused_at_construction() -> None:
    with pytest.raises(AgentOptionError, match="contradict each other"):
        claude_code(system_prompt="a", replace_system_prompt="b")


def test_unknown_keyword() -> None:
    with pytest.raises(AgentOptionError, match="unknown_option"):
        claude_code(unknown_option=1)  # type: ignore[call-arg]


def test_malformed_version() -> None:
    with pytest.raises(AgentOptionError, match="not-a-version"):
        claude_code(version="not-a-version")


def test_errors_are_one_family() -> None:
    assert issubclass(AgentInstallError, RuntimeError)
    assert issubclass(AgentOptionError, ValueError)
