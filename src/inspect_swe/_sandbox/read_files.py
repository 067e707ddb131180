"""Files of a sandbox as bytes, for any sandbox with a shell and `head`: bounded, and never over a link."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence

from .workspace import Workspace

_ARGUMENTS = 64 * 1024

# What the agent has started may still run. It can swap a file for a link at the last moment, as the user it runs as
# itself: so it wins nothing that it could not read and write into the file.
_SCRIPT = """
mark=$1; most=$2; shift 2
for path in "$@"; do
  folder=${path%/*}; name=./${path##*/}
  cd -P -- "${folder:-/}" 2>/dev/null && [ "$(pwd -P; echo .)" = "${folder:-/}
." ] && [ -f "$name" ] && [ ! -L "$name" ] && head -c "$most" "$name" 2>/dev/null &&
    good=1 || good=0
  printf '%s%s' "$mark" "$good"
done
"""


async def read_files(workspace: Workspace, paths: Sequence[str], most: int, total: int) -> list[bytes | None]:
    """Read regular files, whatever has become of them meanwhile.

    Args:
        workspace: The sandbox, whose relay runs.
        paths: Absolute paths without a link in them. Bytes that are not UTF-8 are surrogates.
        most: Bytes of a file; of a larger one, `most + 1` are returned.
        total: Bytes of all files; when there are more, the rest is not read.

    Returns:
        The content of each; None where there is no such file, it is no regular one, is behind a link, or can't be read.
    """
    contents: list[bytes | None] = []
    for batch in _batches(paths):
        read = await _read(workspace, batch, most, total) if total >= 0 else [None] * len(batch)
        total -= sum(len(content) for content in read if content is not None)
        contents += read
    return contents


async def _read(workspace: Workspace, paths: Sequence[str], most: int, total: int) -> list[bytes | None]:
    mark = secrets.token_bytes(12).hex()
    argv = ["sh", "-c", _SCRIPT, "sh", mark, str(most + 1), *paths]
    _, printed, _ = await workspace.capture(argv, most=total + len(paths) * (len(mark) + 3))
    # Before each mark is a content, after it a digit that says how reading went.
    pieces = printed.split(mark.encode())
    contents = [pieces[0], *(piece[1:] for piece in pieces[1:])]
    good = [piece[:1] == b"1" for piece in pieces[1:]]
    read = [content[: most + 1] if whole else None for content, whole in zip(contents, good, strict=False)]
    return (read + [None] * len(paths))[: len(paths)]


def _batches(paths: Sequence[str]) -> Iterator[list[str]]:
    """As many at a time as fit into a command's arguments."""
    batch: list[str] = []
    size = 0
    for path in paths:
        if batch and size + len(path.encode(errors="surrogateescape")) > _ARGUMENTS:
            yield batch
            batch, size = [], 0
        batch.append(path)
        size += len(path.encode(errors="surrogateescape")) + 1
    if batch:
        yield batch
