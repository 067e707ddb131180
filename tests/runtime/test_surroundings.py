"""Variables of the sandbox that would break a CLI's own program do not reach it, and are told to the adapter."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from inspect_swe._agents import ROSTER
from inspect_swe._contract.adapter import Adapter
from inspect_swe._runtime.provisioning import Installation
from inspect_swe._runtime.surroundings import read_withheld_env
from inspect_swe._sandbox.transports import local

from ..sandbox.workspaces import local_workspace

AGENTS = {adapter.key: adapter() for adapter in ROSTER}
ODD = {
    "BUN_OPTIONS": "--preload=/absent.js",
    "LD_PRELOAD": "",
    "NODE_EXTRA_CA_CERTS": "/roots.pem",
    "NODE_OPTIONS": "--no-warnings --title='two\nlines'",
    "NODE_PATH": "/opt/modules",
    "ORDINARY": "stays",
    "PYTHONPATH": "/opt/modules",
}


def kept(folder: Path, adapter: Adapter, env: Mapping[str, str], source: str = "mount") -> dict[str, str]:
    async def look() -> dict[str, str]:
        async with local_workspace(str(folder)) as workspace:
            return await read_withheld_env(adapter, Installation(("node", "cli.js"), (), source), workspace, env)

    return asyncio.run(look())


@pytest.fixture(autouse=True)
def odd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in ODD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for name in ("LD_LIBRARY_PATH", "NODE_ENV", "BUN_INSTALL"):
        monkeypatch.delenv(name, raising=False)


def test_what_node_reads(tmp_path: Path) -> None:
    values = {name: ODD[name] for name in ("LD_PRELOAD", "NODE_OPTIONS", "NODE_PATH")}
    for key in ("codex_cli", "copilot_cli", "gemini_cli", "kimi_code", "pi", "qwen_code"):
        assert kept(tmp_path, AGENTS[key], {}) == values
    for key in ("claude_code", "opencode"):
        assert kept(tmp_path, AGENTS[key], {}) == values | {"BUN_OPTIONS": ODD["BUN_OPTIONS"]}
    for key in ("antigravity", "mini_swe_agent"):
        assert kept(tmp_path, AGENTS[key], {}) == {"LD_PRELOAD": ""}


def test_what_the_user_sets_is_for_the_cli(tmp_path: Path) -> None:
    assert "NODE_OPTIONS" not in kept(tmp_path, AGENTS["pi"], {"NODE_OPTIONS": "--max-old-space-size=4096"})


def test_a_cli_of_the_image_has_the_images_environment(tmp_path: Path) -> None:
    assert kept(tmp_path, AGENTS["pi"], {}, source="sandbox") == {}


def test_a_temporary_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "absent"))
    monkeypatch.setattr(local, "environment", dict)  # the local sandbox would have another one
    assert kept(tmp_path, AGENTS["pi"], {})["TMPDIR"] == str(tmp_path / "absent")
