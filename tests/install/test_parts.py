"""Programs that consist of several npm packages, stored as one copy."""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from inspect_swe._errors import DigestMismatchError, RegistryError, UnknownVersionError
from inspect_swe._packages.npm.registry import NpmRegistry, Release
from inspect_swe._packages.pins import Pin, Pins
from inspect_swe._packages.pypi.config import PipConfig
from inspect_swe._packages.pypi.index import PyPIIndex
from inspect_swe._packages.recipes import NpmPackage, Tool
from inspect_swe._sandbox.probe import MARKER
from inspect_swe._store.image_manifest import read_marker, write_marker
from inspect_swe._store.pins_update import PinMaker
from inspect_swe._store.store import Artifact, ArtifactStore
from inspect_swe._store.versions import fetch_cli, fetch_tool

from .fake_registry import MEMBER, PACKAGE, FakeRegistry, integrity_of, make_tarball

PART = "@acme/part"
BESIDE = f"node_modules/{PART}/lib/index.js"
SIZE = 100_000


@pytest.fixture
def part(server: FakeRegistry) -> str:
    """The path of a part's tarball."""
    files = {"package/lib/index.js": os.urandom(SIZE), "package/lib/index.d.ts": b"t", "package/lib/index.js.map": b"m"}
    path = server.publish("2.0.0", PART, files=files)
    server.replies[path] = replace(server.reply(path), etag='"one"')
    return path


@pytest.fixture
def whole(server: FakeRegistry, part: str) -> Artifact:
    """A program with a part."""
    own = Release(PACKAGE, "1.0.0", integrity=integrity_of(server.reply(server.publish()).body))
    parts = (Release(PART, "2.0.0", integrity=integrity_of(server.reply(part).body)),)
    return Artifact("tool", "1.0.0", "linux-x64", own, MEMBER, drop=(".ts", ".map"), parts=parts)


def _files(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def test_parts_are_in_node_modules(whole: Artifact, store: ArtifactStore, server: FakeRegistry) -> None:
    stored = asyncio.run(store.fetch(whole))
    assert _files(stored.path) == ["a.json", BESIDE, "tool"]
    assert stored.digest == whole.release.integrity
    requests = server.count()
    assert asyncio.run(store.fetch(whole)).source == "cache" and server.count() == requests
    listed = store.cached(replace(whole, release=Release(PACKAGE, "1.0.0"), parts=()))
    assert listed is not None and listed.digest == stored.digest


def test_a_tools_parts_are_those_of_its_pin(
    whole: Artifact, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = Pins({"tool": Pin("tool", "1.0.0", {"linux-x64": whole.release}, whole.parts)})
    monkeypatch.setattr(Pins, "load", lambda: pins)
    tool = Tool("tool", MEMBER, drop=(".ts",))
    stored = asyncio.run(fetch_tool(tool, "linux-x64", store))
    assert _files(stored.path) == ["a.json", BESIDE, f"{BESIDE}.map", "tool"]


@pytest.mark.parametrize("version", ["stable", "1.1.0"])
def test_a_clis_parts_are_those_of_its_pin(
    version: str, whole: Artifact, store: ArtifactStore, server: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.publish("1.1.0")
    pins = Pins({"cli": Pin("cli", "1.0.0", {"linux-x64": whole.release}, whole.parts)})
    monkeypatch.setattr(Pins, "load", lambda: pins)
    stored = asyncio.run(fetch_cli("cli", NpmPackage(PACKAGE, MEMBER), version, "linux-x64", store))
    assert stored.artifact.version == ("1.0.0" if version == "stable" else version)
    assert BESIDE in _files(stored.path)


@pytest.mark.parametrize("how", ["missing", "touched"])
def test_a_damaged_part_is_fetched_again(how: str, whole: Artifact, store: ArtifactStore) -> None:
    file = asyncio.run(store.fetch(whole)).path / BESIDE
    if how == "missing":
        file.unlink()
    else:
        file.write_bytes(b"changed")
    assert store.cached(whole) is None and store.versions("tool", "linux-x64") == []
    fresh = asyncio.run(store.fetch(whole))
    assert fresh.source == "download" and file.stat().st_size == SIZE


@pytest.mark.parametrize("fault", ["changed", "withdrawn", "unreachable"])
def test_a_part_that_can_not_be_fetched(
    fault: str, whole: Artifact, part: str, store: ArtifactStore, server: FakeRegistry
) -> None:
    if fault == "changed":
        server.replies[part] = replace(server.reply(part), body=make_tarball({"package/lib/index.js": b"changed"}))
    elif fault == "withdrawn":
        del server.documents[PART]
        server.publish("2.0.1", PART)
    else:
        del server.replies[f"/{PART}"]
    errors = {"changed": DigestMismatchError, "withdrawn": UnknownVersionError, "unreachable": RegistryError}
    with pytest.raises(errors[fault], match=PART):
        asyncio.run(store.fetch(whole))
    assert [file for file in _files(store.root) if not file.endswith(".lock")] == []


def test_a_copy_with_another_part_is_not_used(whole: Artifact, store: ArtifactStore, server: FakeRegistry) -> None:
    stored = asyncio.run(store.fetch(whole))
    body = server.reply(server.publish("2.1.0", PART, files={"package/lib/new.js": b"new"})).body
    newer = replace(whole, parts=(Release(PART, "2.1.0", integrity=integrity_of(body)),))
    write_marker(stored)
    text = (stored.path.parent / MARKER).read_text(encoding="utf-8")
    assert read_marker(text, whole) is not None and read_marker(text, newer) is None
    assert store.cached(newer) is None
    again = asyncio.run(store.fetch(newer))
    assert again.source == "download" and _files(again.path) == ["a.json", f"node_modules/{PART}/lib/new.js", "tool"]


def test_a_new_pin_has_what_the_parts_require(server: FakeRegistry, registry: NpmRegistry) -> None:
    server.publish("2.0.0", "below")
    server.publish("2.3.0", PART, dependencies={"below": "^2.0.0"})
    server.publish("1.4.0", dependencies={PART: "^2.0.0"})
    old = Pin("cli", "1.0.0", {}, (Release(PART, "2.0.0"), Release("below", "1.0.0")))
    index = PyPIIndex(PipConfig((server.url,)))
    made = PinMaker(registry, index, threading.Event()).pin("cli", NpmPackage(PACKAGE, MEMBER), old)
    assert made.version == "1.4.0"
    assert [(part.package, part.version) for part in made.parts] == [(PART, "2.3.0"), ("below", "2.0.0")]
