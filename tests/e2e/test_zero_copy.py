"""CLIs that come with the sandbox, mounted or in its image, with real containers without a network."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from inspect_ai.agent import Agent, as_solver

from inspect_ai.util import ComposeConfig, SandboxEnvironmentSpec

import inspect_swe
from inspect_swe import claude_code, mini_swe_agent, with_agents
from inspect_swe._install import ArtifactStore, Pins
from inspect_swe._provide import build_image
from inspect_swe.testing import finish, shell

from .harness import compose_file, run_agent

COPIED = "find / -xdev -path '*/.agent-*/tools/*' 2>/dev/null | wc -l"
AGENTS = ["claude_code", "codex_cli", "gemini_cli", "opencode", "mini_swe_agent"]


@pytest.fixture(autouse=True)
def own_folder_for_compose_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual store, but no file of a test in the user's cache."""
    monkeypatch.setenv("INSPECT_SWE_CACHE_DIR", str(ArtifactStore().root))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.parametrize("key", AGENTS)
def test_mounted(tmp_path: Path, key: str) -> None:
    run = run_agent(
        tmp_path,
        getattr(inspect_swe, key)(version="stable"),
        [shell("printf hi > out.txt"), finish("Done.")],
        show=f"cat out.txt; {COPIED}",
        sandbox=with_agents(compose_file(tmp_path), [key]),
    )
    assert run.seen.split() == ["hi0"]
    assert run.info["source"] == "mount"
    assert run.info["version"] == Pins.load().pin(key).version
    assert run.info["digest"]
