"""A published npm package or wheel, for tests that apply to both."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from inspect_swe._store.store import Artifact, ArtifactStore, StoredArtifact

from .fake_registry import MEMBER, PACKAGE, FakeRegistry, Reply, make_tarball
from .fetch_script import artifact_of
from .wheel_index import WheelIndex

SCRIPT = Path(__file__).with_name("fetch_script.py")
SIZE = 1_000_000


@dataclass(frozen=True)
class Published:
    """Version 1.0.0 of a package of about 1 MB.

    Args:
        server: The registry.
        path: Path of the package's file.
        page: Path of the package's metadata.
        artifact: The package's artifact.
    """

    server: FakeRegistry
    path: str
    page: str
    artifact: Artifact

    @property
    def reply(self) -> Reply:
        """The current reply of its path."""
        return self.server.reply(self.path)

    def answer(self, *replies: Reply) -> None:
        """Set the replies of its path, in order. The last one is repeated."""
        self.server.replies[self.path] = lambda count: replies[min(count, len(replies)) - 1]

    def fetch(self, store: ArtifactStore) -> StoredArtifact:
        return asyncio.run(store.fetch(self.artifact))

    def start(self, store: ArtifactStore, **options: Any) -> subprocess.Popen[str]:
        """Fetch it in another process."""
        release = self.artifact.release
        command = [sys.executable, "-m", "tests.install.fetch_script"]
        command += [str(store.root), release.package, release.version, self.artifact.member]
        environment = {**os.environ, **options.pop("env", {})}
        root = Path(__file__).parents[2]
        return subprocess.Popen(
            command, env=environment, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
        )


def publish(server: FakeRegistry, kind: str) -> Published:
    content = os.urandom(SIZE)
    if kind == "npm":
        path = server.publish(tarball=make_tarball({MEMBER: content}))
        page, artifact = f"/{PACKAGE}", artifact_of(PACKAGE, "1.0.0", MEMBER)
    else:
        name = WheelIndex(server).publish("acme", "1.0.0", files={"content.bin": content})
        path, page, artifact = f"/files/{name}", "/simple/acme/", artifact_of("acme", "1.0.0", "package/acme.py")
    server.replies[path] = replace(server.reply(path), etag='"one"')
    return Published(server, path, page, artifact)
