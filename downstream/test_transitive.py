"""Packages that need ours only through another one: they install beside it and import."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import requires, version

import pytest
from packaging.requirements import Requirement

from .conftest import installed

PACKAGES = ["inspect_flow", "inspect_petri", "inspect_sentinel", "inspect_ranges", "inspect_steward"]
DEPENDENTS = ["inspect-scout", "petri-dish"]


@pytest.mark.parametrize("package", [package for package in PACKAGES if installed(package)])
def test_it_imports(package: str) -> None:
    assert import_module(package)


@pytest.mark.parametrize("package", [package for package in DEPENDENTS if installed(package)])
def test_our_version_satisfies_its_requirement(package: str) -> None:
    (ours,) = (each for each in map(Requirement, requires(package) or []) if each.name == "inspect-swe")
    assert ours.specifier.contains(version("inspect_swe"))
