from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from inspect_swe._inspect import private as _inspect_compat
from inspect_swe._packages import http
from inspect_swe._packages.npm.config import NpmConfig
from inspect_swe._packages.npm.registry import NpmRegistry, Release
from inspect_swe._packages.pypi.index import PyPIIndex
from inspect_swe._store.store import Artifact, ArtifactStore

from .fake_registry import MEMBER, PACKAGE, FakeRegistry
from .published import Published, publish
from .wheel_index import WheelIndex


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    # As many retries as in production, in less time.
    monkeypatch.setattr(http, "_PAUSES", (0.01, 0.02, 0.02, 0.02))


@pytest.fixture(autouse=True)
def _display(monkeypatch: pytest.MonkeyPatch) -> None:
    # Earlier evals of this process may have set another display.
    monkeypatch.setattr(_inspect_compat, "display_is_quiet", lambda: False)


@pytest.fixture
def server() -> Iterator[FakeRegistry]:
    registry = FakeRegistry()
    yield registry
    registry.close()


@pytest.fixture
def other_server() -> Iterator[FakeRegistry]:
    registry = FakeRegistry()
    yield registry
    registry.close()


@pytest.fixture
def wheels(server: FakeRegistry) -> WheelIndex:
    return WheelIndex(server)


@pytest.fixture
def index(wheels: WheelIndex) -> Iterator[PyPIIndex]:
    with PyPIIndex(wheels.config) as index:
        yield index


@pytest.fixture
def registry(server: FakeRegistry) -> NpmRegistry:
    return NpmRegistry(NpmConfig({"registry": server.url}))


@pytest.fixture
def store(tmp_path: Path, registry: NpmRegistry) -> ArtifactStore:
    return ArtifactStore(tmp_path / "cache", registry)


@pytest.fixture
def artifact() -> Artifact:
    return Artifact("tool", "1.0.0", "linux-x64", Release(PACKAGE, "1.0.0"), MEMBER)


@pytest.fixture(params=["npm", "wheels"])
def published(request: pytest.FixtureRequest, server: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> Published:
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", server.url)
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return publish(server, request.param)
