"""A terminal: keyboard input, and the display of an agent's events."""

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
    """Lines that a person types or that a file contains. Waiting for one doesn't block the event loop."""

    def __init__(self) -> None:
        self.terminal = sys.stdin.isatty() and sys.stdout.isatty()
        self._stdout = sys.stdout
        self._reading: asyncio.Future[str | None] | None = None

    async def line(self, prompt: str) -> str | None:
        """Return the next line, or None at the end. After a cancelled wait, the next call returns the pending line."""
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_future()
            # A daemon thread doesn't delay the end of the process.
            threading.Thread(target=self._read, args=(self._reading, prompt), daemon=True).start()
        elif self.terminal:
            print(prompt, end="", flush=True)  # noqa: T201
        line = await asyncio.shield(self._reading)
        self._reading = None
        return line

    @contextlib.contextmanager
    def reading_lines(self) -> Iterator[None]:
        """Allow reading lines in the block, and restore the terminal afterwards."""
        before = _settings() if self.terminal else None
        try:
            # Inspect wraps stdout in a stream that would delay the prompt.
            with contextlib.redirect_stdout(self._stdout):
                yield
        finally:
            if before is not None and self._reading is not None:
                # The thread is still editing a line and cannot be stopped.
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
        with contextlib.suppress(RuntimeError):  # The loop is closed.
            reading.get_loop().call_soon_threadsafe(settle)


def _settings() -> list[Any]:
    import termios

    return termios.tcgetattr(sys.stdin)


def _restore(settings: list[Any]) -> None:
    import termios

    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, settings)


def _raw_line() -> str | None:
    # Bypasses Python's buffer, whose lock would block the end of the process.
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as raw:
        line = raw.readline()
    return line.decode(errors="replace") if line else None


class Screen:
    """The display of an agent's events."""

    def __init__(self) -> None:
        self._console = console()
        self._line_is_empty = True
        self._open: str | None = None
        self._titles: dict[str, str] = {}

    def show(self, event: Event) -> None:
        """Show an event, if it is meant for people."""
        match event:
            case TextChunk() | ThoughtChunk():
                if self._open:
                    self.start_line()
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
        self.start_line()
        self._write(f"{text}\n")

    def note(self, text: str) -> None:
        """Show a less important line."""
        self.start_line()
        self._write(f"{text}\n", "dim")

    def error(self, text: str) -> None:
        """Show an error."""
        self.start_line()
        self._write(f"error: {text}\n", "red")

    def start_line(self) -> None:
        """Start a new line, unless the current one is empty."""
        self._open = None
        if not self._line_is_empty:
            self._write("\n")

    def mark_line_used(self) -> None:
        """Record that the cursor is still on the line of an unanswered question."""
        self._line_is_empty = False

    def _tool(self, event: ToolStarted | ToolProgress | ToolEnded) -> None:
        match event:
            case ToolStarted():
                self._begin(event.id, event.title)
            case ToolProgress(title=str(title)):
                self._retitle(event.id, title)
            case ToolEnded():
                self._end(event)

    def _begin(self, call: str, title: str) -> None:
        self.start_line()
        self._titles[call] = title
        self._write(f"  {_short(title)}", "dim")
        self._open = call

    def _retitle(self, call: str, title: str) -> None:
        """Update the title: some agents first name the tool and later describe the call."""
        if self._open == call and title != self._titles.get(call):
            self._write(f" · {_short(title)}", "dim")
        self._titles[call] = title

    def _end(self, event: ToolEnded) -> None:
        if self._open != event.id:
            self._begin(event.id, self._titles.get(event.id, "a tool"))
        self._write(f": {event.status}\n", "dim" if event.status == "completed" else "dim red")
        self._open = None

    def _finish(self, reason: str) -> None:
        self.start_line()
        if reason != "end_turn":
            self.note(f"[{reason}]")

    def _write(self, text: str, style: str = "") -> None:
        if text:
            self._console.print(Text(text.translate(_CONTROL), style), end="", soft_wrap=True)
            self._line_is_empty = text.endswith("\n")


def _short(title: str) -> str:
    line = " ".join(title.split())
    return line if len(line) <= _LONGEST_TITLE else f"{line[:_LONGEST_TITLE]}…"
