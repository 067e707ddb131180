"""Fetching agents' CLIs: pinned, verified and kept in one store on the host."""

from __future__ import annotations

from inspect_swe._folders import CACHE_VARIABLE

from .artifacts import Artifact, ArtifactStore, StoredArtifact
from .bundles import remove_bundle, wheels_tarball
from .catalog import (
    check_version,
    fetch_cli,
    fetch_tool,
    fetch_with_tools,
    resolve_artifact,
    resolve_version,
    tool_artifact,
)
from .lock import PYTHONS, Lock
from .marker import Marker, read_marker, write_marker
from .npm_config import NpmConfig
from .pins import PINS_FILE, Pin, Pins
from .platforms import SandboxPlatform, sandbox_platform
from .recipes import (
    CLAUDE_ACP,
    CODEX_ACP,
    FRUGAL_WASM,
    NODE,
    RIPGREP,
    NpmPackage,
    PythonPackage,
    Recipe,
    SingleFile,
    Tool,
)
from .registries import NpmRegistry, Release
from .wheels import Target

__all__ = [
    "CACHE_VARIABLE",
    "CLAUDE_ACP",
    "CODEX_ACP",
    "FRUGAL_WASM",
    "NODE",
    "PINS_FILE",
    "PYTHONS",
    "RIPGREP",
    "Artifact",
    "ArtifactStore",
    "Lock",
    "Marker",
    "NpmConfig",
    "NpmPackage",
    "NpmRegistry",
    "Pin",
    "Pins",
    "PythonPackage",
    "Recipe",
    "Release",
    "SandboxPlatform",
    "SingleFile",
    "StoredArtifact",
    "Target",
    "Tool",
    "check_version",
    "fetch_cli",
    "fetch_tool",
    "fetch_with_tools",
    "read_marker",
    "remove_bundle",
    "resolve_artifact",
    "resolve_version",
    "sandbox_platform",
    "tool_artifact",
    "wheels_tarball",
    "write_marker",
]
