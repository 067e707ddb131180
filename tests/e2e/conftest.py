from __future__ import annotations

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


@pytest.fixture(scope="session", autouse=True)
def none_of_all_tests_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Neither do suites whose compose files Inspect itself writes, which is below this folder then."""
    before, tempfile.tempdir = tempfile.tempdir, str(tmp_path_factory.getbasetemp())
    yield
    assert containers(tmp_path_factory.getbasetemp()) == []
    tempfile.tempdir = before
