"""A harvest over a workspace of this machine, without a CLI: a shell script does the agent's work."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import anyio.to_thread
from inspect_ai.util import Store, store
from inspect_ai.util._store import init_subtask_store

from inspect_swe import OutputFiles
from inspect_swe._results.fileset import FileSet, output_files
from inspect_swe._results.output_files import OutputCollector
from inspect_swe._results.view import RunView
from inspect_swe._sandbox.workspace import Workspace

from ..sandbox.workspaces import local_workspace


def sh(folder: Path, script: str) -> str:
    done = subprocess.run(["sh", "-ec", script], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def harvested(workspace: Workspace, spec: OutputFiles, *works: Callable[[], Awaitable[object]]) -> list[FileSet]:
    """What is in the store after each of several calls of an agent."""
    view = cast(RunView, SimpleNamespace(workspace=workspace, resumes=False))
    kept = []
    for work in works:
        collector = OutputCollector(spec, "An agent")
        await collector.begin(view)
        await work()
        await collector.collect(view)
        kept.append(output_files(store()))
    return kept


def collector(folder: Path, spec: OutputFiles, *scripts: str, far: bool = False) -> list[FileSet]:
    async def run() -> list[FileSet]:
        init_subtask_store(Store())
        async with local_workspace(str(folder)) as workspace:
            workspace.transport.packs = far
            works = [partial(anyio.to_thread.run_sync, sh, folder, script) for script in scripts]
            return await harvested(workspace, spec, *works)

    return asyncio.run(run())
