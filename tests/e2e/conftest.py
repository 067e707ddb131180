from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .harness import containers

FIRST = (
    "conformance",
    "fidelity",
    "centaur",
    "acp",
    "evals",
    "opencode",
    "checkpoints",
    "transports",
    "pi",
    "results",
    "chat",
)
"""Files that take long, with the longest ones first: so no worker is left alone with one of them at the end, where
there are tests that need no container."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    ranks = {here / f"test_{name}.py": rank for rank, name in enumerate(FIRST)}
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.docker)
            ranks.setdefault(item.path, len(FIRST))
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


@pytest.fixture(autouse=True)
def no_container_left(tmp_path: Path) -> Iterator[None]:
    """Whatever a test does, it leaves no container behind."""
    yield
    assert containers(tmp_path) == []
