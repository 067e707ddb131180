from __future__ import annotations

import time

import pytest

from inspect_swe._sandbox.globs import Glob


@pytest.mark.parametrize(
    ("glob", "yes", "no"),
    [
        ("**", ["a", "a/b/c", ".hidden/x", "a\nb", "/a"], []),
        ("*", ["a", ".a"], ["a/b"]),
        ("*.py", ["a.py", ".py"], ["a/b.py", "a.pyc", "a.py/b"]),
        ("**/*.py", ["a.py", "a/b/c.py"], ["a.pyc"]),
        ("out", ["out", "out/a", "out/a/b"], ["outer", "a/out"]),
        ("out/", ["out/a"], ["outer"]),
        ("out/**", ["out", "out/a", "out/a/b"], ["x/out/a"]),
        ("./out/./a.txt", ["out/a.txt"], ["a.txt"]),
        ("out/**/z", ["out/z", "out/a/b/z", "out/z/z", "out/z/in"], ["out/zz", "out"]),
        ("**/a/**/b/*", ["a/b/c", "x/a/b/b/y/b/c"], ["a/c", "b/a/c"]),
        ("**/node_modules/**", ["node_modules/x", "a/node_modules/b/c", "/abs/node_modules/x"], ["a/node_module/x"]),
        ("a?[0-9]", ["ab1"], ["a/1", "abc", "ab12"]),
        ("a[!x]*", ["ab", "aby"], ["ax", "a"]),
        ("/data/*.csv", ["/data/a.csv"], ["data/a.csv", "/data/b/a.csv"]),
        ("/", ["/a", "/a/b"], ["a"]),
        (".", ["a", "a/b"], []),
    ],
)
def test_matches(glob: str, yes: list[str], no: list[str]) -> None:
    made = Glob(glob)
    assert [path for path in yes if not made.matches(path)] == []
    assert [path for path in no if made.matches(path)] == []


@pytest.mark.parametrize(
    ("glob", "start", "folder", "anywhere"),
    [
        ("**", "", True, None),
        ("out/**", "out", True, None),
        ("out", "out", True, None),
        ("out/a*/b", "out", False, None),
        ("/data/x/**", "/data/x", True, None),
        ("/", "/", True, None),
        ("**/x/**", "", False, "x"),
        ("**/x*/**", "", False, None),
    ],
)
def test_where_it_begins(glob: str, start: str, folder: bool, anywhere: str | None) -> None:
    made = Glob(glob)
    assert (made.start, made.folder, made.anywhere) == (start, folder, anywhere)


@pytest.mark.parametrize("glob", ["", "a\0b", "../a", "a/../b", 5])
def test_what_is_none(glob: str) -> None:
    with pytest.raises(ValueError, match="glob"):
        Glob(glob)


@pytest.mark.parametrize("piece", ["a" * 31 + "/", "ab/", "a"])
def test_no_path_takes_long(piece: str) -> None:
    """Four times as long a path may take forty times as long: not the powers of two of a search that goes back."""
    glob = Glob("**/a*a*b/**/a*a*b/**/x")

    def cost(size: int) -> float:
        path = piece * (size // len(piece))
        began = time.thread_time()
        for _ in range(20):
            assert not glob.matches(path)
        return time.thread_time() - began

    assert cost(4096) < 40 * cost(1024) + 0.01
