from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import pytest

from inspect_swe._errors import AgentInstallError, AgentOptionError, RegistryError, UnknownVersionError
from inspect_swe._packages.npm.config import NpmConfig
from inspect_swe._packages.npm.registry import NpmRegistry, Release
from inspect_swe._packages.pins import Pin, Pins
from inspect_swe._packages.recipes import NpmPackage
from inspect_swe._store.store import ArtifactStore, StoredArtifact
from inspect_swe._store.versions import check_version, fetch_cli, resolve_version

from .fake_registry import MEMBER, PACKAGE, FakeRegistry, Reply, integrity_of

RECIPE = NpmPackage("@acme/tool-{platform}", MEMBER)


def _resolve(store: ArtifactStore, version: str, recipe: NpmPackage = RECIPE) -> StoredArtifact:
    return asyncio.run(fetch_cli("tool", recipe, version, "linux-x64", store))


def _pin(monkeypatch: pytest.MonkeyPatch, server: FakeRegistry, version: str = "1.0.0") -> None:
    reply = server.reply(server.publish(version))
    release = Release(PACKAGE, version, integrity=integrity_of(reply.body))
    pins = Pins({"tool": Pin("tool", version, {"linux-x64": release})})
    monkeypatch.setattr(Pins, "load", lambda: pins)


def _offline(store: ArtifactStore) -> ArtifactStore:
    return ArtifactStore(store.root, NpmRegistry(NpmConfig({"registry": "http://127.0.0.1:9"})))


@pytest.mark.parametrize("version", ["auto", "sandbox", "stable", "latest", "2.1.329", "1.0.0-rc.1", "1.0.0+build"])
def test_versions(version: str) -> None:
    check_version(version)


@pytest.mark.parametrize("version", ["", "newest", "1.2", "v1.2.3", "../../etc", "1.2.3/..", "^1.2.3", "1.2.3\n"])
def test_invalid_versions(version: str, store: ArtifactStore, server: FakeRegistry) -> None:
    with pytest.raises(AgentOptionError, match="is not a version"):
        check_version(version)
    with pytest.raises(ValueError):
        _resolve(store, version)
    assert server.count() == 0


