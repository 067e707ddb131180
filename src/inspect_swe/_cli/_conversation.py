"""Chats between a person and an agent: prompts, interrupts and permissions."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import Iterator

from .._errors import AgentError
from ..acp import ACPSession, Decision, PermissionRequest, Prompt
from ._terminal import Keyboard, Screen


class Conversation:
    """A chat in one session.

    Args:
        keyboard: Input of the person.
        screen: Output for the person.
    """

    def __init__(self, keyboard: Keyboard, screen: Screen) -> None:
        self.keyboard = keyboard
        self.interrupted = False
        self._screen = screen
        self._turn: Prompt | None = None
        self._cancelling: asyncio.Task[None] | None = None
        self._leaving = asyncio.Event()

    async def run(self, session: ACPSession) -> None:
        """Run the chat until the person ends it.

        Raises:
            AgentError: The agent could not be restarted; without a terminal, any error of the agent.
        """
        with self.keyboard.reading_lines(), self._interrupts(session):
            while (line := await self._line("> ")) is not None and line.strip() != "/exit":
                if line.strip():
                    await self._prompt(session, line)
            self._screen.start_line()

    async def permit(self, request: PermissionRequest) -> Decision:
        """Ask the person whether the agent may call a tool."""
        about = request.title
        if request.input:
            about += f" {json.dumps(request.input, ensure_ascii=False, default=str)}"
        self._screen.say(f"{request.kind}: {about}")
        answer = await self._line("Allow it? [y/N] ")
        return "allow_once" if (answer or "").strip().lower() in ("y", "yes") else "reject_once"

    async def _prompt(self, session: ACPSession, text: str) -> None:
        self._turn = session.prompt(text, source="operator")
        try:
            async for event in self._turn:
                self._screen.show(event)
        except AgentError as error:
            if not self.keyboard.terminal:
                raise
            self._screen.error(str(error))
        finally:
            self._turn = None
        if session.exited:
            self._screen.note("Restarting the agent.")
            await session.restart()

    async def _line(self, prompt: str) -> str | None:
        """Return the next line, or None at the end of the input or when the person leaves."""
        self._screen.start_line()
        reading = asyncio.ensure_future(self.keyboard.line(prompt))
        leaving = asyncio.ensure_future(self._leaving.wait())
        answer: str | None = None
        try:
            await asyncio.wait({reading, leaving}, return_when=asyncio.FIRST_COMPLETED)
            answer = None if leaving.done() else reading.result()
        finally:
            reading.cancel()
            leaving.cancel()
            if answer is None and self.keyboard.terminal:
                self._screen.mark_line_used()
        return answer

    @contextlib.contextmanager
    def _interrupts(self, session: ACPSession) -> Iterator[None]:
        """Handle Ctrl-C during the chat, and end the sandbox when the terminal closes."""
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        for number in before:
            loop.add_signal_handler(number, self._interrupt, session, number)
        try:
            yield
        finally:
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                signal.signal(number, handler)

    def _interrupt(self, session: ACPSession, number: signal.Signals) -> None:
        self.interrupted = True
        if self._turn is None or not self.keyboard.terminal or number is not signal.SIGINT:
            self._leaving.set()
        if self._turn is not None and (self._cancelling is None or self._cancelling.done()):
            self._cancelling = asyncio.ensure_future(self._cancel(session))

    async def _cancel(self, session: ACPSession) -> None:
        # An error of the cancellation is also raised by the turn.
        with contextlib.suppress(Exception):
            await session.cancel()
