"""The patch is the difference to what was there, and the repository is left as it is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from inspect_swe import OutputFiles
from inspect_swe._results.fileset import FileSet

from .collectors import collector, sh
from .repository import BEGIN, HOSTILE, SEE, WORK, tree

PATCH = OutputFiles(paths=[], patch=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    sh(folder, BEGIN)
    return folder


def applied(files: FileSet, repository: Path) -> Path:
    fresh = repository.parent / "fresh"
    sh(repository.parent, f"git clone -q {repository} fresh; cd fresh; git checkout -q {files.base}")
    assert files.patch_bytes is not None, files.error
    subprocess.run(["git", "apply", "-"], cwd=fresh, input=files.patch_bytes, check=True)
    return fresh


@pytest.mark.parametrize("more", ["", HOSTILE], ids=["plain", "hostile"])
def test_everything_that_can_be_done(repository: Path, more: str) -> None:
    base = sh(repository, "git rev-parse HEAD").strip()
    work = f"{WORK}{more}\n{SEE} >../before; cp .git/index ../index"
    (files,) = collector(repository, PATCH, work)
    assert (files.base, files.error) == (base, None)
    before = (repository.parent / "before").read_text()
    for state in ("1 MM", "1 .M", "1 M.", "1 D.", "1 .D", "2 R.", "? untracked"):
        assert f"\n{state}" in f"\n{before}", state
    assert sh(repository, SEE) == before
    assert (repository / ".git/index").read_bytes() == (repository.parent / "index").read_bytes()
    assert not list(repository.parent.glob("ran-*"))
    assert tree(applied(files, repository)) == tree(repository)
    assert files.patch is not None and "ignored" not in files.patch and "GIT binary patch" in files.patch


def test_without_what_is_excluded(repository: Path) -> None:
    sh(repository, "mkdir -p build pkg/node_modules; echo v >pkg/node_modules/vendored; git add -f .; git commit -qm 2")
    work = """
    mkdir -p build pkg/sub/node_modules data; echo x >build/x; echo n >pkg/sub/node_modules/n; echo d >data/d
    echo m >pkg/m; echo k >pkg/k; echo changed >pkg/node_modules/vendored; echo a >pkg/sub/a
    """
    exclude = ["**/node_modules/**", "../build", "m", "sub/a*", f"{repository}/data"]
    with pytest.raises(ValueError, match="absolute"):
        OutputFiles(exclude=exclude)
    exclude[1] = f"{repository}/build"
    (files,) = collector(repository / "pkg", OutputFiles(paths=[], patch=True, exclude=exclude), f"cd ..; {work}")
    assert files.error is None and files.patch is not None
    assert [line for line in files.patch.splitlines() if line.startswith("diff")] == ["diff --git a/pkg/k b/pkg/k"]


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    sh(tmp_path, "git init -q; git config user.name n; git config user.email e; echo a >a")
    (files,) = collector(tmp_path, PATCH, "echo b >b; git add -A; git commit -qm 1; echo c >c")
    assert files.patch is not None
    assert [line for line in files.patch.splitlines() if line.startswith("+++")] == ["+++ b/a", "+++ b/b", "+++ b/c"]


def test_a_linked_worktree(repository: Path) -> None:
    sh(repository, "git worktree add -q ../linked")
    (files,) = collector(repository.parent / "linked", PATCH, "echo new >new; git add new; git commit -qm linked")
    assert files.error is None and files.patch is not None and "+++ b/new" in files.patch


def test_several_calls_are_one(repository: Path) -> None:
    base = sh(repository, "git rev-parse HEAD").strip()
    _, files = collector(repository, PATCH, "echo 1 >one; git add one; git commit -qm 1", "echo 2 >two")
    assert files.base == base and files.patch is not None
    assert "+++ b/one" in files.patch and "+++ b/two" in files.patch


def test_nothing_has_changed(repository: Path) -> None:
    (files,) = collector(repository, PATCH, "touch kept")
    assert (files.patch, files.error) == ("", None)


def test_why_there_is_none(tmp_path: Path, repository: Path) -> None:
    (files,) = collector(tmp_path, PATCH, "git init -q; touch a")
    assert files.patch is None and files.error and "in no git repository" in files.error
    (files,) = collector(repository, OutputFiles(patch=True, max_total=1000), "head -c 2000 /dev/urandom >big")
    assert files.patch is None and files.error and "more than 1000 bytes" in files.error
    assert files["big"].skipped == "total"
    (files,) = collector(repository, PATCH, "rm -rf .git")
    assert files.patch is None and files.error and "git failed" in files.error
