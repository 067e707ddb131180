"""What is kept of a run's files: over a real workspace, with a script in the agent's place."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from inspect_ai.util import Store, store
from inspect_ai.util._store import init_subtask_store

from inspect_swe import AgentOptionError, FileSet, OutputFiles, claude_code, interactive_codex_cli, output_files
from inspect_swe._results.collectors import begin
from inspect_swe._results.output_files import OutputCollector
from inspect_swe._results.view import RunView
from inspect_swe._sandbox import changes as manifest
from inspect_swe._sandbox.changes import ChangedFile, Manifest

from ..sandbox.workspaces import local_workspace
from .collectors import collector, sh


def shown(files: Any) -> dict[str, tuple[str, Any]]:
    return {path: (file.status, file.skipped or file.text) for path, file in files.items()}


@pytest.mark.parametrize("far", [False, True])
def test_added_modified_deleted(tmp_path: Path, far: bool) -> None:
    sh(tmp_path, "mkdir -p sub/deep; echo a >a; echo b >sub/b; echo c >c; echo d >d; cp -p d same")
    work = """
    echo A >a; rm sub/b; printf x >sub/deep/new; printf '\\377\\000' >binary; : >empty; chmod 755 c
    mv d moved; cp -p same d; mkdir -p node_modules/x .git/y; echo n >node_modules/x/n; echo g >.git/y/g
    """
    (files,) = collector(tmp_path, OutputFiles(), work, far=far)
    assert shown(files) == {
        "a": ("modified", "A\n"),
        "binary": ("added", None),
        "c": ("modified", "c\n"),
        "d": ("modified", "d\n"),
        "empty": ("added", ""),
        "moved": ("added", "d\n"),
        "sub/b": ("deleted", None),
        "sub/deep/new": ("added", "x"),
    }
    assert files["binary"].content == b"\xff\0"
    assert files["c"].mode == 0o755
    assert files["a"].sha256 == "06f961b802bc46ee168555f066d28f4f0e9afdf3f88174c1ee6f9de004fc30a0"
    assert (files.patch, files.base, files.error, files.unlisted) == (None, None, None, 0)


def test_only_what_the_globs_stand_for(tmp_path: Path) -> None:
    cwd, other = tmp_path / "cwd", tmp_path / "other"
    sh(tmp_path, "mkdir -p cwd/out cwd/src/app other/data; ln -s other alias; echo old >other/data/old.csv")
    spec = OutputFiles(
        paths=["out/*.txt", "src/**/*.py", "answer", f"{tmp_path}/alias/data/**", f"{other}/later/x"],
        exclude=["src/app/skip*", f"{other}/data/no.csv", "**/cache/**"],
        changed_only=False,
    )
    work = f"""
    touch out/a.txt out/b.log src/app/m.py src/n.py src/app/skip.py answer other
    mkdir -p {other}/later {other}/data/cache; touch {other}/data/d.csv {other}/data/cache/c {other}/data/no.csv
    echo x >{other}/later/x; echo y >{other}/later/y
    """
    (files,) = collector(cwd, spec, work)
    data = f"{tmp_path}/alias/data"
    assert {path: file.status for path, file in files.items()} == {
        "out/a.txt": "added",
        "src/app/m.py": "added",
        "src/n.py": "added",
        "answer": "added",
        f"{data}/d.csv": "added",
        f"{data}/old.csv": "unchanged",
        f"{other}/later/x": "added",
    }


def test_nothing_outside_is_read(tmp_path: Path) -> None:
    outside, cwd = tmp_path / "outside", tmp_path / "cwd"
    sh(tmp_path, "mkdir outside cwd cwd/was; echo secret >outside/secret; echo in >cwd/was/secret")
    work = f"""
    ln -s {outside}/secret link; ln -s {outside} folder; mkfifo pipe; ln -s /dev/zero zero
    rm -r was; ln -s {outside} was; printf n >'new
