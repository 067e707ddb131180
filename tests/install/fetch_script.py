"""Fetches the tests' artifact into the store at argv[1] as a process of its own; the environment names the registry."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from inspect_swe._install import Artifact, ArtifactStore, Release


def main() -> None:
    root, package, member = sys.argv[1:]
    artifact = Artifact("tool", "1.0.0", "linux-x64", Release(package, "1.0.0"), member)
    print(asyncio.run(ArtifactStore(Path(root)).fetch(artifact)).source)


if __name__ == "__main__":
    main()
