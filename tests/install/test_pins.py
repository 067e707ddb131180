from __future__ import annotations

import typing

import pytest

import inspect_swe._install as install
from inspect_swe._errors import AgentInstallError
from inspect_swe._install import Pins, SandboxPlatform
from inspect_swe._install.registries import digest_of


def test_every_pin_has_a_digest_and_a_platform() -> None:
    pins = Pins.load().pins
    assert "claude_code" in pins
    for agent, pin in pins.items():
        assert pin.agent == agent and pin.releases
        assert set(pin.releases) <= set(typing.get_args(SandboxPlatform))
        assert all(digest_of(release) for release in pin.releases.values())


def test_claude_code_is_pinned_for_every_platform() -> None:
    pin = Pins.load().pin("claude_code")
    for platform in typing.get_args(SandboxPlatform):
        release = pin.release(platform)
        assert (release.package, release.version) == (f"@anthropic-ai/claude-code-{platform}", pin.version)


def test_what_is_not_pinned_is_named() -> None:
    with pytest.raises(AgentInstallError, match="No version of nobody"):
        Pins.load().pin("nobody")
    with pytest.raises(AgentInstallError, match="not published for linux-x64 "):
        install.Pin("tool", "1.0.0", {}).release("linux-x64")


def test_exported_names_exist() -> None:
    assert sorted(install.__all__, key=str.lower) == sorted(set(install.__all__), key=str.lower)
    assert all(hasattr(install, name) for name in install.__all__)
