"""Sentences that list or count agents: each list is a group of agents that their adapters make up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from inspect_swe._agents import ROSTER
from inspect_swe._contract.adapter import Adapter
from inspect_swe._packages.recipes import NODE, NpmPackage, PythonPackage

from .pages import DOCS, PAGES, ROOT, read

RECORDS = {ROOT / "CHANGELOG.md", DOCS / "dev/faults.md", DOCS / "dev/benchmarks.md"}
"""What was, when it was measured or released."""
TEXTS = sorted(
    {*PAGES, *(path for folder in ("src", "evals") for path in (ROOT / folder).rglob("*.py"))} - RECORDS, key=str
)
KEYS = {name: adapter.key for adapter in ROSTER for name in (adapter.label, f"`{adapter.key}`", adapter.key)}
NAMES = "|".join(re.escape(name) for name in sorted(KEYS, key=len, reverse=True))
LIST = re.compile(rf"(?<![\w`/.-])(?:{NAMES})(?:,\s+(?:{NAMES}))+,?\s+(?:and|or)\s+(?:{NAMES})(?![\w`/(-])")
NUMBERS = ("four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
COUNT = re.compile(rf"\b({'|'.join(NUMBERS)})\s+(?:agents|CLIs|of them|above)\b|\bthe ({'|'.join(NUMBERS)}) above\b")


def in_node(adapter: type[Adapter]) -> bool:
    return isinstance(adapter.recipe, NpmPackage) and adapter.recipe.runner is NODE


def keys(*adapters: type[Adapter]) -> frozenset[str]:
    return frozenset(adapter.key for adapter in adapters)


GROUPS = {
    "all": keys(*ROSTER),
    "interactive": keys(*(each for each in ROSTER if each.acp_tools is not None)),
    "with images": keys(*(each for each in ROSTER if each.takes_images)),
    "in our Node.js": keys(*(each for each in ROSTER if in_node(each))),
    "from the Python index": keys(
        *(each for each in ROSTER if in_node(each) or isinstance(each.recipe, PythonPackage))
    ),
}
OTHERS = {
    # What a file is about.
    "src/inspect_swe/conformance/_diversions/_gemini_qwen.py": [{"gemini_cli", "qwen_code", "antigravity"}],
    "src/inspect_swe/conformance/_diversions/_others.py": [
        {"opencode", "copilot_cli", "kimi_code", "pi", "mini_swe_agent"},
    ],
    "docs/guides/approvals.md": [{"claude_code", "codex_cli", "kimi_code", "pi", "qwen_code"}],  # names of MCP tools
    "docs/guides/ecosystem.md": [
        {"claude_code", "codex_cli", "gemini_cli"},  # that petri-dish audits
        {"claude_code", "codex_cli", "kimi_code"},  # that Control Tower runs
    ],
    "docs/guides/interactive-agents.md": [
        {"claude_code", "copilot_cli", "gemini_cli", "kimi_code", "opencode"},  # that ask before a command
        {"copilot_cli", "gemini_cli", "kimi_code", "opencode"},  # without `resume_messages`
    ],
    "docs/guides/troubleshooting.md": [{"antigravity", "mini_swe_agent", "pi"}],  # without settings that forbid a mode
    "docs/guides/sessions.md": [{"antigravity", "gemini_cli", "kimi_code", "mini_swe_agent"}],  # that cannot fork
}
"""Lists of what only the CLIs themselves can tell, by the page that has them."""


def lists(text: str) -> Iterator[tuple[str, frozenset[str]]]:
    for found in LIST.finditer(text):
        yield found[0], frozenset(KEYS[name] for name in re.findall(NAMES, found[0]))


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_lists_and_counts(path: Path) -> None:
    text, known = read(path), [*GROUPS.values(), *OTHERS.get(str(path.relative_to(ROOT)), ())]
    assert [shown for shown, named in lists(text) if named not in known] == []
    sizes = {len(GROUPS["all"]), len(GROUPS["interactive"])}
    told = [found[0] for found in COUNT.finditer(text)]
    counted = {shown: NUMBERS.index(re.sub(r"the |\s.*", "", shown)) + 4 for shown in told}
    assert [shown for shown, number in counted.items() if number not in sizes or "above" in shown] == []


def test_lists_that_are_not_there_any_more() -> None:
    for path, known in OTHERS.items():
        named = {found for _, found in lists(read(ROOT / path))}
        assert {frozenset(each) for each in known} <= named


def sentence(path: str, beginning: str) -> frozenset[str]:
    """The agents that the first list after a text names."""
    found = [named for _, named in lists(read(ROOT / path).partition(beginning)[2])]
    assert found, beginning
    return found[0]


@pytest.mark.parametrize(
    ("path", "beginning", "group"),
    [
        ("README.md", "runs real coding-agent CLIs", "all"),
        ("README.md", "Images in the input reach the model with", "with images"),
        ("README.md", "for Antigravity, mini-swe-agent and the Node.js of", "in our Node.js"),
        ("docs/guides/chat.md", "Agents are", "interactive"),
        ("docs/guides/troubleshooting.md", "`pip.conf` and `PIP_*`.", "in our Node.js"),
        ("evals/interactive.py", "agent: ", "interactive"),
    ],
)
def test_the_list_is_the_one_that_is_meant(path: str, beginning: str, group: str) -> None:
    assert sentence(path, beginning) == GROUPS[group]


@pytest.mark.parametrize("adapter", ROSTER, ids=lambda adapter: adapter.key)
def test_each_page_says_whether_images_are_passed_on(adapter: type[Adapter]) -> None:
    page = read(DOCS / "agents" / f"{adapter.key.replace('_', '-')}.md")
    assert ("Images in the input are not passed on" in page) != adapter.takes_images
