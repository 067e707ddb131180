from __future__ import annotations

import socket

import pytest

from inspect_swe._errors import DigestMismatchError, RegistryError, UnknownVersionError
from inspect_swe._packages.npm.config import NpmConfig, default_registry
from inspect_swe._packages.npm.registry import NpmRegistry, Release, digest_of, newest_first

from .fake_registry import PACKAGE, FakeRegistry, Reply, integrity_of


def test_resolve_a_version_and_a_tag(server: FakeRegistry, registry: NpmRegistry) -> None:
    path = server.publish("1.0.0")
    server.publish("1.1.0")
    release = registry.resolve(PACKAGE, "1.0.0")
    tarball = server.reply(path)
    assert release == Release(PACKAGE, "1.0.0", server.url + path, integrity_of(tarball.body))
    assert registry.resolve(PACKAGE, "latest").version == "1.1.0"
    assert "npm.install-v1+json" in server.seen[0].headers["accept"]


def test_scoped_names_are_one_path_segment(server: FakeRegistry, registry: NpmRegistry) -> None:
    server.publish()
    registry.packument(PACKAGE)
    assert server.seen[0].path == f"/{PACKAGE}"


def test_full_metadata_where_there_is_no_abbreviated_one(server: FakeRegistry, registry: NpmRegistry) -> None:
    server.publish()
    document = server.reply(f"/{PACKAGE}")
    server.replies[f"/{PACKAGE}"] = lambda count: Reply(406) if count == 1 else document
    assert registry.resolve(PACKAGE, "1.0.0").version == "1.0.0"
    assert server.seen[1].headers["accept"] == "application/json"


def test_unknown_version_names_the_newest(server: FakeRegistry, registry: NpmRegistry) -> None:
    for minor in range(12):
        server.publish(f"1.{minor}.0")
    server.publish("2.0.0-beta.1")
    with pytest.raises(UnknownVersionError) as failure:
        registry.resolve(PACKAGE, "9.9.9")
    assert "1.11.0, 1.10.0, 1.9.0, 1.8.0, 1.7.0." in str(failure.value)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(404), "HTTP status 404"),
        (Reply(401), "HTTP status 401"),
        (Reply(503), "HTTP status 503"),
        (Reply(body=b"<html>log in</html>"), "returned invalid metadata"),
        (Reply(body=b"[]"), "returned invalid metadata"),
        (Reply(body=b'{"versions": []}'), "returned invalid metadata"),
        (Reply(body=b'{"versions": {"1.0.0": {}}}'), "has no tarball"),
    ],
)
def test_invalid_answers(reply: Reply, reason: str, server: FakeRegistry) -> None:
    server.replies[f"/{PACKAGE}"] = reply
    registry = NpmRegistry(NpmConfig({"registry": f"http://me:s3cret@{server.host}/"}))
    with pytest.raises(RegistryError, match=reason) as failure:
        registry.resolve(PACKAGE, "1.0.0")
    text = str(failure.value)
    assert server.url in text and "s3cret" not in text
    assert ".npmrc" in text and "inspect-swe download" in text


def test_unreachable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(RegistryError, match="could not be reached") as failure:
            NpmRegistry(NpmConfig({"registry": url})).packument(PACKAGE)
    assert url in str(failure.value)


def test_a_registry_with_an_invalid_url() -> None:
    with pytest.raises(RegistryError, match="could not be reached"):
        NpmRegistry(NpmConfig({"registry": "registry.test"})).packument(PACKAGE)


def test_refusals_are_not_retried(server: FakeRegistry, registry: NpmRegistry) -> None:
    server.replies[f"/{PACKAGE}"] = Reply(403)
    with pytest.raises(RegistryError):
        registry.packument(PACKAGE)
    assert server.count() == 1


@pytest.mark.parametrize("integrity", [None, "", "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "sha512-short=="])
def test_a_sha512_digest_is_required(integrity: str | None, server: FakeRegistry, registry: NpmRegistry) -> None:
    server.publish(integrity=integrity)
    with pytest.raises(DigestMismatchError, match="no sha512 digest"):
        digest_of(registry.resolve(PACKAGE, "1.0.0"))


def test_sha512_among_other_digests(server: FakeRegistry, registry: NpmRegistry) -> None:
    digest = integrity_of(b"x")
    server.publish(integrity=f"sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk= {digest}")
    assert digest_of(registry.resolve(PACKAGE, "1.0.0")) == digest


def test_a_pin_keeps_its_digest(server: FakeRegistry, registry: NpmRegistry) -> None:
    path = server.publish()
    pinned = Release(PACKAGE, "1.0.0", integrity=integrity_of(b"pinned"))
    assert registry.completed(pinned) == Release(PACKAGE, "1.0.0", server.url + path, pinned.integrity)


def test_tarballs_of_the_public_host_come_from_the_mirror(server: FakeRegistry, registry: NpmRegistry) -> None:
    server.publish(tarball_url=f"{default_registry()}/@acme/x.tgz")
    assert registry.resolve(PACKAGE, "1.0.0").url == f"{server.url}/@acme/x.tgz"


def test_newest_first() -> None:
    assert newest_first(["1.2.0", "1.10.0", "2.0.0-rc.1", "nonsense"]) == ["1.10.0", "1.2.0", "2.0.0-rc.1"]
