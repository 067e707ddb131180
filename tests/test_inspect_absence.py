"""An inspect_ai release may move a private name that we import: agents run, or a typed error says why not.

The names are read from the source.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import inspect_swe

SOURCE = Path(inspect_swe.__file__).parent
FILES = [
    SOURCE / "_inspect/private.py",
    SOURCE / "_inspect/filters.py",
    SOURCE / "_inspect/sentinel.py",
    SOURCE / "_inspect/transcript.py",
    *sorted((SOURCE / "_inspect/handlers").glob("*.py")),
]


FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


class Private(NamedTuple):
    """A private name of Inspect's, as one of our files imports it."""

    file: str
    module: str
    name: str
    early: bool
    """Whether it is imported together with the package, and not when it is needed."""

    def __str__(self) -> str:
        return f"{self.file}-{self.module}.{self.name}"


def private_names() -> list[Private]:
    found: dict[Private, None] = {}
    for file in FILES:
        tree = ast.parse(file.read_text())
        inner = {part for node in ast.walk(tree) if isinstance(node, FUNCTION) for part in ast.walk(node)}
        for node in ast.walk(tree):
            assert (
                not isinstance(node, ast.Call)
                or "import_module" not in ast.dump(node.func)
                or file.parent != SOURCE / "_inspect"
            )
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("inspect_ai"):
                continue
            for alias in node.names:
                if "._" in f"{node.module}.{alias.name}":
                    early = file.parent == SOURCE / "_inspect" and node not in inner
                    found[Private(file.stem, str(node.module), alias.name, early)] = None
    return [*found]


NAMES = private_names()
ERRORS = {
    "sample_state": "oracle",
    "apply_tool_approval": "approve",
    "TerminateSampleError": "approve",
    "file_as_data": "image",
}
"""Names without which a feature ends with an error."""
SHARED = ("_parameters", "_serve")
"""Modules that the handlers of all dialects import."""
WITH_PACKAGE = ("private", "transcript", "filters", "sentinel")
"""Modules that are imported with the package."""
BRIDGE = {"provider_error_payload", "call_tool", "list_tools"}


class Run(NamedTuple):
    """What an agent did."""

    error: str | None
    completion: str
    filtered: list[str]
    features: dict[str, str]
    bridge: str


class Seen(NamedTuple):
    """What is seen where a name is absent."""

    links: dict[str, str]
    warnings: list[str]
    run: Run | None


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    folder = tmp_path_factory.mktemp("absent")
    done = subprocess.run(
        [sys.executable, "-m", "tests.fakes.without_a_name", str(folder)],
        input=json.dumps([["", "", "", False], *NAMES]),
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = {}
    for name, told in map(json.loads, done.stdout.splitlines()):
        found[name] = Seen(told["links"], told["warnings"], Run(**told["run"]) if told["run"] else None)
    return found


def test_names_are_found() -> None:
    assert len(NAMES) > 25
    plain = {"__init__", "_history", "_ids", "_messages", "_namespaces", "_schemas"}
    assert {name.file for name in NAMES} == {file.stem for file in FILES} - plain


def test_with_all_names(seen: dict[str, Seen]) -> None:
    everything = seen[".."]
    assert (set(everything.links.values()), everything.warnings) == ({"own"}, [])
    assert everything.run == Run(None, "done", ["scripted"] * 4, {"oracle": "", "approve": "", "image": ""}, "own")


@pytest.mark.parametrize("name", NAMES, ids=str)
def test_without_one_name(name: Private, seen: dict[str, Seen]) -> None:
    here = seen[".".join(name[:3])]
    for dialect, link in here.links.items():
        needs = name.file in (dialect, *SHARED)
        assert link == ("inspect" if needs or name.name in BRIDGE else "own"), dialect
    if name.name in BRIDGE:
        assert len([text for text in here.warnings if "slower bridge" in text]) == 1
    if (run := here.run) is None:
        assert name.file not in WITH_PACKAGE and here.warnings
        return
    assert (run.error, run.completion, set(run.filtered)) == (None, "done", {"scripted"})
    assert run.bridge == here.links["completions"]
    failing = {ERRORS[name.name]} if name.name in ERRORS else set()
    for feature, error in run.features.items():
        assert ("InspectVersionError" in error and "inspect_ai 0." in error) == (feature in failing), (feature, error)
        assert feature in failing or error == ""
