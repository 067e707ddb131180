"""Names and shapes that other packages take from this one; `downstream/` runs those packages."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from typing import Any
from unittest.mock import patch

import pytest
from downstream.conftest import UNMERGED
from inspect_ai.agent import is_agent
from inspect_ai.util import registry_create
from pydantic import TypeAdapter

import inspect_swe
from inspect_swe import resolve_agent_version
from inspect_swe._util.agentbinary import AgentBinarySource

from .docs.pages import ROOT, read
from .public_api import AGENTS, INTERACTIVE

PAGE = ROOT / "docs/guides/ecosystem.md"
SOURCES = ["claude_code", "codex_cli", "kimi_code"]


def test_the_version_is_the_distributions() -> None:
    declared = re.search(r'^version = "(.+)"$', read(ROOT / "pyproject.toml"), re.MULTILINE)
    assert declared is not None
    assert inspect_swe.__version__ == version("inspect_swe") == declared[1]


@pytest.mark.parametrize("module", ["acp", "adapter", "conformance", "testing"])
def test_public_modules_are_attributes_after_a_plain_import(module: str) -> None:
    code = f"import inspect_swe; print(inspect_swe.{module}.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"inspect_swe.{module}"


@pytest.mark.parametrize("name", AGENTS)
def test_agents_are_created_by_registry_name(name: str) -> None:
    assert is_agent(registry_create("agent", f"inspect_swe/{name}", version="stable", attempts=2, env={"A": "b"}))


@pytest.mark.parametrize("name", [*AGENTS, *INTERACTIVE])
def test_pydantic_accepts_every_annotation(name: str) -> None:
    for parameter in inspect.signature(getattr(inspect_swe, name)).parameters.values():
        if parameter.kind is not parameter.VAR_KEYWORD:
            TypeAdapter(parameter.annotation)
    read_as: Any = inspect.signature(inspect_swe.claude_code).parameters["retry_refusals"].annotation
    assert TypeAdapter(read_as).validate_python("3") == 3


@pytest.mark.parametrize("name", [*AGENTS, "cached_agent_binaries", "resolve_agent_version"])
def test_names_can_be_replaced_in_tests(name: str) -> None:
    before = getattr(inspect_swe, name)
    with patch(f"inspect_swe.{name}") as replaced:
        assert getattr(inspect_swe, name) is replaced
    assert getattr(inspect_swe, name) is before


@pytest.mark.anyio
@pytest.mark.parametrize("agent", SOURCES)
async def test_control_towers_modules(agent: str) -> None:
    module = import_module(f"inspect_swe._{agent}.agentbinary")
    source = getattr(module, f"{agent}_binary_source")()
    assert isinstance(source, AgentBinarySource)
    assert (await source.resolve_version("stable", "linux-x64")).version == resolve_agent_version(agent, "stable")


def test_agent_baselines_module() -> None:
    source = import_module("inspect_swe._mini_swe_agent.mini_swe_agent").MINI_SWE_AGENT_SOURCE
    assert source.default_version == resolve_agent_version("mini_swe_agent", "stable")


def test_the_page_names_each_test_of_the_suite_and_each_version() -> None:
    text = read(PAGE)
    tests = {path.name for path in (ROOT / "downstream").glob("test_*.py")}
    assert set(re.findall(r"`(test_\w+\.py)`", text)) == tests - {*UNMERGED}
    pins = re.findall(r"^([\w-]+).*?==([\w.]+)", read(ROOT / "downstream/requirements/all.txt"), re.MULTILINE)
    tested = set(pins)
    versions = dict(re.findall(r"([\w-]+) (\d[\w.]+)", text.lower().replace("controlarena", "control-arena")))
    assert tested and {(name, versions.get(name)) for name, _ in tested} == tested
