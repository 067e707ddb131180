"""Patches of the changes in a git repository of the sandbox. Making one does not modify the repository."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from .._errors import AgentError
from .globs import Glob
from .workspace import Workspace

_NONE, _NO_GIT, _NO_DIFF = 3, 4, 5

# GIT_DIR makes git skip repository discovery and its ownership check. The unset variables, which an image may set,
# change how git reads paths or what it prints.
_NAME_IT = r"""
unset GIT_LITERAL_PATHSPECS GIT_GLOB_PATHSPECS GIT_NOGLOB_PATHSPECS GIT_ICASE_PATHSPECS GIT_DIFF_OPTS \
  GIT_EXTERNAL_DIFF GIT_ATTR_SOURCE $(env | sed -n 's/^\(GIT_TRACE[A-Z0-9_]*\)=.*/\1/p')
unset $(git rev-parse --local-env-vars)
export GIT_DIR="${top%/}/.git" GIT_WORK_TREE="$top" GIT_OPTIONAL_LOCKS=0 GIT_NO_LAZY_FETCH=1 GIT_TERMINAL_PROMPT=0
cd "$top" || exit 1
"""

_BASE = f"""
cd -P -- "$1" && cwd=$(pwd -P) || exit 1
top=$cwd
until [ -e "${{top%/}}/.git/HEAD" ] || [ -f "${{top%/}}/.git" ]; do
  [ "$top" = / ] && exit {_NONE}
  top=${{top%/*}}; top=${{top:-/}}
done
command -v git >/dev/null || exit {_NO_GIT}
{_NAME_IT}
git rev-parse -q --verify 'HEAD^{{commit}}' || git hash-object -t tree /dev/null || exit 1
printf '%s\\000%s' "$top" "$cwd"
"""

_DIFF = f"""
top=$1; base=$2; own=$3; each=$4; shift 4
command -v git >/dev/null || exit {_NO_GIT}
{_NAME_IT}
{Path(__file__).with_name("git_patch.sh").read_text()}"""


class Base(NamedTuple):
    """The initial state of a repository.

    Args:
        top: Top folder of the repository.
        commit: Its HEAD, or the empty tree if it has no commits.
        cwd: The working directory, inside `top`.
    """

    top: str
    commit: str
    cwd: str


async def find_base(workspace: Workspace) -> Base:
    """Return the HEAD of the repository that contains the working directory.

    Raises:
        AgentError: The working directory is in no repository, the sandbox has no git, or git failed.
    """
    code, out, err = await workspace.capture(["sh", "-c", _BASE, "sh", workspace.cwd])
    _check(code, err)
    commit, _, places = out.decode(errors="surrogateescape").partition("\n")
    top, _, cwd = places.partition("\0")
    return Base(top, commit, cwd)


async def make_patch(workspace: Workspace, base: Base, exclude: Sequence[Glob], limit: int) -> tuple[bytes, str]:
    """Make a patch of all changes since `base`, committed, staged or neither, without files that `.gitignore` ignores.

    Args:
        workspace: The sandbox.
        base: The initial state of the repository.
        exclude: Globs of files to leave out of the patch, even if committed.
        limit: Size limit of the patch, in bytes.

    Returns:
        The patch, and messages (git's or this package's) about the paths that are missing from it.

    Raises:
        AgentError: The patch could not be made, or exceeds the limit.
    """
    scratch = f"{workspace.probe.scratch}/patch"
    for each in ("", "each"):
        argv = ["sh", "-c", _DIFF, "sh", base.top, base.commit, scratch, each, ":/", *_excluded(base, exclude)]
        code, patch, err = await workspace.capture(argv, limit=limit)
        if code != _NO_DIFF:  # otherwise retry path by path, to get as much as git can compare
            break
    if len(patch) > limit:
        await workspace.shell('rm -rf "$1"', scratch)
        raise AgentError(f"The patch has more than {limit} bytes.", hint="exclude files, or raise `max_total`.")
    _check(code, err)
    return patch, err.decode(errors="replace").strip()


def _excluded(base: Base, exclude: Sequence[Glob]) -> Iterator[str]:
    """Yield the globs as git pathspecs."""
    top = base.top.rstrip("/") + "/"
    for glob in exclude:
        path = "/".join(glob.names)
        if glob.absolute or glob.names[0] != "**":
            absolute = f"/{path}" if glob.absolute else f"{base.cwd.rstrip('/')}/{path}"
            if not absolute.startswith(top):
                continue
            path = absolute.removeprefix(top)
        for each in {path, path.removesuffix("/**")} if path != "**" else {path}:
            yield f":(exclude,top,glob){_unlike_a_name(each)}"


def _unlike_a_name(path: str) -> str:
    """Return a glob that matches only this path: git rejects plain names of files that `.gitignore` ignores."""
    path = path.replace("\\", "\\\\")
    return f"[{path[0]}]{path[1:]}" if path[0].isalnum() or path[0] in "._-" else path


def _check(code: int, err: bytes) -> None:
    if code == _NONE:
        raise AgentError("The working directory is in no git repository.")
    if code == _NO_GIT:
        raise AgentError("The sandbox has no git.", hint="install git in the image.")
    if code != 0:
        raise AgentError("git failed in the sandbox.", exit_code=code, stderr=err.decode(errors="replace"))