@pytest.mark.parametrize("version", ["stable", "auto", "1.0.0"])
def test_a_cached_pin_needs_no_network(
    version: str, server: FakeRegistry, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pin(monkeypatch, server)
    server.publish("2.0.0")
    assert _resolve(store, version).source == "download"
    stored = _resolve(_offline(store), version)
    assert (stored.source, stored.artifact.version) == ("cache", "1.0.0")


def test_the_pinned_digest_applies_to_the_version_number(
    server: FakeRegistry, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pin(monkeypatch, server)
    server.publish("1.0.0", files={MEMBER: b"changed afterwards"})
    for version in ("stable", "1.0.0", "latest"):
        with pytest.raises(AgentInstallError, match="does not match"):
            _resolve(store, version)


def test_other_versions_are_downloaded_once(server: FakeRegistry, store: ArtifactStore) -> None:
    server.publish("1.1.0")
    server.publish("1.2.0")
    stored = _resolve(store, "1.1.0")
    assert (stored.source, stored.binary.read_bytes()) == ("download", b"#!/bin/sh\necho 1.1.0")
    again = _resolve(_offline(store), "1.1.0")
    assert (again.source, again.digest) == ("cache", stored.digest)


def test_an_unknown_version(server: FakeRegistry, store: ArtifactStore) -> None:
    server.publish("1.1.0")
    with pytest.raises(UnknownVersionError, match=r"1\.1\.0"):
        _resolve(store, "1.1.1")


@pytest.mark.parametrize("version", ["stable", "1.1.0", "latest"])
def test_unreachable_without_a_copy(
    version: str, server: FakeRegistry, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pin(monkeypatch, server)
    with pytest.raises(RegistryError, match="could not be reached"):
        _resolve(_offline(store), version)


def test_latest_falls_back_on_the_newest_copy(
    server: FakeRegistry, store: ArtifactStore, caplog: pytest.LogCaptureFixture
) -> None:
    for version in ("1.9.0", "1.10.0"):
        server.publish(version)
        _resolve(store, version)
    offline = _offline(store)
    with caplog.at_level(logging.WARNING):
        stored = _resolve(offline, "latest")
    assert (stored.artifact.version, stored.source) == ("1.10.0", "cache")
    assert "Using tool 1.10.0" in caplog.text and "could not be reached" in caplog.text


def test_latest_from_another_package(server: FakeRegistry, store: ArtifactStore) -> None:
    recipe = NpmPackage("@acme/tool", MEMBER, release="{version}-{platform}", tags_from="@acme/meta")
    server.publish("1.3.0-linux-x64", "@acme/tool")
    server.publish("9.9.9", "@acme/tool")
    server.publish("1.3.0", "@acme/meta")
    stored = _resolve(store, "latest", recipe)
    assert (stored.artifact.version, stored.artifact.release.version) == ("1.3.0", "1.3.0-linux-x64")


def test_latest_is_the_newest_for_the_platform(
    server: FakeRegistry, store: ArtifactStore, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = NpmPackage("@acme/tool-{platform}", MEMBER, tags_from="@acme/meta")
    for version in ("1.2.0", "1.3.0", "1.10.0", "2.0.0"):
        server.publish(version, "@acme/meta")
    server.documents["@acme/meta"]["dist-tags"]["latest"] = "1.10.0"
    server.replies["/@acme/meta"] = Reply(body=json.dumps(server.documents["@acme/meta"]).encode())
    for version in ("1.2.0", "1.3.0", "2.0.0"):
        server.publish(version)
    with caplog.at_level(logging.WARNING):
        stored = _resolve(store, "latest", recipe)
    assert (stored.source, stored.artifact.version) == ("download", "1.3.0")
    assert "Using tool 1.3.0: the latest version, 1.10.0, is not published for linux-x64." in caplog.text
    assert server.count(f"/{PACKAGE}") == server.count("/@acme/meta") == 1


def test_no_version_for_the_platform(server: FakeRegistry, store: ArtifactStore) -> None:
    recipe = NpmPackage("@acme/tool-{platform}", MEMBER, tags_from="@acme/meta")
    server.publish("1.2.0", "@acme/meta")
    server.publish("1.3.0")
    with pytest.raises(UnknownVersionError, match=r"no version of @acme/meta for linux-x64, up to '1\.2\.0'"):
        _resolve(store, "latest", recipe)


def test_an_invalid_latest_version(server: FakeRegistry, store: ArtifactStore) -> None:
    server.publish("..")
    with pytest.raises(AgentInstallError, match=r"'\.\.', is not a valid version"):
        _resolve(store, "latest")


def test_scoped_registry_with_its_token(
    server: FakeRegistry, other_server: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tarball = server.publish("1.0.0", tarball_url=f"{other_server.url}/files/tool.tgz")
    other_server.replies["/files/tool.tgz"] = server.replies[tarball]
    settings = {"registry": "http://127.0.0.1:9", "@acme:registry": server.url}
    config = NpmConfig({**settings, f"//{server.host}/:_authToken": "t0ken"})
    store = ArtifactStore(tmp_path / "cache", NpmRegistry(config))
    assert _resolve(store, "1.0.0").source == "download"
    assert [seen.authorization for seen in server.seen] == ["Bearer t0ken"]
    assert [seen.authorization for seen in other_server.seen] == [None]


def test_the_users_own_configuration_is_read(
    server: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.publish("1.0.0")
    (tmp_path / ".npmrc").write_text(f"registry={server.url}\nnoproxy=127.0.0.1\n//{server.host}/:_authToken=${{TOK}}")
    monkeypatch.setenv("NPM_CONFIG_USERCONFIG", str(tmp_path / ".npmrc"))
    monkeypatch.delenv("NPM_CONFIG_REGISTRY", raising=False)
    monkeypatch.setenv("TOK", "from-env")
    monkeypatch.setenv("INSPECT_SWE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    stored = asyncio.run(fetch_cli("tool", RECIPE, "1.0.0", "linux-x64"))
    assert stored.path.is_relative_to(tmp_path / "cache")
    assert server.seen[0].authorization == "Bearer from-env"


def test_resolve_version(store: ArtifactStore, server: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    _pin(monkeypatch, server)
    server.publish("1.2.0")

    def meant(version: str) -> str:
        return resolve_version("tool", RECIPE, version, "linux-x64", store)

    assert [meant(version) for version in ("stable", "auto", "latest", "0.1.0")] == ["1.0.0", "1.0.0", "1.2.0", "0.1.0"]
    server.publish("1.3.0")
    assert meant("latest") == "1.2.0", "all samples of a process run the same"
    assert _resolve(store, "latest").artifact.version == "1.2.0"
    with pytest.raises(AgentOptionError, match="sandbox"):
        meant("sandbox")
