"""Markers: a copy is used only if its marker matches."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import anyio
import pytest

from inspect_swe import AgentInstallError
from inspect_swe._packages.npm.registry import Release
from inspect_swe._packages.pypi.tags import Target
from inspect_swe._sandbox.probe import MARKER
from inspect_swe._store.image_manifest import read_marker, write_marker
from inspect_swe._store.store import Artifact, ArtifactStore, StoredArtifact

from .fake_registry import MEMBER, FakeRegistry


@pytest.fixture
def stored(server: FakeRegistry, store: ArtifactStore, artifact: Artifact) -> StoredArtifact:
    server.publish("1.0.0", files={MEMBER: b"#!/bin/sh\n"})
    return anyio.run(store.fetch, artifact)


def marked(stored: StoredArtifact, **changes: Any) -> str:
    write_marker(stored)
    text = (stored.path.parent / MARKER).read_text()
    assert "\n" not in text, "the probe prints it as one line"
    return json.dumps(json.loads(text) | changes)


def test_a_copy_is_recognized(stored: StoredArtifact, artifact: Artifact) -> None:
    for expected in (artifact, stored.artifact):
        marker = read_marker(marked(stored), expected)
        assert marker is not None
        assert (marker.digest, marker.member, marker.size) == (stored.digest, MEMBER, 10)


@pytest.mark.parametrize(
    "changes",
    [
        {"agent": "other"},
        {"version": "1.0.1"},
        {"platform": "linux-x64-musl"},
        {"python": "3.11"},
        {"package": "@acme/other"},
        {"digest": "sha512-other"},
        {"file": "package/other"},
        {"size": "much"},
    ],
)
def test_other_copies_do_not_match(stored: StoredArtifact, changes: dict[str, object]) -> None:
    assert read_marker(marked(stored), stored.artifact) is not None
    assert read_marker(marked(stored, **changes), stored.artifact) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", "no", '{"digest": "a"}'])
def test_invalid_markers(text: str, artifact: Artifact) -> None:
    assert read_marker(text, artifact) is None


def test_all_parts_count(stored: StoredArtifact) -> None:
    parts = (Release("a", "1", integrity="sha256-a"), Release("b", "1", integrity="sha256-b"))
    python = replace(stored.artifact, parts=parts, target=Target("linux-x64", "3.11"))
    text = marked(replace(stored, artifact=python))
    assert read_marker(text, replace(python, target=Target("linux-x64", "3.11.2"))) is not None
    assert read_marker(text, replace(python, target=Target("linux-x64", "3.12"))) is None
    assert read_marker(text, replace(python, parts=parts[:1])) is None
    assert read_marker(text, replace(python, parts=parts[::-1])) is not None


def test_a_store_that_cannot_be_written_to(stored: StoredArtifact) -> None:
    (stored.path.parent / MARKER).mkdir()
    with pytest.raises(AgentInstallError, match="can't be written"):
        write_marker(stored)
    assert sorted(path.name for path in stored.path.parent.iterdir()) == [MARKER, "package", "verified.json"]
