"""The public API: its signatures equal the snapshot, and importing it is cheap."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import get_args

import pytest

import inspect_swe

from .public_api import INTERACTIVE, SNAPSHOT, public_api

HEAVY = {"inspect_ai", "acp", "anthropic", "docker", "google", "httpx", "mcp", "openai", "pydantic", "rich", "yaml"}


@pytest.mark.parametrize(
    ("module", "heavy"), [("inspect_swe", HEAVY), ("inspect_swe._registry", {"anthropic", "openai", "google.genai"})]
)
def test_importing_the_package_loads_nothing_heavy(module: str, heavy: set[str]) -> None:
    code = f"import sys, {module}; print(*({heavy!r} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_signatures_equal_the_snapshot() -> None:
    """Compare with the file that `python -m tests.public_api` writes."""
    assert public_api() == SNAPSHOT.read_text()


def test_types_about_binaries() -> None:
    assert inspect_swe.AgentBinary._fields == ("agent", "version", "path")
    assert issubclass(inspect_swe.AgentBinaries, Sequence)
    platforms = ("linux-x64", "linux-arm64", "linux-x64-musl", "linux-arm64-musl")
    assert get_args(inspect_swe.SandboxPlatform) == platforms


@pytest.mark.parametrize("name", INTERACTIVE)
def test_options_of_interactive_agents(name: str) -> None:
    factory = getattr(inspect_swe, name)
    agent = factory(system_prompt="x", model="mockllm/model", cwd="sub", env={"A": "b"}, user="u", sandbox="s")
    assert isinstance(agent, inspect_swe.ACPAgent)
    assert (agent._options.cwd, agent._options.user, agent._options.sandbox) == ("sub", "u", "s")
    assert {"conn", "session_id", "ready"} <= vars(inspect_swe.ACPAgent).keys()
