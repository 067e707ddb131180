"""The examples in docstrings: each runs up to the point at which an eval or a download would start."""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

import pytest

from .pages import ROOT

_FENCE = re.compile(r"^ *```python\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


def examples() -> dict[str, str]:
    """Return the code of all docstrings' examples, by file and function."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "src/inspect_swe").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                for code in _FENCE.findall(ast.get_docstring(node) or ""):
                    found[f"{path.relative_to(ROOT / 'src/inspect_swe')}:{node.name}"] = textwrap.dedent(code)
    return found


EXAMPLES = examples()


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(EXAMPLES[name], name, "exec"), {"__name__": "example"})


@pytest.mark.parametrize(
    "key", ["claude_code", "open_session", "best_of", "verified", "result_of", "cli_tools", "scripted"]
)
def test_the_main_functions_have_one(key: str) -> None:
    assert key in {name.rpartition(":")[2] for name in EXAMPLES}
