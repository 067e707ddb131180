"""Behaviours: what a run leaves behind."""

from __future__ import annotations

from inspect_ai.util import store, store_as
from pydantic import BaseModel

from .._runtime.fileset import output_files
from .._runtime.results import OutputFiles
from .._runtime.validated import SweResult, result_of
from ..testing import finish, shell, write_result
from ._behaviour import behaviour, check
from ._trial import Trial

_REPOSITORY = """#!/bin/sh
set -e
git init -q
echo old > kept.txt; echo old > gone.txt
git add -A; git -c user.name=Task -c user.email=task@example.com commit -qm base
"""
_WORK = "printf new > out.txt; echo more >> kept.txt; rm gone.txt"


class Numbers(BaseModel):
    """What an agent has to give as its result."""

    total: int
    names: list[str]


WRONG, RIGHT = {"total": "many", "names": []}, Numbers(total=2, names=["a", "b"])


@behaviour(
    [shell(_WORK), write_result(WRONG), finish("First."), write_result(RIGHT.model_dump()), finish("Second.")],
    setup=_REPOSITORY,
    also={"response_schema": "It gives a result as data, and is told in its session what is wrong with that."},
)
async def collect(trial: Trial) -> None:
    """The files that it adds, modifies and deletes are kept, and the patch; there are no others."""
    await trial.run("THE-TASK-TEXT", collect=OutputFiles(patch=True), response_schema=Numbers)
    with trial.judging("response_schema"):
        _check_result(trial)
    files = output_files(store())
    check(files.error is None, f"something could not be kept: {files.error}")
    found = {path: (file.status, file.text) for path, file in files.items()}
    expected = {"gone.txt": ("deleted", None), "kept.txt": ("modified", "old\nmore\n"), "out.txt": ("added", "new")}
    check(found == expected, f"the files are {found}")
    changed = [line.split()[2] for line in (files.patch or "").splitlines() if line.startswith("diff --git ")]
    check(changed == ["a/gone.txt", "a/kept.txt", "a/out.txt"], f"the patch is {files.patch!r}")


def _check_result(trial: Trial) -> None:
    result = result_of(store(), Numbers)
    check(result == RIGHT, f"the result is {result}, and its error is {store_as(SweResult).error!r}")
    check(store_as(SweResult).tries == 2, f"its result was looked at {store_as(SweResult).tries} times, not twice")
    check(trial.state.output.completion == '{"total":2,"names":["a","b"]}', "the result is not the output")
    check(len(trial.requests) == 5, f"the model was asked {len(trial.requests)} times, not 5 times")
    trial.check_once("THE-TASK-TEXT")
    trial.check_once("valid against this JSON schema")
    told = "`total`: must be a valid integer"
    check(any(told in message.text for message in trial.requests[-1].messages), "it was not told what is wrong")
