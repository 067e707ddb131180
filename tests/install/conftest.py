from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from inspect_swe._install import Artifact, ArtifactStore, NpmConfig, NpmRegistry, Release
from inspect_swe._install import registries as registries_module

from .fake_registry import MEMBER, PACKAGE, FakeRegistry


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registries_module, "_PAUSES", (0.01, 0.02))


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
def registry(server: FakeRegistry) -> NpmRegistry:
    return NpmRegistry(NpmConfig({"registry": server.url}))


@pytest.fixture
def store(tmp_path: Path, registry: NpmRegistry) -> ArtifactStore:
    return ArtifactStore(tmp_path / "cache", registry)


@pytest.fixture
def artifact() -> Artifact:
    return Artifact("tool", "1.0.0", "linux-x64", Release(PACKAGE, "1.0.0"), MEMBER)
