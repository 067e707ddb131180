"""The `inspect-swe` command: its help, `download`, `list` and `remove`, against a registry on this machine."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import typing
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from inspect_swe import download_agent_binary, download_wheels_tarball
from inspect_swe._cli import main
from inspect_swe._cli._shared import PLATFORMS
from inspect_swe._cli_inventory import TOOLS, Entry
from inspect_swe._packages.platforms import SandboxPlatform
from inspect_swe._packages.pypi.lock import PYTHONS
from inspect_swe._store import store as artifacts

from .everything import AGENTS, PARTS, PINNED, WHEELS, Everything

HERE = "linux-arm64" if platform.machine().lower() in ("aarch64", "arm64") else "linux-x64"
COMMANDS = [[], *([name] for name in main.commands), ["pins", "show"], ["pins", "update"], ["pins", "verify"]]


def run(*arguments: str, input: str | None = None) -> Result:
    result = CliRunner().invoke(main, arguments, input=input, catch_exceptions=False)
    # As at the end of a process.
    artifacts._usage_locks.release()
    return result


def listed() -> list[Entry]:
    result = run("list", "--json")
    assert result.exit_code == 0
    return typing.cast("list[Entry]", json.loads(result.stdout))


def folders(everything: Everything) -> list[str]:
    return sorted(path.relative_to(everything.store).as_posix() for path in everything.store.glob("artifacts/*/*"))


def test_platforms_are_those_of_the_store() -> None:
    assert typing.get_args(SandboxPlatform) == PLATFORMS


def test_version() -> None:
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"{version('inspect_swe')}\n")


def test_the_installed_command_is_this_one() -> None:
    (script,) = entry_points(group="console_scripts", name="inspect-swe")
    assert script.load() is main


def test_help_loads_nothing_heavy() -> None:
    code = f"""
import sys
from inspect_swe.cli import main
for command in {COMMANDS!r}:
    try:
        main([*command, "--help"])
    except SystemExit as ended:
        assert not ended.code, command
