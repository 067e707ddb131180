"""Progress of downloads: one display for all that go on in the process."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

Update = Callable[[int, int | None, str], None]
"""Tells how many bytes are there, of how many, and what else there is to say."""

_guard = threading.Lock()
_displays: list[Progress] = []


@contextlib.contextmanager
def bar(title: str) -> Iterator[Update]:
    """A bar on stderr, if that is a terminal.

    Args:
        title: What it is about.
    """
    if not sys.stderr.isatty():
        yield lambda done, total, more: None
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
