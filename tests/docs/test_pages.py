"""What the pages name exists: options, errors, links, commands, versions, tests."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml  # type: ignore[import-untyped]

import inspect_swe
from inspect_swe import _errors, claude_code
from inspect_swe._agents import ROSTER
from inspect_swe._cli import main
from inspect_swe._packages.pins import Pins
from inspect_swe.conformance import BEHAVIOURS

from .pages import DOCS, PAGES, ROOT, options_of, read


def agent_page(key: str) -> Path:
    return DOCS / "agents" / f"{key.replace('_', '-')}.md"


def test_every_page_is_in_the_navigation_and_exists() -> None:
    def files(entry: Any) -> Iterator[str]:
        if isinstance(entry, str):
            yield entry
        else:
            for value in entry if isinstance(entry, list) else entry.values():
                yield from files(value)

    config = yaml.safe_load(read(ROOT / "mkdocs.yml"))
    named = {*files(config["nav"]), *config.get("not_in_nav", "").split()}
    assert [name for name in files(config["nav"]) if not (DOCS / name).is_file()] == []
    assert {page.relative_to(DOCS).as_posix() for page in PAGES if DOCS in page.parents} <= named


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_files(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", read(page), flags=re.MULTILINE | re.DOTALL)
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if ":" not in target]
    assert [target for target in targets if target and not (page.parent / target).exists()] == []


@pytest.mark.parametrize("key", [adapter.key for adapter in ROSTER])
def test_option_table(key: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| .+ \|$", read(agent_page(key)), re.MULTILINE)
    options = options_of(getattr(inspect_swe, key))
    assert options is not None
    assert [name for name, _ in rows] == list(options)
    for name, shown in rows:
        if name != "description":
            assert shown == f"`{options[name]!r}`".replace("'", '"')


def test_readme_names_every_option() -> None:
    section = read(ROOT / "README.md").partition("## Options")[2].partition("\n## ")[0]
    options = options_of(claude_code)
    assert options is not None
    assert options.keys() - {"name", "description"} <= set(re.findall(r"`(\w+)`", section))


def test_every_error_has_its_section() -> None:
    errors = [name for name, value in vars(_errors).items() if inspect.isclass(value)]
    headings = re.findall(r"^## (\w+Error)$", read(DOCS / "guides/troubleshooting.md"), re.MULTILINE)
    assert sorted(headings) == sorted(errors)


def test_reference_has_every_public_name() -> None:
    text = read(DOCS / "reference.md")
    assert [name for name in inspect_swe.__all__ if not re.search(rf"\b{name}\b", text)] == []


def commands(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    for command in group.commands.values():
        yield f"{name} {command.name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {command.name}")


@pytest.mark.parametrize(
    ("name", "command"), [one for one in commands(main, "inspect-swe") if one[0] != "inspect-swe pins show"]
)
def test_reference_has_every_command_and_its_options(name: str, command: click.Command) -> None:
    section = re.search(rf"^### `{name}(?: [^a-z]*)?`\n(.*?)^##", read(DOCS / "reference.md"), re.MULTILINE | re.DOTALL)
    assert section is not None
    options = [one.opts[-1] for one in command.params if isinstance(one, click.Option)]
    assert [one for one in options if f"`{one}`" not in section[1]] == []


def test_every_agent_has_its_page_and_its_pin_is_named() -> None:
    for adapter in ROSTER:
        assert Pins.load().pin(adapter.key).version in read(agent_page(adapter.key))
        assert (DOCS / "dev/quirks" / f"{adapter.key}.md").is_file()


@pytest.mark.parametrize("key", [adapter.key for adapter in ROSTER])
def test_every_agent_page_answers_the_same_questions(key: str) -> None:
    headings = re.findall(r"^## (.+)$", read(agent_page(key)), re.MULTILINE)
    for wanted in ("Options", "Prompt", "Models", "Files", "Outcomes", "Versions", "Quirks"):
        assert wanted in headings


def test_every_pin_is_named_where_versions_are_explained() -> None:
    pages = read(DOCS / "guides/versions-and-offline.md")
    assert [key for key, pin in Pins.load().pins.items() if f" {pin.version} " not in pages] == []
    index = read(DOCS / "index.md")
    assert [adapter.key for adapter in ROSTER if f"| {Pins.load().pin(adapter.key).version} |" not in index] == []


def test_every_behaviour_is_explained() -> None:
    named = re.findall(r"`(\w+)`", read(DOCS / "guides/conformance.md"))
    assert [name for name in BEHAVIOURS if name not in named] == []


def test_tests_named_by_the_quirks_exist() -> None:
    e2e = ROOT / "tests/e2e"
    shared = [
        *e2e.glob("test_acp*.py"),
        *ROOT.glob("tests/acp/*.py"),
        e2e / "test_routing.py",
        e2e / "test_python_clis.py",
    ]
    for page in (DOCS / "dev/quirks").glob("*.md"):
        tests = "".join(map(read, [e2e / f"test_{page.stem}.py", *shared]))
        named = re.findall(r"`(test_\w+)`", read(page))
        assert named and [name for name in named if f"def {name}(" not in tests] == []


def test_make_targets_in_the_text_exist() -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", read(ROOT / "Makefile"), re.MULTILINE))
    assert {name for page in PAGES for name in re.findall(r"`make ([a-z0-9]+)`", read(page))} <= targets
