from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .harness import containers


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.docker)


@pytest.fixture(autouse=True)
def no_container_left(tmp_path: Path) -> Iterator[None]:
    """Whatever a test does, it leaves no container behind."""
    yield
    assert containers(tmp_path) == []


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Neither do all of them together, the suites in which many samples run at once included."""
    if hasattr(session.config, "workerinput") or "not docker" in session.config.getoption("markexpr"):
        return
    left = containers(Path(tempfile.gettempdir()))
    if left:
        sys.stderr.write(f"Containers are left: {', '.join(left)}\n")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
