from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .harness import containers

WAITING = {
    *("test_acp_operator", "test_acp_turns", "test_centaur", "test_chat", "test_exactly_once", "test_limits"),
    *("test_output_files", "test_tools_missing"),
}
"""Files that wait more than they work: one worker begins with them, so that the machine has no idle time at the end."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a file share runs: for `--dist loadgroup` they belong together. The largest group comes first."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.docker)
            item.add_marker(pytest.mark.xdist_group("waiting" if item.path.stem in WAITING else item.path.stem))


@pytest.fixture(autouse=True)
def no_container_left(tmp_path: Path) -> Iterator[None]:
    """Whatever a test does, it leaves no container behind."""
    yield
    assert containers(tmp_path) == []
