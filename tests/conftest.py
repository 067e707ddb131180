from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from .everything import Everything, use
from .install.fake_registry import FakeRegistry

# A shell starts what it runs in the background with SIGINT ignored, which processes hand on to their children.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Everything]:
    server = FakeRegistry()
    yield use(server, tmp_path, monkeypatch)
    server.close()
