"""inspect-evals: scBench constructs our agents lazily."""

from __future__ import annotations

import sys

import pytest
from inspect_ai.agent import is_agent
from inspect_ai.util import registry_info
from inspect_evals.scbench import scbench as module

AGENTS = {"minisweagent": "mini_swe_agent", "claudecode": "claude_code", "openaicodex": "codex_cli"}


@pytest.mark.parametrize("agent", AGENTS)
def test_each_agent_is_constructed(agent: str) -> None:
    made = sys.modules[module.__module__]._make_agent(agent)  # scBench's own data set needs a download.
    assert is_agent(made) and registry_info(made).name == f"inspect_swe/{AGENTS[agent]}"


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "inspect_swe", None)
    with pytest.raises(ImportError, match="inspect-swe"):
        sys.modules[module.__module__]._make_agent("claudecode")
