"""Prompts that a CLI reads as plain text, and those that it would take for a command, a mention or a template."""

from __future__ import annotations

import pytest

from inspect_swe._agents import ROSTER
from inspect_swe._contract.adapter import Turn

from .support import sites

ADAPTERS = {adapter.key: adapter() for adapter in ROSTER}
AS_WRITTEN = "/as-written\n"
PREFIXED = {
    "claude_code": ("\n", ["/status is wrong"]),
    "gemini_cli": (AS_WRITTEN, ["/status", " /status", "? what", "<session_context> x", "see @a.py", "me@x.org"]),
    "kimi_code": ("The request, as it was written:\n", [" /goal x"]),
    "pi": ("\u2063", ["/mcp", " /skill:x", "/a\n/b"]),
    "qwen_code": (AS_WRITTEN, ["/status", " /status", "?btw", "see @a.py", "me@x.org"]),
}
"""The prefix that each adapter adds to special prompts, and such prompts."""


def stdin(agent: str, prompt: str) -> str:
    context = sites("/tools/cli", "/tools/script")()
    return ADAPTERS[agent].turn(context, Turn(prompt, resume=False)).stdin.decode()


@pytest.mark.parametrize("agent", ADAPTERS)
@pytest.mark.parametrize("prompt", ["do it", "- list\n--help", "!ls", "a / b ? c", "  indented"])
def test_plain_text_is_passed_on_unchanged(agent: str, prompt: str) -> None:
    assert stdin(agent, prompt) == prompt


def test_pi_reads_no_mentions_on_stdin() -> None:
    assert stdin("pi", "@README.md") == "@README.md"


@pytest.mark.parametrize(
    ("agent", "prefix", "prompt"),
    [(agent, prefix, prompt) for agent, (prefix, prompts) in PREFIXED.items() for prompt in prompts],
)
def test_special_text_has_a_prefix(agent: str, prefix: str, prompt: str) -> None:
    assert stdin(agent, prompt) == prefix + prompt
