from __future__ import annotations

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
