# ruff: noqa: E402
from __future__ import annotations

import gc

# What is imported stays: not to go through it at every collection makes the tests a fifth faster.
gc.disable()  # until all tests are collected

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from .everything import Everything, use
from .install.fake_registry import FakeRegistry

# A shell starts what it runs in the background with SIGINT ignored, which processes hand on to their children.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio only: Inspect's sandboxes need it."""
    return "asyncio"


@pytest.fixture
def everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Everything]:
    server = FakeRegistry()
    yield use(server, tmp_path, monkeypatch)
    server.close()
