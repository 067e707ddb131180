"""`inspect-swe doctor`: what it says where something is missing. Programs and registries are the test's own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from inspect_swe import download_agent_binary
from inspect_swe._cli import _checks, main
from inspect_swe._cli._shared import platforms_of
from inspect_swe._cli_inventory import CHOICES

from .everything import AGENTS, WHEELS, Everything
from .install.fake_registry import Reply

GOOD = """case "$*" in
  "version --format "*) echo 26.1.5+dfsg1;;
  "compose version --short") echo v2.26.1-4;;
  *) exit 64;;
esac"""


def doctor(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["doctor", *arguments], catch_exceptions=False)


def found() -> dict[str, dict[str, str]]:
    result = doctor("--json")
    findings = {one["name"]: one for one in json.loads(result.stdout)}
    assert result.exit_code == (1 if any(one["status"] == "fail" for one in findings.values()) else 0)
    return findings


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, with a `docker` that says what Docker says."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(_checks, "engine", lambda: object())
    docker(folder, GOOD)
    return folder


def docker(folder: Path, script: str) -> None:
    (folder / "docker").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "docker").chmod(0o755)


def test_all_is_well(everything: Everything, programs: Path) -> None:
    download_agent_binary("claude_code", "stable", platforms_of(None)[0])
    findings = found()
    assert {one["status"] for one in findings.values()} == {"ok"}
    assert {"Python", "Inspect AI", "Docker engine", "docker compose", "Store", "Disk", *AGENTS} <= set(findings)
    assert findings["claude_code"]["text"].endswith("in the store")
    assert findings["codex_cli"]["text"].endswith("downloaded when needed")
    lines = doctor().stdout.splitlines()
    assert len(lines) == len(findings) and all(line.startswith("ok   ") for line in lines)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo Cannot connect to the daemon >&2; exit 1", {"Docker engine": "Cannot connect to the daemon",
                                                            "docker compose": "Cannot connect to the daemon"}),
        (GOOD.replace("26.1.5", "23.0.1"), {"Docker engine": "23.0.1"}),
        (GOOD.replace("v2.26.1-4", "2.20.3"), {"docker compose": "2.20.3"}),
    ],
)  # fmt: skip
def test_docker(script: str, told: dict[str, str], everything: Everything, programs: Path) -> None:
    docker(programs, script)
    failed = {name: one for name, one in found().items() if one["status"] == "fail"}
    assert set(failed) == set(told)
    assert all(text in failed[name]["text"] and failed[name]["hint"] for name, text in told.items())


def test_no_docker_at_all(everything: Everything, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (programs / "docker").unlink()
    monkeypatch.setattr(_checks, "engine", lambda: None)
    findings = found()
    assert findings["Docker engine"]["status"] == findings["docker compose"]["status"] == "fail"
    assert findings["Docker's API"]["status"] == "warn"
    shown = doctor()
    assert shown.exit_code == 1 and "fail Docker engine: `docker` is not on PATH" in shown.stdout
    assert "what to do: start a Docker engine" in shown.stdout


def test_registries_are_needed_only_for_what_is_not_in_the_store(everything: Everything, programs: Path) -> None:
    def statuses() -> tuple[str, str]:
        findings = found()
        return findings["npm registry"]["status"], findings["Python package index"]["status"]

    first = next(iter(WHEELS.values()))
    everything.server.replies[f"/simple/{first}/"] = Reply(503)
    assert statuses() == ("ok", "fail")
    everything.wheels.refresh(first)
    for agent in CHOICES:
        download_agent_binary(agent, "stable", platforms_of(None)[0])
    assert statuses() == ("ok", "ok")
    everything.server.close()
    assert statuses() == ("warn", "warn")


def test_a_registry_that_states_another_digest(everything: Everything, programs: Path) -> None:
    package = f"@anthropic-ai/claude-code-{platforms_of(None)[0]}"
    everything.server.publish("1.0.0", package, files={"package/claude": b"another"})
    finding = found()["npm registry"]
    assert finding["status"] == "fail" and "pins verify" in finding["hint"]


def test_a_store_that_can_not_be_written_to(everything: Everything, programs: Path) -> None:
    everything.store.write_text("a file")
    finding = found()["Store"]
    assert finding["status"] == "fail" and "INSPECT_SWE_CACHE_DIR" in finding["hint"]


@pytest.mark.parametrize(("free", "status"), [(6 * 10**9, "ok"), (2 * 10**9, "warn"), (10**8, "fail")])
def test_disk(free: int, status: str, everything: Everything, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    assert found()["Disk"]["status"] == status
