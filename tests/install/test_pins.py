from __future__ import annotations

import pytest

from inspect_swe._agents import ROSTER
from inspect_swe._cli_inventory import TOOLS
from inspect_swe._contract.adapter import Adapter
from inspect_swe._errors import AgentInstallError
from inspect_swe._packages.npm.registry import digest_of
from inspect_swe._packages.pins import Pin, Pins
from inspect_swe._packages.platforms import PLATFORMS, SandboxPlatform
from inspect_swe._packages.pypi.lock import PYTHONS
from inspect_swe._packages.pypi.python_packages import locked_wheels
from inspect_swe._packages.pypi.tags import Target
from inspect_swe._packages.recipes import NpmPackage, PythonPackage, Tool

NPM = [adapter for adapter in ROSTER if isinstance(adapter.recipe, NpmPackage)]
PYTHON = [adapter for adapter in ROSTER if isinstance(adapter.recipe, PythonPackage)]


def test_nothing_else_is_pinned() -> None:
    assert set(Pins.load().pins) == {adapter.key for adapter in ROSTER} | set(TOOLS)


@pytest.mark.parametrize("tool", TOOLS.values())
@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_tool_is_pinned_for_every_platform(tool: Tool, platform: SandboxPlatform) -> None:
    pin = Pins.load().pin(tool.key)
    assert all(digest_of(release) for release in (pin.release(platform), *pin.parts))


@pytest.mark.parametrize("adapter", NPM)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_cli_is_pinned_for_every_platform(adapter: type[Adapter], platform: SandboxPlatform) -> None:
    recipe = adapter.recipe
    assert isinstance(recipe, NpmPackage)
    pin = Pins.load().pin(adapter.key)
    release = pin.release(platform)
    assert digest_of(release)
    assert release.package == recipe.package_for(platform)
    assert release.version == recipe.release_version(pin.version, platform)


@pytest.mark.parametrize("adapter", PYTHON)
@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_every_python_package_is_locked(adapter: type[Adapter], platform: SandboxPlatform, python: str) -> None:
    recipe = adapter.recipe
    assert isinstance(recipe, PythonPackage)
    version = Pins.load().pin(adapter.key).version
    own, *others = locked_wheels(adapter.key, recipe, version, Target(platform, python)) or ()
    assert (own.package, own.version) == (recipe.package, version)
    assert others and all(digest_of(release) for release in (own, *others))


def test_unpinned_agents_and_platforms() -> None:
    with pytest.raises(AgentInstallError, match="No version of nobody"):
        Pins.load().pin("nobody")
    with pytest.raises(AgentInstallError, match="not published for linux-x64 "):
        Pin("tool", "1.0.0", {}).release("linux-x64")
