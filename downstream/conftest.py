"""Collects the tests of the packages that this environment has."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.e2e.harness import containers

MODULES = {
    "test_agent_baselines.py": "inspect_swe",
    "test_control_arena.py": "control_arena",
    "test_control_tower.py": "control_tower",
    "test_flow.py": "inspect_flow",
    "test_harbor.py": "inspect_harbor",
    "test_hawk.py": "hawk",
    "test_petri_dish.py": "petri_dish",
    "test_scbench.py": "inspect_evals",
    "test_scout.py": "inspect_scout",
    "test_scout_sessions.py": "inspect_scout",
    "test_sentinel.py": "inspect_sentinel",
    "test_swarm.py": "inspect_swarm",
    "test_transitive.py": "inspect_scout",
}

UNMERGED = ["test_scout_sessions.py"]
"""Tests of modules that are not there yet: remove a name once they are."""

collect_ignore = [*UNMERGED, *(file for file, module in MODULES.items() if find_spec(module) is None)]


def installed(package: str) -> str | None:
    """Return the version of an installed package; None if there is none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def pytest_report_header() -> list[str]:
    packages = {module.replace("_", "-"): installed(module) for module in MODULES.values()}
    here = [f"{name} {number}" for name, number in packages.items() if number]
    return [
        f"installed: {', '.join(here)}",
        f"not installed here: {', '.join(name for name, number in packages.items() if not number)}",
    ]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def no_container_left(tmp_path: Path) -> Iterator[None]:
    """Whatever a test does, it leaves no container behind."""
    yield
    assert containers(tmp_path) == []
