"""A terminal: lines that are typed, and what an agent tells while it works."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

from rich.text import Text

from .._cli_inventory import console
from ..acp import Event, Plan, TextChunk, ThoughtChunk, ToolEnded, ToolProgress, ToolStarted, TurnEnded

with contextlib.suppress(ImportError):
    import readline  # noqa: F401  (it gives `input()` its line editing)

_LONGEST_TITLE = 300
_CONTROL = {code: "�" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"} | {0x0D: None}
_MARKS = {"completed": "x", "in_progress": ">"}
_PASTE_OFF = "\x1b[?2004l"


class Keyboard:
    """Lines that a person types or that a file has. Waiting for one doesn't hold up the event loop."""

    def __init__(self) -> None:
        self.terminal = sys.stdin.isatty() and sys.stdout.isatty()
        self._stdout = sys.stdout
        self._reading: asyncio.Future[str | None] | None = None

    async def line(self, prompt: str) -> str | None:
        """The next line, or None where there is none any more. What is not waited for any more, the next call gets."""
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_future()
            # A thread that the end of the process doesn't wait for.
            threading.Thread(target=self._read, args=(self._reading, prompt), daemon=True).start()
        elif self.terminal:
            print(prompt, end="", flush=True)  # noqa: T201
        line = await asyncio.shield(self._reading)
        self._reading = None
        return line

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """While this lasts, lines may be read; afterwards the terminal is as it was before."""
        before = _settings() if self.terminal else None
        try:
            # Inspect puts something in front of stdout that keeps a prompt back.
            with contextlib.redirect_stdout(self._stdout):
                yield
        finally:
            if before is not None and self._reading is not None:
                # The thread still edits a line, and nothing can end that.
                _restore(before)
                if os.environ.get("TERM") != "dumb":
                    print(_PASTE_OFF, end="", file=self._stdout, flush=True)

    def _read(self, reading: asyncio.Future[str | None], prompt: str) -> None:
        line: str | None = None

        def settle() -> None:
            if not reading.done():
                reading.set_result(line)

        with contextlib.suppress(EOFError, OSError, ValueError):
            line = input(prompt) if self.terminal else _raw_line()
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            reading.get_loop().call_soon_threadsafe(settle)


def _settings() -> list[Any]:
    import termios

    return termios.tcgetattr(sys.stdin)


def _restore(settings: list[Any]) -> None:
    import termios

    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, settings)


def _raw_line() -> str | None:
    # Past Python's buffer, whose lock the end of the process would wait for.
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as raw:
        line = raw.readline()
    return line.decode(errors="replace") if line else None


class Screen:
    """What an agent does, as it does it."""

    def __init__(self) -> None:
        self._console = console()
        self._fresh = True
        self._open: str | None = None
        self._titles: dict[str, str] = {}

    def show(self, event: Event) -> None:
        """Show an event, if it is one for people."""
        match event:
            case TextChunk() | ThoughtChunk():
                if self._open:
                    self.fresh()
                self._write(event.text, "" if isinstance(event, TextChunk) else "dim italic")
            case ToolStarted() | ToolProgress() | ToolEnded():
                self._tool(event)
            case Plan():
                for what, status in event.entries:
                    self.note(f"  [{_MARKS.get(status, ' ')}] {_short(what)}")
            case TurnEnded():
                self._finish(event.stop_reason)

    def say(self, text: str) -> None:
        """Show a line."""
        self.fresh()
        self._write(f"{text}\n")

    def note(self, text: str) -> None:
        """Show a line that matters less."""
        self.fresh()
        self._write(f"{text}\n", "dim")

    def error(self, text: str) -> None:
        """Show what went wrong."""
        self.fresh()
        self._write(f"error: {text}\n", "red")

    def fresh(self) -> None:
        """Begin a new line, unless this one is."""
        self._open = None
        if not self._fresh:
            self._write("\n")

    def left(self) -> None:
        """A question was left unanswered: its line isn't ended."""
        self._fresh = False

    def _tool(self, event: ToolStarted | ToolProgress | ToolEnded) -> None:
        match event:
            case ToolStarted():
                self._begin(event.id, event.title)
            case ToolProgress(title=str(title)):
                self._retitle(event.id, title)
            case ToolEnded():
                self._end(event)

    def _begin(self, call: str, title: str) -> None:
        self.fresh()
        self._titles[call] = title
        self._write(f"  {_short(title)}", "dim")
        self._open = call

    def _retitle(self, call: str, title: str) -> None:
        """Some name the tool first, and then say what it does."""
        if self._open == call and title != self._titles.get(call):
            self._write(f" · {_short(title)}", "dim")
        self._titles[call] = title

    def _end(self, event: ToolEnded) -> None:
        if self._open != event.id:
            self._begin(event.id, self._titles.get(event.id, "a tool"))
        self._write(f": {event.status}\n", "dim" if event.status == "completed" else "dim red")
        self._open = None

    def _finish(self, reason: str) -> None:
        self.fresh()
        if reason != "end_turn":
            self.note(f"[{reason}]")

    def _write(self, text: str, style: str = "") -> None:
        if text:
            self._console.print(Text(text.translate(_CONTROL), style), end="", soft_wrap=True)
            self._fresh = text.endswith("\n")


def _short(title: str) -> str:
    line = " ".join(title.split())
    return line if len(line) <= _LONGEST_TITLE else f"{line[:_LONGEST_TITLE]}…"
