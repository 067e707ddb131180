"""Recipes: where an agent's CLI is found in the npm registry."""

from __future__ import annotations

from dataclasses import dataclass

from .platforms import SandboxPlatform


@dataclass(frozen=True)
class NpmBinary:
    """A CLI that is published as one executable in an npm package per platform.

    Args:
        package: The package's name, with `{platform}` where it names the platform.
        member: Path of the executable in the package (npm tarballs start with `package/`).
        command: The name it is called by.
        release: The package's version, where it isn't the CLI's own: `"{version}-{platform}"`, say.
        tags_from: The package whose `latest` tag counts. Default: the platform's own package.
    """

    package: str
    member: str
    command: str
    release: str = "{version}"
    tags_from: str | None = None

    def package_for(self, platform: SandboxPlatform) -> str:
        """The package with the executable for this platform."""
        return self.package.format(platform=platform)

    def release_version(self, version: str, platform: SandboxPlatform | None = None) -> str:
        """The version of that package which holds this version of the CLI."""
        return self.release.format(version=version, platform=platform)
