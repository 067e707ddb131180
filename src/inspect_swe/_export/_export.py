"""Export of a log, sample by sample."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from inspect_ai.log import (
    EvalLog,
    EvalSample,
    EvalSampleSummary,
    read_eval_log,
    read_eval_log_sample,
    read_eval_log_sample_summaries,
)

from .._errors import ExportError
from ._artifacts import Nothing, predictions_of, write_files, write_patch, write_session
from ._atif import write_trajectory
from ._lines import write_lines

Kind = Literal["atif", "jsonl", "native", "files", "patch"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Exported:
    """The export of one sample.

    Args:
        sample: Id of the sample.
        epoch: Epoch of the sample.
        path: Path of the file or folder that was written.
        skipped: Reason why nothing was written.
    """

    sample: int | str
    epoch: int
    path: str | None = None
    skipped: str | None = None


_WRITERS: Mapping[Kind, tuple[Callable[[EvalLog, EvalSample, Path], Path], set[str]]] = {
    # The writers, and the fields of a sample that they do not read.
    "atif": (write_trajectory, {"store"}),
    "jsonl": (write_lines, {"messages", "store"}),
    "native": (write_session, {"events", "messages"}),
    "files": (write_files, {"events", "messages"}),
    "patch": (write_patch, {"messages"}),
}


def export(log: str, to: Kind, out: Path, sample: str | None = None, epoch: int | None = None) -> Iterator[Exported]:
    """Write the samples of a log, with one in memory at a time.

    Args:
        log: Location of the log.
        to: Format to write.
        out: Folder to write to.
        sample: Id of a sample. Defaults to all.
        epoch: Number of an epoch. Defaults to all.

    Yields:
        The export of each sample, as soon as it is done.

    Raises:
        ExportError: The log cannot be read or has no such sample, or no sample had anything to export.
    """
    header, summaries = _select_samples(log, sample, epoch)
    write, unread = _WRITERS[to]
    names = _names(summaries)
    any_exported, reasons = False, dict[str, None]()
    with _folder(out):
        for number in {each.epoch for each in summaries} if to == "patch" else ():
            predictions_of(header, number, out).unlink(missing_ok=True)  # From an earlier export.
        for summary in summaries:
            each = read_eval_log_sample(log, summary.id, summary.epoch, resolve_attachments=True, exclude_fields=unread)
            try:
                path = write(header, each, out / names[summary.id, summary.epoch])
            except Nothing as ex:
                reasons[str(ex)] = None
                yield Exported(summary.id, summary.epoch, skipped=str(ex))
                continue
            any_exported = True
            yield Exported(summary.id, summary.epoch, str(path))
    if not any_exported:
        raise ExportError(f"No sample can be exported as {to!r}: {'; '.join(reasons)}.", hint=_HINTS.get(to))


@contextlib.contextmanager
def _folder(path: Path) -> Iterator[None]:
    """Create a folder. Of the folders created, remove the empty ones at the end."""
    created = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            for each in created:
                each.rmdir()


_HINTS: Mapping[Kind, str] = {
    "native": "run the agent with keep_session=True.",
    "files": "run the agent with collect=...; see the guide on output files.",
    "patch": "run the agent with collect=OutputFiles(patch=True); see the guide on output files.",
}


def _select_samples(log: str, sample: str | None, epoch: int | None) -> tuple[EvalLog, Sequence[EvalSampleSummary]]:
    try:
        header, summaries = read_eval_log(log, header_only=True), read_eval_log_sample_summaries(log)
    except Exception as ex:  # File systems, parsers and zip archives raise many kinds of errors.
        raise ExportError(
            f"The log {log} could not be read: {ex}", hint="pass the path of an .eval or .json log."
        ) from ex
    selected = [
        each
        for each in summaries
        if (sample is None or str(each.id) == sample) and (epoch is None or each.epoch == epoch)
    ]
    if selected:
        return header, selected
    if summaries:
        ids = ", ".join(dict.fromkeys(str(each.id) for each in summaries[:20]))
        raise ExportError(
            f"The log has no such sample. Its samples are: {ids}{', ...' if len(summaries) > 20 else ''}."
        )
    hint = (
        "`inspect log recover` may recover samples that were not written to it." if header.status == "started" else None
    )
    raise ExportError(f"The log has no samples (its status is {header.status!r}).", hint=hint)


def _names(summaries: Sequence[EvalSampleSummary]) -> dict[tuple[int | str, int], str]:
    """Return a unique file name for each sample."""
    names: dict[tuple[int | str, int], str] = {}
    for each in summaries:
        # At least one character other than dots, and a limited length, for any id.
        plain = re.sub(r"[^A-Za-z0-9._-]+", "_", str(each.id)).strip(".")[:100] or "sample"
        name, n = f"{plain}_{each.epoch}", 1
        while name in names.values():
            n += 1
            name = f"{plain}_{each.epoch}-{n}"
        names[each.id, each.epoch] = name
    return names
