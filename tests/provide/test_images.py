"""Images with CLIs in them, as Dockerfiles."""

from __future__ import annotations

from pathlib import Path

from inspect_swe._packages.npm.registry import Release
from inspect_swe._provide.images import dockerfile
from inspect_swe._provide.selection import Place
from inspect_swe._sandbox.image import ImageFacts
from inspect_swe._store.store import Artifact, StoredArtifact


def test_dockerfile() -> None:
    artifact = Artifact("tool", "1.0.0", "linux-x64", Release("tool", "1.0.0"), "package/tool")
    stored = StoredArtifact(Path("/store/package"), Path("/store/package/tool"), artifact, "cache")
    assert dockerfile("base:1", {"copy0": stored}) == (
        "FROM base:1\nCOPY --link --from=copy0 . /opt/inspect-swe/tool/1.0.0-linux-x64/\n"
    )


def test_place_of_an_image() -> None:
    assert Place.of(ImageFacts("arm64", True, "3.12")) == Place(("linux-arm64-musl",), ("3.12",))
    unknown = Place.of(ImageFacts("amd64", False, "3.9"))
    assert unknown.platforms == ("linux-x64",) and "3.11" in unknown.pythons and "3.9" not in unknown.pythons


def test_place_of_an_unknown_image() -> None:
    assert Place.on("arm64").platforms == ("linux-arm64", "linux-arm64-musl")
