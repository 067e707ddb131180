"""What has changed in a git repository of the sandbox, as a patch: the repository itself is left as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from .._errors import AgentError
from .globs import Glob
from .workspace import Workspace

_NONE, _NO_GIT, _NO_DIFF = 3, 4, 5

# With GIT_DIR named, git does not look for a repository and not at whose it is. The other variables are the image's:
# they change how paths are read, or what is printed.
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
    """A repository as it was.

    Args:
        top: Its folder.
        commit: Its HEAD; the empty tree where it had no commit.
        cwd: The working directory, which is in it.
    """

    top: str
    commit: str
    cwd: str


async def find_base(workspace: Workspace) -> Base:
    """Note the HEAD of the repository that the working directory is in.

    Raises:
        AgentError: There is none, or no git.
    """
    code, out, err = await workspace.capture(["sh", "-c", _BASE, "sh", workspace.cwd])
    _check(code, err)
    commit, _, places = out.decode(errors="surrogateescape").partition("\n")
    top, _, cwd = places.partition("\0")
    return Base(top, commit, cwd)


async def make_patch(workspace: Workspace, base: Base, exclude: Sequence[Glob], most: int) -> tuple[bytes, str]:
    """The difference between then and now, staged or not, committed or not, without what `.gitignore` leaves out.

    Args:
        workspace: The sandbox.
        base: The repository as it was.
        exclude: Globs of files that are not looked at; what is committed of them is as it was.
        most: Bytes that the patch may have.

    Returns:
        The patch, and what it lacks, path by path, in git's words or ours.

    Raises:
        AgentError: It could not be made, or is too large.
    """
    own = f"{workspace.probe.scratch}/patch"
    for each in ("", "each"):
        argv = ["sh", "-c", _DIFF, "sh", base.top, base.commit, own, each, ":/", *_excluded(base, exclude)]
        code, patch, err = await workspace.capture(argv, most=most)
        if code != _NO_DIFF:  # else one path at a time: what can be compared is
            break
    if len(patch) > most:
        await workspace.shell('rm -rf "$1"', own)
        raise AgentError(
            f"The patch has more than {most} bytes.", hint="exclude files, or allow it more (`max_total`)."
        )
    _check(code, err)
    return patch, err.decode(errors="replace").strip()


def _excluded(base: Base, exclude: Sequence[Glob]) -> Iterator[str]:
    """The globs as git has them."""
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
    """A glob for the same: git complains where a file that is named plainly is one that `.gitignore` leaves out."""
    path = path.replace("\\", "\\\\")
    return f"[{path[0]}]{path[1:]}" if path[0].isalnum() or path[0] in "._-" else path


def _check(code: int, err: bytes) -> None:
    if code == _NONE:
        raise AgentError("The working directory is in no git repository.")
    if code == _NO_GIT:
        raise AgentError("The sandbox has no git.", hint="install git in the image.")
    if code != 0:
        raise AgentError("git failed in the sandbox.", exit_code=code, stderr=err.decode(errors="replace"))
