"""How calls are shown, by their arguments."""

from __future__ import annotations

from typing import Any

import pytest
from inspect_ai.tool import ToolCall

from inspect_swe._bridge.tool_views import view_of

PATCH = "*** Begin Patch\n*** Add File: a.txt\n+hi\n*** End Patch"


def shown(function: str, **arguments: Any) -> tuple[str | None, str] | None:
    view = view_of(ToolCall("id", function, arguments))
    return (view.title, view.content) if view else None


@pytest.mark.parametrize(
    "arguments",
    [{"command": "ls -l"}, {"cmd": "ls -l", "yield_time_ms": 5}, {"command": ["bash", "-lc", "ls -l"]}],
)
def test_commands(arguments: dict[str, Any]) -> None:
    assert shown("run", **arguments) == ("run", "```bash\nls -l\n```\n")


def test_a_command_with_its_purpose() -> None:
    assert shown("Bash", command="ls", description="List") == ("Bash", "List\n\n```bash\nls\n```\n")
    assert shown("run", command=["ls", "-l"]) == ("run", "```bash\nls -l\n```\n")


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [("file_path", "old_string", "new_string"), ("filePath", "oldString", "newString"), ("path", "old_str", "new_str")],
)
def test_changes(path: str, old: str, new: str) -> None:
    expected = ("Edit", "`a.py`\n\n```diff\n@@ -1,2 +1,2 @@\n same\n-x = 1\n+x = 2\n```\n")
    assert shown("Edit", **{path: "a.py", old: "same\nx = 1", new: "same\nx = 2"}) == expected
    one = {old: "same\nx = 1", new: "same\nx = 2"}
    assert shown("Edit", **{path: "a.py", "edits": [one]}) == expected


def test_files_and_patches() -> None:
    assert shown("Write", file_path="/w/a.py", content="x = 1\n") == ("Write", "`/w/a.py`\n\n```python\nx = 1\n```\n")
    assert shown("write_file", file_path="Makefile", content="a:") == ("write_file", "`Makefile`\n\n```\na:\n```\n")
    assert shown("apply_patch", input=PATCH) == ("apply_patch", f"```diff\n{PATCH}\n```\n")


def test_what_is_best_shown_as_it_is() -> None:
    assert shown("Read", file_path="a.py") is None
    assert shown("lookup", word="apple") is None
    assert shown("text_editor", command="view", path="a.py") is None
    assert shown("js", input="1 + 1") is None
    assert shown("Edit", file_path="a.py", old_string=3, new_string="") is None


def test_text_that_looks_like_markup() -> None:
    _, fenced = shown("Write", file_path="a.md", content="```\ncode\n```") or ("", "")
    assert fenced.startswith("`a.md`\n\n````markdown\n") and fenced.endswith("\n````\n")
    _, kept = shown("Write", file_path="a.html", content="{{content}} {{ other }}") or ("", "")
    assert "{{content}}" not in kept and "{\u200b{content}}" in kept and "{{ other }}" in kept
