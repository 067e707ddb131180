"""Facts about an image, read without running anything in it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import docker
from docker.errors import APIError

_MUSL = ("/lib/ld-musl-x86_64.so.1", "/lib/ld-musl-aarch64.so.1")
_GLIBC = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class ImageFacts:
    """Facts about an image.

    Args:
        machine: Processor architecture, as the engine names it ("amd64").
        musl: Whether musl is the C library.
        python: Version of `python3` ("3.11"), if its file name or a symbolic link shows it.
    """

    machine: str
    musl: bool
    python: str | None


def image_facts(client: docker.APIClient, image: str) -> ImageFacts | None:
    """Return facts about an image, or None if the engine doesn't have it. Blocks.

    Args:
        client: API client of the engine.
        image: Name or id of the image.
    """
    try:
        about: dict[str, Any] = client.inspect_image(image)  # type: ignore[no-untyped-call]
    except APIError:
        return None
    # The API reads files of containers only, so create a container and never start it.
    container = client.create_container(image, command=["true"], network_disabled=True)["Id"]
    try:
        musl = any(_link(client, container, loader) is not None for loader in _MUSL)
        glibc = any(_link(client, container, loader) is not None for loader in _GLIBC)
        env = dict(entry.split("=", 1) for entry in about["Config"].get("Env") or [] if "=" in entry)
        return ImageFacts(
            about["Architecture"], musl and not glibc, _python(client, container, env.get("PATH") or _PATH)
        )
    finally:
        client.remove_container(container, force=True, v=True)


def _python(client: docker.APIClient, container: str, path: str) -> str | None:
    for folder in path.split(":"):
        names = list(_chain(client, container, posixpath.join(folder, "python3")))
        for name in names:
            if match := re.fullmatch(r"python(3\.\d+)", posixpath.basename(name)):
                return match[1]
        if names:
            return None
    return None


def _chain(client: docker.APIClient, container: str, file: str) -> Iterator[str]:
    """Yield a file and the targets of its symbolic links."""
    for _ in range(8):
        target = _link(client, container, file)
        if target is None:
            return
        yield file
        if not target:
            return
        file = posixpath.join(posixpath.dirname(file), target)


def _link(client: docker.APIClient, container: str, file: str) -> str | None:
    """Return the target of a symbolic link: empty for any other file, None if the file doesn't exist."""
    try:
        stream, stat = client.get_archive(container, file)
        stream.close()
    except APIError:
        return None
    return str(stat.get("linkTarget") or "")
