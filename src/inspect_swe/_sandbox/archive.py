"""Files of a sandbox, packed there; on the host they are bytes, which are never unpacked but in a sandbox."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

from .._errors import AgentError
from .workspace import Workspace

# The exit code of a pipeline is its last command's, so the other commands report theirs on descriptor 3.
_PACK = """
cd "$1" || exit 1
shift
for each in "$@"; do [ -e "$each" ] && set -- "$@" "$each"; shift; done
[ $# -gt 0 ] || { echo "there is nothing to pack yet" >&2; exit 1; }
exec 4>&1
codes=$({ { tar -cf - "$@"; echo $? >&3; } | { gzip; echo $? >&3; } | base64 >&4; } 3>&1) || exit 1
case $(echo $codes) in "0 0") exit 0 ;; "1 0") exit 4 ;; *) exit 1 ;; esac
"""
_CHANGED = 4
# What GNU tar says, with exit code 1, of a file that a running CLI has just written to: the archive is whole.
_HARMLESS = re.compile(r"tar: .*(file changed as we read it|File removed before we read it)")

# Only what is named is taken: a hostile archive may hold the CLI's settings as well.
_UNPACK = """
packed=$1; stage=$2; folder=$3
shift 3
rm -rf "$stage"
gzip -t "$packed" && mkdir -p "$stage" "$folder" || exit 1
gzip -dc "$packed" | tar -xf - -C "$stage" || { rm -rf "$stage"; exit 1; }
for each in "$@"; do
  [ -e "$stage/$each" ] || continue
  mkdir -p "$(dirname "$folder/$each")" && rm -rf "$folder/$each" && mv "$stage/$each" "$folder/$each" || exit 1
done
rm -rf "$stage"
"""


async def pack(workspace: Workspace, folder: str, names: Sequence[str], largest: int) -> bytes:
    """Files and folders as a gzipped tar.

    Args:
        workspace: Where they lie.
        folder: The folder that they are in.
        names: Their paths in that folder; those that don't exist are left out.
        largest: Bytes that the archive may have.

    Raises:
        AgentError: That failed in the sandbox, or they are larger.
    """
    most = largest * 3 // 2
    done = await workspace.shell(_PACK, folder, *names, most=most)
    said = done.stderr.splitlines()
    is_whole = done.code == 0 or (done.code == _CHANGED and said and all(map(_HARMLESS.match, said)))
    packed = base64.b64decode(done.stdout) if is_whole else b""
    if len(done.stdout) >= most or len(packed) > largest:
        raise AgentError(f"they are larger than {largest >> 20} MiB, packed.")
    if not packed:
        raise AgentError(
            "packing them failed in the sandbox.",
            hint="it needs tar, gzip and base64.",
            exit_code=done.code,
            stderr=done.stderr,
        )
    return packed


async def unpack(workspace: Workspace, archive: bytes | str, folder: str, names: Sequence[str]) -> None:
    """Put files and folders out of a gzipped tar into a folder.

    Args:
        workspace: Where.
        archive: The archive, or its path in the sandbox.
        folder: The folder; it is made.
        names: What is taken of the archive.

    Raises:
        AgentError: That failed in the sandbox.
    """
    scratch = workspace.probe.scratch
    if isinstance(archive, bytes):
        await workspace.write(f"{scratch}/archive.tgz", archive, 0o600)
        archive = f"{scratch}/archive.tgz"
    done = await workspace.shell(_UNPACK, archive, f"{scratch}/unpacked", folder, *names)
    if done.code != 0:
        raise AgentError("unpacking them failed in the sandbox.", exit_code=done.code, stderr=done.stderr)