line'; printf e >'end
'
    """
    (files,) = collector(cwd, OutputFiles(paths=["**", "folder/**", "was/secret"]), work)
    assert shown(files) == {
        "end\n": ("added", "e"),
        "folder": ("added", "special"),
        "link": ("added", "special"),
        "new\nline": ("added", "n"),
        "pipe": ("added", "special"),
        "was": ("added", "special"),
        "was/secret": ("deleted", None),
        "zero": ("added", "special"),
    }


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    (files,) = collector(tmp_path, OutputFiles(), "printf x >\"$(printf 'caf\\351')\"")
    assert shown(files) == {"caf\\xe9": ("added", "x")}


def test_what_changes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cwd = tmp_path / "cwd"
    sh(tmp_path, "mkdir cwd outside; echo secret >outside/secret")
    listed = Manifest.changed_files

    async def changed_files(self: Manifest, everything: bool) -> list[ChangedFile]:
        files = await listed(self, everything)
        sh(cwd, "head -c 5000000 /dev/zero >>grows; rm link pipe gone; ln -s ../outside/secret link; mkfifo pipe")
        sh(cwd, "mv folder moved; ln -s ../outside folder; echo longer >>within")
        return files

    monkeypatch.setattr(Manifest, "changed_files", changed_files)
    work = "mkdir folder; for name in grows link pipe gone within folder/secret; do echo was >$name; done"
    (files,) = collector(cwd, OutputFiles(max_file=1000, max_total=2000), work)
    assert shown(files) == {
        "folder/secret": ("added", "unreadable"),
        "gone": ("added", "unreadable"),
        "grows": ("added", "size"),
        "link": ("added", "unreadable"),
        "pipe": ("added", "unreadable"),
        "within": ("added", "was\nlonger\n"),
    }
    assert files["within"].size == 11


def test_limits(tmp_path: Path) -> None:
    work = "for n in 1 2 3 4 5 6; do head -c 300 /dev/zero | tr '\\0' $n >f$n; done; head -c 1001 /dev/zero >big; : >g"
    (files,) = collector(tmp_path, OutputFiles(max_file=1000, max_total=1000, max_files=4), work)
    kept = {path: file.skipped or file.size for path, file in files.items()}
    assert kept == {
        "big": "size",
        "f1": 300,
        "f2": 300,
        "f3": 300,
        "f4": "total",
        "f5": "total",
        "f6": "total",
        "g": 0,
    }
    (files,) = collector(tmp_path, OutputFiles(paths=["f2", "**"], max_files=2), "touch *")
    assert [path for path, file in files.items() if file.kept] == ["big", "f2"]
    assert {file.skipped for file in files.values() if not file.kept} == {"count"}


def test_fifty_megabytes(tmp_path: Path) -> None:
    work = "for n in $(seq 10 59); do head -c 1000000 /dev/urandom >f$n; done; head -c 90000 /dev/urandom >small"
    (files,) = collector(tmp_path, OutputFiles(max_file=1_000_000), work)
    assert [path for path, file in files.items() if file.kept] == ["f10", "f11", "small"]
    assert sum(len(file.content or b"") for file in files.values()) <= 2 * 1024**2
    assert len(files) == 51 and {file.skipped for file in files.values() if not file.kept} == {"total"}


def test_very_many_files(tmp_path: Path) -> None:
    for folder in range(9):
        (tmp_path / f"d{folder}").mkdir()
        for name in range(1000):
            (tmp_path / f"d{folder}/{name}").touch()
    (files,) = collector(tmp_path, OutputFiles(), "echo x >d7/7; rm d8/8; mkdir e; mv d6/9 e/9")
    assert shown(files) == {
        "d7/7": ("modified", "x\n"),
        "d8/8": ("deleted", None),
        "d6/9": ("deleted", None),
        "e/9": ("added", ""),
    }
    (files,) = collector(tmp_path, OutputFiles(max_files=5), "find . -type f -exec touch {} +")
    assert len([file for file in files.values() if file.kept]) == 5
    assert len(files) == 1005 and files.unlisted == 9_000 - 1 - 1005


def test_several_calls_are_one(tmp_path: Path) -> None:
    sh(tmp_path, "echo o >old; echo p >past")
    first = "echo 1 >a; echo 1 >b; echo 1 >c; echo 1 >old; rm past"
    second = "echo 2 >a; rm b; rm old; echo 2 >past; echo 2 >d"
    _, files = collector(tmp_path, OutputFiles(), first, second)
    assert shown(files) == {
        "a": ("added", "2\n"),
        "c": ("added", "1\n"),
        "d": ("added", "2\n"),
        "old": ("deleted", None),
        "past": ("modified", "2\n"),
    }
    _, files = collector(tmp_path, OutputFiles(max_files=2), "echo >x; echo >y", "echo >z")
    assert {path for path, file in files.items() if file.kept} == {"x", "z"} and files["y"].skipped == "count"


@pytest.mark.skipif(os.geteuid() != 0, reason="changes the owner of files")
def test_a_repository_of_somebody_else(tmp_path: Path) -> None:
    sh(tmp_path, "git init -q; git config user.name n; git config user.email e; echo a >a; git add a; git commit -qm 1")
    sh(tmp_path, "chown -R 1234:1234 .")
    (files,) = collector(tmp_path, OutputFiles(paths=[], patch=True), "echo b >>a")
    assert files.error is None and files.patch and files.patch.endswith("@@ -1 +1,2 @@\n a\n+b\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"paths": [""]}, "paths"),
        ({"paths": ["../up"]}, "paths.*absolute"),
        ({"paths": ["a\0"]}, "NUL"),
        ({"paths": [5]}, "paths"),
        ({"paths": 5}, "paths"),
        ({"paths": []}, "needs paths"),
        ({"exclude": ["a", ""]}, "exclude"),
        ({"max_file": 0}, "max_file"),
        ({"max_total": -1}, "max_total"),
        ({"max_files": 1.5}, "max_files"),
    ],
)
def test_what_cannot_be_collected(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(AgentOptionError, match=says):
        OutputFiles(**arguments)


@pytest.mark.parametrize("collect", ["", ["out/**", ""], "../x"])
def test_agents_check_it_when_they_are_made(collect: Any) -> None:
    with pytest.raises(AgentOptionError, match="collect"):
        claude_code(collect=collect)
    with pytest.raises(AgentOptionError, match="collect"):
        interactive_codex_cli(collect=collect)


def test_one_glob_may_be_given_as_it_is() -> None:
    assert OutputFiles(paths="*.py", exclude="x").paths == ("*.py",)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("_LIST", "exit 3"), "has no `find` and `stat`"),
        (("_LIST", "exit 1"), "could not be listed"),
        (("_MAX_LISTING", 10), "The list of files alone"),
        (("_LIST", "printf '\\037\\213nonsense'"), "Error"),
    ],
)
def test_an_error_of_a_collector_does_not_fail_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: tuple[str, Any], says: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(manifest, *change)

    async def run() -> FileSet:
        init_subtask_store(Store())
        async with local_workspace(str(tmp_path)) as workspace:
            collectors = (OutputCollector(OutputFiles(), "An agent"),)
            view = SimpleNamespace(workspace=workspace, resumes=False, adapter=SimpleNamespace(label="Agent"))
            assert await begin(cast(RunView, view), collectors) == ()
            return output_files(store())

    files = asyncio.run(run())
    assert len(files) == 0 and files.error and says in files.error
