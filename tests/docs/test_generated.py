"""Texts that repeat what the code declares: the tree of errors, the lists of guides, the behaviours."""

from __future__ import annotations

import inspect
import re

import pytest

from inspect_swe import AgentError, _errors
from inspect_swe.conformance import BEHAVIOURS

from .pages import DOCS, ROOT, read

_LEVEL = re.compile(r"^((?:[│ ] {3}|[├└]── )*)(\w+Error)(?: \(also an (\w+)\))?$", re.MULTILINE)


def bases_in(text: str) -> dict[str, set[str]]:
    """Return the base classes of each error in a tree."""
    path: list[str] = []
    bases: dict[str, set[str]] = {}
    for match in _LEVEL.finditer(text):
        depth = len(match[1]) // 4
        path[depth:] = [match[2]]
        bases[match[2]] = {*path[:depth][-1:], *filter(None, [match[3]])}
    return bases


@pytest.mark.parametrize("place", ["the errors module", "README.md"])
def test_the_tree_of_errors(place: str) -> None:
    tree = read(ROOT / place) if place.endswith(".md") else inspect.getdoc(_errors) or ""
    classes = [value for value in vars(_errors).values() if inspect.isclass(value) and issubclass(value, AgentError)]
    names = {each.__name__ for each in classes}
    assert bases_in(tree) == {each.__name__: {base.__name__ for base in each.__bases__} & names for each in classes}


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_every_guide_is_listed(page: str) -> None:
    assert {path.name for path in (DOCS / "guides").glob("*.md")} == set(
        re.findall(r"\]\((?:docs/)?guides/([\w-]+\.md)\)", read(ROOT / page))
    )


def test_the_behaviours_of_the_page_are_those_of_the_suite() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", read(DOCS / "guides/conformance.md"), re.MULTILINE)
    expected = {name: each.about if name == each.name else each.also[name] for name, each in BEHAVIOURS.items()}
    assert {name: text for name, text in rows if name in expected} == expected
