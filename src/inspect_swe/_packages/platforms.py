"""The sandbox platforms that agents' CLIs are published for."""

from __future__ import annotations

from typing import Literal, cast, get_args

from inspect_swe._errors import AgentInstallError

SandboxPlatform = Literal["linux-x64", "linux-arm64", "linux-x64-musl", "linux-arm64-musl"]
PLATFORMS: tuple[SandboxPlatform, ...] = get_args(SandboxPlatform)
# The CPUs' names in wheel tags and Rust's target triples.
MACHINES = {"x64": "x86_64", "arm64": "aarch64"}

_CPUS = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


def sandbox_platform(machine: str, musl: bool) -> SandboxPlatform:
    """Return the platform of a sandbox.

    Args:
        machine: Output of `uname -m` in the sandbox.
        musl: Whether its C library is musl (as on Alpine) instead of glibc.

    Raises:
        AgentInstallError: The machine type is not supported.
    """
    cpu = _CPUS.get(machine.strip().lower())
    if cpu is None:
        raise AgentInstallError(
            f"No agent CLI is published for the sandbox's machine type {machine.strip()!r}.",
            hint="use an image for linux/amd64 or linux/arm64.",
        )
    return cast(SandboxPlatform, f"linux-{cpu}-musl" if musl else f"linux-{cpu}")
