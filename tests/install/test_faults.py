"""Faults of registries and networks. Each ends with the correct file or a typed error, never with a wrong file."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from inspect_swe._errors import AgentInstallError, DigestMismatchError, RegistryError
from inspect_swe._packages import http as network
from inspect_swe._packages.pins import Pin, Pins
from inspect_swe._packages.recipes import NpmPackage, PythonPackage, Recipe
from inspect_swe._store.store import ArtifactStore
from inspect_swe._store.versions import fetch_cli

from .fake_registry import Reply, integrity_of
from .published import SIZE, Published

HALF = SIZE // 2
REST = f"bytes={HALF}-"
ELSEWHERE = {"Content-Range": f"bytes 7-{SIZE}/*"}


def _assert_right(published: Published, store: ArtifactStore) -> None:
    stored = published.fetch(store)
    assert stored.source == "download"
    largest = max((file for file in stored.path.rglob("*") if file.is_file()), key=lambda file: file.stat().st_size)
    assert largest.stat().st_size == SIZE, "the digest of the package has been checked, so size is enough"


def _files(store: ArtifactStore) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file() and path.suffix != ".lock"]


def _ranges(published: Published) -> list[str | None]:
    return [seen.headers.get("range") for seen in published.server.seen if seen.path == published.path]


def _recipe(published: Published) -> Recipe:
    kind = NpmPackage if published.artifact.target is None else PythonPackage
    return kind(published.artifact.release.package, published.artifact.member)


def test_dropped_twice_at_90_percent(published: Published, store: ArtifactStore) -> None:
    whole = published.reply
    size = len(whole.body)
    published.answer(replace(whole, cut_at=size * 90 // 100), replace(whole, cut_at=size * 99 // 100), whole)
    _assert_right(published, store)
    assert _ranges(published) == [None, f"bytes={size * 90 // 100}-", f"bytes={size * 99 // 100}-"]
    requests = [seen for seen in published.server.seen if seen.path == published.path]
    assert [seen.headers.get("if-range") for seen in requests] == [None, '"one"', '"one"']
    assert published.server.sent[published.path] <= 1.15 * size


def _other(whole: Reply, etag: str) -> Reply:
    return replace(whole, body=b"?" * len(whole.body), etag=etag, cut_at=HALF)


@pytest.mark.parametrize(
    ("replies", "ranges"),
    [
        (lambda whole: [replace(whole, etag=None, cut_at=HALF), replace(whole, etag=None)], [None, REST]),
        (lambda whole: [_other(whole, '"old"')], [None, REST]),
        (lambda whole: [_other(whole, '"one"')], [None, REST, None]),
        (lambda whole: [replace(whole, cut_at=HALF), Reply(206, whole.body[7:], ELSEWHERE)], [None, REST, None]),
        (lambda whole: [replace(whole, cut_at=HALF), Reply(416)], [None, REST, None]),
        (lambda whole: [replace(whole, cut_at=HALF), Reply(206, whole.body[HALF:])], [None, REST, None]),
    ],
    ids=["all of it again", "a changed file", "two files with one tag", "from elsewhere", "out of range", "no range"],
)
def test_downloads_that_can_not_be_resumed(
    replies: Callable[[Reply], list[Reply]], ranges: list[str | None], published: Published, store: ArtifactStore
) -> None:
    whole = published.reply
    published.answer(*replies(whole), whole)
    _assert_right(published, store)
    assert _ranges(published) == ranges


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
def test_a_busy_server(status: int, published: Published, store: ArtifactStore) -> None:
    whole = published.reply
    published.answer(Reply(status), Reply(status), whole)
    _assert_right(published, store)
    assert published.server.count(published.path) == 3


def test_retry_after_is_respected(published: Published, store: ArtifactStore) -> None:
    whole = published.reply
    published.answer(Reply(429, headers={"Retry-After": "1"}), whole)
    start = time.monotonic()
    _assert_right(published, store)
    assert time.monotonic() - start >= 1
    assert published.server.count(published.path) == 2


def test_metadata_requests_are_retried(published: Published, store: ArtifactStore) -> None:
    page = published.server.reply(published.page)
    replies = [Reply(500), Reply(429, headers={"Retry-After": "0"}), replace(page, cut_at=10), page]
    published.server.replies[published.page] = lambda count: replies[min(count, 4) - 1]
    _assert_right(published, store)
    assert published.server.count(published.page) == 4


def test_a_slow_trickle(published: Published, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_TIMEOUT", httpx.Timeout(1))
    published.answer(replace(published.reply, seconds=3))
    _assert_right(published, store)


def test_a_stall_is_cut_short(published: Published, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_TIMEOUT", httpx.Timeout(0.5))
    monkeypatch.setenv("PIP_TIMEOUT", "0.5")
    whole = published.reply
    published.answer(replace(whole, cut_at=HALF, stall=600), whole)
    _assert_right(published, store)
    assert _ranges(published)[:2] == [None, REST]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_refusals_are_not_retried(status: int, published: Published, store: ArtifactStore) -> None:
    published.answer(Reply(status))
    with pytest.raises(RegistryError, match=rf"could not be downloaded .*: HTTP status {status}") as failure:
        published.fetch(store)
    assert "inspect-swe download" in str(failure.value)
    assert published.server.count(published.path) == 1 and _files(store) == []


@pytest.mark.parametrize("reply", [Reply(500), Reply(body=b"x" * 100, cut_at=10), Reply(429)])
def test_a_server_that_stays_broken(reply: Reply, published: Published, store: ArtifactStore) -> None:
    published.answer(reply)
    with pytest.raises(RegistryError, match="could not be downloaded") as failure:
        published.fetch(store)
    assert published.path in str(failure.value)
    assert published.server.count(published.path) == 5 and _files(store) == []


def test_a_wrong_digest(published: Published, store: ArtifactStore) -> None:
    whole = published.reply
    published.answer(replace(whole, body=whole.body[:-1] + b"?"))
    with pytest.raises(DigestMismatchError, match=r"its digest is sha\d+-\S+, not sha\d+-\S+\. The file was deleted"):
        published.fetch(store)
    assert published.server.count(published.path) == 1 and _files(store) == []


def test_not_enough_space(published: Published, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=SIZE // 2))
    with pytest.raises(
        AgentInstallError, match=r"not enough space.* 1,\d\d\d,\d\d\d bytes are needed, 500,000 were"
    ) as failure:
        published.fetch(store)
    assert str(store.root) in str(failure.value) and "INSPECT_SWE_CACHE_DIR" in str(failure.value)
    assert _files(store) == []


def test_the_disk_fills_up_during_a_download(published: Published, store: ArtifactStore) -> None:
    out, err = published.start(store, env={"FSIZE": str(SIZE // 2)}).communicate(timeout=60)
    assert out.startswith("AgentInstallError: There is not enough space in "), err
    assert _files(store) == []
    _assert_right(published, store)


@pytest.mark.parametrize("version", ["stable", "latest"])
def test_two_hundred_samples_at_once(
    version: str, published: Published, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = published.artifact
    release = replace(artifact.release, integrity=integrity_of(published.reply.body))
    monkeypatch.setattr(Pins, "load", lambda: Pins({"tool": Pin("tool", "1.0.0", {"linux-x64": release})}))
    monkeypatch.setattr("inspect_swe._store.versions.locked_wheels", lambda *arguments: None)
    recipe = _recipe(published)

    async def main() -> list[str]:
        runs = (fetch_cli("tool", recipe, version, "linux-x64", store, artifact.target) for _ in range(200))
        return [stored.artifact.version for stored in await asyncio.gather(*runs)]

    assert asyncio.run(main()) == ["1.0.0"] * 200
    assert published.server.count(published.path) == 1
    # The newest version of a Python package is looked up before it is known which wheels it takes.
    assert published.server.count(published.page) == (2 if artifact.target and version == "latest" else 1)


def test_two_hundred_samples_share_one_failure(
    published: Published, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = published.artifact
    published.server.replies[published.page] = Reply(500)
    recipe = _recipe(published)

    async def main() -> list[object]:
        runs = (fetch_cli("tool", recipe, "latest", "linux-x64", store, artifact.target) for _ in range(200))
        return list(await asyncio.gather(*runs, return_exceptions=True))

    assert {type(result) for result in asyncio.run(main())} == {RegistryError}
    assert published.server.count(published.page) == 5
