from __future__ import annotations

import pytest

from inspect_swe._errors import AgentInstallError
from inspect_swe._packages.platforms import SandboxPlatform, sandbox_platform
from inspect_swe._packages.recipes import NpmPackage


@pytest.mark.parametrize(
    ("machine", "musl", "platform"),
    [
        ("x86_64\n", False, "linux-x64"),
        ("amd64", True, "linux-x64-musl"),
        ("aarch64", False, "linux-arm64"),
        ("arm64", True, "linux-arm64-musl"),
    ],
)
def test_platforms(machine: str, musl: bool, platform: SandboxPlatform) -> None:
    assert sandbox_platform(machine, musl) == platform


def test_unknown_machine_is_named() -> None:
    with pytest.raises(AgentInstallError, match="riscv64"):
        sandbox_platform("riscv64", False)


def test_recipe_with_a_package_per_platform() -> None:
    recipe = NpmPackage("@acme/tool-{platform}", "package/tool")
    assert recipe.package_for("linux-arm64-musl") == "@acme/tool-linux-arm64-musl"
    assert recipe.release_version("1.2.3", "linux-x64") == "1.2.3"


def test_recipe_with_a_version_per_platform() -> None:
    recipe = NpmPackage("@acme/tool", "package/tool", release="{version}-{platform}")
    assert recipe.package_for("linux-x64") == "@acme/tool"
    assert recipe.release_version("1.2.3", "linux-x64") == "1.2.3-linux-x64"
