"""Names that the code defines: none of the words that the project rules out as nouns."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from .pages import ROOT

SOURCES = ROOT / "src/inspect_swe"
RULED_OUT = frozenset(
    ["ailment", "flight", "found", "gone", "heard", "hold", "kept", "left", "said", "shelf", "stock", "told", "wanted"]
)
# Public and documented: users' scorers read `OutputFile.kept`.
EXCEPTIONS = frozenset(["_results/fileset.py: kept"])


def defined(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the functions, classes, parameters, variables and attributes that a module defines, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def test_what_counts_as_a_definition() -> None:
    code = "class A:\n    def f(self, b):\n        self.c = d = e\n        return [h for h in g]\n"
    assert {name for _, name in defined(ast.parse(code))} == {*"Abcdfh", "self"}


@pytest.mark.parametrize("folder", sorted({path.relative_to(SOURCES).parts[0] for path in SOURCES.rglob("*.py")}))
def test_no_name_is_a_word_that_is_ruled_out(folder: str) -> None:
    place = SOURCES / folder
    paths = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    named = [(path, path.stem) for path in paths] + [
        (path, name) for path in paths for _, name in defined(ast.parse(path.read_text(encoding="utf-8")))
    ]
    ruled_out = {f"{_short(path)}: {name}" for path, name in named if name.lower().strip("_") in RULED_OUT}
    assert sorted(ruled_out - EXCEPTIONS) == []


def _short(path: Path) -> str:
    return str(path.relative_to(SOURCES))
