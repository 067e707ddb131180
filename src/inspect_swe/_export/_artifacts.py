"""Exports of the artifacts in a log: the CLI's session, files and the patch."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from inspect_ai.log import EvalLog, EvalSample

from .._results.fileset import FileSet, output_files
from .._results.session_archive import SweSession
from ._metadata import agents_of


class Nothing(Exception):
    """A sample has no artifact of the kind; the text is the reason."""


def write_session(log: EvalLog, sample: EvalSample, place: Path) -> Path:
    """Write the archive of the CLI's own session to PLACE.tgz, and its metadata to PLACE.session.json."""
    session = sample.store_as(SweSession)
    if not session.archive:
        raise Nothing(session.error or "no session was saved")
    path = place.with_name(f"{place.name}.tgz")
    path.write_bytes(base64.b64decode(session.archive))
    metadata = {name: getattr(session, name) for name in ("agent", "version", "session_id", "cwd", "size")}
    place.with_name(f"{place.name}.session.json").write_text(json.dumps(metadata, indent=1), encoding="utf-8")
    return path


def write_files(log: EvalLog, sample: EvalSample, place: Path) -> Path:
    """Write the files to the folder PLACE."""
    files = _files(sample)
    if not any(file.kept for file in files.values()):
        raise Nothing(files.error or "no files were collected")
    files.save(place)
    return place


def write_patch(log: EvalLog, sample: EvalSample, place: Path) -> Path:
    """Write the patch to PLACE.patch, and append it to the predictions in the same folder."""
    files = _files(sample)
    if files.patch_bytes is None:
        raise Nothing(files.error or "no patch was collected")
    path = place.with_name(f"{place.name}.patch")
    path.write_bytes(files.patch_bytes)
    with predictions_of(log, sample.epoch, place.parent).open("a", encoding="utf-8") as file:
        file.write(json.dumps(_prediction(log, sample, files)) + "\n")
    return path


def predictions_of(log: EvalLog, epoch: int, folder: Path) -> Path:
    """Return the predictions file of an epoch: SWE-bench takes one prediction per instance."""
    several = (log.eval.config.epochs or 1) > 1
    return folder / (f"predictions_{epoch}.jsonl" if several else "predictions.jsonl")


def _prediction(log: EvalLog, sample: EvalSample, files: FileSet) -> dict[str, str]:
    agent = next((str(each["agent"]) for each in agents_of(sample)), log.eval.solver or "inspect")
    return {
        "instance_id": str(sample.id),
        "model_name_or_path": f"{agent}/{log.eval.model}",
        "model_patch": files.patch or "",
    }


def _files(sample: EvalSample) -> FileSet:
    try:
        return output_files(sample)
    except ValueError as ex:  # Several agents have saved files.
        raise Nothing(str(ex)) from ex
