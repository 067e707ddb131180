"""Collector of the files and the patch that an agent leaves in its sandbox."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inspect_ai.event import InfoEvent
from inspect_ai.util import store_as

from .._contract.result_specs import OutputFiles
from .._errors import AgentError
from .._inspect.transcript import record
from .._sandbox.changes import ChangedFile, Manifest
from .._sandbox.git_patch import Base, find_base, make_patch
from .._sandbox.globs import Glob
from .._sandbox.read_files import read_files
from .fileset import OutputFile, Skipped, SweOutput, packed
from .view import RunView

_MAX_LISTED = 1000
_RESUMED = "The sample was resumed from a checkpoint: files changed before it are only in the patch."


class OutputCollector:
    """A collector of files that changed since the CLI started, merged with those of the agent's earlier calls.

    Args:
        spec: The files to save.
        agent: The agent's name.
    """

    what = "output files"

    def __init__(self, spec: OutputFiles, agent: str) -> None:
        self._spec = spec
        self._agent = agent
        self._exclude = [Glob(text) for text in spec.exclude]
        self._earlier: Mapping[str, OutputFile] = {}
        self._manifest: Manifest | None = None
        self._base: Base | None = None
        self._no_base = ""

    async def begin(self, view: RunView) -> None:
        """Record the existing files, and the repository's HEAD."""
        output = self._saved_output()
        self._earlier = dict(output.files)
        self._manifest = Manifest(view.workspace, [Glob(text) for text in self._spec.paths], self._exclude)
        await self._manifest.begin()
        if self._spec.patch:
            try:
                base = await find_base(view.workspace)
                output.base = output.base or base.commit  # In the store, so that checkpoints include it.
                self._base = base._replace(commit=output.base)
            except AgentError as ex:
                self._no_base = ex.summary

    async def collect(self, view: RunView) -> None:
        """Write the files into the store, then the patch, so that a timeout of the patch does not lose the files."""
        assert self._manifest is not None
        changed = await self._manifest.changed_files(everything=not self._spec.changed_only)
        current, more = await self._read(view, changed)
        files, unlisted = _bounded(self._spec, _merged(self._earlier, current))
        unlisted += more
        output = self._saved_output()
        output.files, output.unlisted, output.error = files, unlisted, _RESUMED if view.resumes else None
        output.patch = output.patch_base64 = None
        data: dict[str, Any] = {"files": _table(files), "unlisted": unlisted}
        try:
            if self._spec.patch:
                data["patch"] = await self._save_patch(view, output)
        finally:
            record(InfoEvent(data={"event": "output_files", **data}, source="inspect_swe"))

    def failed(self, reason: str) -> None:
        """Record the reason that the collection failed, in the store and in the log."""
        self._saved_output().error = reason
        record(InfoEvent(data={"event": "output_files", "error": reason}, source="inspect_swe"))

    def _saved_output(self) -> SweOutput:
        return store_as(SweOutput, instance=self._agent)

    async def _read(self, view: RunView, changed: Sequence[ChangedFile]) -> tuple[dict[str, OutputFile], int]:
        """Return the files, with contents within the limits, and the number of unlisted files."""
        spec = self._spec
        in_order = sorted(changed, key=lambda file: (file.rank, file.display_path))
        readable = [file for file in in_order if file.status != "deleted" and stat.S_ISREG(file.mode)]
        over = _over_limit(spec, ((file.path, file.size) for file in readable))
        selected = [file for file in readable if file.path not in over]
        contents = await read_files(view.workspace, [file.path for file in selected], spec.max_file, spec.max_total)
        chosen = {file.path for file in selected}
        files = [_read_file(spec, file, content) for file, content in zip(selected, contents, strict=True)]
        rest = [file for file in in_order if file.path not in chosen]
        files += [_unread_file(file, over.get(file.path, "special")) for file in rest[:_MAX_LISTED]]
        return {file.path: file for file in files}, len(rest[_MAX_LISTED:])

    async def _save_patch(self, view: RunView, output: SweOutput) -> int | str:
        """Save the patch, and return its size, or the reason that there is none."""
        if self._base is None:
            output.error = f"There is no patch. {self._no_base}"
            return self._no_base
        try:
            patch, complaint = await make_patch(view.workspace, self._base, self._exclude, self._spec.max_total)
        except AgentError as ex:
            output.error = f"There is no patch. {ex}"
            return ex.summary
        output.patch, output.patch_base64 = packed(patch)
        if complaint:
            output.error = f"The patch may be incomplete. git's output: {complaint[-2000:]}"
        return len(patch)


def _read_file(spec: OutputFiles, changed: ChangedFile, content: bytes | None) -> OutputFile:
    file = _described(changed)
    if content is None:
        return file.without("unreadable")
    return file.without("size") if len(content) > spec.max_file else file.with_content(content)


def _unread_file(changed: ChangedFile, skipped: Skipped) -> OutputFile:
    file = _described(changed)
    return file if file.status == "deleted" else file.without(skipped)


def _described(changed: ChangedFile) -> OutputFile:
    # Logs cannot store bytes that are not UTF-8.
    path = changed.display_path.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return OutputFile(path=path, status=changed.status, size=changed.size, mode=stat.S_IMODE(changed.mode))


def _over_limit(spec: OutputFiles, sizes: Iterable[tuple[str, int]]) -> dict[str, Skipped]:
    """Return the files that exceed a limit, each with that limit."""
    over: dict[str, Skipped] = {}
    count = total = 0
    for path, size in sizes:
        if size > spec.max_file:
            over[path] = "size"
        elif count == spec.max_files:
            over[path] = "count"
        elif total + size > spec.max_total:
            over[path] = "total"
        else:
            count, total = count + 1, total + size
    return over


def _merged(earlier: Mapping[str, OutputFile], current: Mapping[str, OutputFile]) -> dict[str, OutputFile]:
    """Merge the changes of earlier calls with those of the current call, which wins."""
    merged = dict(current)
    for path, old in earlier.items():
        new = current.get(path)
        if new is None:
            merged[path] = old
        elif new.status == "deleted" and old.status == "added":
            del merged[path]
        elif new.status in ("modified", "unchanged") and old.status in ("added", "modified"):
            merged[path] = new.model_copy(update={"status": old.status})
        elif new.status == "added" and old.status == "deleted":
            merged[path] = new.model_copy(update={"status": "modified"})
    return merged


def _bounded(spec: OutputFiles, files: Mapping[str, OutputFile]) -> tuple[dict[str, OutputFile], int]:
    """Return files within the limits, by path, and the number of files left out."""
    over = _over_limit(spec, ((file.path, file.size) for file in files.values() if file.kept))
    bounded = [file.without(over[path]) if path in over else file for path, file in files.items()]
    bounded.sort(key=lambda file: not file.kept)
    limit = spec.max_files + _MAX_LISTED
    return {file.path: file for file in sorted(bounded[:limit], key=lambda file: file.path)}, len(bounded[limit:])


def _table(files: Mapping[str, OutputFile]) -> list[dict[str, Any]]:
    return [
        {
            "path": file.path,
            "status": file.status,
            "size": file.size,
            "kept": file.skipped or ("no" if file.status == "deleted" else "yes"),
        }
        for file in files.values()
    ]
