"""Fetching agents' CLIs: pinned, verified and kept in one store on the host."""

from __future__ import annotations

from .artifacts import CACHE_VARIABLE, Artifact, ArtifactStore, StoredArtifact
from .catalog import check_version, resolve
from .npm_config import NpmConfig
from .pins import PINS_FILE, Pin, Pins
from .platforms import SandboxPlatform, sandbox_platform
from .recipes import NpmBinary
from .registries import NpmRegistry, NpmRelease

__all__ = [
    "CACHE_VARIABLE",
    "PINS_FILE",
    "Artifact",
    "ArtifactStore",
    "NpmBinary",
    "NpmConfig",
    "NpmRegistry",
    "NpmRelease",
    "Pin",
    "Pins",
    "SandboxPlatform",
    "StoredArtifact",
    "check_version",
    "resolve",
    "sandbox_platform",
]
