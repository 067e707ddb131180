"""Changed files of a sandbox, found by comparing two listings. Needs a shell, `find` and `stat` there."""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import anyio.to_thread

from .._errors import AgentError
from .globs import Glob
from .workspace import Workspace

Status = Literal["added", "modified", "deleted", "unchanged"]

_MAX_LISTING = 32 << 20
_MAX_PATH = 4096
_GZIP = b"\x1f\x8b"
_NEVER = ("/proc", "/sys", "/dev")

# Resolves links with the agent's permissions; path components that do not exist yet stay as they are.
_RESOLVE = """
mark=$1; shift
for path in "$@"; do
  rest=
  until cd -P -- "${path:-/}" 2>/dev/null; do rest=/${path##*/}$rest; path=${path%/*}; done
  folder=$(pwd -P; echo .); folder=${folder%??}
  printf '%s%s%s' "${folder%/}" "$rest" "$mark"
done
"""

# Arguments: $3 roots, then $4 `find` words for pruned folders, which must follow the remaining roots.
# A root that has become a link is listed as one entry; a root behind a link is skipped.
_LIST = """
mark=$1; pack=$2; roots=$3; words=$4; shift 4
command -v gzip >/dev/null || pack=cat
stat -c %f / >/dev/null 2>&1 && find / -prune -exec true {} + 2>/dev/null || exit 3
left=0
while [ "$roots" -gt 0 ]; do
  root=$1; shift; roots=$((roots - 1))
  parent=${root%/*}
  cd -P -- "${parent:-/}" 2>/dev/null && [ "$(pwd -P; echo .)" = "${parent:-/}
." ] && set -- "$@" "$root" && left=1
done
[ $left = 0 ] && exit 0
while [ "$words" -gt 0 ]; do set -- "$@" "$1"; shift; words=$((words - 1)); done
TZ=UTC0 find "$@" -o ! -type d -exec stat -c "$mark %f %s %i %z%n" {} + 2>/dev/null | $pack
exit 0
"""


class ChangedFile(NamedTuple):
    """A listed file that matches a glob.

    Args:
        path: Real path; bytes that are not UTF-8 are surrogates.
        display_path: Displayed path: relative to the working directory, or beginning like the absolute glob.
        status: Change since the first listing.
        mode: File type and permissions (`st_mode`).
        size: Size in bytes.
        rank: Index of the first matching glob.
    """

    path: str
    display_path: str
    status: Status
    mode: int
    size: int
    rank: int


@dataclass(frozen=True)
class StartFolder:
    """The folder that a glob starts in.

    Args:
        display_path: The folder as written in the glob; empty for the working directory.
        real: Its real path.
    """

    display_path: str
    real: str

    def show(self, path: str) -> str | None:
        """Return the displayed form of a real path, or None if it is outside this folder."""
        if path == self.real and self.display_path:
            return self.display_path
        rest = path.removeprefix(self.real.rstrip("/") + "/")
        return None if rest == path else f"{self.display_path.rstrip('/')}/{rest}" if self.display_path else rest