ours = {{"inspect_swe._packages", "inspect_swe._store", "inspect_swe._agents"}}
heavy = {{"inspect_ai", "httpx", "rich", "docker", "packaging"}} | ours
sys.exit(f"loaded: {{heavy & set(sys.modules)}}" if heavy & set(sys.modules) else 0)
"""
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.count("Usage:") == len(COMMANDS)


def test_download_and_list(everything: Everything) -> None:
    first = run("download", "claude_code", "--version", "1.0.0")
    assert (first.exit_code, first.stderr) == (0, "")
    assert first.stdout == f"claude_code 1.0.0 {HERE}: downloaded (5 bytes)\n"

    asked = everything.server.count()
    again = run("download", "claude_code", "--version", "1.0.0")
    assert "already in the store" in again.stdout and everything.server.count() == asked

    (entry,) = listed()
    assert (entry["agent"], entry["version"], entry["platform"], entry["size"]) == ("claude_code", "1.0.0", HERE, 5)
    path = Path(entry["path"])
    assert path.is_relative_to(everything.store) and path.read_bytes() == b"1.0.0" and path.name.endswith(f"-{HERE}")
    assert entry["digest"].startswith("sha512-")

    table = run("list").stdout.splitlines()
    assert table[0].split() == ["agent", "version", "platform", "size", "path"]
    assert table[1].split() == ["claude_code", "1.0.0", HERE, "5", "bytes", entry["path"]]


def test_download_as_json(everything: Everything) -> None:
    result = run("download", "gemini_cli", "--platform", "linux-x64-musl", "--json")
    rows = json.loads(result.stdout)
    assert [(row["agent"], row["source"]) for row in rows] == [("gemini_cli", "download"), ("node", "download")]
    assert [{key: row[key] for key in entry} for row, entry in zip(rows, listed(), strict=True)] == listed()


def test_download_of_an_interactive_agent(everything: Everything) -> None:
    result = run("download", "interactive_claude_code", "claude_code", "--json")
    assert result.exit_code == 0, result.stderr
    assert [row["agent"] for row in json.loads(result.stdout)] == ["claude_code", "node", "claude_agent_acp"]
    folder = everything.store / f"artifacts/claude_agent_acp/{PINNED}-{HERE}/package"
    files = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    assert files == ["dist/index.js", *(f"node_modules/{part}/index.js" for part in PARTS)]
    (entry,) = (one for one in listed() if one["agent"] == "claude_agent_acp")
    assert (entry["size"], Path(entry["path"]).read_bytes()) == (7, b"acp")
    assert run("remove", "claude_agent_acp", "--yes").exit_code == 0
    assert not folder.exists()


def test_what_agents_share_is_missed_once(everything: Everything) -> None:
    result = run("download", "claude_code", "interactive_claude_code", "--version", "9.9.9")
    assert result.exit_code == 1 and result.stderr.count("error: ") == 1


def test_what_can_not_be_had_does_not_stop_the_rest(everything: Everything) -> None:
    everything.publish("1.1.0", ("linux-x64", "linux-arm64"))
    result = run("download", "claude_code", "opencode", "--version", "1.1.0", "--platform", "all")
    assert result.exit_code == 1
    assert result.stderr.count("error: ") == 4 and "musl" in result.stderr
    assert {(one["agent"], one["platform"]) for one in listed() if one["version"] == "1.1.0"} == {
        (agent, platform) for agent in ("claude_code", "opencode") for platform in ("linux-x64", "linux-arm64")
    }


def test_latest_of_all_platforms(everything: Everything) -> None:
    everything.publish("1.10.0")
    everything.publish("1.9.0")
    everything.publish("1.10.0")
    result = run("download", "claude_code", "--version", "latest", "--platform", "all")
    assert result.exit_code == 0, result.stderr
    assert [(entry["version"], entry["platform"]) for entry in listed()] == [("1.10.0", one) for one in PLATFORMS]
    assert run("download", "claude_code", "--version", "1.9.0", "--platform", "linux-x64").exit_code == 0
    assert [entry["version"] for entry in listed() if entry["platform"] == "linux-x64"] == ["1.10.0", "1.9.0"]


def test_download_all(everything: Everything) -> None:
    result = run("download", "--all")
    assert (result.exit_code, result.stderr) == (0, "")
    named = {f"artifacts/{name}/{PINNED}-{one}" for name in [*AGENTS, *TOOLS] for one in PLATFORMS}
    ours = {name for name in named if name.split("/")[1] not in WHEELS}
    wheels = {f"artifacts/{key}/{PINNED}-py{python}-{one}" for key in WHEELS for python in PYTHONS for one in PLATFORMS}
    assert set(folders(everything)) == ours | wheels and len(listed()) == len(ours | wheels)


@pytest.mark.parametrize(
    "arguments",
    [(), ("--all", "codex_cli"), ("--all", "--platform", "linux-x64"), ("--all", "--version", "1.0.0")],
)
def test_what_download_does_not_understand(arguments: tuple[str, ...], everything: Everything) -> None:
    asked = everything.server.count()
    assert run("download", *arguments).exit_code == 2
    assert everything.server.count() == asked


def test_stable_takes_the_pinned_digest_only(everything: Everything) -> None:
    package = f"@anthropic-ai/claude-code-{HERE}"
    everything.server.publish(PINNED, package, files={"package/claude": b"another"})
    result = run("download", "claude_code")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ") and "digest" in result.stderr and "Traceback" not in result.stderr
    assert listed() == []


def test_unknown_version(everything: Everything) -> None:
    result = run("download", "claude_code", "--version", "9.9.9")
    assert result.exit_code == 1
    assert "error: " in result.stderr and "The newest are: 1.0.0" in result.stderr


@pytest.mark.parametrize("wrong", ["newest", "sandbox"])
def test_what_is_no_version(everything: Everything, wrong: str) -> None:
    asked = everything.server.count()
    result = run("download", "claude_code", "--version", wrong)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: version=") and everything.server.count() == asked


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["download", "claude-code"], "claude_code"),
        (["remove", "Codex_CLI"], "codex_cli"),
        (["check", "claude_cod"], "claude_code"),
        (["check", "claude_code", "--only", "basics"], "basic"),
    ],
)
def test_a_misspelt_name_is_a_usage_error_with_the_closest_one(arguments: list[str], meant: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2 and "Traceback" not in result.stderr
    assert f"Did you mean {meant!r}?" in result.stderr


@pytest.mark.parametrize("command", ["download", "remove"])
def test_unknown_agent_lists_the_known_ones(everything: Everything, command: str) -> None:
    asked = everything.server.count()
    result = run(command, "claude_code", "nobody")
    assert result.exit_code == 2
    assert "'nobody'" in result.stderr and all(agent in result.stderr for agent in AGENTS)
    assert everything.server.count() == asked


@pytest.mark.parametrize("command", ["download", "remove"])
def test_unknown_platform(command: str) -> None:
    result = run(command, "claude_code", "--platform", "windows-x64")
    assert result.exit_code == 2
    assert all(target in result.stderr for target in PLATFORMS)


def test_empty_and_damaged_stores(everything: Everything) -> None:
    assert run("list").stdout == f"The store is empty: {everything.store}\n"
    run("download", "claude_code")
    Path(listed()[0]["path"]).write_bytes(b"changed")
    assert listed() == []
    assert run("remove", "claude_code", "--yes").exit_code == 0
    assert folders(everything) == []


def test_a_store_that_can_not_be_written_to(everything: Everything) -> None:
    everything.store.write_text("a file")
    result = run("download", "claude_code")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ") and "INSPECT_SWE_CACHE_DIR" in result.stderr


@pytest.fixture
def full(everything: Everything) -> Everything:
    everything.publish("1.1.0")
    for command in (("codex_cli", "--version", "stable"), ("codex_cli", "--version", "1.1.0"), ("opencode",)):
        for one in ("linux-x64", "linux-x64-musl"):
            assert run("download", *command, "--platform", one).exit_code == 0
    return everything


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (("codex_cli",), {"opencode/1.0.0-linux-x64", "opencode/1.0.0-linux-x64-musl", "ripgrep/1.0.0-linux-x64",
                          "ripgrep/1.0.0-linux-x64-musl"}),
        (("--version", "1.0.0"), {"codex_cli/1.1.0-linux-x64", "codex_cli/1.1.0-linux-x64-musl"}),
        (("--version", "stable"), {"codex_cli/1.1.0-linux-x64", "codex_cli/1.1.0-linux-x64-musl"}),
        (("--platform", "linux-x64"), {"codex_cli/1.0.0-linux-x64-musl", "codex_cli/1.1.0-linux-x64-musl",
                                       "opencode/1.0.0-linux-x64-musl", "ripgrep/1.0.0-linux-x64-musl"}),
        (("opencode", "ripgrep", "codex_cli", "--version", "1.0.0", "--platform", "linux-x64-musl"),
         {"codex_cli/1.0.0-linux-x64", "codex_cli/1.1.0-linux-x64", "codex_cli/1.1.0-linux-x64-musl",
          "opencode/1.0.0-linux-x64", "ripgrep/1.0.0-linux-x64"}),
        (("--all",), set()),
    ],
)  # fmt: skip
def test_remove(arguments: tuple[str, ...], kept: set[str], full: Everything) -> None:
    before = len(folders(full))
    result = run("remove", *arguments, "--yes")
    assert result.exit_code == 0, result.stderr
    assert set(folders(full)) == {f"artifacts/{name}" for name in kept}
    assert len(result.stdout.splitlines()) == before - len(kept) and list(full.store.glob("tmp/*")) == []


def test_remove_asks(full: Everything) -> None:
    before = folders(full)
    refused = run("remove", "codex_cli", input="n\n")
    assert refused.exit_code == 1 and folders(full) == before
    assert "artifacts/codex_cli/1.1.0-linux-x64-musl (" in refused.stdout
    assert run("remove", "codex_cli", input="y\n").exit_code == 0
    assert len(folders(full)) == len(before) - 4


def test_what_is_in_use_stays(full: Everything) -> None:
    download_agent_binary("opencode", "stable", "linux-x64")
    result = run("remove", "opencode", "--yes", "--json")
    assert result.exit_code == 1
    assert [Path(one["path"]).name for one in json.loads(result.stdout)] == ["1.0.0-linux-x64-musl"]
    assert "opencode/1.0.0-linux-x64 was not removed" in result.stderr
    assert run("remove", "opencode", "--yes").exit_code == 0


def test_remove_as_json(full: Everything) -> None:
    found: list[dict[str, Any]] = json.loads(run("remove", "ripgrep", "--yes", "--json").stdout)
    assert [Path(one["path"]).name for one in found] == ["1.0.0-linux-x64", "1.0.0-linux-x64-musl"]
    assert all(one["size"] > 0 for one in found)
    assert json.loads(run("remove", "ripgrep", "--yes", "--json").stdout) == []


@pytest.mark.parametrize("arguments", [(), ("--all", "codex_cli"), ("--all", "--platform", "linux-x64")])
def test_what_remove_does_not_understand(arguments: tuple[str, ...], full: Everything) -> None:
    before = folders(full)
    assert run("remove", *arguments, "--yes").exit_code == 2
    assert folders(full) == before


def test_remove_all_takes_wheels_too(everything: Everything) -> None:
    download_wheels_tarball("helper", None, "linux-x64", "312")
    assert run("remove", "--all", input="n\n").exit_code == 1
    assert len(list(everything.store.glob("wheels/*/*"))) == 1
    assert run("remove", "--all", "--yes").exit_code == 0
    assert list(everything.store.glob("wheels/*/*")) == []
    assert download_wheels_tarball("helper", None, "linux-x64", "312")[1] == "1.0.0"
