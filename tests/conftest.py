from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .everything import Everything, use
from .install.fake_registry import FakeRegistry


@pytest.fixture
def everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Everything]:
    server = FakeRegistry()
    yield use(server, tmp_path, monkeypatch)
    server.close()
