"""Kept files are read from states and logs, and written where they can do no harm."""

from __future__ import annotations

import base64
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from inspect_ai import Task, eval, score
from inspect_ai.agent import AgentState, agent
from inspect_ai.dataset import Sample
from inspect_ai.log import read_eval_log
from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import TaskState
from inspect_ai.util import Store, store, store_as

from inspect_swe import FileSet, OutputFile, output_files
from inspect_swe._results.fileset import SweOutput


def file(path: str, content: bytes, mode: int = 0o644) -> OutputFile:
    return OutputFile(path=path, status="added", size=0, mode=mode).with_content(content)


def files(*each: OutputFile) -> FileSet:
    return FileSet({one.path: one for one in each})


GONE = OutputFile(path="gone", status="deleted", size=3)
LARGE = OutputFile(path="large", status="added", size=10**9, skipped="size")


def test_saved_files(tmp_path: Path) -> None:
    kept = files(file("a/b.sh", b"#!/bin/sh\n", 0o4777), file("/abs/c", b"\xff\0"), file("new\nline", b""), GONE, LARGE)
    folder = tmp_path / "made" / "out"
    written = kept.save(folder)
    assert written == [folder / "a/b.sh", folder / "abs/c", folder / "new\nline"]
    assert [path.read_bytes() for path in written] == [b"#!/bin/sh\n", b"\xff\0", b""]
    assert [path.stat().st_mode & 0o7777 for path in written] == [0o755, 0o644, 0o644]
    assert kept.save(str(folder)) == written


@pytest.mark.parametrize("path", ["../up", "a/../../up", "/../up", "..", "", "/", "a\0b", "link/in", "filelink"])
def test_nothing_is_written_outside(tmp_path: Path, path: str, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "root" / "out"
    folder.mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "victim").write_text("untouched")
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "filelink").symlink_to(tmp_path / "victim")
    with caplog.at_level(logging.WARNING):
        assert files(file(path, b"x"), file("good", b"y")).save(folder) == [folder / "good"]
    assert "is not written" in caplog.text
    found = sorted(str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*"))
    assert found == ["outside", "root", "root/out", "root/out/filelink", "root/out/good", "root/out/link", "victim"]
    assert (tmp_path / "victim").read_text() == "untouched"


def test_files_of_another_sample(caplog: pytest.LogCaptureFixture) -> None:
    kept = files(file("a/b", b"/etc/passwd"), file("/abs", b""), file("../x", b"x"), file("box:y", b"y"), GONE, LARGE)
    with caplog.at_level(logging.WARNING):
        made = kept.sample_files("in/doc/")
    assert list(made) == ["in/doc/a/b", "in/doc/abs"] and list(kept.sample_files()) == ["a/b", "/abs"]
    start, _, encoded = made["in/doc/a/b"].partition(",")
    assert start == "data:application/octet-stream;base64" and base64.b64decode(encoded) == b"/etc/passwd"
    assert "'../x' is omitted" in caplog.text and "'box:y' is omitted" in caplog.text


def test_it_is_a_mapping() -> None:
    kept = FileSet({"gone": GONE}, b"diff caf\xe9\n", "abc")
    assert list(kept) == ["gone"] and len(kept) == 1 and "x" not in kept and kept["gone"] is GONE
    assert (kept.patch, kept.patch_bytes, kept.base) == ("diff caf\ufffd\n", b"diff caf\xe9\n", "abc")
    assert GONE.content is None and not GONE.kept and file("x", b"\0").base64 == "AA==" and file("x", b"x").text == "x"


def test_which_agents_files() -> None:
    kept = Store()
    state = cast(TaskState, SimpleNamespace(store=kept))
    assert len(output_files(state)) == 0 and output_files(state).patch is None and len(output_files(state, "A")) == 0
    SweOutput(store=kept, instance="A").files = {"a": file("a", b"a")}
    assert list(output_files(state)) == list(output_files(kept, "A")) == ["a"]
    SweOutput(store=kept, instance="B: b").files = {"b": file("b", b"b")}
    assert list(output_files(state, "B: b")) == ["b"]
    for name in (None, "C"):
        with pytest.raises(ValueError, match="A, B: b"):
            output_files(state, name)


@agent
def leaves() -> Any:
    async def execute(state: AgentState) -> AgentState:
        kept = store_as(SweOutput, instance="An agent")
        kept.files = {"a": file("a", b"\xff" * 5000), "b": file("b", b"text" * 5000), "gone": GONE}
        kept.patch, kept.base = "diff --git", "abc"
        return state

    return execute


@scorer(metrics=[accuracy()])
def counts() -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        found = output_files(state)
        return Score(value=sum(len(each.content or b"") for each in found.values()), answer=found.patch)

    return score


def test_a_log_has_them(tmp_path: Path) -> None:
    task = Task(dataset=[Sample(input="x")], solver=leaves(), scorer=counts())
    log = eval(task, model="mockllm/model", log_dir=str(tmp_path), display="none")[0]
    for read in (log, read_eval_log(log.location), score(read_eval_log(log.location), counts(), display="none")):
        assert read.samples and read.samples[0].scores
        kept = output_files(read.samples[0])
        assert kept["a"].content == b"\xff" * 5000 and kept["b"].text == "text" * 5000 and kept["gone"] == GONE
        assert (kept.patch, kept.base) == ("diff --git", "abc")
        assert all(each.value == 25_000 and each.answer == "diff --git" for each in read.samples[0].scores.values())
    assert store().get("SweOutput:An agent:files") is None
