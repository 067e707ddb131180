"""Download progress: one display for all downloads of the process, or Inspect's display while samples run."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator

import anyio.from_thread
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

Update = Callable[[int, int | None, str], None]
"""Callback with the number of received bytes, the total if known, and extra text."""

_EVERY = 0.5
_guard = threading.Lock()
_displays: list[Progress] = []


@contextlib.contextmanager
def bar(title: str) -> Iterator[Update]:
    """Show a progress bar, and yield the function that updates it. Call it in a worker thread.

    The bar appears on stderr if that is a terminal. In a sample, a counter appears in Inspect's display instead.

    Args:
        title: Title of the bar.
    """
    # Imported here because importing Inspect takes a second, which would delay `--help`.
    from .._inspect.private import display_is_quiet, sample_identity

    if not sys.stderr.isatty() or display_is_quiet():
        yield lambda done, total, more: None
        return
    if sample_identity() is not None:
        with _counter(title) as update:
            yield update
        return
    with _guard:
        if not _displays:
            _displays.append(_display())
            _displays[0].start()
        display = _displays[0]
        task = display.add_task(title, total=None, more="")
    try:
        yield lambda done, total, more: display.update(task, completed=done, total=total, more=more)
    finally:
        with _guard:
            if len(display.tasks) > 1:
                display.remove_task(task)
            else:
                _displays.clear()
                display.stop()


@contextlib.contextmanager
def _counter(title: str) -> Iterator[Update]:
    from inspect_ai.util import display_counter

    # Inspect updates its display only from tasks of its event loop. Counters can't be removed.
    loop = anyio.from_thread.run_sync(asyncio.get_running_loop)
    updated = -_EVERY

    async def show(state: str) -> None:
        display_counter("Download", f"{title}: {state}")

    def schedule(state: str) -> None:
        if not loop.is_closed():
            asyncio.run_coroutine_threadsafe(show(state), loop)

    def update(done: int, total: int | None, more: str) -> None:
        nonlocal updated
        if time.monotonic() - updated >= _EVERY:
            updated = time.monotonic()
            schedule(f"{done / total:.0%}" if total else decimal(done))

    try:
        yield update
    except BaseException:
        schedule("failed")
        raise
    schedule("done")


def _display() -> Progress:
    return Progress(
        TextColumn("{task.description}{task.fields[more]}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
