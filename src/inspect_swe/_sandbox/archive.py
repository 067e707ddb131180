"""Archives of sandbox files. They are packed and unpacked only in a sandbox; the host treats them as bytes."""

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
# GNU tar's messages (exit code 1) for files that a running CLI changes or removes: the archive is still complete.
_HARMLESS = re.compile(r"tar: .*(file changed as we read it|File removed before we read it)")

# Only named paths are moved into place: a hostile archive may also contain the CLI's settings.
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


async def pack(workspace: Workspace, folder: str, names: Sequence[str], max_size: int) -> bytes:
    """Pack files and folders into a gzipped tar.

    Args:
        workspace: The sandbox.
        folder: The folder that contains them.
        names: Their paths relative to `folder`. Missing ones are skipped.
        max_size: Size limit of the archive, in bytes.

    Raises:
        AgentError: Packing failed in the sandbox, nothing exists to pack, or the archive exceeds the limit.
    """
    limit = max_size * 3 // 2
    done = await workspace.shell(_PACK, folder, *names, limit=limit)
    messages = done.stderr.splitlines()
    is_complete = done.code == 0 or (done.code == _CHANGED and messages and all(map(_HARMLESS.match, messages)))
    archive = base64.b64decode(done.stdout) if is_complete else b""
    if len(done.stdout) >= limit or len(archive) > max_size:
        raise AgentError(f"the files exceed {max_size >> 20} MiB when packed.")
    if not archive:
        raise AgentError(
            "packing the files failed in the sandbox.",
            hint="it needs tar, gzip and base64.",
            exit_code=done.code,
            stderr=done.stderr,
        )
    return archive


async def unpack(workspace: Workspace, archive: bytes | str, folder: str, names: Sequence[str]) -> None:
    """Extract files and folders from a gzipped tar, and replace existing ones.

    Args:
        workspace: The sandbox.
        archive: The archive, or its path in the sandbox.
        folder: The target folder. It is created if missing.
        names: Paths in the archive to extract. Missing ones are skipped.

    Raises:
        AgentError: Unpacking failed in the sandbox.
    """
    scratch = workspace.probe.scratch
    if isinstance(archive, bytes):
        await workspace.write(f"{scratch}/archive.tgz", archive, 0o600)
        archive = f"{scratch}/archive.tgz"
    done = await workspace.shell(_UNPACK, archive, f"{scratch}/unpacked", folder, *names)
    if done.code != 0:
        raise AgentError("unpacking the files failed in the sandbox.", exit_code=done.code, stderr=done.stderr)
