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
from .._sandbox.changes import Found, Manifest
from .._sandbox.git_patch import Base, find_base, make_patch
from .._sandbox.globs import Glob
from .._sandbox.read_files import read_files
from .fileset import OutputFile, Skipped, SweOutput, packed
from .view import RunView

_MOST_LISTED = 1000
_RESUMED = "The sample was resumed from a checkpoint: files that were changed before it are in the patch only."


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
        kept = self._kept()
        self._earlier = dict(kept.files)
        self._manifest = Manifest(view.workspace, [Glob(text) for text in self._spec.paths], self._exclude)
        await self._manifest.begin()
        if self._spec.patch:
            try:
                base = await find_base(view.workspace)
                kept.base = kept.base or base.commit  # In the store, so that checkpoints include it.
                self._base = base._replace(commit=kept.base)
            except AgentError as ex:
                self._no_base = ex.summary

    async def collect(self, view: RunView) -> None:
        """Write the files into the store, then the patch, so that a timeout of the patch does not lose the files."""
        assert self._manifest is not None
        found = await self._manifest.found(everything=not self._spec.changed_only)
        now, more = await self._read(view, found)
        files, unlisted = _bounded(self._spec, _merged(self._earlier, now))
        unlisted += more
        kept = self._kept()
        kept.files, kept.unlisted, kept.error = files, unlisted, _RESUMED if view.resumes else None
        kept.patch = kept.patch_base64 = None
        told: dict[str, Any] = {"files": _table(files), "unlisted": unlisted}
        try:
            if self._spec.patch:
                told["patch"] = await self._take_patch(view, kept)
        finally:
            record(InfoEvent(data={"event": "output_files", **told}, source="inspect_swe"))

    def failed(self, reason: str) -> None:
        """Record the reason that the collection failed, in the store and in the log."""
        self._kept().error = reason
        record(InfoEvent(data={"event": "output_files", "error": reason}, source="inspect_swe"))

    def _kept(self) -> SweOutput:
        return store_as(SweOutput, instance=self._agent)

    async def _read(self, view: RunView, found: Sequence[Found]) -> tuple[dict[str, OutputFile], int]:
        """Return the files, with contents within the limits, and the number of unlisted files."""
        spec = self._spec
        ordered = sorted(found, key=lambda file: (file.rank, file.shown))
        readable = [file for file in ordered if file.status != "deleted" and stat.S_ISREG(file.mode)]
        over = _over(spec, ((file.path, file.size) for file in readable))
        wanted = [file for file in readable if file.path not in over]
        contents = await read_files(view.workspace, [file.path for file in wanted], spec.max_file, spec.max_total)
        chosen = {file.path for file in wanted}
        files = [_read_file(spec, file, content) for file, content in zip(wanted, contents, strict=True)]
        rest = [file for file in ordered if file.path not in chosen]
        files += [_unread_file(file, over.get(file.path, "special")) for file in rest[:_MOST_LISTED]]
        return {file.path: file for file in files}, len(rest[_MOST_LISTED:])

    async def _take_patch(self, view: RunView, kept: SweOutput) -> int | str:
        """Save the patch, and return its size, or the reason that there is none."""
        if self._base is None:
            kept.error = f"There is no patch. {self._no_base}"
            return self._no_base
        try:
            patch, complaint = await make_patch(view.workspace, self._base, self._exclude, self._spec.max_total)
        except AgentError as ex:
            kept.error = f"There is no patch. {ex}"
            return ex.summary
        kept.patch, kept.patch_base64 = packed(patch)
        if complaint:
            kept.error = f"The patch may lack something. git said: {complaint[-2000:]}"
        return len(patch)


def _read_file(spec: OutputFiles, found: Found, content: bytes | None) -> OutputFile:
    file = _described(found)
    if content is None:
        return file.without("unreadable")
    return file.without("size") if len(content) > spec.max_file else file.holding(content)


def _unread_file(found: Found, skipped: Skipped) -> OutputFile:
    file = _described(found)
    return file if file.status == "deleted" else file.without(skipped)


def _described(found: Found) -> OutputFile:
    # Logs cannot store bytes that are not UTF-8.
    path = found.shown.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return OutputFile(path=path, status=found.status, size=found.size, mode=stat.S_IMODE(found.mode))


def _over(spec: OutputFiles, sizes: Iterable[tuple[str, int]]) -> dict[str, Skipped]:
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


def _merged(earlier: Mapping[str, OutputFile], now: Mapping[str, OutputFile]) -> dict[str, OutputFile]:
    """Merge the changes of earlier calls with those of the current call, which wins."""
    merged = dict(now)
    for path, old in earlier.items():
        new = now.get(path)
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
    over = _over(spec, ((file.path, file.size) for file in files.values() if file.kept))
    fitting = [file.without(over[path]) if path in over else file for path, file in files.items()]
    fitting.sort(key=lambda file: not file.kept)
    most = spec.max_files + _MOST_LISTED
    return {file.path: file for file in sorted(fitting[:most], key=lambda file: file.path)}, len(fitting[most:])


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
