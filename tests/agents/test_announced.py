"""Agents that other packages announce: found by name, loaded when asked for, and no harm to others when broken."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from inspect_swe import AgentOptionError, EntryPointError, cli_tools
from inspect_swe._agents import ROSTER, all_plugins, plugin_agent, plugin_names
from inspect_swe._cli import main
from inspect_swe._cli._checks import _plugins as examined
from inspect_swe._cli_inventory import choice_of, known_recipes
from inspect_swe.adapter import NpmPackage
from inspect_swe.conformance import conformance_task, load_agent

from ..fakes import outside_agent
from ..fakes.distribution import install

AGENT = """
import dataclasses
from inspect_ai.agent import agent
from inspect_swe.adapter import NpmPackage, swe_agent, agent_options
from tests.fakes.outside_agent import Outside

@agent
def tidy(name: str = "Tidy", version: str = "latest"):
    return swe_agent(Tidy(), agent_options(name=name, description="Tidies up.", version=version))

@dataclasses.dataclass(frozen=True)
class Tidy(Outside):
    key, label, command, tools = "tidy", "Tidy CLI", "tidy", {"sweep": "delete"}
    recipe = RECIPE

@agent
def other():
    async def execute(state):
        return state
    return execute
"""
BROKEN = {
    "missing_module": ("no_such_module:agent", "ModuleNotFoundError: No module named 'no_such_module'"),
    "missing_function": ("tidy_module:nothing", "AttributeError"),
    "broken_module": ("broken_module:agent", "ZeroDivisionError: division by zero"),
    "leaving_module": ("leaving_module:agent", "SystemExit: 3"),
    "no_function": ("tidy_module:__name__", "TypeError: 'str' object is not callable"),
    "other": ("tidy_module:other", "was not made by `inspect_swe.adapter.swe_agent()`"),
    "untidy": ("tidy_module:tidy", "its adapter's `key` is 'tidy', and must be the entry point's name"),
    "claude_code": ("tidy_module:tidy", "inspect_swe has an agent of this name"),
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for packages of others."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def announce(site: Path, recipe: str = "None") -> None:
    install(site, "tidy-agents", {"tidy": "tidy_module:tidy"}, tidy_module=AGENT.replace("RECIPE", recipe))


def announce_broken(site: Path) -> None:
    points = {name: value for name, (value, _) in BROKEN.items()}
    install(site, "broken-agents", points, broken_module="1 / 0", leaving_module="raise SystemExit(3)")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


def test_nothing_is_imported_before_it_is_asked_for(site: Path) -> None:
    announce(site)
    assert plugin_names() == ["tidy"]
    assert choice_of("claude_code").key == "claude_code" and cli_tools(agent="claude_code")
    assert load_agent("claude_code").__name__ == "claude_code" and "tidy_module" not in sys.modules
    found = plugin_agent("tidy")
    assert "tidy_module" in sys.modules
    assert (found.package, found.adapter.label) == ("tidy-agents 1.0", "Tidy CLI")


def test_it_is_known_by_its_name(site: Path) -> None:
    announce(site)
    factory = load_agent("tidy")
    assert factory is sys.modules["tidy_module"].tidy
    assert (conformance_task("tidy", behaviours=["basic"]).metadata or {})["agent"] == "tidy"
    assert cli_tools(agent="tidy") == ["sweep(*"] and "sweep(*" in cli_tools("delete")
    assert "sweep(*" not in cli_tools("execute")
    entries = json.loads(run("agents", "--json").stdout)
    assert [entry["agent"] for entry in entries] == [*(adapter.key for adapter in ROSTER), "tidy"]
    assert {entry["package"] for entry in entries[:-1]} == {"inspect_swe"}
    assert entries[-1] == {
        "agent": "tidy",
        "package": "tidy-agents 1.0",
        "label": "Tidy CLI",
        "command": "tidy",
        "version": None,
        "platforms": [],
        "interactive": None,
        "options": ["name", "version"],
        "tools": {"sweep": "delete"},
    }
    shown = run("agents").stdout
    assert "not pinned" in shown and "\ntidy, from tidy-agents 1.0\n  options: name, version\n" in shown
    assert [(each.name, each.status, each.text) for each in examined()] == [("tidy", "ok", "agent of tidy-agents 1.0")]


def test_a_cli_of_the_image_is_not_to_be_fetched(site: Path) -> None:
    announce(site)
    result = run("download", "tidy")
    assert result.exit_code == 1 and "the sandbox's image must contain it" in result.stderr
    assert "tidy" not in known_recipes()


def test_a_cli_of_a_registry_is_fetched_by_its_name(site: Path) -> None:
    announce(site, 'NpmPackage("tidy-cli", "package/tidy")')
    assert choice_of("tidy") == ("tidy", NpmPackage("tidy-cli", "package/tidy")) and "tidy" in known_recipes()
    result = run("download", "tidy")
    assert result.exit_code == 1 and "No version of tidy is pinned" in result.stderr
    assert run("remove", "tidy", "--yes").exit_code == 0


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_one_is_a_typed_error(name: str, site: Path) -> None:
    announce(site)
    announce_broken(site)
    with pytest.raises(EntryPointError, match="fix or uninstall that package") as caught:
        plugin_agent(name)
    start = f"The agent {name!r} that broken-agents 1.0 registers ({BROKEN[name][0]}) cannot be used: "
    assert str(caught.value).startswith(start) and BROKEN[name][1] in str(caught.value)


def test_broken_ones_do_not_matter_to_the_others(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    announce(site)
    announce_broken(site)
    found = list(all_plugins())
    assert sum(isinstance(each, EntryPointError) for each in found) == len(BROKEN)
    assert load_agent("claude_code").__name__ == "claude_code" and load_agent("tidy").__name__ == "tidy"
    assert choice_of("claude_code").key == "claude_code"
    with caplog.at_level(logging.WARNING):
        assert {"Bash(*", "sweep(*"} <= set(cli_tools())
    assert "broken-agents 1.0 registers (no_such_module:agent)" in caplog.text
    result = run("agents", "--json")
    assert result.exit_code == 0 and [entry["agent"] for entry in json.loads(result.stdout)].count("claude_code") == 1
    assert result.stderr.count("warning: The agent ") == len(BROKEN)
    warned = [each for each in examined() if each.status == "warn"]
    assert len(warned) == len(BROKEN) and all(each.hint for each in warned)


def test_a_broken_one_that_is_named_ends_the_command(site: Path) -> None:
    announce_broken(site)
    result = run("check", "broken_module")
    assert result.exit_code == 1 and result.stderr.startswith("error: The agent 'broken_module' that broken-agents 1.0")
    with pytest.raises(EntryPointError):
        cli_tools(agent="broken_module")


def test_two_packages_of_one_agent(site: Path) -> None:
    announce(site)
    install(site, "more-agents", {"tidy": "more_module:tidy"})
    with pytest.raises(EntryPointError, match=r"Several packages register an agent 'tidy': .*more-agents 1.0"):
        plugin_agent("tidy")


def test_what_nobody_announces(site: Path) -> None:
    announce(site)
    with pytest.raises(EntryPointError, match="No package registers an agent 'nobody'"):
        plugin_agent("nobody")
    with pytest.raises(AgentOptionError, match=r"no agent 'nobody'. Known agents: antigravity, .*, tidy"):
        cli_tools(agent="nobody")
    with pytest.raises(AgentOptionError, match=r"known agents: antigravity, .*, tidy"):
        choice_of("nobody")
    with pytest.raises(click.BadParameter):
        load_agent("nobody")
    assert outside_agent.Outside.key not in plugin_names()
