"""Snapshots of sandbox folders, stored in the sandbox. Needs a shell, `tar`, `du`, `df`, `find` and `stat` there."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from .._errors import AgentError, AgentOptionError, SnapshotTooLargeError
from .changes import Manifest, Status
from .globs import Glob
from .probe import Completed
from .workspace import Workspace, open_workspace

_SAVE = r"""
archive=$1; shift
umask 077
mkdir -p "${archive%/*}" && cd / || exit 1
for path in "$@"; do [ -e "$path" ] || { echo "there is no $path" >&2; exit 1; }; done
need=$(du -sk "$@" | { sum=0; while read -r size path; do sum=$((sum + size)); done; echo $sum; })
free=$(df -Pk "${archive%/*}" | { read -r head; read -r name all used free rest; echo "$free"; })
[ "$free" -gt "$((need + need / 20 + 1024))" ] || { echo "$need $free"; exit 3; }
tar -cf "$archive" "$@" || { rm -f "$archive"; exit 1; }
"""

# Empties a folder instead of removing it: it may be a mount point or a process's working directory.
# Anything else at its path is removed.
_RESTORE = r"""
archive=$1; shift
[ -r "$archive" ] && cd / || exit 1
for path in "$@"; do
  if [ -d "$path" ] && [ ! -L "$path" ]; then
    for each in "$path"/* "$path"/.[!.]* "$path"/..?*; do
      if [ -e "$each" ] || [ -L "$each" ]; then rm -rf "$each" || exit 1; fi
    done
  else
    rm -f "$path" || exit 1
  fi
done
tar -xpf "$archive"
"""


class Snapshot:
    """A restorable copy of sandbox folders, taken by `snapshot()`.

    Args:
        workspace: The sandbox.
        paths: Absolute paths of the folders.
    """

    def __init__(self, workspace: Workspace, paths: Sequence[str]) -> None:
        self.paths = tuple(paths)
        self._workspace = workspace
        self._archive = f"{workspace.probe.scratch}/snapshot-{secrets.token_hex(4)}.tar"
        self._manifest = Manifest(workspace, [Glob(path) for path in paths], [])

    async def restore(self) -> None:
        """Restore the folders, with owners and permissions. May be called many times.

        Processes and files elsewhere are not affected.

        Raises:
            AgentError: Restoring failed in the sandbox. The folders may be incomplete.
        """
        _checked(await self._run(_RESTORE), "The snapshot could not be restored.")
        await self._list()

    async def changes(self) -> Mapping[str, Status]:
        """Return the files changed since the snapshot was taken or last restored.

        Returns:
            A mapping from path to "added", "modified" or "deleted".

        Raises:
            AgentError: The sandbox lacks `find` or `stat`, listing failed, or the listing is too large.
        """
        async with self._workspace.reachable():
            return {file.path: file.status for file in await self._manifest.changed_files(everything=False)}

    async def close(self) -> None:
        """Remove the snapshot from the sandbox. Does nothing if it is already gone."""
        await self._workspace.transport.run(["rm", "-rf", self._archive])

    async def save(self) -> None:
        """Take the snapshot.

        Raises:
            SnapshotTooLargeError: There is not enough space in the sandbox.
            AgentError: Taking the snapshot failed in the sandbox.
        """
        done = await self._run(_SAVE)
        if done.code == 3:
            need, free = (int(number) << 10 for number in done.stdout.split()[-2:])
            raise SnapshotTooLargeError(
                f"A snapshot of {', '.join(self.paths)} takes {need >> 20} MiB, and {free >> 20} MiB are free.",
                hint="name fewer folders, or give the sandbox more disk space.",
            )
        _checked(done, "The snapshot could not be taken.")
        await self._list()

    async def _list(self) -> None:
        async with self._workspace.reachable():
            await self._manifest.begin()

    async def _run(self, script: str) -> Completed:
        paths = [f"./{path.strip('/')}" for path in self.paths]
        return await self._workspace.transport.run(["sh", "-c", script, "sh", self._archive, *paths])


async def snapshot(paths: Sequence[str] | None = None, *, sandbox: str | None = None) -> Snapshot:
    """Take a snapshot of folders of the sample's sandbox, to restore them later.

    The snapshot is taken and restored as the sandbox's default user. In most images that is root, who can save and
    restore everything.

    Args:
        paths: The folders. Relative ones start in the sandbox's working directory, which is the default.
        sandbox: Name of the sandbox; None means the sample's default.

    Raises:
        AgentOptionError: There is no such sandbox, `paths` is empty, or a folder cannot be saved.
        SnapshotTooLargeError: There is not enough space in the sandbox. Nothing was saved.
        AgentError: Taking the snapshot failed. The sandbox needs `tar`, `du`, `df`, `find` and `stat`.

    Examples:
        ```python
        from inspect_ai.util import sandbox

        from inspect_swe import snapshot


        async def try_out(command: list[str]) -> str:
            before = await snapshot()
            try:
                done = await sandbox().exec(command)
                await before.restore()
            finally:
                await before.close()
            return done.stdout
        ```
    """
    workspace = await open_workspace(sandbox, None, None, [])
    cwd = workspace.cwd.rstrip("/")
    folders = [path if path.startswith("/") else f"{cwd}/{path}" for path in ([cwd or "/"] if paths is None else paths)]
    for path in folders:
        if f"{workspace.probe.base}/".startswith(f"{path.rstrip('/')}/"):
            raise AgentOptionError(
                f"No snapshot can be taken of {path}: it contains the agents' own files, in {workspace.probe.base}.",
                hint="name the folders that matter in `paths`.",
            )
    if not folders:
        raise AgentOptionError("`paths` names no folder.")
    result = Snapshot(workspace, folders)
    await result.save()
    return result


def _checked(done: Completed, message: str) -> None:
    if done.code != 0:
        raise AgentError(message, exit_code=done.code, stdout=done.stdout, stderr=done.stderr)
