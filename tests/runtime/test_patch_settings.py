"""The patch with any configuration of git: what cannot be told is named in `error`, and costs no other path."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from inspect_swe import OutputFiles
from inspect_swe._results.fileset import FileSet

from .collectors import collector, sh

PATCH = OutputFiles(paths=[], patch=True)
BEGIN = """
git init -q -b main .; git config user.name Task; git config user.email task@example.com
echo one >one; mkdir sub; echo two >sub/two
"""
COMMIT = "git add -A; git commit -qm base"
# Of a large file the repository has three lines, and the checkout has its content, if the program is there.
LFS = r"""
printf '*.bin filter=lfs\n' >.gitattributes
git config filter.lfs.clean 'sed s/content/pointer/'; git config filter.lfs.required true
for name in same other; do echo "content of $name" >$name.bin; touch -d '2 hours ago' $name.bin; done
"""
LFS_IS_GONE = "git config filter.lfs.clean 'no-such-program clean'; git config filter.lfs.process 'no-such-program'"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    sh(folder, BEGIN)
    return folder


def changed(files: FileSet) -> dict[str, list[str]]:
    """The lines that the patch adds, by path."""
    assert files.patch is not None, files.error
    found: dict[str, list[str]] = {}
    for part in files.patch.split("diff --git a/")[1:]:
        added = [line[1:] for line in part.splitlines() if line.startswith("+") and not line.startswith("+++")]
        found[part.partition(" ")[0]] = added
    return found


def named(files: FileSet) -> list[str]:
    """The paths that `error` names."""
    told = (files.error or "").removeprefix("The patch may be incomplete. git's output: ")
    return [line.partition(": ")[0] for line in told.splitlines()]


def test_a_required_filter_whose_program_is_missing(repository: Path) -> None:
    sh(repository, f"{LFS} {COMMIT}; {LFS_IS_GONE}")
    work = "echo 'my content' >other.bin; echo 'new content' >new.bin; echo changed >one; echo n >'n w'"
    (files,) = collector(repository, PATCH, work)
    assert changed(files) == {"new.bin": ["new content"], "other.bin": ["my content"], "one": ["changed"], "n": ["n"]}
    assert sorted(named(files)) == ["new.bin", "other.bin"]
    assert files.error and "its filter 'lfs' does not run" in files.error


def test_a_filter_that_works(repository: Path) -> None:
    sh(repository, f"{LFS} {COMMIT}")
    (files,) = collector(repository, PATCH, "echo 'my content' >other.bin")
    assert (changed(files), files.error) == ({"other.bin": ["my pointer"]}, None)


def test_a_filter_that_is_not_required(repository: Path) -> None:
    sh(repository, f"{LFS} {COMMIT}; {LFS_IS_GONE}; git config filter.lfs.required false")
    (files,) = collector(repository, PATCH, "echo changed >one; echo 'my content' >other.bin")
    assert changed(files) == {"one": ["changed"], "other.bin": ["my content"]}
    assert named(files) == ["other.bin"]


def test_an_encoding_that_a_file_does_not_have(repository: Path) -> None:
    sh(repository, f"printf '*.txt working-tree-encoding=UTF-16\n' >.gitattributes; {COMMIT}")
    (files,) = collector(repository, PATCH, "printf '\\376\\377odd' >a.txt; echo plain >b.txt; echo changed >one")
    assert changed(files) == {"one": ["changed"]}
    assert sorted(named(files)) == ["a.txt", "b.txt"]


def test_a_sparse_checkout(repository: Path) -> None:
    sh(repository, f"mkdir out; echo o >out/left; {COMMIT}; git sparse-checkout set --cone sub; test ! -e out/left")
    (files,) = collector(repository, PATCH, "echo changed >sub/two; mkdir -p out; echo new >out/new; rm one")
    assert (changed(files), files.error) == ({"one": [], "out/new": ["new"], "sub/two": ["changed"]}, None)


def test_repositories_inside_of_it(repository: Path) -> None:
    sh(repository, f"git init -q ../other; cd ../other; {BEGIN} {COMMIT}")
    add = "git -c protocol.file.allow=always submodule --quiet add ../other"
    sh(repository, f"{add} mine; {add} 'left alone'; {COMMIT}")
    work = "echo changed >one; echo x >mine/one; git init -q fresh; echo y >fresh/y"
    (files,) = collector(repository, PATCH, f"{work}; git clone -q ../other cloned")
    assert changed(files)["one"] == ["changed"]
    assert {"mine", "cloned"} <= {*named(files)} and "left alone" not in named(files)
    assert files.error and "fresh/" in files.error


def test_what_the_image_sets(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sh(repository, COMMIT)
    for name in ("GIT_LITERAL_PATHSPECS", "GIT_TRACE", "GIT_TRACE_SETUP", "GIT_TEST_ASSUME_DIFFERENT_OWNER"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("GIT_DIFF_OPTS", "--unified=0")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")
    monkeypatch.setenv("CDPATH", "/")
    spec = OutputFiles(paths=[], patch=True, exclude=["**/left/**"])
    (files,) = collector(repository, spec, "mkdir left; echo l >left/l; echo changed >one")
    assert (changed(files), files.error) == ({"one": ["changed"]}, None)


SETTINGS = {
    "line endings": ("git config core.autocrlf true", "printf 'a\\r\\nb\\r\\n' >new", {"new": ["a", "b"]}),
    "signing": ("git config commit.gpgsign true; git config gpg.program false", "echo x >one", {"one": ["x"]}),
    "text conversion": (
        "echo 'one diff=odd' >.git/info/attributes; git config diff.odd.textconv no; git config diff.odd.command no",
        "echo x >one",
        {"one": ["x"]},
    ),
    "monitor": ("git config core.fsmonitor false; git config core.fsmonitor /no/such", "echo x >one", {"one": ["x"]}),
    "included": (
        "printf '[diff]\n\tnoprefix = true\n\tcontext = 0\n' >.git/more; git config 'includeIf.gitdir:/**.path' more",
        "echo x >one",
        {"one": ["x"]},
    ),
    "many files": ("git config feature.manyFiles true; git config index.sparse true", "echo x >one", {"one": ["x"]}),
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings(repository: Path, setting: str) -> None:
    settings, work, expected = SETTINGS[setting]
    sh(repository, f"{COMMIT}; {settings}")
    (files,) = collector(repository, PATCH, work)
    assert (changed(files), files.error) == (expected, None)


def test_a_shallow_clone(repository: Path) -> None:
    sh(repository, f"{COMMIT}; echo later >later; git add -A; git commit -qm later")
    sh(repository.parent, f"git clone -q --depth 1 file://{repository} shallow")
    (files,) = collector(repository.parent / "shallow", PATCH, "echo changed >one; rm later")
    assert (changed(files), files.error) == ({"later": [], "one": ["changed"]}, None)


def test_a_partial_clone_without_its_remote(repository: Path) -> None:
    sh(repository, f"{COMMIT}; git config uploadpack.allowFilter true")
    sh(repository.parent, f"git clone -q --filter=blob:none --no-checkout file://{repository} partial")
    partial = repository.parent / "partial"
    sh(partial, "git checkout -q main -- sub; git reset -q; echo old >one; git remote set-url origin file:///nowhere")
    (files,) = collector(partial, PATCH, "echo changed >one; echo changed >sub/two; echo n >new")
    assert changed(files) == {"new": ["n"], "sub/two": ["changed"]}
    assert named(files)[-1] == "one" and files.error and "git cannot compare it" in files.error


def test_it_runs_in_busybox(repository: Path) -> None:
    script = (Path(__file__).parents[2] / "src/inspect_swe/_sandbox/git_patch.sh").read_text()
    for shell in (["dash", "-n"], ["bash", "--posix", "-n"]):
        subprocess.run(shell, input=script, text=True, check=True)