class Manifest:
    """Listings of the files that globs match in a sandbox, before and after a change.

    Args:
        workspace: The sandbox.
        paths: Globs of the files to list; relative ones start in the working directory.
        exclude: Globs of the files to skip. One that begins with `**` applies everywhere.
    """

    def __init__(self, workspace: Workspace, paths: Sequence[Glob], exclude: Sequence[Glob]) -> None:
        self._workspace = workspace
        self._paths = paths
        self._exclude = exclude
        self._mark = secrets.token_hex(6)
        self._folders: dict[str, StartFolder] = {}
        self._before = b""

    async def begin(self) -> None:
        """List the files before the change.

        Raises:
            AgentError: The sandbox lacks `find` or `stat`, listing failed, or the listing is too large.
        """
        cwd = self._workspace.cwd
        folders = {glob.start if glob.absolute else "" for glob in self._paths} | {""}
        mark = secrets.token_hex(12)
        paths = [folder.rstrip("/") or ("" if folder else cwd) for folder in folders]
        _, output, _ = await self._workspace.capture(["sh", "-c", _RESOLVE, "sh", mark, *paths])
        real = [_text(path) or "/" for path in output.split(mark.encode())[:-1]]
        self._folders = {folder: StartFolder(folder, path) for folder, path in zip(folders, real, strict=True)}
        self._before = zlib.compress(await self._list(), 1)

    async def changed_files(self, everything: bool) -> list[ChangedFile]:
        """Return the matching files that changed since `begin()`, in no particular order.

        Args:
            everything: True to include unchanged files.

        Raises:
            AgentError: See `begin()`.
        """
        after = await self._list()
        return await anyio.to_thread.run_sync(lambda: list(self._compare(after, everything)))

    def _compare(self, listed: bytes, everything: bool) -> Iterator[ChangedFile]:
        # Most lines are equal, and equal lines need no parsing.
        before, after = self._lines(zlib.decompress(self._before)), self._lines(listed)
        old, new = dict(map(_entry, before - after)), dict(map(_entry, after - before))
        same = dict(map(_entry, before & after)) if everything else {}
        for path in old.keys() | new.keys() | same.keys():
            status: Status = "unchanged" if path in same else "added" if path not in old else "modified"
            status = status if path in new or path in same else "deleted"
            mode, size = new.get(path) or same.get(path) or old[path]
            yield from self._matches(path, status, mode, size)

    def _lines(self, listed: bytes) -> set[bytes]:
        return set((b"\n" + listed).removesuffix(b"\n").split(b"\n" + self._mark.encode() + b" ")[1:])

    def _matches(self, path: str, status: Status, mode: int, size: int) -> Iterator[ChangedFile]:
        if not _is_plain(path):
            return
        relative = self._folders[""].show(path)
        for rank, glob in enumerate(self._paths):
            display_path = self._folders[glob.start].show(path) if glob.absolute else relative
            if display_path is not None and glob.matches(display_path):
                if not any(no.matches(display_path) or (no.absolute and no.matches(path)) for no in self._exclude):
                    yield ChangedFile(path, display_path, status, mode, size, rank)
                return

    async def _list(self) -> bytes:
        roots = self._roots()
        words = self._pruned(roots)
        pack = "gzip -1" if self._workspace.transport.packs else "cat"
        argv = ["sh", "-c", _LIST, "sh", self._mark, pack, str(len(roots)), str(len(words)), *roots, *words]
        code, listed, _ = await self._workspace.capture(argv, limit=_MAX_LISTING)
        if listed.startswith(_GZIP):
            listed = zlib.decompressobj(31).decompress(listed, _MAX_LISTING + 1)
        if code == 3:
            raise AgentError("The sandbox has no `find` and `stat` that can list files.", hint="install findutils.")
        if len(listed) > _MAX_LISTING:
            raise AgentError(
                f"The list of files alone exceeds {_MAX_LISTING >> 20} MiB.",
                hint="name fewer folders, or exclude some.",
            )
        if code != 0:
            raise AgentError("The files could not be listed.", exit_code=code)
        return listed

    def _roots(self) -> list[str]:
        """Return the folders to list. None of them is inside another."""
        cwd = self._folders[""].real.rstrip("/")
        starts = {
            self._folders[glob.start].real if glob.absolute else f"{cwd}/{glob.start}".rstrip("/") or "/"
            for glob in self._paths
        }
        nested = {path for path in starts for other in starts if StartFolder("", other).show(path) is not None}
        return sorted(starts - nested)

    def _pruned(self, roots: Sequence[str]) -> list[str]:
        """Return the `find` arguments that prune excluded folders, system folders and this package's own."""
        cwd = self._folders[""].real.rstrip("/")
        paths = [*_NEVER, self._workspace.probe.base]
        paths += [one.start if one.absolute else f"{cwd}/{one.start}" for one in self._exclude if one.folder]
        names = {one.anywhere for one in self._exclude} - {root.rpartition("/")[2] for root in roots} - {None}
        tests = [test for path in paths for test in ("-o", "-path", _quoted(path.rstrip("/") or "/"))]
        tests += [word for name in sorted(map(str, names)) for word in ("-o", "-name", _quoted(name))]
        return ["-type", "d", "(", *tests[1:], ")", "-prune"]


def _entry(line: bytes) -> tuple[str, tuple[int, int]]:
    """Parse a line into a path, its mode and size. The path is empty if a hostile sandbox printed garbage."""
    fields, slash, path = line.partition(b"/")
    mode, size, *_ = [*fields.split(b" ", 2), b"", b""]
    try:
        return _text(slash + path), (int(mode[:8], 16), max(int(size[:20]), 0))
    except ValueError:
        return "", (0, 0)


def _is_plain(path: str) -> bool:
    names = path.split("/")
    return len(path) <= _MAX_PATH and names[0] == "" and not {"", ".", ".."} & set(names[1:])


def _text(path: bytes) -> str:
    return path.decode(errors="surrogateescape")


def _quoted(path: str) -> str:
    """Return a `find` pattern that matches only this path."""
    return "".join(f"\\{char}" if char in "*?[]\\" else char for char in path)
