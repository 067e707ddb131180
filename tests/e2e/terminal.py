"""A person at a terminal of a container: types, and waits for what is to be seen on the screen."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType

import pexpect  # type: ignore[import-untyped]
import pyte


class _Screen(pyte.Screen):
    """Leaves alone what it doesn't know, such as settings of the keyboard."""

    def select_graphic_rendition(self, *attributes: int, private: bool = False) -> None:
        if not private:
            super().select_graphic_rendition(*attributes)

    def report_device_status(self, mode: int, private: bool = False) -> None:
        if not private:
            super().report_device_status(mode)


class Terminal:
    """A command in a pseudo-terminal, with the screen that it draws."""

    def __init__(self, command: Sequence[str], rows: int = 40, columns: int = 120) -> None:
        self._screen = _Screen(columns, rows)
        self._stream = pyte.Stream(self._screen)
        self._process = pexpect.spawn(command[0], list(command[1:]), dimensions=(rows, columns), encoding="utf-8")

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.close(force=True)

    @property
    def screen(self) -> str:
        """What is to be seen."""
        return "\n".join(line.rstrip() for line in self._screen.display).strip()

    def see(self, text: str, seconds: float = 60) -> None:
        """Wait until a text is on the screen."""
        until = time.monotonic() + seconds
        while text not in self.screen:
            assert time.monotonic() < until, f"{text!r} is not to be seen:\n{self.screen}"
            self._read()

    def settle(self, seconds: float = 0.5) -> None:
        """Wait until nothing new has been drawn for a while."""
        seen = ""
        while seen != self.screen:
            seen = self.screen
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                self._read()

    def type(self, text: str) -> None:
        """Type a text, and see it."""
        self._process.send(text)
        self.see(text.strip()[-20:])
        self.settle()

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self._process.send(key)
            self.settle(0.2)

    def press_until(self, text: str, *keys: str, seconds: float = 60) -> None:
        """Press keys until a text ends what is on the screen: a program that is busy may take them too late."""
        until = time.monotonic() + seconds
        while not self.screen.endswith(text):
            assert time.monotonic() < until, f"{text!r} does not end this:\n{self.screen}"
            self.press(*keys)
            again = time.monotonic() + 3
            while time.monotonic() < again and not self.screen.endswith(text):
                self._read()

    def run(self, command: str, sees: str) -> None:
        """Run a command in a shell, and wait for what it says."""
        self.type(command)
        self._process.send("\r")
        self.see(sees)

    def _read(self) -> None:
        try:
            self._stream.feed(self._process.read_nonblocking(1 << 16, timeout=0.1))
        except (pexpect.TIMEOUT, pexpect.EOF):
            time.sleep(0.02)
