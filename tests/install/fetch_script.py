"""Fetch artifacts into a store: `fetch_script.py STORE PACKAGE VERSION[,VERSION...] MEMBER`.

The member of a Python package ends with `.py`. The environment configures the registry. FSIZE limits the size of
files, and USER_ID is the user to run as.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import tempfile
from pathlib import Path

from inspect_swe._errors import AgentInstallError
from inspect_swe._packages.npm.registry import Release
from inspect_swe._packages.pypi.tags import Target
from inspect_swe._packages.recipes import PythonPackage
from inspect_swe._store.store import Artifact, ArtifactStore


def artifact_of(package: str, version: str, member: str) -> Artifact:
    release = Release(package, version)
    if not member.endswith(".py"):
        return Artifact("tool", version, "linux-x64", release, member)
    recipe, target = PythonPackage(package, member), Target("linux-x64", "3.11")
    return Artifact("tool", version, "linux-x64", release, member, target=target, recipe=recipe)


def main() -> None:
    root, package, versions, member = sys.argv[1:]

    def fetch(folder: str, version: str) -> str:
        return asyncio.run(ArtifactStore(Path(folder)).fetch(artifact_of(package, version, member))).source

    if limit := int(os.environ.get("FSIZE", 0)):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    if user := int(os.environ.get("USER_ID", 0)):
        # Modules that are imported on first use may be unreadable for this user.
        with tempfile.TemporaryDirectory() as elsewhere:
            fetch(elsewhere, versions.split(",")[0])
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    for version in versions.split(","):
        try:
            print(fetch(root, version))
        except AgentInstallError as error:
            print(f"{type(error).__name__}: {error.summary}")


if __name__ == "__main__":
    main()
