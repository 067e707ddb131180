"""`inspect-swe chat`: a person at a real terminal (or a script), a real CLI in a real container."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.log import read_eval_log

from .harness import containers_of

# The command, with scripts for its model.
TALK = """
from inspect_swe.cli import main
from inspect_swe.testing import call, fail, register_script, say, shell

register_script("talk", [
    shell("echo hello > out.txt"), say("It is written.\\x1b[2J"),
    shell("env sleep 6161"), say("The nap is over."),
])
register_script("asked", [
    shell("touch one"), say("First."), shell("touch two"), say("Second."), shell("touch three"),
    shell("touch four"), say("Third."), fail(401, "no such key"), say("Fourth."),
])
register_script("nap", [shell("env sleep 6161")])
register_script("failing", [fail(401, "no such key")])
main()
"""
IMAGE = ("--image", "inspect-swe-test:bookworm")


@pytest.fixture(autouse=True)
def no_container_of_a_chat_left() -> Iterator[None]:
    before = containers_of("chat")
    yield
    assert containers_of("chat") <= before


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", TALK, "chat", *arguments]


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INSPECT_EVAL")}
    return {**kept, "INSPECT_LOG_DIR": str(folder / "logs"), "TERM": "dumb", "COLUMNS": "200", **more}


class Terminal:
    """A command at a pseudo-terminal."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.seen = ""
        pid, self._file = pty.fork()
        if pid == 0:
            os.chdir(folder)
            os.execve(sys.executable, command(*arguments), environment(folder))
        self._pid: int | None = pid

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *error: object) -> None:
        if self._pid is not None:
            os.kill(self._pid, signal.SIGINT)
            os.kill(self._pid, signal.SIGINT)
            self.end()
        if self._file >= 0:
            os.close(self._file)

    def type(self, text: str) -> None:
        os.write(self._file, text.encode())

    def until(self, pattern: str, seconds: float = 120) -> str:
        """What appears up to a pattern, which must come."""
        end = time.monotonic() + seconds
        while (match := re.search(pattern, self.seen)) is None:
            waiting, _, _ = select.select([self._file], [], [], end - time.monotonic())
            chunk = self._read() if waiting else ""
            assert chunk, self.seen
            self.seen += chunk
        text, self.seen = self.seen[: match.end()], self.seen[match.end() :]
        return text

    def settings(self) -> list[Any]:
        """How the terminal is set up now."""
        return termios.tcgetattr(self._file)

    def hang_up(self) -> None:
        """Close the terminal's window, and wait for the command's end."""
        assert self._pid is not None
        os.close(self._file)
        os.waitpid(self._pid, 0)
        self._file, self._pid = -1, None

    def end(self) -> tuple[int, str]:
        """The exit code, and what appears until the end."""
        while chunk := self._read():
            self.seen += chunk
        assert self._pid is not None
        pid, self._pid = self._pid, None
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), self.seen

    def _read(self) -> str:
        try:
            return os.read(self._file, 65536).decode().replace("\r\n", "\n")
        except OSError:  # so Linux says that nobody is left at the other end
            return ""


def script(folder: Path, model: str) -> subprocess.Popen[str]:
    """The command without a terminal."""
    return subprocess.Popen(
        command("gemini_cli", "--model", f"scripted/{model}", *IMAGE),
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def napping() -> bool:
    # The containers' processes are to be seen from here.
    return subprocess.run(["pgrep", "-fx", "sleep 6161"], capture_output=True, check=False).returncode == 0


def until_napping() -> None:
    end = time.monotonic() + 120
    while not napping():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_at_a_terminal(tmp_path: Path) -> None:
    """A prompt is answered, Ctrl-C ends what the agent does, the next prompt works, and Ctrl-D ends the session."""
    with Terminal(tmp_path, "interactive_gemini_cli", "--model", "scripted/talk", *IMAGE) as terminal:
        terminal.until("> ")
        terminal.type("Write it.\n")
        answer = terminal.until("\n> ")
        # What the agent says does nothing to the terminal.
        assert "  echo hello > out.txt: completed\nIt is written.�[2J\n" in answer
        terminal.type("Take a nap.\n")
        terminal.until("env sleep 6161")
        until_napping()
        began = time.monotonic()
        terminal.type("\x03")
        assert "[cancelled]" in terminal.until("\n> ")
        print(f"interrupted in {time.monotonic() - began:.1f} s")
        assert not napping()
        terminal.type("Are you there?\n")
        assert "The nap is over.\n" in terminal.until("\n> ")
        terminal.type("\x04")
        code, rest = terminal.end()
        assert code == 0, rest
        (log,) = (tmp_path / "logs").iterdir()
        assert f"log: {log}\n" in rest
        messages = read_eval_log(str(log)).samples[0].messages  # type: ignore[index]
        said = [message.text for message in messages if message.source == "operator"]
        assert [text.rpartition("\n")[2] for text in said] == ["Write it.", "Take a nap.", "Are you there?"]


def test_a_person_is_asked(tmp_path: Path) -> None:
    """What is allowed happens, and nothing else; an error doesn't end the session, and Ctrl-C at the prompt does."""
    with Terminal(tmp_path, "gemini_cli", "--model", "scripted/asked", "--ask", *IMAGE) as terminal:
        before = terminal.settings()
        terminal.until("> ")
        for name, answer, said in (("one", "y\n", "First."), ("two", "\n", "Second."), ("three", "\x03", "cancelled")):
            terminal.type(f"Touch {name}.\n")
            assert f"touch {name}" in terminal.until(r"Allow it\? \[y/N\] ")
            terminal.type(answer)
            assert said in terminal.until("\n> ")
        terminal.type("Touch four.\n")
        terminal.until(r"Allow it\? ")
        terminal.type("yes\n")
        terminal.until("Third.\n> ")
        terminal.type("Fail.\n")
        assert "error: " in (shown := terminal.until("\n> "))
        assert "no such key" in shown and "Traceback" not in shown
        terminal.type("Go on.\n")
        terminal.until("Fourth.\n> ")
        terminal.type("\x03")
        code, rest = terminal.end()
        assert code == 0, rest
        assert terminal.settings() == before


def test_a_terminal_that_is_closed(tmp_path: Path) -> None:
    """The agent's work ends, and its container is removed."""
    with Terminal(tmp_path, "gemini_cli", "--model", "scripted/nap", *IMAGE) as terminal:
        terminal.until("> ")
        terminal.type("Take a nap.\n")
        until_napping()
        terminal.hang_up()
    assert not napping()


def test_without_a_terminal(tmp_path: Path) -> None:
    """Lines are prompts, and an interrupt ends them all."""
    process = script(tmp_path, "talk")
    assert process.stdin is not None
    process.stdin.write("Write it.\n\nTake a nap.\nNever.\n")
    process.stdin.flush()
    until_napping()
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 130, stderr
    assert stdout.startswith("  echo hello > out.txt: completed\nIt is written.�[2J\n  env sleep 6161: ")
    assert stdout.endswith("[cancelled]\n")
    assert not napping()


def test_an_error_without_a_terminal(tmp_path: Path) -> None:
    """The first one ends it."""
    stdout, stderr = (process := script(tmp_path, "failing")).communicate("Hello.\nHello?\n", timeout=240)
    assert process.returncode == 1
    assert stdout == ""
    assert "error: " in stderr and "no such key" in stderr and "Traceback" not in stderr
