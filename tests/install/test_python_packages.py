"""CLIs from PyPI, resolved and stored."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from inspect_swe._errors import RegistryError, UnknownVersionError
from inspect_swe._packages.pypi.config import PipConfig
from inspect_swe._packages.pypi.tags import Target
from inspect_swe._packages.recipes import PythonPackage
from inspect_swe._store import versions as catalog
from inspect_swe._store.store import ArtifactStore, StoredArtifact
from inspect_swe._store.versions import fetch_cli

from .fake_registry import FakeRegistry
from .wheel_index import WheelIndex

RECIPE = PythonPackage("acme", "package/acme.py", exclude=("unwanted",))
TARGET = Target("linux-x64", "3.11")


@pytest.fixture
def index(server: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> WheelIndex:
    wheels = WheelIndex(server)
    wheels.publish("acme", "1.0.0", requires=("helper", "unwanted"))
    wheels.publish("helper", "2.0")
    wheels.publish("unwanted", "1.5")
    monkeypatch.setattr(PipConfig, "load", lambda: wheels.config)
    return wheels


def _resolve(store: ArtifactStore, version: str) -> StoredArtifact:
    return asyncio.run(fetch_cli("acme", RECIPE, version, "linux-x64", store, TARGET))


def test_an_agent_that_is_not_pinned(index: WheelIndex, store: ArtifactStore) -> None:
    stored = _resolve(store, "1.0.0")
    assert sorted(path.name for path in stored.path.glob("*.py")) == ["acme.py", "helper.py"]
    assert _resolve(store, "1.0.0").source == "cache"


def test_latest_without_an_index_is_the_newest_in_the_cache(
    index: WheelIndex, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert _resolve(store, "latest").artifact.version == "1.0.0"
    catalog._latest.clear()
    unreachable = PipConfig.load()
    index.server.close()
    monkeypatch.setattr(PipConfig, "load", lambda: unreachable)
    with caplog.at_level(logging.WARNING):
        assert _resolve(store, "latest").source == "cache"
    assert "the newest in the cache" in caplog.text


def test_latest_without_an_index_and_without_a_cache(index: WheelIndex, tmp_path: Path) -> None:
    index.server.close()
    with pytest.raises(RegistryError):
        _resolve(ArtifactStore(tmp_path / "empty"), "latest")


def test_a_version_that_is_not_there(index: WheelIndex, store: ArtifactStore) -> None:
    with pytest.raises(UnknownVersionError, match="acme"):
        _resolve(store, "9.9.9")
