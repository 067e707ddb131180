"""Bounded reads of sandbox files. They need a shell and `head` there."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence

from .workspace import Workspace

_ARGUMENTS = 64 * 1024

# The agent's processes may still run and swap a file for a link at the last moment. Reading uses the agent's own
# user, so this gains it nothing that it could not read itself.
_SCRIPT = """
mark=$1; limit=$2; follow=$3; shift 3
no_links() {
  [ "$(pwd -P; echo .)" = "${folder:-/}
." ] && [ ! -L "$name" ]
}
for path in "$@"; do
  folder=${path%/*}; name=./${path##*/}
  cd -P -- "${folder:-/}" 2>/dev/null && [ -f "$name" ] && { [ "$follow" ] || no_links; } &&
    head -c "$limit" "$name" 2>/dev/null && good=1 || good=0
  printf '%s%s' "$mark" "$good"
done
"""


async def read_files(
    workspace: Workspace, paths: Sequence[str], limit: int, total: int, *, follow_links: bool = False
) -> list[bytes | None]:
    """Read regular files, which may have changed since they were listed.

    Args:
        workspace: The sandbox, with a running relay.
        paths: Absolute paths. Bytes that are not UTF-8 are surrogates.
        limit: Size limit of a file, in bytes. For a larger file, `limit + 1` bytes are returned.
        total: Size limit of all files, in bytes. Files beyond it are not read.
        follow_links: Whether to read files that are links or behind a link.

    Returns:
        The content of each file, or None if it is missing, unreadable, not a regular file, or behind a link that is not
        followed.
    """
    contents: list[bytes | None] = []
    for batch in _batches(paths):
        read = await _read(workspace, batch, limit, total, follow_links) if total >= 0 else [None] * len(batch)
        total -= sum(len(content) for content in read if content is not None)
        contents += read
    return contents


async def _read(
    workspace: Workspace, paths: Sequence[str], limit: int, total: int, follow_links: bool
) -> list[bytes | None]:
    mark = secrets.token_bytes(12).hex()
    argv = ["sh", "-c", _SCRIPT, "sh", mark, str(limit + 1), "1" if follow_links else "", *paths]
    max_output = total + len(paths) * (len(mark) + 3)
    _, output, _ = await workspace.capture(argv, limit=max_output)
    # Each file's content precedes a mark; the digit after the mark is 1 if reading succeeded.
    pieces = output[:max_output].split(mark.encode())  # the last chunk may exceed the limit
    contents = [pieces[0], *(piece[1:] for piece in pieces[1:])]
    good = [piece[:1] == b"1" for piece in pieces[1:]]
    read = [content[: limit + 1] if whole else None for content, whole in zip(contents, good, strict=False)]
    return (read + [None] * len(paths))[: len(paths)]


def _batches(paths: Sequence[str]) -> Iterator[list[str]]:
    """Split paths into batches that fit into a command's arguments."""
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
