"""Agents and behaviours: every cell of the matrix is a test. A column is one eval, run when first asked for."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.dataset import Sample
from inspect_ai.util import SandboxEnvironmentSpec

from inspect_swe._agents import ROSTER
from inspect_swe.conformance import BEHAVIOURS, Matrix, _task, run_matrix
from inspect_swe.conformance._behaviour import Behaviour

from .harness import containers_of

OUTSIDE = f"{Path(__file__).parent.parent / 'fakes' / 'outside_agent.py'}:outside_agent"
AGENTS = [*(adapter.key for adapter in ROSTER), OUTSIDE]

NO_MCP = {"mcp_stdio", "mcp_http", "bridged_tools", "renamed_tools", "servers_together", "skills"}
EXCUSED = {
    OUTSIDE: {*NO_MCP, "minimal_image"},
    "antigravity": {"minimal_image"},
    "mini_swe_agent": {*NO_MCP, "minimal_image"},
    "opencode": {"minimal_image"},
}
"""Cells that do not apply, as the docs say. What is not listed here must be plainly ok."""
IN_DOCKER = {"claude_code", "codex_cli", "gemini_cli", "mini_swe_agent"}
"""One for each dialect has `basic` in a container of Inspect's own provider."""


def lean(own: bool, behaviour: Behaviour, *details: Any) -> Sample:
    """The behaviour's sample; `basic` may have Inspect's own provider, which takes longer than the others' commands."""
    sample = in_docker(behaviour, *details)
    if not own or behaviour.name != "basic":
        assert sample.sandbox
        sample.sandbox = SandboxEnvironmentSpec("lean_test", sample.sandbox.config)
    return sample


in_docker = _task._sample


@functools.cache
def column(agent: str) -> tuple[Matrix, list[str]]:
    """All cells of an agent, and the containers that it left. One column at a time: each has several at once."""
    folder, before = tempfile.mkdtemp(), containers_of("conformance")
    images = {"image": "inspect-swe-test:bookworm", "minimal_image": "inspect-swe-test:musl"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_task, "_sample", functools.partial(lean, agent in IN_DOCKER))
        matrix = run_matrix([agent], log_dir=folder, display="none", max_samples=4, **images)
    return matrix, sorted(containers_of("conformance") - before)


each_agent = pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.rpartition(":")[2])


@each_agent
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_cell(agent: str, behaviour: str) -> None:
    cell = column(agent)[0].cells[agent][behaviour]
    expected = "n/a" if behaviour in EXCUSED.get(agent, ()) else "ok"
    assert cell.verdict == expected, cell.why


@each_agent
def test_no_container_is_left(agent: str) -> None:
    assert column(agent)[1] == []
